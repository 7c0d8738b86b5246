"""Evidence: the ring on disk, and conversations cut out of it, whatever is around them."""

import os
import shutil

import msgspec
import pytest
from tests.flows.frames import A, B, ethernet, ip, pcap, tcp, udp, vlan
from tests.live.receivers import finding
from tests.live.world import EXAMPLES, needs

from backchannel.capture import sources
from backchannel.capture.records import Records
from backchannel.live import recorder
from backchannel.live.cut import cut
from backchannel.live.pick import Picker

V6A, V6B = "2001:db8::1", "2001:db8::2"


def chunk_of(frames):
    capture = pcap([(number, frame) for number, frame in enumerate(frames)])
    return Records(capture[:24]).cut(memoryview(capture), len(capture)), capture


def there_and_back(a, b, ports, tags=b"", protocol=17):
    make = udp if protocol == 17 else lambda p, d: tcp(p, 1, 1, 16, d)
    return [
        ethernet(ip(a, b, protocol, make(ports, b"there")), tags),
        ethernet(ip(b, a, protocol, make(ports[::-1], b"back")), tags),
    ]


@pytest.mark.parametrize("tags", [b"", vlan(7), vlan(7, 0x88A8) + vlan(9)])
@pytest.mark.parametrize(("a", "b"), [(A, B), (V6A, V6B)])
@pytest.mark.parametrize("protocol", [6, 17])
def test_both_directions_and_nothing_else(a, b, protocol, tags):
    mine = there_and_back(a, b, (1000, 53), tags, protocol)
    others = [
        *there_and_back(a, b, (1001, 53), tags, protocol),
        *there_and_back(a, b, (53, 1000), tags, protocol),
        *there_and_back(a, a, (1000, 53), tags, protocol),
        ethernet(ip(a, b, 50, b"\0" * 20), tags),
        b"short",
    ]
    chunk, capture = chunk_of([others[0], mine[0], *others[1:], mine[1]])
    found = Picker([(5, a, 1000, b, 53)]).pick(chunk)
    assert [(number, link, record[16:]) for number, link, record in found] == [
        (5, 1, mine[0]),
        (5, 1, mine[1]),
    ]
    assert all(record in capture for _, _, record in found)


def test_a_port_of_0_means_no_tcp_and_no_udp():
    esp = ethernet(ip(A, B, 50, b"\0" * 20))
    chunk, _ = chunk_of([esp, *there_and_back(A, B, (0, 0)), *there_and_back(A, B, (1, 2))])
    assert [record[16:] for _, _, record in Picker([(0, A, 0, B, 0)]).pick(chunk)] == [esp]


def test_what_is_inside_a_tunnel_is_found():
    inner = ip(A, B, 17, udp((1000, 53), b"x"))
    outer = ethernet(ip("192.0.2.1", "192.0.2.2", 47, b"\0\0\x08\0" + inner))
    chunk, _ = chunk_of([outer])
    assert [record[16:] for _, _, record in Picker([(0, A, 1000, B, 53)]).pick(chunk)] == [outer]


def test_what_ah_protects_is_found_and_so_is_ah():
    head = b"\x11\4\0\0\0\0\1\0\0\0\0\1" + bytes(12)
    frame = ethernet(ip(A, B, 51, head + udp((1000, 53), b"x")))
    for port, other in ((1000, 53), (0, 0)):
        chunk, _ = chunk_of([frame])
        assert [record[16:] for *_, record in Picker([(0, A, port, B, other)]).pick(chunk)] == [
            frame
        ]
    chunk, _ = chunk_of([frame])
    assert not Picker([(0, A, 1000, B, 54)]).pick(chunk)


def test_what_cannot_be_looked_for():
    with pytest.raises(ValueError, match="at most 256"):
        Picker([(0, A, 1, B, 2)] * 257)
    with pytest.raises(ValueError, match="does not appear to be"):
        Picker([(0, "here", 1, B, 2)])
    chunk, _ = chunk_of(there_and_back(A, B, (1, 2)))
    assert Picker([(0, A, 1, V6B, 2)]).pick(chunk) == []


