"""The command line: one module a command, loaded when it is called.

Exit codes: 0 clean, 1 findings, 2 usage, configuration or output,
3 input damaged but the rest was done, 4 missing privilege.
"""

import gc
import os
import sys

from backchannel.cli import front, streams

FOUND, USAGE, DAMAGED, PRIVILEGE = 1, 2, 3, 4
GARBAGE = 500_000
"""Objects after which Python looks for cycles: a scan makes millions and next to none in cycles, so
that the usual 700 cost a fifth of the time, and 50,000 some percent."""


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(GARBAGE)
    streams.prepare()
    try:
        code = 0 if front.answers(sys.argv[1:]) else _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output left: not an error of ours
        _let_go_of_output()
        code = 0
    except OSError as error:  # a full disk, a file that went away
        _let_go_of_output()
        named = f"{error.filename}: " if error.filename else ""
        streams.complain(f"{named}{error.strerror or error}")
        code = USAGE
    gc.freeze()  # the process ends: nothing is worth looking for
    sys.exit(code)


def _run() -> int:
    from backchannel.cli import interrupt, plain  # noqa: PLC0415 - not for the first page
    from backchannel.errors import InputError, PrivilegeError, UsageError  # noqa: PLC0415 - as above

    interrupt.prepare()
    scan = plain.call(sys.argv[1:])
    if scan is not None:
        from backchannel.cli import loading  # noqa: PLC0415 - as above

        loading.load_msgspec()
    call = scan or _call
    gc.freeze()  # what was loaded stays: nothing of it is worth looking at
    try:
        code = call()
    except (UsageError, InputError) as error:
        streams.complain(str(error))
        return USAGE
    except PrivilegeError as error:
        streams.complain(str(error))
        return PRIVILEGE
    return code if isinstance(code, int) else 0


def _call() -> object:
    """Let the library that reads command lines call the command. Raises UsageError."""
    from cyclopts import CycloptsError  # noqa: PLC0415 - not for a plain command line

    from backchannel.cli.application import app  # noqa: PLC0415 - as above

    try:
        return app(result_action="return_value", exit_on_error=False, print_error=False)
    except CycloptsError as error:
        from backchannel.cli import usage  # noqa: PLC0415 - only where something is
        from backchannel.errors import UsageError  # noqa: PLC0415 - as above

        raise UsageError(usage.words(error)) from error


def _let_go_of_output() -> None:
    """Keep the interpreter from writing, at its end, what standard output did not take."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
