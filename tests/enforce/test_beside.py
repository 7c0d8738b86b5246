"""The parts of prevention beside the wire, without a kernel: numbers, frames, requests, rules."""

import copy
import socket
import subprocess
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import CookedLinux, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from tests.enforce.guarding import services

from backchannel import process
from backchannel.enforce import blind, frames, inject, manners, outlets, packing, requests
from backchannel.enforce.pursuit import NEAR, Pursuit
from backchannel.enforce.requests import Probe, Reset, Unreachable, Wire
from backchannel.enforce.sender import Orders, Sender
from backchannel.enforce.tcp import ahead
from backchannel.live.framing import framed
from backchannel.policy.load import load
from backchannel.policy.model import Networks

HEADS = {4: IP(src="10.1.0.2", dst="10.2.0.2"), 6: IPv6(src="fd00:1::2", dst="fd00:2::2")}
every_version = pytest.mark.parametrize("version", [4, 6])
numbers = st.integers(0, 0xFFFFFFFF)
TOP = 1 << 32


def segment(seq, ack=0, data=b"", flags="A"):
    made = IP(src="10.1.0.2", dst="10.2.0.2") / TCP(seq=seq % TOP, ack=ack % TOP, flags=flags)
    return inject.Segment(bytes(made / data))


# -- what ends accept ------------------------------------------------------------------------------


@given(
    one=numbers,
    other=numbers,
    judged=st.integers(1, 1400),
    steps=st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 3000)), max_size=20),
)
def test_the_first_number_is_what_its_receiver_waits_for(one, other, judged, steps):
    """Both ends talk on; each has all that the other sent when it speaks."""
    stand = [one, other]  # what each has sent up to now
    pursuit = Pursuit(0, one, (one + judged) % TOP, other)
    stand[0] += judged
    for side, size in [*steps, (1, 0), (0, 0)]:
        assert pursuit.see(side, segment(stand[side], stand[1 - side], b"x" * size))
        stand[side] += size
    for side in (1, 0):  # the last acknowledgements
        assert pursuit.see(side, segment(stand[side], stand[1 - side]))
    for to in (0, 1):
        assert pursuit.numbers(to)[0] == stand[1 - to] % TOP
        assert pursuit.acknowledgement(to) == stand[to] % TOP


@given(begin=numbers, size=st.integers(1, 1400), other=numbers, seq=numbers, ack=numbers)
def test_packets_of_another_position_change_nothing(begin, size, other, seq, ack):
    """A forged verdict, and a real connection between the same ports that stands elsewhere."""
    after = (begin + size) % TOP
    pursuit = Pursuit(0, begin, after, other)
    before = copy.deepcopy([pursuit.numbers(0), pursuit.numbers(1)])
    if not 0 < ahead(ack, begin) <= size:
        assert not pursuit.see(1, segment(seq, ack, b"innocent"))
    if not -NEAR <= ahead(seq, after) <= 0:
        assert not pursuit.see(0, segment(seq, ack, b"innocent"))
    assert (
        [pursuit.numbers(0), pursuit.numbers(1)] == before
        or pursuit.confirmed
        or (-NEAR <= ahead(seq, after) <= 0)
    )


def test_an_end_is_asked_by_a_byte_that_it_has():
    pursuit = Pursuit(0, 100, 200, 500)
    assert not pursuit.flowed
    assert pursuit.see(0, segment(200, 500, b"more"))
    assert pursuit.flowed
    assert pursuit.probe(1) == (203, 500)
    assert pursuit.probe(0) == (499, 204)
    assert Pursuit(0, 100, 200, None).probe(0) is None


@every_version
def test_a_probe_holds_nothing(version):
    ends = [inject.Segment(bytes(HEADS[version] / TCP())).source for _ in (0, 1)]
    told = {4: IP, 6: IPv6}[version](inject.probe(*ends, 5, 6, 7, 8))
    again = told.copy()
    del again[TCP].chksum
    assert bytes(again) == bytes(told)
    assert (told[TCP].seq, told[TCP].ack, told[TCP].flags) == (7, 8, "A")
    assert not told[TCP].payload


