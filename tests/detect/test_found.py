"""A finding that goes on takes the short way, and stands as if each match were taken in full."""

from hypothesis import given
from hypothesis import strategies as st
from tests.detect.test_fresh import RULE, locate, message

from backchannel.detect.detector import Detector
from backchannel.detect.found import EVIDENCE, HOSTS, Found


@given(
    seen=st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["10.0.0.5", "10.0.0.6", "10.0.0.7"])),
        max_size=60,
    )
)
def test_the_short_way_leaves_what_the_long_one_would(seen):
    short, long = Detector([RULE]), Detector([RULE])
    usual = Found.repeat
    for detector, repeat in ((short, usual), (long, lambda *_: False)):
        Found.repeat = repeat
        try:
            for second, client in seen:
                detector.add(message(second, client))
        finally:
            Found.repeat = usual
    assert short.findings(locate) == long.findings(locate)


def test_most_of_what_repeats_takes_the_short_way():
    """Else the saving is lost and nobody notices."""
    detector, long = Detector([RULE]), []
    find = detector._find
    detector._find = lambda *arguments: (long.append(1), find(*arguments))
    for second in range(100):
        detector.add(message(second))
    assert len(long) == EVIDENCE
    (finding,) = detector.findings(locate)
    assert finding.count == 100
    assert finding.last_seen > finding.first_seen


def test_hosts_are_bounded():
    detector = Detector([RULE])
    for number in range(HOSTS * 2):
        detector.add(message(number, f"10.0.{number}.1"))
    assert all(len(finding.hosts) <= HOSTS for finding in detector.findings(locate))
