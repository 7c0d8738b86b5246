"""The command line: one module a command, loaded when it is called.

Exit codes: 0 clean, 1 findings, 2 usage or configuration, 3 input damaged but the rest was done,
4 missing privilege.
"""

import os
import sys

from cyclopts import App, Parameter

from backchannel import __version__
from backchannel.errors import InputError, UsageError

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

USAGE = 2


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = app(result_action="return_value")
        sys.stdout.flush()
    except (UsageError, InputError) as error:
        print(f"backchannel: {error}", file=sys.stderr)
        code = USAGE
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output left: not an error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
