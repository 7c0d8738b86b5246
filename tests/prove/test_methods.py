"""Every method does on the wire what it says: seen at the router's inside interface."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.prove.labs import need_labs, shipped

from backchannel.prove.conversation import pack
from backchannel.prove.methods import FRAGMENT, METHODS, OTHER_PORT, Method

SCRIPT = Path(__file__).parent / "inlab.py"


class Packet:
    """An Ethernet frame taken apart as far as it matters here."""

    def __init__(self, frame):
        ip = frame[14:]
        self.version = ip[0] >> 4
        if self.version == 4:
            head, self.size = (ip[0] & 15) * 4, int.from_bytes(ip[2:4])
            self.protocol, self.source = ip[9], ip[12:16]
            self.more, self.offset = bool(ip[6] & 0x20), int.from_bytes(ip[6:8]) & 0x1FFF
        else:
            head, self.size = 40, 40 + int.from_bytes(ip[4:6])
            self.protocol, self.source, self.more, self.offset = ip[6], ip[8:24], False, 0
        rest = ip[head : self.size]
        self.sport, self.dport = struct.unpack_from(">HH", rest) if not self.offset else (0, 0)
        self.data = b""
        if self.protocol == 6 and not self.offset:
            self.sequence = int.from_bytes(rest[4:8])
            self.data = rest[(rest[12] >> 4) * 4 :]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Play AIM's messages (TCP) or ICQ's (UDP) by a method; return the packets of the client."""
    known = {}

    def play(method, service="aim"):
        if (method, service) in known:
            return known[method, service]
        need_labs()
        folder = tmp_path_factory.mktemp(method)
        found = shipped()[service, "message"]
        way = "udp/4000" if service == "icq" else "tcp/5190"
        (each,) = [each for each in found if each.way == way]
        (folder / "0.conversation").write_bytes(pack(each))
        done = subprocess.run(
            [sys.executable, SCRIPT, "lab", folder, method],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["ending"] is None
        assert told["passed"] == each.told
        data, at, packets = (folder / "0.pcap").read_bytes(), 24, []
        while at + 16 <= len(data):
            size = struct.unpack_from("<I", data, at + 8)[0]
            packets.append(Packet(data[at + 16 : at + 16 + size]))
            at += 16 + size
        known[method, service] = packets, told["places"]
        return known[method, service]

    return play


def client(packets, places):
    inside = bytes(map(int, places["inside"].split(".")))
    return [packet for packet in packets if packet.source == inside]


@pytest.mark.parametrize(
    ("method", "port"),
    [
        ("standard", 5190),
        ("other-port", OTHER_PORT),
        ("port-80", 80),
        ("port-443", 443),
        ("port-53", 53),
        ("socks4", 1080),
        ("socks5", 1080),
        ("http-connect", 8080),
    ],
)
def test_ports(seen, method, port):
    assert {packet.dport for packet in client(*seen(method))} == {port}


@pytest.mark.parametrize(
    ("method", "asked"),
    [("socks4", b"\x04\x01"), ("socks5", b"\x05\x01\x00"), ("http-connect", b"CONNECT ")],
)
def test_proxies_are_asked(seen, method, asked):
    first = next(packet.data for packet in client(*seen(method)) if packet.data)
    assert first.startswith(asked)


def test_ipv6(seen):
    packets, _ = seen("ipv6")
    assert {packet.version for packet in packets} == {6}


def test_one_byte_segments(seen):
    sizes = [len(packet.data) for packet in client(*seen("one-byte")) if packet.data]
    assert sum(size == 1 for size in sizes) > 0.9 * len(sizes)
    assert max(len(packet.data) for packet in client(*seen("standard"))) > 1


@pytest.mark.parametrize("whose", ["client", "server"])
def test_out_of_order(seen, whose):
    """Later bytes reach the router before earlier ones, and none of them twice before that."""
    packets, places = seen("disorder")
    mine = client(packets, places)
    chosen = mine if whose == "client" else [each for each in packets if each not in mine]
    by_flow = {}
    for packet in chosen:
        if packet.data:
            by_flow.setdefault((packet.sport, packet.dport), []).append(packet.sequence)
    late = sum(
        sequence < max(before[:place], default=0)
        for before in by_flow.values()
        for place, sequence in enumerate(before)
    )
    assert late >= 3
    in_order = client(*seen("standard"))
    assert [p.sequence for p in in_order if p.data and p.sport == in_order[0].sport] == sorted(
        p.sequence for p in in_order if p.data and p.sport == in_order[0].sport
    )


def test_fragments(seen):
    mine = client(*seen("fragments"))
    assert sum(packet.offset > 0 for packet in mine) >= 5
    assert all(packet.size <= FRAGMENT for packet in mine)
    assert not any(packet.more or packet.offset for packet in client(*seen("standard")))


def test_udp_goes_on_from_another_port(seen):
    assert len({packet.sport for packet in client(*seen("standard", "icq"))}) == 1
    moved = [packet.sport for packet in client(*seen("source-port", "icq"))]
    assert len(set(moved)) > 1
    assert moved[0] not in moved[1:2]


def test_the_resolver_is_asked_first(seen):
    asked, *rest = client(*seen("resolver"))
    assert (asked.protocol, asked.dport) == (17, 53)
    assert {packet.dport for packet in rest} == {5190}


def test_joining_midstream_loses_nothing_without_a_ruleset(seen):
    assert client(*seen("midstream"))


def test_every_method_is_named_and_documented():
    page = (Path(__file__).parents[2] / "docs/prove.md").read_text()
    for name, method in METHODS.items():
        assert isinstance(method, Method)
        assert f"`{name}`" in page
        assert len(method.title) <= 18  # a column of the page
