"""What is kept of packets, what is written of it, and what the two processes may say."""

import shutil
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from tests.enforce.guarding import services

from backchannel.capture import Source
from backchannel.catalogue import index
from backchannel.enforce import inject, messages
from backchannel.enforce.evidence import Evidence
from backchannel.enforce.figures import Sum
from backchannel.enforce.messages import Figures, Knowledge, QueueFigures, Refused
from backchannel.enforce.recent import Recent
from backchannel.enforce.record import Refusal
from backchannel.live.framing import Broken, Inbox
from backchannel.policy.load import load

HEAD = 32
"""Bytes that a record costs beside its packet, at most 7 more to the next word."""


def refusal(number=1, line="deny-aim"):
    return Refusal(
        time=f"2026-01-02T03:04:05.{number:06d}Z",
        action="reset",
        line=line,
        place="policy.yaml:2",
        service="aim",
        capability="file-transfer",
        stack="oft",
        confidence="parsed",
        evidence="a file's bytes begin",
        client="10.1.0.2:5",
        server="10.2.0.2:6",
        transport="tcp",
        flow=number,
    )


# -- packets in memory -----------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=200)), max_size=80),
    st.integers(256, 4096),
)
def test_the_newest_packets_of_each_flow_come_back_whole_and_in_order(written, size):
    made = Recent(size, 64)
    of_flow = {}
    for time, (serial, packet) in enumerate(written):
        made.keep(serial, time, packet)
        if fits(packet, size):
            of_flow.setdefault(serial, []).append((time, packet))
    for serial in range(6):
        found, wanted = made.packets(serial, 1 << 30), of_flow.get(serial, [])
        assert found == wanted[len(wanted) - len(found) :]
    # what surely fits is there: everything since the arena was half full
    octets = 0
    for time, (serial, packet) in reversed(list(enumerate(written))):
        octets += HEAD + len(packet) + 7
        if octets > size // 2:
            break
        assert not fits(packet, size) or (time, packet) in made.packets(serial, 1 << 30)


def fits(packet, size):
    """Whether a packet is small enough to be kept: a quarter of the arena."""
    return (HEAD + len(packet) + 7) // 8 * 8 <= size // 8 * 8 // 4


def test_flows_that_share_a_place_never_get_each_others_packets():
    made = Recent(4096, 4)
    for time, serial in enumerate((1, 5, 1, 5, 9)):
        made.keep(serial, time, b"%d" % serial)
    assert made.packets(9, 100) == [(4, b"9")]
    assert made.packets(5, 100) == made.packets(1, 100) == []


def test_no_more_bytes_than_are_asked_for():
    made = Recent(4096, 4)
    for time in range(5):
        made.keep(1, time, bytes(100))
    assert [time for time, _ in made.packets(1, 250)] == [3, 4]


# -- files -----------------------------------------------------------------------------------------


def test_the_oldest_evidence_goes_first_and_over_restarts_too(tmp_path):
    told = []
    packets = [(1_000_000_007 * at, bytes(IP() / TCP() / bytes(300))) for at in range(1, 4)]
    made = Evidence(tmp_path, 5000, told.append)
    names = [made.write(refusal(number), packets) for number in range(3)]
    (tmp_path / "old.pcap.part").write_bytes(b"half")
    again = Evidence(tmp_path, 5000, told.append)
    names += [again.write(refusal(number), packets) for number in range(3, 6)]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted(names[-len(left) :])
    assert 3 <= len(left) < 5
    frames = [
        (time, bytes(data))
        for chunk in Source(str(tmp_path / names[-1])).chunks()
        for time, data in ((row[0], row[-1]) for row in chunk)
    ]
    assert [time for time, _ in frames] == [time for time, _ in packets]
    assert not told


def test_a_folder_of_evidence_that_somebody_deletes_is_made_again(tmp_path):
    told = []
    made = Evidence(tmp_path / "in", 1 << 20, told.append)
    shutil.rmtree(tmp_path / "in")
    name = made.write(refusal(), [(1, b"E")])
    assert (tmp_path / "in" / name).is_file()
    assert (made.lost, told) == (0, [])


@pytest.mark.parametrize("line", ["../../etc/passwd", "", "a" * 49, "a\nb"])
def test_a_name_that_is_none_is_not_used(tmp_path, line):
    made = Evidence(tmp_path / "in", 1 << 20, print)
    name = made.write(refusal(line=line), [(1, b"E")])
    assert name == f"{refusal(line=line).id}-line.pcap"
    assert [path.name for path in tmp_path.rglob("*.pcap")] == [name]


# -- what may be said ------------------------------------------------------------------------------


def test_a_policy_arrives_as_it_was_sent(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("policy: 1\nrules: [{deny: [aim], from: [10.0.0.0/8, 'fd00::/8']}]")
    known = services()
    sent = Knowledge(
        rules=load(path, known), services=known, index=index.build(known), limit="alert"
    )
    assert sent.rules.lines[0].ours.networks.v4 == (IPv4Network("10.0.0.0/8"),)
    (came,) = Inbox(messages.commands).feed(messages.packed(messages.Reload(sent)))
    assert came.known == sent


@pytest.mark.parametrize(
    "said",
    [
        messages.Send(bytes(101)),
        messages.Revised(1, dict.fromkeys(range(messages.BATCH + 1), 0)),
        messages.Told(refusal(), ((0, b""),) * (messages.MOST + 1)),
        messages.Ask(1),  # what the guard says, not the inspector
    ],
)
def test_what_may_not_be_said_ends_the_connection(said):
    with pytest.raises(Broken):
        list(Inbox(messages.reports).feed(messages.packed(said)))


def test_only_bare_headers_are_sent_for_the_inspector():
    for head in (IP(src="1.2.3.4", dst="5.6.7.8"), IPv6(src="fd00::1", dst="fd00::2")):
        for flags in ("R", "RA", "A"):
            assert inject.bare(bytes(head / TCP(flags=flags)))
        for flags in ("S", "SA", "PA", "F", "", "RU"):
            assert not inject.bare(bytes(head / TCP(flags=flags)))
        assert not inject.bare(bytes(head / TCP(flags="R") / b"x"))
        assert inject.bare(bytes(head / TCP(flags="A", options=[("SAck", (5, 9))])))
        assert not inject.bare(bytes(head / TCP(flags="A", options=[("SAck", (5, 9))]) / b"x"))
        assert not inject.bare(bytes(head / UDP() / bytes(12)))


@given(st.binary(max_size=120))
def test_no_bytes_break_the_look_at_them(data):
    assert inject.bare(data) in (True, False)


# -- figures ---------------------------------------------------------------------------------------


def test_figures_of_inspectors_add_up():
    def one(times):
        return Figures(
            number=7,
            queues=(QueueFigures(number=0, received=times),),
            costs=(times,) * times,
            refusals=(Refused("reset", "a", "aim", "", times),),
            counters={"x": times},
            flows=times,
        )

    total = Sum()
    total.add(one(1))
    total.add(one(2))
    found = total.with_(one(3))
    assert total.restarts == 2
    assert found.queues == (QueueFigures(number=0, received=6),)
    assert found.costs == (6, 5, 3)
    assert found.refusals == (Refused("reset", "a", "aim", "", 6),)
    assert (found.counters, found.flows) == ({"x": 6}, 6)
