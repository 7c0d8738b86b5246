"""A finding under way: what of its matches is kept, and within which bounds."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.test_fresh import RULE, SECOND, locate, message

from backchannel.detect.detector import Detector
from backchannel.detect.limits import ALIKE, EVIDENCE, HOSTS, LOOKED_AT
from backchannel.detect.model import Count
from backchannel.when import rfc3339


def on_flow(seen, serial):
    return msgspec.structs.replace(seen, flow=msgspec.structs.replace(seen.flow, serial=serial))


@given(
    seen=st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["10.0.0.5", "10.0.0.6", "10.0.0.7"])),
        max_size=60,
    )
)
def test_each_match_is_counted_and_the_first_ones_are_evidence_in_order_of_their_frames(seen):
    detector = Detector([RULE])
    for number, (second, client) in enumerate(seen):
        detector.add(on_flow(message(second, client), number))
    told = {finding.hosts[0]: finding for finding in detector.findings(locate)}
    assert told.keys() == {client for _, client in seen}
    for client, finding in told.items():
        times = [second * SECOND for second, whose in seen if whose == client]
        assert finding.count == len(times)
        assert finding.first_seen == rfc3339(min(times))
        assert finding.last_seen == rfc3339(max(times))
        kept = sorted(times[:EVIDENCE])  # told late is what is known only at the end of a flow
        assert [place.time for place in finding.evidence] == list(map(rfc3339, kept))
        assert finding.accounts == ("a", "b")
        assert {place.client for place in finding.evidence} == {f"{client}:41000"}


def test_evidence_shows_something_else_each_time():
    """Messages of one size on one flow are one place; another flow or size is one more."""
    detector, flow = Detector([RULE]), message(0).flow
    for second, text in enumerate(["hi", "hi", "hello", "hi", "hello"]):
        event = msgspec.structs.replace(message(0).event, text=text, size=len(text))
        for serial in (flow.serial, 7):
            seen = msgspec.structs.replace(message(second), event=event)
            detector.add(on_flow(seen, serial))
    (finding,) = detector.findings(locate)
    shown = [(place.flow, place.excerpt) for place in finding.evidence]
    assert shown == [(where, f"{size} characters") for size in (2, 5) for where in (flow.serial, 7)]
    assert finding.count == 10


def test_all_that_made_a_count_full_is_evidence():
    rule = msgspec.structs.replace(RULE, count=Count(at_least=4))
    detector, flow = Detector([rule]), message(0).flow
    for second in range(5):
        detector.add(msgspec.structs.replace(message(second), flow=flow))
    (finding,) = detector.findings(locate)
    assert [place.frame for place in finding.evidence] == [1, 2, 3, 4, 5]


class Text:
    """A text that knows how often it was shown."""

    shown = 0

    def __str__(self):
        self.shown += 1
        return "hi"


def shown_of_a_hundred(serials):
    """Return how often the text of a hundred matches was worked out, on flows in turn."""
    detector, text = Detector([msgspec.structs.replace(RULE, excerpt="text")]), Text()
    flows = [on_flow(message(0), serial).flow for serial in serials]
    for second in range(100):
        event = msgspec.structs.replace(message(0).event, text=text)
        flow = flows[second % len(flows)]
        detector.add(msgspec.structs.replace(message(second), event=event, flow=flow))
    (finding,) = detector.findings(locate)
    assert (finding.count, len(finding.evidence)) == (100, len(flows))
    assert finding.evidence[-1].excerpt == "hi"
    return text.shown


def test_nothing_is_shown_of_matches_that_are_no_evidence():
    """Most matches only say that it happened again; of them nothing is worked out."""
    assert shown_of_a_hundred([1, 2]) == LOOKED_AT
    assert shown_of_a_hundred([1]) == 1 + ALIKE, "on one flow, all alike"


def test_a_flow_that_showed_the_same_is_looked_at_again_after_another():
    detector = Detector([RULE])
    one, other = (on_flow(message(0), serial).flow for serial in (1, 2))
    matches = [(one, "hi")] * (1 + ALIKE) + [(one, "not looked at"), (other, "hi"), (one, "hello")]
    for second, (flow, text) in enumerate(matches):
        event = msgspec.structs.replace(message(0).event, text=text, size=len(text))
        detector.add(msgspec.structs.replace(message(second), event=event, flow=flow))
    (finding,) = detector.findings(locate)
    assert finding.count == len(matches)
    assert [(place.flow, place.excerpt) for place in finding.evidence] == [
        (1, "2 characters"),
        (2, "2 characters"),
        (1, "5 characters"),
    ]


def test_hosts_are_bounded():
    detector = Detector([RULE])
    for number in range(HOSTS * 2):
        detector.add(message(number, f"10.0.{number}.1"))
    assert all(len(finding.hosts) <= HOSTS for finding in detector.findings(locate))
