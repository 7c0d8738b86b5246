"""An event is counted in the row that is its own, wherever the last one of its kind was."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from backchannel.engine.observation import FlowInfo
from backchannel.events import SignOn
from backchannel.model import Confidence, Endpoint
from backchannel.privacy import Disclosure
from backchannel.protocols.esp.events import EspTraffic
from backchannel.report.document import Traffic
from backchannel.report.rows import ServiceRow
from backchannel.report.services import Services, Spot
from backchannel.report.summary import Summary

CLIENT, SERVER, TARGET = (Endpoint("192.0.2.1", port) for port in (1025, 1080, 5190))
FLOW = FlowInfo(1, "tcp", CLIENT, SERVER)
TRAFFIC = Traffic(packets=1, bytes=1, flows=1, first_seen="", last_seen="")
PLACES = [
    ("aim", "oscar", "oscar"),
    ("icq", "oscar", "oscar"),
    ("aim", "oft", "oscar"),
    ("aim", "oscar", "socks5/oscar"),
]


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["a", "b"]))))
def test_each_row_counts_its_own(told):
    services, spots = Services(Counter()), {tag: Spot(tag, "", "") for tag in "ab"}
    for place, tag in told:
        assert services.count(spots[tag], *place, Confidence.PARSED) is services.row(place)
    counts = {
        (place, tag): tally.count
        for place in PLACES
        for tag, tally in services.row(place).events.items()
    }
    assert counts == Counter(told)


def test_who_is_carried_is_told_for_each_target():
    row = ServiceRow()
    for target in (None, TARGET, TARGET):
        row.carry(FLOW, target)
    assert row.servers.sorted() == (str(SERVER), str(TARGET))


def test_kinds_of_two_rows_are_seen_in_both():
    summary = Summary(Disclosure())
    place = "oscar", "oscar", "aim", Confidence.PARSED, "john"
    summary.count([SignOn, EspTraffic, SignOn], place, FLOW, None, 10**18)
    rows = summary.document(tool="", inputs=(), traffic=TRAFFIC).services
    assert [(row.stack, row.events, row.accounts, row.first_seen) for row in rows] == [
        ("oscar/esp", {"esp-traffic": 1}, ("john",), "2001-09-09T01:46:40.000000Z"),
        ("oscar", {"sign-on": 2}, ("john",), "2001-09-09T01:46:40.000000Z"),
    ]
