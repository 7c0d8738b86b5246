"""What networks and taps do to traffic and lose nothing of it changes no answer.

Whole captures, as they were recorded: so what one flow announces of another is altered with it.
"""

import struct
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from backchannel.pipeline import Scan

EXAMPLES = Path(__file__).parents[1] / "examples"
CAPTURES = [
    path
    for path in sorted(EXAMPLES.rglob("*.pcap"))
    if path.stat().st_size < 300_000 and path.read_bytes()[20:24] == b"\1\0\0\0"  # Ethernet
]
HEADER = 24
ETHERNET, WIFI = 1, 105
IPV4, TCP, UDP, FIN = b"\x08\x00", 6, 17, 1
PIECE = 61
ENCIPHERED = {  # only what was captured whole can be opened
    "quic_aioquic": {"discord", "telegram", "teams"},
    "quic_chromium": {"discord", "telegram"},
    "tor_link_socks": {"tor"},
}
SNAPPED = {
    256: ENCIPHERED,
    128: ENCIPHERED | {"prosody_bosh": {"xmpp"}},  # its namespace is behind the head
}
"""Services of an example whose signs are not in so many bytes of each packet."""


def read(path):
    """The packets of a capture: time (us), bytes."""
    data, at, found = path.read_bytes(), HEADER, []
    while at < len(data):
        seconds, micros, size, whole = struct.unpack_from("<IIII", data, at)
        assert size == whole, "nothing was cut by the snap length"
        found.append((seconds * 1_000_000 + micros, data[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def write(path, packets, link=ETHERNET, snap=1 << 18):
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, link)]
    for time, data in packets:
        kept = data[:snap]
        out += [struct.pack("<IIII", *divmod(time, 1_000_000), len(kept), len(data)), kept]
    path.write_bytes(b"".join(out))
    return path


def ip(protocol, payload):
    ends = bytes((10, 254, 0, 1, 10, 254, 0, 2))
    return (
        struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + ends + payload
    )


def vxlan(frame):
    inside = bytes((8, 0, 0, 0, 0, 0, 7, 0)) + frame
    return ip(17, struct.pack(">HHHH", 5555, 4789, 8 + len(inside), 0) + inside)


def pppoe(packet):
    return b"\x11\0\0\7" + struct.pack(">HH", len(packet) + 2, 0x0021) + packet


ANY = {  # what stands between the addresses of Ethernet and the type
    "vlan": lambda frame: frame[:12] + b"\x81\0\0\7" + frame[12:],
    "vlans": lambda frame: frame[:12] + b"\x88\xa8\0\5\x81\0\0\7" + frame[12:],
    "vxlan": lambda frame: frame[:12] + IPV4 + vxlan(frame),
    "wifi": lambda frame: (
        b"\x08\x01\0\0" + frame[:12] + frame[:6] + b"\0\0\xaa\xaa\3\0\0\0" + frame[12:]
    ),
}
PACKETS = {  # what may stand around IPv4 alone
    "mpls": lambda packet: b"\x88\x47" + b"\0\1\x41\x40" + packet,
    "pppoe": lambda packet: b"\x88\x64" + pppoe(packet),
    "gre": lambda packet: IPV4 + ip(47, b"\0\0" + IPV4 + packet),
}


def around(way, frame):
    """One frame, as *way* carries it."""
    if way in ANY:
        return ANY[way](frame)
    return frame[:12] + PACKETS[way](frame[14:]) if frame[12:14] == IPV4 else frame


def pieces(frame):
    """The frames in which a segment of TCP comes where it is sent in small ones."""
    if frame[12:14] != IPV4 or frame[23] != TCP or frame[20] & 0x3F or frame[21]:
        return [frame]
    tcp = 14 + (frame[14] & 15) * 4
    start, end = tcp + (frame[tcp + 12] >> 4) * 4, 14 + int.from_bytes(frame[16:18])
    out = []
    for at in range(start, max(end, start + 1), PIECE):
        head, part = bytearray(frame[:start]), frame[at : min(at + PIECE, end)]
        struct.pack_into(">H", head, 16, start - 14 + len(part))
        number = int.from_bytes(frame[tcp + 4 : tcp + 8]) + at - start & 0xFFFFFFFF
        struct.pack_into(">I", head, tcp + 4, number)
        if at + PIECE < end:
            head[tcp + 13] &= ~FIN
        out.append(bytes(head) + part)
    return out


def story(path):
    """What is told, by the packet that told it."""
    return [
        (seen.frame, seen.stack, seen.service, seen.side, seen.account, seen.event)
        for seen in Scan(path)
    ]


def answers(path):
    """Services and findings, without figures."""
    document = Scan(path).document
    rows = Counter()
    for row in document.services:
        rows[row.stack, row.service, row.confidence] += row.flows
    return rows, {(each.rule, each.severity) for each in document.findings}


def test_there_are_captures():
    assert len(CAPTURES) > 40


@pytest.mark.parametrize("way", [*ANY, *PACKETS])
def test_what_carries_a_packet_changes_nothing(way, tmp_path):
    for path in CAPTURES:
        carried = [(time, around(way, frame)) for time, frame in read(path)]
        link = WIFI if way == "wifi" else ETHERNET
        assert story(write(tmp_path / "way.pcap", carried, link)) == story(path), path.name


def test_small_segments_change_nothing(tmp_path):
    for path in CAPTURES:
        small = [(time, piece) for time, frame in read(path) for piece in pieces(frame)]
        told = story(write(tmp_path / "small.pcap", small))
        # several flows may end their messages in another order
        assert sorted(str(each[1:]) for each in told) == sorted(
            str(each[1:]) for each in story(path)
        ), path.name


def test_a_capture_that_holds_every_packet_twice_gives_the_same_answers(tmp_path):
    """As of a mirror port that copies what comes in and what goes out."""
    for path in CAPTURES:
        twice = [(time + late, frame) for time, frame in read(path) for late in (0, 1)]
        assert answers(write(tmp_path / "twice.pcap", sorted(twice))) == answers(path), path.name


def ends(frame):
    """Who sends a frame to whom, of TCP or UDP over IPv4; None for others."""
    if frame[12:14] != IPV4 or frame[23] not in {TCP, UDP}:
        return None
    at = 14 + (frame[14] & 15) * 4
    return (frame[26:30], frame[at : at + 2]), (frame[30:34], frame[at + 2 : at + 4])


def skewed(packets, early):
    """Packets of TCP's servers captured *early* (us), as where captures were merged."""
    clients, out = {}, []
    for time, frame in packets:
        talk = ends(frame)
        if talk is not None and frame[23] == TCP:
            client = clients.setdefault(frozenset(talk), talk[0])
            time -= early * (client != talk[0])  # noqa: PLW2901
        out.append((time, frame))
    return sorted(out, key=lambda each: each[0])


def shuffled(packets, random):
    """Packets of one burst up to 8 places from where they were, as several queues bring them."""
    places, last, burst = [], 0, 0
    for at, (time, _) in enumerate(packets):
        burst += time - last > 1000
        last = time
        places.append((burst, at + random.random() * 8))
    order = sorted(range(len(packets)), key=places.__getitem__)
    return [(packets[place][0], packets[at][1]) for place, at in enumerate(order)]


def kinds(path):
    """What is told, without what it says."""
    return Counter((seen.stack, seen.service, type(seen.event)) for seen in Scan(path))


def services(path):
    return {service for _, service, _ in answers(path)[0]}


def kept(way, tmp_path):
    """Which part of what all captures tell is told of them as *way* alters their packets; and the
    services that are lost, by capture.
    """
    same = whole = 0
    lost = {}
    for path in CAPTURES:
        before = kinds(path)
        altered = write(tmp_path / "altered.pcap", way(read(path)))
        same, whole = same + (before & kinds(altered)).total(), whole + before.total()
        if gone := services(path) - services(altered):
            lost[path.stem] = gone
    return same / whole, lost


@pytest.mark.parametrize("early", [1000, 20_000])
def test_answers_captured_before_their_questions_change_nothing(early, tmp_path):
    """But of flows that were announced, which may now come before what announces them."""
    part, lost = kept(lambda packets: skewed(packets, early), tmp_path)
    assert part > 0.99
    assert not lost


@pytest.mark.parametrize("seed", range(3))
def test_of_packets_out_of_order_little_is_lost(seed, tmp_path):
    part, lost = kept(lambda packets: shuffled(packets, Random(seed)), tmp_path)
    assert part > 0.94
    assert not lost


@pytest.mark.parametrize("seed", range(3))
def test_of_lost_packets_little_more_is_lost(seed, tmp_path):
    """One in twenty."""
    random = Random(seed)
    part, lost = kept(lambda packets: [p for p in packets if random.random() >= 0.05], tmp_path)
    assert part > 0.89
    assert len(lost) <= 3, lost


@pytest.mark.parametrize("snap", SNAPPED)
def test_a_snap_length_hides_only_what_it_must(snap, tmp_path):
    """The services of an example, as far as enough of each packet is there."""
    lost = {}
    for path in CAPTURES:
        gone = services(path) - services(write(tmp_path / "cut.pcap", read(path), snap=snap))
        if gone:
            lost[path.stem] = gone
    assert lost == SNAPPED[snap]
