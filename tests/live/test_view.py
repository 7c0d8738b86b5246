"""The view: what keys do, what is on the screen, and that it stays as large as the screen."""

import io
import re
from types import SimpleNamespace

import msgspec
import pytest
from rich.console import Console
from tests.live.receivers import finding

from backchannel.catalogue import index
from backchannel.detect import rules
from backchannel.live import keys, panels
from backchannel.live.collector import Collector
from backchannel.live.view import View
from backchannel.privacy import Disclosure


class Silent:
    fd = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return


@pytest.fixture
def view():
    console = Console(file=io.StringIO(), width=120, height=30, force_terminal=True)
    made = View(console, Silent())
    collector = Collector(
        rules=tuple(rules.load().values()),
        index=index.load(),
        disclosure=Disclosure(),
        repeat=60,
    )
    made.start(
        SimpleNamespace(
            collector=collector,
            crew=SimpleNamespace(up={"eth0": True, "wl": False}),
            delivery=None,
            companion=SimpleNamespace(summary=lambda: "policy: 3 reset"),
        )
    )
    for number, severity in enumerate(("low", "critical", "medium", "high"), 1):
        collector.newest.append(finding(number, severity))
        collector.found[severity] += 1
    collector.events["aim"] = 7
    collector.clients["aim"] = {"10.0.0.1", "10.0.0.2"}
    collector.talked["10.0.0.1", "aim"] = 12_345
    made.tick()
    return made


def text(view):
    console = Console(width=view._console.width, height=view._console.height, file=io.StringIO())
    console.print(view._screen())
    return console.file.getvalue()


def press(view, *names):
    return [view.press(name) for name in names]


def test_everything_is_on_the_first_screen(view):
    shown = text(view)
    for part in (
        "eth0",
        "wl DOWN",
        "drops 0",
        "policy: 3 reset",
        "1 critical",
        "1 low",
        "AIM",
        "10.0.0.1",
        "12.3 kB",
    ):
        assert part in shown
    told = [line for line in shown.splitlines() if "password" in line]
    assert [re.search(r"finding (\d)", line)[1] for line in told] == ["4", "3", "2", "1"]
    assert "\x1b" not in shown.replace("\\x1b", "")


def test_a_severity_a_filter_and_both_away_again(view):
    press(view, "s", "s", "s")
    assert [row.severity for row in view._rows()] == ["high", "critical"]
    press(view, "escape", "/", *"FINDING 3", "enter")
    assert [row.id[-1] for row in view._rows()] == ["3"]
    assert "with “FINDING 3”" in text(view)
    press(view, "/", *"xx", "backspace", "escape")
    assert len(view._rows()) == 4
    press(view, "/", *"nothing", "enter")
    assert "none of them fits" in text(view)


def test_details_of_the_chosen_finding_and_back(view):
    press(view, "down", "down", "enter")
    shown = text(view)
    assert re.search(r"seen +(once|\d+ times), 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d[^Z]* UTC", shown)
    for part in ("A password", "finding 2", "10.0.0.1:1000 > 10.0.0.2:5190", "what to do", "1:x"):
        assert part in shown
    view._console.size = (120, 12)
    press(view, "down")
    assert "A password" not in text(view)
    press(view, "escape")
    assert "findings" in text(view)


def test_a_pause_keeps_the_findings_and_misses_none(view):
    press(view, "p")
    view._watcher.collector.newest.append(finding(9))
    assert len(view._rows()) == 4
    assert "PAUSED" in text(view)
    press(view, "p")
    assert len(view._rows()) == 5


def test_the_choice_stays_within_the_list(view):
    press(view, *["up"] * 3, *["down"] * 9)
    assert view._chosen == 3
    press(view, "g")
    assert view._chosen == 0
    press(view, "G", "s", "s", "s", "s")
    text(view)
    assert view._chosen == 0


def test_quitting_and_help(view):
    assert press(view, "?", "x") == [False, False]
    assert "show only findings with some text" in text(view)
    assert press(view, "escape", "q", "interrupt") == [False, True, True]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (200, 60), (20, 5)])
def test_it_fits_every_terminal(view, width, height):
    view._console.size = (width, height)
    shown = text(view).rstrip("\n").splitlines()
    assert len(shown) <= height
    assert all(len(line) <= width for line in shown)


@pytest.mark.parametrize("width", [30, 50, 80, 100, 160])
def test_a_narrow_terminal_shows_drops_first_and_no_half_figure(view, width):
    view._console.size = (width, 10)
    head = text(view).splitlines()[0]
    assert "drops 0" in head or width == 30
    figures = ("0:00:00", "0 packets/s", "0 bit/s", "0 flows", "0 packets")
    shown = re.split(" {3,}", head.rstrip())
    told = [each for each in shown[2:] if each]
    assert told == list(figures[: len(told)])
    assert len(told) == {30: 0, 50: 1, 80: 4, 100: 5, 160: 5}[width]


def test_details_end_with_their_last_line(view):
    """However far down they are read, and in however narrow a terminal."""
    view._console.size = (40, 12)
    press(view, "enter")
    first = text(view)
    assert re.search(r"\d+ more lines", first)
    press(view, *["page down"] * 20)
    last = text(view)
    assert view._open.evidence[-1].community_id in last
    assert "more lines" not in last
    press(view, "up")
    assert view._open.evidence[-1].community_id not in text(view)
    press(view, *["page up"] * 3)
    assert text(view) == first


def test_a_repeated_finding_is_shown_once_as_it_is_now(view):
    again = msgspec.structs.replace(finding(1, "low"), count=5)
    view._watcher.collector.newest.append(again)
    assert next((row.id[-1], row.count) for row in view._rows()) == ("1", 5)
    assert len(view._rows()) == 4


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1b", ["escape"]),
        (b"\r\x7f", ["enter", "backspace"]),
        ("ü€".encode(), ["ü", "€"]),
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x01\x02", []),
    ],
)
def test_keys(data, names):
    assert list(keys.names(data)) == names


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0, "0 bit/s"), (125, "1.0 kbit/s"), (1.25e6, "10 Mbit/s"), (1.25e9, "10.00 Gbit/s")],
)
def test_rates(rate, shown):
    assert panels.bits(rate) == shown


def test_times():
    assert panels.clock(59) == "0:00:59"
    assert panels.clock(90061) == "1 d 1:01:01"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_the_watch_says_of_itself_has_a_line_of_its_own(view, width):
    view._console.size = width, 24
    view.say("an older notice")
    view.say("interface eth0 is down: no packets come from it")
    shown = text(view).splitlines()
    assert len(shown) == 24
    assert "interface eth0 is down: no packets" in shown[-2]
    assert "q  quit" in shown[-1].replace("   ", "  ")
    assert "an older notice" not in text(view)
    press(view, "n")
    told = text(view)
    assert told.index("interface eth0 is down") < told.index("an older notice")
    assert len(told.splitlines()) == 24
    press(view, "n")
    assert "an older notice" not in text(view)


def test_many_notices_can_be_read_to_the_last(view):
    for number in range(60):
        view.say(f"notice {number} that is long enough for several lines " * 4)
    press(view, "n")
    assert "more lines" in text(view)
    press(view, *["page down"] * 40)
    assert "notice 10 " in text(view)
    press(view, "escape")
    assert "findings" in text(view)
