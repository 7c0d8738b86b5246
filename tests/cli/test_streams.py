"""Odd names of files, and terminals whose encoding lacks our signs: nothing ends in a traceback."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from backchannel.cli.streams import TOGETHER, in_parts

CAPTURE = Path(__file__).parents[2] / "examples/aim/aim_oft.pcap"
POLICY = Path(__file__).parents[2] / "examples/policies/office.yaml"
PROGRAM = "from backchannel.cli import main; main()"


def ran(*words, **environment):
    """Run the program, by default where nothing is said of encodings."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("words", [("scan", CAPTURE), ("services", "icq"), ("rules",)])
def test_every_encoding_will_do(words, encoding):
    done = ran(*words, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    if words[0] == "scan":
        quoted = {"utf-8": "“A login"}.get(encoding, '"A login')
        assert f"the worst: {quoted}" in text
        assert ("·" in text) == (encoding != "ascii")


def test_a_file_may_have_any_name(tmp_path):
    path = os.fsencode(tmp_path) + b"/na\xe4me\x1b[31m.pcap"
    shutil.copy(CAPTURE, path)
    told = json.loads(ran("scan", path, "--json").stdout)
    name = told["inputs"][0]["path"]
    assert name == f"{tmp_path}/na\\xe4me\x1b[31m.pcap"
    assert {place["path"] for found in told["findings"] for place in found["evidence"]} == {name}
    with open(path, "r+b") as file:  # noqa: PTH123 - a Path has no name that is no text
        file.truncate(5000)
    done = ran("scan", path, "-q")
    assert done.returncode == 3
    assert b"na\\xe4me\\x1b[31m.pcap: at byte 4802" in done.stderr
    missing = ran("scan", path + b"\x1b")
    assert missing.returncode == 2
    assert b"\x1b" not in missing.stderr


@pytest.mark.parametrize(
    "words",
    [("rules",), ("services", "icq"), ("policy", "plan", POLICY), ("policy", "matrix", POLICY)],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_a_reader_that_leaves_is_no_error(words):
    """As `head` does; nothing was wrong with the command, nor found by it."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words], stdout=out, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


class Row(msgspec.Struct, frozen=True):
    name: str
    numbers: tuple[int, ...] = ()
    rows: tuple["Row", ...] = ()


class Kind(msgspec.Struct, frozen=True, tag="kind"):
    name: str = ""


class Array(msgspec.Struct, frozen=True, array_like=True):
    name: str = ""


@pytest.mark.parametrize(
    "value",
    [
        Row("é", tuple(range(3 * TOGETHER)), (Row("a"), Row("b", (1,))) * TOGETHER),
        Row(""),
        Kind("a"),
        (Array("a"), Array()),
        tuple(range(TOGETHER)),
        tuple(range(TOGETHER + 1)),
        (),
        {"a": (1, 2), "b": Row("c")},
        [Row("a")],
        None,
        "text",
    ],
)
def test_in_parts_it_is_the_same_json(value):
    assert b"".join(in_parts(value)) == msgspec.json.encode(value)


def test_no_part_of_a_long_table_is_long():
    rows = Row("", rows=(Row("x" * 100),) * 10_000)
    assert max(map(len, in_parts(rows))) < 200 * TOGETHER


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_good_as_none_that_anybody_reads(closed, tmp_path):
    events = tmp_path / "events"
    script = f'"$0" -c "$1" scan "$2" --events "$3" {closed}'
    words = [sys.executable, PROGRAM, str(CAPTURE), str(events)]
    done = subprocess.run(["sh", "-c", script, *words], capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert all(json.loads(line) for line in events.read_text().splitlines())


STARTS = """
import subprocess, sys
from backchannel.cli import streams
streams.prepare()
assert not sys.stdin.isatty()
opened = open(sys.argv[1], "wb")
assert opened.fileno() > 2
ask = "import os; [os.fstat(number) for number in range(3)]"
subprocess.run([sys.executable, "-c", ask], check=True)
"""


@pytest.mark.parametrize("closed", ["<&-", "</dev/null >&-", "</dev/null 2>&-", "<&- >&- 2>&-"])
def test_who_is_started_has_all_standard_streams_too(closed, tmp_path):
    words = [sys.executable, STARTS, tmp_path / "opened", tmp_path / "status"]
    script = f'"$0" -c "$1" "$2" {closed}; echo $? > "$3"'
    done = subprocess.run(["sh", "-c", script, *words], capture_output=True, check=False)
    assert (words[3].read_text(), done.stderr) == ("0\n", b"")


def test_a_remark_without_standard_error_is_not_said_on_standard_output():
    said = "from backchannel.remark import remark; remark('hello')"
    script = '"$0" -c "$1" 2>&-'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, said], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
