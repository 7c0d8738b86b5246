"""A finding under way: what of its matches is kept, and within which bounds."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.test_fresh import RULE, SECOND, locate, message

from backchannel.detect.detector import Detector
from backchannel.detect.found import EVIDENCE, HOSTS
from backchannel.when import rfc3339


@given(
    seen=st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["10.0.0.5", "10.0.0.6", "10.0.0.7"])),
        max_size=60,
    )
)
def test_each_match_is_counted_and_the_first_ones_are_evidence(seen):
    detector = Detector([RULE])
    for second, client in seen:
        detector.add(message(second, client))
    told = {finding.hosts[0]: finding for finding in detector.findings(locate)}
    assert told.keys() == {client for _, client in seen}
    for client, finding in told.items():
        times = [second * SECOND for second, whose in seen if whose == client]
        assert finding.count == len(times)
        assert finding.first_seen == rfc3339(min(times))
        assert finding.last_seen == rfc3339(max(times))
        assert [place.time for place in finding.evidence] == list(map(rfc3339, times[:EVIDENCE]))
        assert finding.accounts == ("a", "b")
        assert {place.client for place in finding.evidence} == {f"{client}:41000"}


class Text:
    """A text that knows how often it was shown."""

    shown = 0

    def __str__(self):
        self.shown += 1
        return "hi"


def test_nothing_is_shown_of_matches_that_are_no_evidence():
    """Most matches only say that it happened again; of them nothing is worked out."""
    detector, text = Detector([msgspec.structs.replace(RULE, excerpt="text")]), Text()
    for second in range(100):
        event = msgspec.structs.replace(message(0).event, text=text)
        detector.add(msgspec.structs.replace(message(second), event=event))
    assert text.shown == EVIDENCE
    (finding,) = detector.findings(locate)
    assert finding.count == 100
    assert finding.evidence[-1].excerpt == "hi"


def test_hosts_are_bounded():
    detector = Detector([RULE])
    for number in range(HOSTS * 2):
        detector.add(message(number, f"10.0.{number}.1"))
    assert all(len(finding.hosts) <= HOSTS for finding in detector.findings(locate))
