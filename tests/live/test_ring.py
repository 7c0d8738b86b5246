"""The packet ring: what the kernel takes from a frame is put back, whatever the link."""

import struct
import subprocess
import sys

import pytest
from tests.flows.frames import A, B, ethernet, ip, pcap, udp, vlan
from tests.live.world import PATIENCE, needs

from backchannel.capture.records import Records
from backchannel.live.ring import pcap_records

READ = """
import select, sys, time
from backchannel.live.ring import Ring, pcap_records
from backchannel.live.sockets import Capture, open_captures, dropped
name, filter_, count, workers, snaplen = sys.argv[1:6]
capture = Capture(interface=name, filter=filter_, blocks=4, wait=20, snaplen=int(snaplen))
opened = open_captures(capture, int(workers))
rings = [Ring(made.fd, made.link, made.block_size, made.blocks) for made in opened]
print("ready", flush=True)
end, seen = time.monotonic() + 60, []
while time.monotonic() < end and len(seen) < int(count):
    select.select([made.fd for made in opened], [], [], 0.1)
    for number, ring in enumerate(rings):
        while (chunk := ring.next()) is not None:
            for _, link, data, size in chunk:
                seen.append((number, link, bytes(data).hex(), size))
            assert len(pcap_records(chunk)) == sum(16 + len(data) for _, _, data, _ in chunk)
            ring.release()
for row in seen:
    print(*row)
print("end", *[ring.broken for ring in rings])
"""
SEND = """
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("va", 0))
for line in sys.argv[1:]:
    out.send(bytes.fromhex(line))
"""
TUN = """
import fcntl, os, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
subprocess.run(["ip", "link", "set", "tun0", "up"], check=True)
print("up", flush=True)
sys.stdin.readline()
os.write(tun, bytes.fromhex(sys.argv[1]))
sys.stdin.readline()
"""


def read(world, interface="vb", *, count=1, expression="", workers=1, snaplen=262144):
    made = world.start(
        sys.executable,
        "-c",
        READ,
        interface,
        expression,
        count,
        workers,
        snaplen,
        stdout=subprocess.PIPE,
    )
    assert made.stdout.readline() == "ready\n"
    return made


def rows(process):
    *lines, end = process.communicate(timeout=2 * PATIENCE)[0].splitlines()
    assert set(end.split()[1:]) == {"0"}
    return [
        (int(number), int(link), bytes.fromhex(data), int(size))
        for number, link, data, size in (line.split() for line in lines)
    ]


def frame(number=1, tags=b""):
    return ethernet(ip(A, B, 17, udp((1000 + number, 53), b"hello %d" % number)), tags)


def test_frames_come_as_they_were_sent(world):
    reader = read(world, count=2)
    world.python(SEND, frame(1).hex(), frame(2).hex())
    assert [(link, data) for _, link, data, _ in rows(reader)] == [(1, frame(1)), (1, frame(2))]


AFTER = r"""
import socket, sys, time
from backchannel.live.ring import Ring
from backchannel.live.sockets import Capture, open_captures
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("va", 0))
(made,) = open_captures(Capture(interface="vb", blocks=4, wait=20), 1)
def send(*numbers):
    for number in numbers:
        out.send(bytes(12) + b"\x88\xb5" + bytes([number]) * 50)
        time.sleep(0.06)  # so that each has a block of its own
def read(ring):
    seen = []
    while (chunk := ring.next()) is not None:
        seen += [bytes(data)[20] for _, _, data, _ in chunk if bytes(data)[12:14] == b"\x88\xb5"]
        ring.release()
    return seen
def reader():
    return Ring(made.fd, made.link, made.block_size, made.blocks)
read(reader())
for numbers in ([1], [2, 3], [4, 5, 6], [7, 8, 9, 10, 11, 12], [13], [14, 15]):
    send(*numbers)
    print(*read(reader()))
"""


def test_a_new_reader_goes_on_where_the_one_before_was(world):
    """Blocks 11 and 12 found no room; after that too nothing is left out or comes too late."""
    told = [line.split() for line in world.python(AFTER).stdout.splitlines()]
    assert told[:3] == [["1"], ["2", "3"], ["4", "5", "6"]]
    assert told[3] == ["7", "8", "9", "10"]
    assert told[4:] == [["13"], ["14", "15"]]


