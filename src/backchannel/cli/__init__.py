"""The command line: one module a command, loaded when it is called.

Exit codes: 0 clean, 1 findings, 2 usage, configuration or output,
3 input damaged but the rest was done, 4 missing privilege.
"""

import os
import sys

from cyclopts import App, Parameter

from backchannel import __version__
from backchannel.errors import InputError, PrivilegeError, UsageError

app = App(
    name="backchannel",
    help="Find, decode and close the back channels in a network.",
    version=__version__,
    default_parameter=Parameter(negative=(), show_default=False),  # no --no-json, no "False"
    help_format="plaintext",  # markdown takes 40 ms to load, and help should be there at once
)
app.register_install_completion_command()
app.command(
    "backchannel.cli.scan:scan", name="scan", help="Find and decode the back channels in captures."
)
app.command(
    "backchannel.cli.services:services",
    name="services",
    help="Show what the catalogue knows of each service.",
)
app.command("backchannel.cli.rules:rules", name="rules", help="Show what is looked for.")
app.command(
    "backchannel.cli.update:update",
    name="update",
    help="Install, list and roll back content packs: signed services and rules.",
)
app.command("backchannel.cli.update:pack", name="pack", help="Make a signed content pack.")
app.command(
    "backchannel.cli.guard:app",
    name="guard",
    help="Enforce a policy on live traffic, by service and capability.",
)
app.command(
    "backchannel.cli.policy:app",
    name="policy",
    help="Write a policy once; check it, compile it to firewalls, and prove what it does.",
)

app.command(
    "backchannel.cli.watch:watch",
    name="watch",
    help="Watch interfaces: the same on live traffic, with alerts, evidence and figures.",
)
app.command(
    "backchannel.cli.check_config:check_config",
    name="check-config",
    help="Check a configuration file of watch.",
)

USAGE = 2
PRIVILEGE = 4


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = app(result_action="return_value")
        sys.stdout.flush()
    except (UsageError, InputError) as error:
        print(f"backchannel: {error}", file=sys.stderr)
        code = USAGE
    except PrivilegeError as error:
        print(f"backchannel: {error}", file=sys.stderr)
        code = PRIVILEGE
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output left: not an error of ours
        _let_go_of_output()
        code = 0
    except OSError as error:  # a full disk, a file that went away
        _let_go_of_output()
        named = f"{error.filename}: " if error.filename else ""
        print(f"backchannel: {named}{error.strerror or error}", file=sys.stderr)
        code = USAGE
    sys.exit(code if isinstance(code, int) else 0)


def _let_go_of_output() -> None:
    """Keep the interpreter from writing, at its end, what standard output did not take."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