def test_a_hole_is_believed_only_once_the_judged_bytes_were_acknowledged():
    pursuit = Pursuit(0, 100, 200, 500)
    assert not pursuit.see(0, segment(5000, 500, b"later"))
    assert not pursuit.see(1, segment(500, 100))  # says nothing of them yet
    assert pursuit.numbers(1) == (200,)
    assert pursuit.see(1, segment(500, 150))
    assert pursuit.confirmed
    assert pursuit.see(0, segment(5000, 500, b"later"))
    assert pursuit.numbers(1) == (150, 5005, 5010, 5015)
    assert not pursuit.see(0, segment(5005 + NEAR + 1, 500, b"x"))


def test_one_way_traffic_resets_both_by_what_the_sender_says():
    pursuit = Pursuit(0, 100, 200, None)
    assert pursuit.numbers(0) == ()
    assert pursuit.see(0, segment(200, 900, b"more"))
    assert pursuit.numbers(0) == (900,)
    assert pursuit.numbers(1)[0] == 204


def test_resets_and_openings_are_never_answered():
    pursuit = Pursuit(0, 100, 200, 500)
    for flags in ("R", "RA", "S", "SA"):
        assert not pursuit.see(1, segment(500, 150, flags=flags))


def test_what_was_not_captured_counts_too():
    pursuit = Pursuit(0, 100, 200, 500)
    assert pursuit.see(0, segment(200, 500, b"abc"), missing=97)
    assert pursuit.numbers(1)[0] == 300


# -- frames ----------------------------------------------------------------------------------------


@every_version
def test_frames_are_taken_apart(version):
    packet = HEADS[version] / UDP() / b"x"
    whole = bytes(packet)
    plain = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    for head, vlans in (
        (plain, ()),
        (plain / Dot1Q(vlan=7), (7,)),
        (plain / Dot1AD(vlan=9) / Dot1Q(vlan=7, prio=5), (9, 7)),
    ):
        made = frames.framed(1, bytes(head / packet) + bytes(9))  # padded
        assert made.packet == whole
        assert made.vlans == vlans
        assert bytes(made.target + made.source) == bytes(plain)[:12]
        assert made.tags == bytes(head)[12 : 12 + 4 * len(vlans)]
    assert frames.framed(101, whole).packet == whole
    assert frames.framed(113, bytes(CookedLinux(proto=packet_type(version))) + whole).target == b""
    cut = frames.framed(101, whole[:-3])
    assert cut.missing == 3


def packet_type(version):
    return 0x0800 if version == 4 else 0x86DD


@given(st.sampled_from([0, 1, 101, 105, 113, 127, 276]), st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_none(link, data):
    made = frames.framed(link, data)
    assert made is None or len(made.packet) >= 20


# -- manners ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (IP(src="10.0.0.1", dst="10.0.0.2") / UDP(), ""),
        (IPv6(src="fd00::1", dst="fd00::2") / UDP(), ""),
        (IP(src="10.0.0.1", dst="239.1.2.3") / UDP(), "it was for many"),
        (IP(src="10.0.0.1", dst="255.255.255.255") / UDP(), "it was for many"),
        (IPv6(src="fd00::1", dst="ff02::fb") / UDP(), "it was for many"),
        (IP(src="0.0.0.0", dst="10.0.0.2") / UDP(), "its sender is not a host"),
        (IP(src="224.0.0.1", dst="10.0.0.2") / UDP(), "its sender is not a host"),
        (IP(dst="10.0.0.2", frag=8) / Raw(b"x" * 8), "a later fragment of a datagram"),
        (IP(dst="10.0.0.2", flags="MF") / UDP(), ""),
        (IPv6() / IPv6ExtHdrFragment(offset=8) / Raw(b"x" * 8), "a later fragment of a datagram"),
        (IP(dst="10.0.0.2") / ICMP(type=3) / b"x", "ICMP is not answered by ICMP"),
        (IPv6() / ICMPv6DestUnreach() / b"x", "ICMP is not answered by ICMP"),
    ],
)
def test_what_must_not_be_answered_is_not(packet, why):
    assert manners.silence(inject.Segment(bytes(packet))) == why