def test_a_vlan_tag_is_put_back_where_it_was(world):
    single, double = frame(tags=vlan(77)), frame(tags=vlan(5, 0x88A8) + vlan(77))
    reader = read(world, count=2)
    world.python(SEND, single.hex(), double.hex())
    assert [(data, size) for _, _, data, size in rows(reader)] == [
        (single, len(single)),
        (double, len(double)),
    ]


def test_a_filter_keeps_what_fits_and_a_snap_length_cuts(world):
    needs("tcpdump")
    reader = read(world, count=1, expression="udp port 1002", snaplen=64)
    world.python(SEND, frame(1).hex(), frame(2).hex() + "00" * 50)
    ((_, _, data, size),) = rows(reader)
    assert data == (frame(2) + bytes(50))[:64]
    assert size == len(frame(2)) + 50


def test_both_directions_of_a_flow_and_its_fragments_go_to_one_worker(world):
    def both(number):
        there, back = (40000 + number, 53), (53, 40000 + number)
        return ethernet(ip(A, B, 17, udp(there, b"x"))), ethernet(ip(B, A, 17, udp(back, b"y")))

    reader = read(world, count=64, workers=3)
    world.python(SEND, *(each.hex() for n in range(32) for each in both(n)))
    found = rows(reader)
    where = {data: number for number, _, data, _ in found}
    assert len(where) == 64
    assert len(set(where.values())) == 3
    for number in range(32):
        one, other = both(number)
        assert where[one] == where[other]


def test_a_tunnel_interface_gives_raw_ip(world):
    packet = ip(A, B, 17, udp((7, 8), b"raw"))
    tun = world.start(
        sys.executable,
        "-c",
        TUN,
        packet.hex(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if tun.stdout.readline() != "up\n":
        pytest.skip("no tun interface can be made here")
    reader = read(world, "tun0")
    tun.stdin.write("go\n")
    tun.stdin.flush()
    ((_, link, data, _),) = rows(reader)
    assert (link, data) == (101, packet)


def test_loopback_shows_each_packet_once(world):
    reader = read(world, "lo", count=2)
    world.python(
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "s.sendto(b'once', ('127.0.0.1', 9))"
    )
    found = [data for _, _, data, _ in rows(reader) if b"once" in data and data[23] == 17]
    assert len(found) == 1


def test_all_interfaces_together_show_each_frame_with_its_interface(world, tmp_path):
    """Read again by tshark, which knows the header from its own source."""
    needs("tshark")
    sent = [frame(1), frame(2, tags=vlan(77))]
    reader = read(world, "any", count=4)
    world.python(SEND, *(each.hex() for each in sent))
    found = [(data, size) for _, link, data, size in rows(reader) if link == 276]
    assert all(len(data) == size for data, size in found)
    capture = tmp_path / "any.pcap"
    capture.write_bytes(pcap([(at, data) for at, (data, _) in enumerate(found)], link=276))
    fields = ("sll.ifindex", "sll.pkttype", "vlan.id", "udp.srcport", "data.text")
    asked = [part for field in fields for part in ("-e", field)]
    told = subprocess.run(
        ["tshark", "-r", capture, "-T", "fields", "-o", "data.show_as_text:TRUE", *asked],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split("\t") for line in told.stdout.splitlines()]
    for vlans, port in (("", "1001"), ("77", "1002")):
        seen = [line for line in lines if line[2:4] == [vlans, port]]
        assert len(seen) == 2, lines
        assert len({line[0] for line in seen}) == 2
        assert {line[1] for line in seen} & {"4"}  # on its way out of one of them


def test_a_filter_of_all_interfaces_looks_at_ip(world):
    needs("tcpdump")
    reader = read(world, "any", count=2, expression="udp port 1002")
    world.python(SEND, frame(1).hex(), frame(2).hex())
    assert [data[20:] for _, _, data, _ in rows(reader)] == [frame(2)[14:]] * 2


def test_loopback_among_all_interfaces_shows_each_packet_once(world):
    reader = read(world, "any", count=2)
    world.python(
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "s.sendto(b'once', ('127.0.0.1', 9))"
    )
    found = [data for _, _, data, _ in rows(reader) if b"once" in data and data[29] == 17]
    assert len(found) == 1


def test_records_are_those_of_a_pcap_file(tmp_path):
    capture = pcap([(0.5, frame(1)), (1.25, frame(2))])
    reader = Records(capture[:24])
    assert bytes(pcap_records(reader.cut(memoryview(capture), len(capture)))) == capture[24:]
    assert struct.unpack_from("<I", capture)[0] == 0xA1B23C4D
