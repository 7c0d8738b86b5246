"""Announced flows: who is waited for, from when and until when."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.frames import DEFAULTS, A, B, Talk, both, ethernet, ip, pcap, udp

from backchannel.contract import Magic
from backchannel.flows.delivery import DATA
from backchannel.flows.expect import dotted, normal
from backchannel.flows.settings import FlowSettings

ASK = Magic("udp", b"announce")
FOREVER = 1 << 62


def announcing(*calls):
    """An act that makes *calls* of `expect` when the announcement was delivered."""

    def act(core, batch):
        if batch[0][5] == b"announce":
            for call in calls:
                core.expect(*call)

    return act


def run(*frames, calls=(), settings=DEFAULTS):
    """Play an announcement, then *frames*, and return the announced flows' tokens by port."""
    first = (0.0, ethernet(ip("9.9.9.9", "8.8.8.8", 17, udp((9, 9), b"announce"))))
    later = [(time + 1, frame) for time, frame in frames]
    told = both(pcap([first, *later]), [(0, ASK)], settings, act=announcing(*calls))
    return {row.client.port: row.expected for row in told.rows if row.expected}, told


@pytest.mark.parametrize(
    "call",
    [
        (7, "tcp", B, 80, "", FOREVER),
        (7, "tcp", B, 0, "", FOREVER),
        (7, "tcp", "", 80, "", FOREVER),
        (7, "tcp", "", 0, A, FOREVER),
        (7, "tcp", B, 80, A, FOREVER),
    ],
)
def test_what_matches(call):
    talk = Talk().open().send(0, b"hello")
    found, told = run(*talk.frames, calls=[call])
    assert found == {40_000: (7,)}
    assert told.bytes_of(0) == b"announcehello"


@pytest.mark.parametrize(
    "call",
    [
        (7, "udp", B, 80, "", FOREVER),
        (7, "tcp", A, 80, "", FOREVER),
        (7, "tcp", B, 81, "", FOREVER),
        (7, "tcp", B, 80, B, FOREVER),
        (7, "tcp", "", 0, B, FOREVER),
        (7, "tcp", B, 80, "", 1),
    ],
)
def test_what_does_not_match(call):
    assert run(*Talk().open().send(0, b"hello").frames, calls=[call])[0] == {}


def test_where_nobody_knows_who_opened_either_end_may_listen():
    middle = Talk().send(1, b"hello").send(0, b"yes")
    assert run(*middle.frames, calls=[(7, "tcp", B, 80, "", FOREVER)])[0] == {80: (7,)}
    frame = (0.0, ethernet(ip(B, A, 17, udp((80, 5), b"x"))))
    assert run(frame, calls=[(7, "udp", B, 80, "", FOREVER)])[0] == {80: (7,)}


def test_ipv6_addresses_are_compared_as_addresses():
    frame = (0.0, ethernet(ip("fd00::1", "fd00::2", 17, udp((5, 80), b"x"))))
    call = (7, "udp", "FD00:0:0::2", 80, "fd00:0:0:0:0:0:0:1", FOREVER)
    assert run(frame, calls=[call])[0] == {5: (7,)}


def test_several_announcements_of_one_flow():
    calls = [(3, "tcp", B, 80, "", FOREVER), (1, "tcp", B, 0, "", FOREVER)]
    assert run(*Talk().open().frames, calls=calls)[0] == {40_000: (1, 3)}


def test_forgotten_announcements_match_no_more():
    def act(core, batch):
        if batch[0][5] == b"announce":
            core.expect(5, "tcp", B, 80, "", FOREVER)
            core.expect(6, "tcp", B, 80, "", FOREVER)
            core.expect(5, "tcp", B, 0, "", FOREVER)
            core.forget(5)

    first = (0.0, ethernet(ip("9.9.9.9", "8.8.8.8", 17, udp((9, 9), b"announce"))))
    told = both(pcap([first, *Talk().open().frames]), [(0, ASK)], act=act)
    assert told.rows[1].expected == (6,)


def test_the_oldest_announcement_gives_way():
    calls = [(number, "tcp", B, 80, "", FOREVER) for number in range(5)]
    found, told = run(*Talk().open().frames, calls=calls, settings=FlowSettings(expectations=2))
    assert found == {40_000: (3, 4)}
    assert told.counters["expectations dropped to bound memory"] == 3


def test_an_announcement_must_name_something():
    def act(core, batch):
        with pytest.raises(ValueError, match="name something"):
            core.expect(1, "tcp", "", 0, "", FOREVER)

    frame = (0.0, ethernet(ip("9.9.9.9", "8.8.8.8", 17, udp((9, 9), b"announce"))))
    both(pcap([frame]), [(0, ASK)], act=act)


def test_a_flow_that_began_while_the_announcement_was_held_up():
    """The announcement lies behind a hole; the flow it announces is there before it is read."""
    carrier = Talk(ports=(1, 2), ends=("9.9.9.9", "8.8.8.8")).open().send(0, b"magic")
    carrier.send(0, b"announce", at=9)
    early = Talk(ports=(3, 80)).open()
    early.frames = [(0.002, early.frames[0][1]), (0.0021, early.frames[1][1])]
    late = Talk(ports=(40_000, 80)).open().send(0, b"hello")
    late.frames = [(time + 1, frame) for time, frame in late.frames]
    carrier.send(0, b"gap.", at=5, wait=5)
    frames = sorted(carrier.frames + early.frames + late.frames)
    after = Talk(ports=(40_000, 80)).open().send(0, b"hello").send(0, b"more", wait=9)
    told = both(
        pcap([*frames, after.frames[-1]]),
        [(0, Magic("tcp", b"magic"))],
        act=lambda core, batch: [
            core.expect(4, "tcp", B, 80, "", FOREVER) for d in batch if d[5] == b"announce"
        ],
    )
    assert {row.client.port: row.expected for row in told.rows} == {40_000: (4,), 1: ()} or {
        row.client.port: row.expected for row in told.rows
    } == {40_000: (4,), 1: (), 3: ()}
    assert [d[5] for d in told.deliveries if d[2] == DATA][-1] == b"more"
    assert next(row for row in told.rows if row.client.port == 40_000).missed == (5, 0)


@given(st.text("0123456789.:ax", max_size=16) | st.ip_addresses(v=4).map(str))
def test_an_address_with_dots_is_told_as_the_library_tells_it(text):
    try:
        plain = str(IPv4Address(text))
    except ValueError:
        plain = None
    assert dotted(text) == (plain is not None)
    if plain is not None:
        assert normal(text) == plain == text


@pytest.mark.parametrize(
    "text", ["1.2.3.04", "1.2.3", "1.2.3.4.", "1.2.3.256", "1..2.3", "٣.1.1.1"]
)
def test_what_only_looks_like_one_is_none(text):
    assert not dotted(text)
    with pytest.raises(ValueError, match="does not appear"):
        normal(text)
