"""Files that are fetched by hash alone have the names that search results gave them.

Requests by `/uri-res/N2R` name no file (HUGE 0.94 §6); servents know what it is called from the
query hit. So does a monitor that saw both.
"""

from itertools import count

import pytest
from tests import craft
from tests.protocols.gnutella import build
from tests.protocols.gnutella.build import packet

from backchannel import scan
from backchannel.events import Download, SharedFile, Transfer
from backchannel.model import Endpoint, Side
from backchannel.protocols.gnutella.names import CHUNK, CHUNKS, KEY, Names

C, S = Side.CLIENT, Side.SERVER
URN = build.URN.decode()
UPLOADER = Endpoint("198.51.100.7", 6346)

HIT = build.hit(build.result(3, len(build.CONTENT), b"the plan.doc", build.URN))
G2_HIT = packet(
    "QH2",
    packet("GU", payload=build.SERVENT),
    packet(
        "H",
        packet("URN", payload=b"sha1\0" + build.SHA1),
        packet("DN", payload=len(build.CONTENT).to_bytes(4, "little") + b"the plan.doc"),
    ),
    payload=b"\1" + build.GUID,
)
SEARCHES = {
    "tcp": craft.tcp([(C, build.CONNECT), (S, build.OK), (C, build.CONFIRM), (S, HIT)]),
    "udp": craft.datagrams([(S, HIT)]),
    "gnutella2": craft.datagrams([(S, part) for part in build.layered(G2_HIT)]),
}
FETCHED = craft.tcp(
    [
        (C, f"GET /uri-res/N2R?{URN} HTTP/1.1\r\nUser-Agent: LimeWire/4.9.8\r\n\r\n".encode()),
        (
            S,
            (
                "HTTP/1.1 200 OK\r\nServer: LimeWire/4.9\r\n"
                f"Content-Length: {len(build.CONTENT)}\r\n"
                f"X-Gnutella-Content-URN: {URN}\r\n\r\n"
            ).encode()
            + build.CONTENT,
        ),
    ],
    client=Endpoint("10.9.0.2", 40_100),
    server=UPLOADER,
)


@pytest.mark.parametrize("how", SEARCHES)
def test_a_download_by_hash_is_named_by_the_search_result(tmp_path, how):
    found = scan(craft.write(tmp_path / "named.pcap", SEARCHES[how] + FETCHED))
    told = [seen.event for seen in found]
    assert [event.name for event in told if isinstance(event, Download)] == ["the plan.doc"]
    [transfer] = [event for event in told if isinstance(event, Transfer)]
    assert (transfer.name, transfer.verified) == ("the plan.doc", True)


def test_a_download_that_no_result_named_has_no_name(tmp_path):
    found = scan(craft.write(tmp_path / "nameless.pcap", FETCHED))
    assert [seen.event.name for seen in found if isinstance(seen.event, Download)] == [""]


def test_the_latest_names_are_kept_and_no_more():
    kept = {}
    names, number = Names(kept.get), count()

    def learn(size):
        files = [
            SharedFile(
                name=f"{at}", hash="urn:sha1:" + build.base64.b32encode(at.to_bytes(20)).decode()
            )
            for at in (next(number) for _ in range(size))
        ]
        for effect in names.learn(files):
            kept[effect.key] = effect.value
        return files

    first = learn(10)
    assert all(names.of(file.hash) == file.name for file in first)
    assert not names.learn(first)
    for _ in range(CHUNKS + 1):
        last = learn(CHUNK)
    assert names.of(first[0].hash) == ""
    assert names.of(last[0].hash) == last[0].name
    assert sum(map(len, (kept[KEY].recent, *kept[KEY].older))) <= (CHUNKS + 2) * CHUNK


def test_without_a_run_nothing_is_learnt():
    file = SharedFile(name="a", hash=URN)
    assert not Names().learn([file])
    assert Names().of(URN) == ""
