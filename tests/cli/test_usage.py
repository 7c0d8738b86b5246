"""A command line that is wrong: said like every other error, with what to do next; exit code 2."""

import subprocess
import sys

import pytest
from cyclopts import CycloptsError

from backchannel.cli import usage
from backchannel.cli.application import app
from backchannel.errors import UsageError


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pack", "FOLDER is missing (see `backchannel pack --help`)"),
        ("pack a b", "--key is missing (see `backchannel pack --help`)"),
        ("pack a b --key", "--key needs a value (see `backchannel pack --help`)"),
        ("policy check", "POLICY is missing (see `backchannel policy check --help`)"),
        ("scna x", 'unknown command "scna"; did you mean "scan"? (see `backchannel --help`)'),
        ("--verison", 'unknown option "--verison" (see `backchannel --help`)'),
        ("policy zzz", 'unknown command "zzz" (see `backchannel policy --help`)'),
        (
            "policy check x --jsn",
            "unknown option: --jsn; did you mean --json? (see `backchannel policy check --help`)",
        ),
        ("update a b", "b: more than this command takes (see `backchannel update --help`)"),
        (
            "watch lo --workers x",
            "--workers takes a whole number and not 'x' (see `backchannel watch --help`)",
        ),
        (
            "policy prove x --confirm-within",
            "unknown option: --confirm-within (see `backchannel policy prove --help`)",
        ),
        ("scan x --fail-on", "--fail-on needs a value (see `backchannel scan --help`)"),
    ],
)
def test_what_is_wrong_is_said(line, said):
    with pytest.raises(CycloptsError) as raised:
        app(line.split(), exit_on_error=False, print_error=False)
    assert usage.words(raised.value) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("scan x --flows -", "--flows does not go to standard output; give it a name (see"),
        ("scan x --extract=", "invalid value for --extract: an empty name (see"),
        ("scan x --report=", "invalid value for --report: an empty name (see"),
        ("scan x --suppress=", "invalid value for --suppress: an empty name (see"),
        (
            "scan x --eve --events y",
            "invalid value for --eve: --events is an option; write ./--events for a",
        ),
        ("scan x --fail-on -", "--fail-on needs a value (see"),
    ],
)
def test_what_cannot_be_a_file_is_said(line, said):
    with pytest.raises(CycloptsError) as raised:
        app(line.split(), exit_on_error=False, print_error=False)
    assert usage.words(raised.value).startswith(said)


def test_choices_are_named():
    with pytest.raises(CycloptsError) as raised:
        app(["guard", "x", "--at", "moon"], exit_on_error=False, print_error=False)
    said = usage.words(raised.value)
    assert 'invalid value "moon" for --at; choose from: "router", "host", "both" (see' in said


def test_a_mistyped_command_of_the_guard_is_asked_back():
    """Its place may hold a policy's file as well."""
    with pytest.raises(UsageError, match=r"'statsu': did you mean status\?"):
        app(["guard", "statsu"], exit_on_error=False, print_error=False)


def test_it_ends_with_exit_code_2():
    ran = subprocess.run(
        (sys.executable, "-c", "from backchannel.cli import main; main()", "policy", "check"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = "backchannel: POLICY is missing (see `backchannel policy check --help`)\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", said)