def test_a_finding_is_cut_from_all_files_of_the_ring_in_order(tmp_path):
    ring, folder = tmp_path / "ring", tmp_path / "out"
    ring.mkdir()
    folder.mkdir()
    place = msgspec.structs.replace(finding().evidence[0], client=f"{A}:1000", server=f"{B}:53")
    found = msgspec.structs.replace(finding(), evidence=(place,))
    one, two = there_and_back(A, B, (1000, 53))
    noise = there_and_back(A, B, (7, 8))[0]
    (ring / "eth0-00000000000000000001.pcap").write_bytes(pcap([(1, one), (2, noise)]))
    (ring / "eth0-00000000000000000002.pcap").write_bytes(pcap([(3, two), (4, noise)])[:-3])
    (ring / "eth1-00000000000000000001.pcap").write_bytes(b"")
    cut(ring, folder, [found])
    (path,) = folder.iterdir()
    assert path.name == f"{found.id}-password-plain.pcap"
    (source,) = sources([str(path)])
    assert [bytes(data) for chunk in source.chunks() for _, _, data, _ in chunk] == [one, two]
    assert path.stat().st_mode & 0o077 == 0
    shutil.rmtree(folder)
    cut(ring, folder, [found])
    assert list(folder.iterdir()) == [path]


def test_the_oldest_files_go_first(tmp_path):
    for number, interface in ((3, "a"), (1, "b"), (2, "c")):
        path = tmp_path / f"{interface}-{9 - number:020d}.pcap"
        path.write_bytes(b"x" * 100)
        os.utime(path, (number, number))
    assert recorder.trim(tmp_path, 250) == 1
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["a", "c"]
    assert recorder.trim(tmp_path, 0) == 2


def test_a_file_that_somebody_else_deletes_at_that_moment_ends_nothing(tmp_path):
    (tmp_path / "a-00000000000000000001.pcap").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a-00000000000000000002.pcap").write_bytes(b"x" * 100)
    assert recorder.trim(tmp_path, 50) == 1


def test_what_cannot_be_deleted_stays_and_ends_nothing(tmp_path):
    """As on a disk that the kernel has made read-only."""
    (tmp_path / "a-00000000000000000001.pcap").mkdir()
    (tmp_path / "a-00000000000000000002.pcap").write_bytes(b"x" * 100)
    assert recorder.trim(tmp_path, 0) == 1


def test_no_link_is_followed_that_somebody_put_in_the_ring(tmp_path):
    ring, other = tmp_path / "ring", tmp_path / "other"
    ring.mkdir()
    other.write_text("keep")
    (ring / "a-00000000000000000001.pcap").symlink_to(other)
    recorder.Files("a", ring, 1 << 20, 1).put(1, 1, bytearray(100))
    assert other.read_text() == "keep"


def test_a_ring_that_somebody_deletes_is_begun_anew(tmp_path):
    ring = tmp_path / "ring"
    ring.mkdir()
    files = recorder.Files("a", ring, 1 << 20, 1)
    assert files.put(1, 1, bytearray(100))
    shutil.rmtree(ring)
    assert files.put(1, 2, bytearray(100))
    assert [path.name for path in ring.iterdir()] == ["a-00000000000000000002.pcap"]
    files.close()