def test_a_frame_for_many_is_not_answered():
    seen = inject.Segment(bytes(IP(src="10.0.0.1", dst="10.0.0.255") / UDP()))
    assert manners.silence(seen, bytes.fromhex("ffffffffffff")) == "it was for many"
    assert manners.silence(seen, bytes.fromhex("020000000001")) == ""


@every_version
@pytest.mark.parametrize("forbidden", [False, True])
def test_icmp_says_why_and_quotes_as_much_as_it_may(version, forbidden):
    sent = bytes(HEADS[version] / UDP(sport=9, dport=4000) / (b"x" * 3000))
    told = inject.unreachable(inject.Segment(sent), forbidden=forbidden)
    assert len(told) == {4: 576, 6: 1280}[version]
    layer = {4: IP(told)[1], 6: IPv6(told)[1]}[version]
    codes = {(4, False): (3, 3), (4, True): (3, 13), (6, False): (1, 4), (6, True): (1, 1)}
    assert (layer.type, layer.code) == codes[version, forbidden]
    assert told.endswith(sent[: len(told) - {4: 28, 6: 48}[version]])


# -- who sends -------------------------------------------------------------------------------------


class Kept:
    """An outlet that keeps what is sent."""

    def __init__(self):
        self.packets, self.wires = [], []

    def send(self, packet, wire):
        self.packets.append(packet)
        self.wires.append(wire)
        return ""


def rules(tmp_path, text=""):
    path = tmp_path / "policy.yaml"
    path.write_text(f"policy: 1\n{text}rules: []\n")
    return load(path, services())


def sender(tmp_path, text="", rate=100):
    kept = Kept()
    seen, _ = blind.seen(rules(tmp_path, text))
    return Sender(Orders(rules=blind.spared(seen), rate=rate), kept), kept


def four(text):
    return bytes(map(int, text.split(".")))


def reset(one="10.1.0.2", other="10.2.0.2", ports=(5, 6), found=(7,)):
    return requests.encode(Reset(four(one), four(other), *ports, found, 8, Wire(b"\x81\0\0\5")))


def test_a_request_becomes_resets(tmp_path):
    made, kept = sender(tmp_path)
    made.serve(reset(found=(7, 9)))
    told = [IP(packet) for packet in kept.packets]
    assert [(each.src, each.dst, each[TCP].seq, each[TCP].ack) for each in told] == [
        ("10.1.0.2", "10.2.0.2", 7, 8),
        ("10.1.0.2", "10.2.0.2", 9, 8),
    ]
    assert all(wire.tags == b"\x81\0\0\5" for wire in kept.wires)
    assert made.counters == {"TCP resets sent": 2}


@pytest.mark.parametrize(
    ("text", "ports", "sent"),
    [
        ("guard: {never-block: [10.2.0.2]}\n", (5, 6), 0),
        ("guard: {never-block: [10.1.0.0/16]}\n", (5, 6), 0),
        ("guard: {never-block: [10.3.0.0/16]}\n", (5, 6), 1),
        ("management: [{from: 10.1.0.2, port: tcp/22}]\n", (5, 22), 0),
        ("management: [{from: 10.2.0.2, port: tcp/22}]\n", (22, 6), 0),
        ("management: [{from: 10.2.0.2, port: tcp/22}]\n", (5, 22), 1),
    ],
)
def test_a_parser_that_was_taken_over_cannot_cut_what_is_spared(tmp_path, text, ports, sent):
    made, kept = sender(tmp_path, text)
    made.serve(reset(ports=ports))
    quoted = bytes(IP(src="10.1.0.2", dst="10.2.0.2") / UDP(sport=ports[0], dport=ports[1]))
    if "management" not in text:
        made.serve(requests.encode(Unreachable(quoted)))
        sent *= 2
    assert len(kept.packets) == sent


