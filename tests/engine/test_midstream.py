"""Flows whose beginning was not seen: who opened them is a guess, and what was announced holds."""

from pathlib import Path

from scapy.all import IP, TCP, PcapReader, wrpcap

from backchannel import scan
from backchannel.events import Transfer

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
