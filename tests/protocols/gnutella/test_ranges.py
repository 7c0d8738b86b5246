"""One file in many ranges, as whole scans see it: put together, verified, told once.

What servents do with ranges is told by LimeWire's sources (HTTPDownloader: chunks overlap by ten
bytes, `Content-Range: bytes=` is taken too), Shareaza's and HUGE 0.94 §6.
"""

import base64
import hashlib
import random

import pytest
from tests import craft

from backchannel import scan
from backchannel.events import Transfer
from backchannel.model import Endpoint, Side

DATA = random.Random(1).randbytes(30_000)
URN = "urn:sha1:" + base64.b32encode(hashlib.sha1(DATA).digest()).decode()
LIMEWIRE_OVERLAP = 10
MINE, OTHER = "10.9.0.2", "10.9.0.3"


def exchange(first, last, *, unit="bytes ", data=DATA, sent=None, target=f"/uri-res/N2R?{URN}"):
    """One request for a range, and its answer, of which *sent* bytes arrive."""
    asked = (
        f"GET {target} HTTP/1.1\r\nUser-Agent: LimeWire/4.12.3\r\nRange: bytes={first}-{last}\r\n"
        "X-Queue: 0.1\r\n\r\n"
    )
    head = (
        "HTTP/1.1 206 Partial Content\r\nServer: BearShare 4.2.2\r\n"
        f"Content-Length: {last + 1 - first}\r\n"
        f"Content-Range: {unit}{first}-{last}/{len(DATA)}\r\n"
        f"X-Gnutella-Content-URN: {URN}\r\n\r\n"
    )
    body = data[first : last + 1]
    return [(Side.CLIENT, asked.encode()), (Side.SERVER, head.encode() + body[:sent])]


def transfers(tmp_path, *connections):
    """What whole scans tell of files; a connection is its exchanges, or those and who asks."""
    packets = []
    for number, connection in enumerate(connections):
        exchanges, host = connection if isinstance(connection, tuple) else (connection, MINE)
        steps = [step for exchange in exchanges for step in exchange]
        server = Endpoint(f"198.51.100.{number + 1}", 6346)
        packets += craft.tcp(steps, client=Endpoint(host, 41_000 + number), server=server)
    found = scan(craft.write(tmp_path / "ranges.pcap", packets))
    return [seen.event for seen in found if isinstance(seen.event, Transfer)]


def test_chunks_of_a_swarm_in_any_order_are_one_file(tmp_path):
    """Three uploaders, overlaps as LimeWire makes them, the middle last."""
    [told] = transfers(
        tmp_path,
        [exchange(20_000 - LIMEWIRE_OVERLAP, 29_999)],
        [exchange(0, 9_999, unit="bytes=")],
        [exchange(10_000 - LIMEWIRE_OVERLAP, 14_999), exchange(15_000, 19_999)],
    )
    assert (told.complete, told.verified, told.size, told.seen) == (True, True, 30_000, 30_000)
    assert told.sha256 == hashlib.sha256(DATA).hexdigest()
    assert told.id == URN


def test_a_connection_that_broke_off_is_resumed_elsewhere(tmp_path):
    [told] = transfers(tmp_path, [exchange(0, 29_999, sent=12_345)], [exchange(12_345, 29_999)])
    assert (told.complete, told.verified) == (True, True)


def test_a_range_by_index_joins_those_by_hash(tmp_path):
    by_index = exchange(0, 14_999, target="/get/12/a%20song.mp3")
    [told] = transfers(tmp_path, [by_index], [exchange(15_000, 29_999)])
    assert (told.complete, told.verified, told.name) == (True, True, "a song.mp3")


def early(first, sent):
    """A download as the first gtk-gnutella did it, which breaks off behind *sent* bytes."""
    wanted = f"Range: bytes={first}-\r\n" if first else ""
    asked = f"GET /get/12/a song.mp3 HTTP/1.0\r\nConnection: Keep-Alive\r\n{wanted}\r\n"
    head = (
        "HTTP 200 OK\r\nServer: Gnutella\r\nContent-type: application/binary\r\n"
        f"Content-length: {len(DATA)}\r\n\r\n"
    )
    body = DATA[first : first + sent]
    return [(Side.CLIENT, asked.encode()), (Side.SERVER, head.encode() + body)]


def test_a_download_of_the_first_programs_is_resumed(tmp_path):
    """The first gtk-gnutella (uploads.c) answers any range with `HTTP 200 OK` and the size of the
    whole file, then sends from where it was asked to; downloads.c reads it so.
    """
    packets = []
    for number, steps in enumerate((early(0, 12_000), early(12_000, 18_000))):
        client = Endpoint(MINE, 42_000 + number)
        packets += craft.tcp(steps, client=client, server=Endpoint("198.51.100.7", 6346))
    found = scan(craft.write(tmp_path / "early.pcap", packets))
    [told] = [seen.event for seen in found if isinstance(seen.event, Transfer)]
    assert (told.complete, told.name, told.size) == (True, "a song.mp3", 30_000)
    assert told.sha256 == hashlib.sha256(DATA).hexdigest()


def test_a_corrupt_source_is_found_out(tmp_path):
    [told] = transfers(
        tmp_path, [exchange(0, 14_999, data=bytes(30_000))], [exchange(15_000, 29_999)]
    )
    assert (told.complete, told.verified) == (True, False)


def test_what_two_hosts_fetch_is_not_one_host_s_file(tmp_path):
    halves = [exchange(0, 14_999)], ([exchange(15_000, 29_999)], OTHER)
    told = transfers(tmp_path, *halves)
    assert [(one.complete, one.seen) for one in told] == [(False, 15_000)] * 2
    assert {one.recipient.partition(":")[0] for one in told} == {MINE, OTHER}


@pytest.mark.parametrize("chunk", [1_000, 9_000, 30_000])
def test_chunks_over_one_connection_are_one_file(tmp_path, chunk):
    """As servents do that keep their connection: request after request for the next chunk."""
    chunks = [exchange(at, min(at + chunk, 30_000) - 1) for at in range(0, 30_000, chunk)]
    [told] = transfers(tmp_path, chunks)
    assert (told.complete, told.verified, told.seen) == (True, True, 30_000)
