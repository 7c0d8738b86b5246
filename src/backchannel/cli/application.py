"""The whole command line: each command is loaded when it is called."""

from cyclopts import App, Parameter

from backchannel import __version__
from backchannel.cli.commands import ABOUT, COMMANDS

app = App(
    name="backchannel",
    help=ABOUT,
    version=__version__,
    default_parameter=Parameter(negative=(), show_default=False),  # no --no-json, no "False"
    help_format="plaintext",  # markdown takes 40 ms to load, and help should be there at once
)
app.register_install_completion_command()
for _name, _place, _about in COMMANDS:
    app.command(f"backchannel.cli.{_place}", name=_name, help=_about)