def test_probes_are_sent_and_nobody_spared_is_asked(tmp_path):
    asked = requests.encode(Probe(four("10.1.0.2"), four("10.2.0.2"), 5, 6, 7, 8))
    made, kept = sender(tmp_path)
    made.serve(asked)
    assert IP(kept.packets[0])[TCP].flags == "A"
    made, kept = sender(tmp_path, "guard: {never-block: [10.2.0.2]}\n")
    made.serve(asked)
    assert not kept.packets


def test_no_more_than_the_rate_is_sent(tmp_path):
    made, kept = sender(tmp_path, rate=10)
    for _ in range(50):
        made.serve(reset())
    assert 10 <= len(kept.packets) <= 15
    assert made.counters["packets not sent: more than the rate"] == 50 - len(kept.packets)


@given(data=st.binary(max_size=200), at=st.integers(0, 60), change=st.integers(1, 255))
def test_any_bytes_are_a_request_or_counted(tmp_path_factory, data, at, change):
    made, kept = sender(tmp_path_factory.mktemp("policy"))
    good = bytearray(requests.encode(Unreachable(bytes(HEADS[4] / UDP() / b"secret"))))
    good[at % len(good)] ^= change
    for text in (data, bytes(good), b"", reset()[:-1]):
        made.serve(text)
    for packet in kept.packets:  # whatever it was, nothing but these two can come of it
        told = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
        if TCP in told:
            assert told[TCP].flags in {"R", "RA", "A"}
            assert not told[TCP].payload
        else:
            assert told[1].type in {1, 3}


def test_tcp_is_not_answered_by_icmp_nor_icmp_by_anything(tmp_path):
    made, kept = sender(tmp_path)
    for packet in (IP(dst="10.0.0.2") / TCP(), IP(dst="10.0.0.2") / ICMP()):
        made.serve(requests.encode(Unreachable(bytes(packet))))
    assert not kept.packets


# -- policies beside the wire ----------------------------------------------------------------------


POLICY = """
zones: {lan: {interfaces: [eth1]}}
management: [{from: lan, port: tcp/22}]
guard: {never-block: [192.0.2.0/24, "2001:db8::/32"]}
default: deny
rules:
- {allow: [icq], from: lan}
- {deny: [msn], from: lan}
- {deny: [aim], on-failure: closed}
"""


def test_what_a_copy_does_not_show_refuses_nobody(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(f"policy: 1{POLICY}")
    made, told = blind.seen(load(path, services()))
    assert [(line.action, line.ours.interfaces) for line in made.lines] == [
        ("allow", ()),
        ("deny", ()),
    ]
    assert not any(each.client.interfaces for each in made.lifelines)
    text = "\n".join(told)
    assert "speaks of interface eth1" in text
    assert "nothing fails closed" in text
    assert "nothing that is unknown" in text


def test_rules_travel_whole(tmp_path):
    path = Path("examples/policies/office.yaml")
    made, _ = blind.seen(load(path, services()))
    sent = blind.Judgement(rules=made, services=dict(services()), limit="alert")
    assert packing.decode(packing.encode(sent), blind.Judgement) == sent
    networks = Networks(v4=(ip_network("10.0.0.0/8"),), v6=(ip_network("fd00::/8"),))
    assert packing.decode(packing.encode(networks), Networks) == networks


def test_orders_that_come_together_are_all_obeyed(tmp_path):
    """A policy that is read again while its process starts: the latest holds, not the first."""
    texts = "", "guard: {never-block: [10.2.0.2]}\n"
    outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # nothing is to be sent
    with outbox, inbox, raw:
        opened, asked = outlets.Opened(routed=(raw.fileno(),)), inbox.fileno()
        sent = b"".join(
            framed(
                packing.encode(
                    Orders(rules=rules(tmp_path, text), rate=9, opened=opened, inbox=asked)
                )
            )
            for text in texts
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with process.start("enforce.sender", **pipes, fds=(raw.fileno(), asked)) as started:
            started.stdin.write(sent)
            started.stdin.flush()
            outbox.send(reset())
            told = started.stdout.readline()
            started.stdin.close()
    assert msgspec.json.decode(told) == {"requests refused: never to be blocked": 1}
