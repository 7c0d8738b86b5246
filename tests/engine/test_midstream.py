"""Flows whose beginning was not seen: who opened them is a guess, and what was announced holds."""

from pathlib import Path

import pytest
from scapy.all import IP, TCP, PcapReader, wrpcap

from backchannel import scan
from backchannel.contract import Start
from backchannel.engine.run import Run
from backchannel.engine.stream import ENOUGH, Stream, moment
from backchannel.events import Transfer
from backchannel.flows.core import FlowCore
from backchannel.flows.row import FlowInfo
from backchannel.model import MORE, Endpoint, Side

TRANSFER = Path(__file__).parents[2] / "examples/icq/icq_oft.pcap"


def told(path):
    return {
        (item.service, item.event.sender, item.event.name)
        for item in scan(path)
        if isinstance(item.event, Transfer)
    }


def test_a_transfer_without_its_handshake_is_still_that_which_was_announced(tmp_path):
    """Who waits for the connection speaks first in it, and so is taken for its client."""
    begun, kept = set(), []
    with PcapReader(str(TRANSFER)) as packets:
        for packet in packets:
            if TCP in packet:
                ends = frozenset({(packet[IP].src, packet.sport), (packet[IP].dst, packet.dport)})
                if packet[TCP].payload:
                    begun.add(ends)
                elif ends not in begun:
                    continue
            kept.append(packet)
    wrpcap(str(tmp_path / "cut.pcap"), kept)
    assert told(tmp_path / "cut.pcap") == told(TRANSFER)
    assert {service for service, *_ in told(TRANSFER)} == {"icq"}


def test_who_waits_for_an_announced_connection_is_its_server(tmp_path):
    """Though the packet that the capture begins with came from there."""
    place = ends = None
    for item in scan(TRANSFER):
        if isinstance(item.event, Transfer):
            place, ends = item.flow.server, {item.flow.client.address, item.flow.server.address}
    assert place is not None
    assert ends is not None
    kept, spoke = [], False
    with PcapReader(str(TRANSFER)) as packets:
        for packet in packets:
            if TCP in packet and {packet[IP].src, packet[IP].dst} == ends:
                spoke = spoke or (packet[IP].src == place.address and bool(packet[TCP].payload))
                if not spoke:
                    continue
            kept.append(packet)
    wrpcap(str(tmp_path / "cut.pcap"), kept)
    cut = scan(tmp_path / "cut.pcap").document
    servers = {
        server for each in cut.services if each.protocol == "oft" for server in each.hosts.servers
    }
    assert servers == {str(place)}


def typing(head, who):
    body = (
        f"MIME-Version: 1.0\r\nContent-Type: text/x-msmsgscontrol\r\nTypingUser: {who}\r\n\r\n\r\n"
    )
    return f"MSG {head} {len(body)}\r\n{body}".encode()


@pytest.mark.parametrize(
    ("first", "opened"), [(Side.CLIENT, True), (Side.CLIENT, False), (Side.SERVER, False)]
)
def test_where_nobody_saw_who_opened_a_flow_the_bytes_say_who_is_the_client(
    tmp_path, first, opened
):
    ends = ("10.0.0.2", 1208), ("203.0.113.9", 1863)
    said = typing("5 U", "ann@example.org"), typing("bob@example.org Bob", "bob@example.org")
    at, packets = [1000, 2000], []

    def send(side, flags, data=b""):
        (source, port), (target, to) = ends[side], ends[side.other]
        segment = TCP(sport=port, dport=to, flags=flags, seq=at[side], ack=at[side.other])
        packets.append(IP(src=source, dst=target) / segment / data)
        at[side] += len(data) + ("S" in flags)

    if opened:
        send(first, "S")
        send(first.other, "SA")
    for side in (first, first.other):
        send(side, "PA", said[side])
    wrpcap(str(tmp_path / "joined.pcap"), packets)
    seen = list(scan(tmp_path / "joined.pcap"))
    assert [(item.side, item.event.sender[:3]) for item in seen] == [
        (side, ("ann", "bob")[side]) for side in (first, first.other)
    ]
    assert {item.flow.client.address for item in seen} == {"10.0.0.2"}
    assert not any(item.flipped for item in seen)


@pytest.mark.parametrize("named", [None, ("aim", "")])
def test_tiny_segments_are_not_too_many(named):
    """A server may write a frame's header in pieces of one octet."""
    ends = Endpoint("192.0.2.9", 1025), Endpoint("192.0.2.1", 5190)
    run = Run(FlowCore(()), lambda _: None)
    made = FlowInfo(1, "tcp", *ends)
    stream = Stream(run=run, slot=0, ends=made, given=Start("tcp", *ends), now=0)
    stream.named = named
    for number in range(6):
        stream.remember(Side.SERVER, b"*", moment(number, number + 1))
        stream.peeked = b"", stream.peeked[1] + b"*"
    assert not stream.exhausted(None)
    stream.peeked = b"", stream.peeked[1] + bytes(ENOUGH)
    assert stream.exhausted(None)
    assert not stream.exhausted(MORE)
