"""The whole command line: each command is loaded when it is called."""

from cyclopts import App

from backchannel import __version__
from backchannel.cli import options
from backchannel.cli.commands import ABOUT, COMMANDS, WORDS

app = App(
    name="backchannel",
    help=ABOUT,
    version=__version__,
    default_parameter=options.DEFAULT,
    help_format="plaintext",  # markdown takes 40 ms to load, and help should be there at once
)
app.command(
    "backchannel.cli.completion:install",
    name="--install-completion",
    help="Install shell completion for this application.",
)
for _number, (_name, _place, _about) in enumerate(COMMANDS):
    _words = f"backchannel {_name} {WORDS[_name]}" if _name in WORDS else ""
    _usage = {"usage": _words} if _words else {}  # an application imported says its own
    app.command(f"backchannel.cli.{_place}", name=_name, help=_about, sort_key=_number, **_usage)
