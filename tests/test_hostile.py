"""Who would blind or exhaust a scan: whole captures made to hurt, read from end to end.

What hurts one layer alone is tested there: flows/test_table.py, flows/test_streams.py,
flows/test_fragments.py, flows/test_decode.py, capture/test_sources.py.
"""

import struct
import time

import pytest
from tests import craft
from tests.test_anywhere import HANDMADE, conversation

from backchannel.model import Endpoint, Side
from backchannel.pipeline import Scan
from backchannel.protocols import Start
from backchannel.protocols.oscar.session import Session

HOUR = 3_600_000
PROMISE = b"*\x02\x00\x05\xff\xff"
"""A FLAP frame of 65,535 bytes begins."""


def scan(tmp_path, *captures):
    """Scan captures one after the other; return the document. No decoder may be at fault."""
    paths = []
    for number, capture in enumerate(captures):
        paths.append(tmp_path / f"{number}.pcap")
        paths[-1].write_bytes(capture)
    run = Scan(*paths)
    list(run)
    assert not [name for name in run.document.unseen if name.startswith("fault")]
    return run.document


def test_a_frame_that_promises_64_kb_and_brings_a_byte_an_hour(tmp_path):
    opening = [*conversation("oscar")[:12], (Side.CLIENT, PROMISE)]
    packets = craft.tcp([*opening, *[(Side.CLIENT, b"x")] * 5_000], close=False)
    at = len(packets) - 5_000
    before = time.process_time()
    slow = craft.pcap(packets[at:], start=1_700_000_100, apart=HOUR)
    document = scan(tmp_path, craft.pcap(packets[:at]), slow)
    assert time.process_time() - before < 20
    assert document.traffic.packets == len(packets)
    assert {(row.service, row.confidence) for row in document.services} == {("aim", "parsed")}


def test_a_frame_that_comes_byte_by_byte_is_no_more_work_than_its_size():
    session = Session(Start("tcp", craft.CLIENT, craft.SERVER))
    session.feed(Side.CLIENT, b"*\x01\x00\x00\x00\x04\x00\x00\x00\x01")
    session.feed(Side.CLIENT, b"*\x02\x00\x01\xff\xff")
    before = time.process_time()
    for _ in range(65_534):
        session.feed(Side.CLIENT, b"x")
    assert time.process_time() - before < 5


def test_thousands_of_connections_that_never_finish_what_they_begin(tmp_path):
    opening = conversation("oscar")[:2]
    packets = []
    for number in range(3_000):
        client = Endpoint(f"10.{number >> 8}.{number & 255}.9", 40_000)
        packets += craft.tcp([*opening, (Side.CLIENT, PROMISE)], client=client, close=False)
    document = scan(tmp_path, craft.pcap(packets))
    (row,) = [row for row in document.services if row.stack == "oscar"]
    assert row.flows == 3_000


@pytest.mark.parametrize("protocol", HANDMADE)
def test_a_conversation_that_repeats_itself_a_hundred_times(protocol, tmp_path):
    """No decoder's work or memory may grow with what came before."""
    once, many = (conversation(protocol)[:40] * times for times in (1, 100))
    path = craft.write(tmp_path / "once.pcap", craft.tcp(once))
    before = time.process_time()
    list(Scan(path))
    one = time.process_time() - before
    before = time.process_time()
    scan(tmp_path, craft.pcap(craft.tcp(many)))
    assert time.process_time() - before < 5 + 200 * one


@pytest.mark.parametrize("port", ["0000019999999", f"000001{'9' * 20}", f"000001{'9' * 5000}"])
def test_a_server_that_sends_its_client_to_a_port_that_cannot_be(port, tmp_path):
    """What does not fit into the core's numbers once ended the whole scan."""
    answer = tlv(1, b"alice") + tlv(5, f"198.51.100.7:{port}".encode()) + tlv(6, b"c" * 256)
    login = tlv(1, b"alice") + tlv(0x25, bytes(16)) + tlv(3, b"AIM")
    steps = [
        (Side.SERVER, flap(1, b"\0\0\0\1")),
        (Side.CLIENT, flap(1, b"\0\0\0\1" + login)),
        (Side.SERVER, flap(4, answer)),
    ]
    document = scan(tmp_path, craft.pcap(craft.tcp(steps)))
    assert [row.service for row in document.services] == ["aim"]


def flap(channel, body):
    return b"\x2a" + bytes([channel]) + struct.pack(">HH", 1, len(body)) + body


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value
