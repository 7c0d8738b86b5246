"""Every command's help page: the usage line names what may stand there."""

import io
import re
import shutil
import subprocess
from itertools import pairwise

import pytest
from rich.console import Console

from backchannel.cli.application import app


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
