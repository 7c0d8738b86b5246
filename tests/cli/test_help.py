"""Every command's help page: the usage line names what may stand there."""

import inspect
import io
import re
import shutil
import subprocess
from importlib import import_module
from itertools import pairwise

import pytest
from cyclopts import App
from rich.console import Console

from backchannel.cli import policy
from backchannel.cli.application import app
from backchannel.cli.commands import COMMANDS as LISTED


def commands(here, chain=()):
    """Yield the names that lead to each command."""
    for name in here:
        if name not in (*here.help_flags, *here.version_flags):
            yield (*chain, name)
            yield from commands(here[name], (*chain, name))


COMMANDS = sorted(commands(app))


def page(chain, width=80):
    out = io.StringIO()
    app.help_print(list(chain), console=Console(file=out, width=width))
    return out.getvalue()


def test_all_commands_are_looked_at():
    assert {("scan",), ("policy", "explain"), ("guard", "status")} <= set(COMMANDS)
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("chain", COMMANDS, ids=" ".join)
def test_the_usage_line_names_every_word(chain):
    """Also those that may be absent, of which cyclopts says only that there are some."""
    command = app
    for name in chain:
        command = command[name]
    lines = page(chain).splitlines()
    usage = lines[0].split()
    assert usage[: 2 + len(chain)] == ["Usage:", "backchannel", *chain]
    named = {word.strip("[].|") for word in usage[2 + len(chain) :]}
    arguments = command.assemble_argument_collection() if command.default_command else ()
    assert named >= {
        each.names[0].lstrip("-").upper() for each in arguments if each.index is not None
    }
    assert not any(word.startswith("ARGS") for word in named)
    assert ("OPTIONS" in named) == any(
        each.index is None and not each.required for each in arguments
    )


@pytest.mark.parametrize("chain", COMMANDS, ids=" ".join)
def test_no_line_is_wider_than_the_terminal(chain):
    assert max(map(len, page(chain).splitlines())) <= 80


@pytest.mark.parametrize("chain", COMMANDS, ids=" ".join)
def test_a_value_is_named_by_what_it_is_and_not_by_its_type(chain):
    """`PATH` stays where it may be a file or a folder, numbers where they are just that."""
    shown = page(chain, width=160)
    assert not re.search(r"--[a-z-]+(?: -\w)? (?:STR|FLOAT|LIST|TUPLE)\b", shown)
    paths = set(re.findall(r"--([a-z-]+) PATH", shown))
    assert paths <= {"yara"}


@pytest.mark.parametrize("chain", COMMANDS, ids=" ".join)
def test_no_line_is_broken_where_the_source_breaks_it(chain):
    """cyclopts keeps the ends of lines in docstrings; what does not fit one is said shorter."""
    lines = [line.strip("│").rstrip() for line in page(chain).splitlines()]
    for line, following in pairwise(lines):
        indent, words = len(following) - len(following.lstrip()), following.split()
        if words and indent > 8 and line.strip("─╭╰ ╮╯"):
            assert len(f"{line} {words[0]}") > 76, line


@pytest.mark.parametrize("chain", COMMANDS, ids=" ".join)
def test_no_line_of_what_a_command_does_is_broken(chain):
    narrow, wide = (page(chain, width).partition("╭")[0].split() for width in (80, 200))
    assert narrow == wide
    lines = [page(chain, width).partition("╭")[0].rstrip().splitlines() for width in (80, 200)]
    assert [line.rstrip() for line in lines[0]] == [line.rstrip() for line in lines[1]]


def test_commands_are_listed_in_the_order_in_which_people_meet_them():
    for chain, first in (((), ["scan", "watch"]), (("policy",), ["init", "check", "matrix"])):
        rows = re.findall(r"^│ ([a-z][a-z-]*) ", page(chain), re.MULTILINE)
        assert rows[: len(first)] == first


@pytest.mark.parametrize("place", [*LISTED, *policy.ELSEWHERE], ids=lambda each: each[0])
def test_what_a_command_does_is_what_its_docstring_says(place):
    """It stands in a place of its own, so that a list of commands loads none of them."""
    _, where, about = place
    module, _, name = where.partition(":")
    room = "cli.policy_" if place in policy.ELSEWHERE else "cli."
    found = getattr(import_module(f"backchannel.{room}{module}"), name)
    if isinstance(found, App):
        found = found.default_command
    if found is not None:  # a group of commands alone has no docstring
        assert inspect.getdoc(found).partition("\n\nParameters\n")[0] == about


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("scan", "3: a capture was damaged"),
        ("watch", "4: missing privilege"),
        ("diagnose", "Exit code 0: nothing is wrong"),
        ("probe", "130: interrupted"),
        ("guard", "Exits with 1 if something was refused"),
        ("check-config", "Exit code 0: good; 2: not"),
    ],
)
def test_help_tells_exit_codes(command, says):
    assert says in page((command,))


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("scan cap", "capture.pcap"),
        ("scan x.pcap --eve cap", "capture.pcap"),
        ("scan --fail-on cr", "critical"),
        ("policy pro", "prove"),
    ],
)
def test_bash_completes(tmp_path, words, offered):
    """Once a command has a completion of its own, bash offers no files unless that does."""
    (tmp_path / "capture.pcap").touch()
    script = app.generate_completion(shell="bash")
    program = f"""
{script}
COMP_WORDS=(backchannel {words}) COMP_CWORD={len(words.split())}
_backchannel
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    shell = subprocess.run(
        ("bash",), input=program.encode(), capture_output=True, cwd=tmp_path, check=False
    )
    assert offered in shell.stdout.decode().split(), shell.stderr
