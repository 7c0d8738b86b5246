"""A command line that is read without cyclopts is read as cyclopts reads it."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backchannel.cli import plain
from backchannel.cli.application import app
from backchannel.cli.scan import scan

OPTIONS = [f"--{name.replace('_', '-')}" for name in scan.__kwdefaults__]
WORDS = ["a.pcap", "-", "--", "", "b c", "[1]", '{"a": 1}', "high", "--json=1", "--no-json", "-q"]
lines = st.lists(st.sampled_from([*OPTIONS, *WORDS]) | st.text("-a/~$[", max_size=3), max_size=6)


def bound(words):
    """Return the words and options that cyclopts passes to scan."""
    command, arguments, _ = app.parse_args(["scan", *words], exit_on_error=False)
    assert command is scan
    return list(arguments.args), arguments.kwargs


@given(lines)
@example(["a.pcap", "--report", "x.html", "--json", "--report-title", "A site", "b.pcap"])
def test_what_is_plain_is_read_as_cyclopts_does(words):
    read = plain.arguments(scan, words)
    if read is not None:
        assert read == bound(words)


def test_plain_lines_are_plain():
    words = ["a.pcap", "--json", "b.pcap", "--flows", "f.parquet", "--pseudonymise", "@key"]
    assert plain.arguments(scan, words) is None, "a text that may be absent is not read here"
    given = {"json": True, "flows": Path("f.parquet")}
    assert plain.arguments(scan, words[:5]) == (["a.pcap", "b.pcap"], given)
    words = ["a.pcap", "-q", "--events", "e.jsonl"]
    assert plain.arguments(scan, words) == (["a.pcap"], {"quiet": True, "events": Path("e.jsonl")})


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-v"],
        ["-q", "--quiet"],
        ["--all-protocols"],
        ["--events", "-"],
        ["--jsn"],
        ["--flows"],
        ["--flows", "-"],
        ["--json", "--json"],
        ["--paths"],
    ],
)
def test_all_else_is_left_to_cyclopts(words):
    assert plain.arguments(scan, ["a.pcap", *words]) is None


@pytest.mark.parametrize("words", [[], ["--help"], ["services"], ["a.pcap"]])
def test_other_commands_are_left_to_cyclopts(words):
    assert plain.call(words) is None
