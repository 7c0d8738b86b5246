"""Conversations are cut out of the ring whole, in order, and without holding them in memory."""

import tracemalloc

import msgspec
import pytest
from tests.flows.frames import A, B, ethernet, ip, pcap, udp
from tests.live.receivers import finding

from backchannel.capture import sources
from backchannel.live import cut as cutting
from backchannel.live.cut import cut

PLACE = msgspec.structs.replace(finding().evidence[0], client=f"{A}:1000", server=f"{B}:53")


def found(name="f"):
    return msgspec.structs.replace(finding(), id=name, evidence=(PLACE,))


def frame(data):
    return ethernet(ip(A, B, 17, udp((1000, 53), data)))


@pytest.fixture
def ring(tmp_path):
    (tmp_path / "ring").mkdir()
    (tmp_path / "out").mkdir()

    def write(interface, records):
        path = tmp_path / "ring" / f"{interface}-{records[0][0]:020d}.pcap"
        path.write_bytes(pcap(records))

    return write


def packets(path):
    return [
        bytes(data) for s in sources([str(path)]) for chunk in s.chunks() for *_, data, _ in chunk
    ]


def test_packets_of_several_interfaces_stand_in_the_order_of_their_times(ring, tmp_path):
    ring("eth0", [(1, frame(b"1")), (3, frame(b"3")), (5, frame(b"5"))])
    ring("eth1", [(2, frame(b"2")), (4, frame(b"4"))])
    cut(tmp_path / "ring", tmp_path / "out", [found()])
    (path,) = (tmp_path / "out").iterdir()
    assert packets(path) == [frame(b"%d" % number) for number in range(1, 6)]


def test_many_findings_of_one_conversation_are_not_held_in_memory(ring, tmp_path):
    ring("eth0", [(number, frame(bytes(1000))) for number in range(2000)])
    tracemalloc.start()
    try:
        cut(tmp_path / "ring", tmp_path / "out", [found(f"f{number}") for number in range(32)])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(list((tmp_path / "out").iterdir())) == 32
    assert most < 20_000_000  # they are 67 MB


def test_what_is_more_than_the_largest_is_left_out(ring, tmp_path, monkeypatch):
    ring("eth0", [(number, frame(bytes(1000))) for number in range(100)])
    monkeypatch.setattr(cutting, "LARGEST", 10_000)
    cut(tmp_path / "ring", tmp_path / "out", [found()])
    (path,) = (tmp_path / "out").iterdir()
    assert len(packets(path)) == 9


def test_what_could_not_be_finished_leaves_nothing_behind(ring, tmp_path, monkeypatch):
    ring("eth0", [(1, frame(b"1"))])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cutting._Part, "put", full)
    with pytest.raises(OSError, match="No space"):
        cut(tmp_path / "ring", tmp_path / "out", [found()])
    assert not list((tmp_path / "out").iterdir())