@pytest.mark.parametrize("what", ["the folder", "the file", "its content"])
def test_a_ring_that_somebody_moves_or_empties_is_begun_anew(tmp_path, what):
    """Else packets would go where no evidence is looked for, and no old file is deleted."""
    ring = tmp_path / "ring"
    files = recorder.Files("a", ring, 1 << 20, 1)
    assert files.put(1, 1, bytearray(100))
    (first,) = ring.iterdir()
    if what == "the folder":
        first = ring.rename(tmp_path / "moved") / first.name
    elif what == "the file":
        first = first.rename(tmp_path / first.name)
    else:
        os.truncate(first, 0)
    size = first.stat().st_size
    assert files.put(1, 2, bytearray(100))
    assert first.stat().st_size == size
    second = ring / "a-00000000000000000002.pcap"
    assert second.stat().st_size == recorder.HEADER.size + 100
    assert files.put(1, 3, bytearray(100))
    assert second.stat().st_size == recorder.HEADER.size + 200
    files.close()


RECORD = """
import os, socket, subprocess, sys, time
import msgspec
from backchannel.live.recorder import Order
from backchannel.live.sockets import Capture, open_captures
opened = [open_captures(Capture(interface=name, wait=20))[0] for name in ("vb", "lo")]
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
fds = [*(made.fd for made in opened), theirs.fileno()]
for fd in fds:
    os.set_inheritable(fd, True)
size, arrivals = int(sys.argv[2]), theirs.fileno()
made_order = Order(captures=tuple(opened), folder=sys.argv[1], size=size, arrivals=arrivals)
order = msgspec.msgpack.encode(made_order)
child = subprocess.Popen(
    [sys.executable, "-m", "backchannel.live.recorder"],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    pass_fds=fds,
)
child.stdin.write(len(order).to_bytes(4, "little") + order)
child.stdin.flush()
quiet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for capture in sys.argv[3:]:
    quiet.sendto(b"a quiet interface", ("127.0.0.1", 9))
    time.sleep(0.2)
    command = ["tcpreplay", "-q", "-i", "va", "--topspeed", capture]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
out, _ = child.communicate()
print(out.decode())
"""


def recorded(folder, interface="vb"):
    found = sorted(folder.glob(f"{interface}-*.pcap"), key=lambda path: path.name)
    return [
        bytes(data)
        for source in sources([str(path) for path in found])
        for chunk in source.chunks()
        for _, _, data, _ in chunk
    ]


def test_everything_is_recorded_as_it_was(world, tmp_path):
    needs("tcpreplay")
    captures = [EXAMPLES / "aim/aim_presence.pcap", EXAMPLES / "ipsec/natt_client_side.pcap"]
    told = world.python(RECORD, str(tmp_path), "100000000", *map(str, captures)).stdout
    assert told.split()[:3] == ["lost", "vb", "0"]
    wanted = [
        bytes(data)
        for path in captures
        for source in sources([str(path)])
        for chunk in source.chunks()
        for _, _, data, _ in chunk
    ]
    assert recorded(tmp_path) == wanted


def test_a_recorder_whose_watch_was_killed_ends_quietly(world, tmp_path):
    """What it had to say is of no use to anybody."""
    script, ends = RECORD.rsplit("out, _ = child.communicate()", 1)[0], "child.stdout.close()"
    script += f"{ends}\nchild.stdin.close()\nprint(child.wait())"
    ran = world.python(script, str(tmp_path), "1000000")
    assert (ran.stdout, ran.stderr) == ("0\n", "")


def test_the_ring_stays_within_its_size_and_holds_the_newest(world, tmp_path):
    needs("tcpreplay")
    capture = str(EXAMPLES / "ipsec/natt_client_side.pcap")
    world.python(RECORD, str(tmp_path), "4000000", *[capture] * 6)
    sizes = [path.stat().st_size for path in tmp_path.glob("*.pcap")]
    assert len(sizes) > 1
    assert 3_000_000 < sum(sizes) < 5_500_000
    (source,) = sources([capture])
    last = [bytes(data) for chunk in source.chunks() for _, _, data, _ in chunk]
    assert recorded(tmp_path)[-500:] == last[-500:]
    assert any(packet.endswith(b"a quiet interface") for packet in recorded(tmp_path, "lo"))
