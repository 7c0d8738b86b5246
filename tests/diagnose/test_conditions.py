"""Every condition is documented, tested, and in words that can be filled in."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from tests.diagnose import test_recorded

from backchannel.diagnose.advice import advice
from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.terminal import render

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/diagnose.md").read_text()
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests/diagnose").glob("test_*.py"))
CODE = "\n".join(path.read_text() for path in (ROOT / "src/backchannel/diagnose").glob("*.py"))
each_condition = pytest.mark.parametrize("name", sorted(advice()))


@each_condition
def test_it_is_found_somewhere_documented_and_tested(name):
    assert f'"{name}"' in CODE
    assert f"`{name}`" in PAGE
    assert re.search(rf'(certain|likely|possible) {name}"|"{name}"', TESTS), name


def test_the_page_names_no_others():
    table = PAGE[PAGE.index("| condition |") : PAGE.index("## Limits")]
    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    assert set(re.findall(r"`([a-z0-9-]+)`", " ".join(rows))) == set(advice())


@each_condition
def test_its_words_are_plain(name):
    told = advice()[name]
    texts = [told.title, told.means, *told.next]
    texts += [text for other in told.otherwise for text in (other.cause, other.tell)]
    for text in texts:
        assert text == " ".join(text.split()), text
        text.format_map(dict.fromkeys(re.findall(r"{(\w+)}", text), ""))


def test_recordings_said_to_be_the_page_s_are_there():
    assert "recorded" in PAGE
    assert len(test_recorded.SAID) == len(list(test_recorded.CAPTURES.glob("*.near.pcap")))


def test_the_page_s_screen_is_what_is_shown():
    """On a terminal of 80 columns, of the recording that the page shows."""
    told = diagnose(*(test_recorded.side("rekey-lost", which) for which in ("near", "far")))
    out = io.StringIO()
    Console(file=out, width=80).print(render(told))
    shown = [line.rstrip() for line in out.getvalue().splitlines()]
    screen = next(block for block in PAGE.split("```")[1::2] if block.startswith("\nbackchannel 0"))
    written = screen.strip("\n").splitlines()
    assert written[-1] == "[...]"
    assert written[:-1] == shown[: len(written) - 1]
