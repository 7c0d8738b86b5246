"""Findings as they come: each told once, again after a while, forgotten, and kept over a reload."""

import msgspec
from tests.detect.test_rules import flow

from backchannel.detect import rules
from backchannel.detect.detector import Detector
from backchannel.detect.model import Count
from backchannel.engine.observation import Observation
from backchannel.events import Message
from backchannel.model import Confidence, Side

SECOND = 1_000_000_000
RULE = rules.load()["cleartext-messages"]


def message(seconds, client="10.0.0.5"):
    return Observation(
        seconds * SECOND,
        seconds + 1,
        flow(client, "10.0.0.1"),
        "oscar",
        "oscar",
        "aim",
        Confidence.PARSED,
        Side.CLIENT,
        Message(sender="a", recipient="b", text="hi"),
    )


def locate(_):
    return "live", 1, 1 << 62


def fresh(detector):
    return [(found.hosts[0], found.count, again) for found, again in detector.fresh(locate)]


def test_a_finding_is_told_once_and_again_after_a_while():
    detector = Detector([RULE], repeat=60)
    for second in (0, 1, 2):
        detector.add(message(second))
    assert fresh(detector) == [("10.0.0.5", 3, False)]
    assert fresh(detector) == []
    detector.add(message(30))
    detector.add(message(31, "10.0.0.6"))
    assert fresh(detector) == [("10.0.0.6", 1, False)]
    detector.add(message(62))
    assert fresh(detector) == [("10.0.0.5", 5, True)]
    assert [found.count for found in detector.findings(locate)] == [5, 1]


def test_nothing_is_kept_to_tell_where_nobody_asks():
    detector = Detector([RULE])
    detector.add(message(0))
    assert fresh(detector) == []
    assert detector._fresh == {}
    assert len(detector.findings(locate)) == 1


def test_what_was_forgotten_is_new_when_it_returns():
    detector = Detector([RULE], repeat=60)
    detector.add(message(10))
    detector.add(message(20, "10.0.0.6"))
    assert len(fresh(detector)) == 2
    detector.forget(20 * SECOND)
    assert len(detector.findings(locate)) == 1
    detector.add(message(21))
    detector.add(message(21, "10.0.0.6"))
    assert fresh(detector) == [("10.0.0.5", 1, False)]


def test_a_reload_keeps_what_unchanged_rules_found():
    old = Detector([RULE], repeat=60)
    old.add(message(0))
    fresh(old)
    same, other = (
        Detector([RULE], repeat=60),
        Detector([msgspec.structs.replace(RULE, severity="high")], repeat=60),
    )
    for made in (same, other):
        made.take_over(old)
        made.add(message(1))
    assert fresh(same) == []
    assert same.findings(locate)[0].count == 2
    assert fresh(other) == [("10.0.0.5", 1, False)]


def test_what_was_not_told_yet_is_told_after_a_reload():
    before, after = Detector([RULE], repeat=60), Detector([RULE], repeat=60)
    before.add(message(0))
    after.take_over(before)
    assert fresh(after) == [("10.0.0.5", 1, False)]
    gone = Detector([], repeat=60)
    gone.take_over(before)
    assert fresh(gone) == []


def test_counting_goes_on_over_a_reload():
    rule = msgspec.structs.replace(RULE, id="three", count=Count(at_least=3))
    before, after = Detector([rule]), Detector([rule])
    for second in (0, 1):
        before.add(message(second))
    after.take_over(before)
    after.add(message(2))
    assert [found.count for found in after.findings(locate)] == [3]
