"""Gnutella over HTTP: downloads, ranges, pushes, listings, hash trees, web caches, chat."""

import base64
import hashlib
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft, kit
from tests.protocols.gnutella import build

from backchannel import scan
from backchannel.effects import Expect, FileClose, FileData, FileOpen, FilePaused, Inner, Open
from backchannel.events import (
    Anomaly,
    Download,
    Gap,
    Malformed,
    Message,
    Peer,
    PeerAddress,
    Profile,
    Share,
    SharedFile,
    Software,
)
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Peek
from backchannel.protocols.gnutella.events import (
    BrowseHost,
    HashTree,
    Messages,
    PushAnswered,
    QueueTurn,
    Refused,
    WebCache,
    WebCacheList,
)
from backchannel.protocols.gnutella.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
URN = build.URN.decode()


def tell(*steps):
    return kit.decode(Session(build.TCP), list(steps))


def claim(client: bytes, server: bytes = b"", *, begun: bool = True):
    return recognise(Peek("tcp", client[:4096], server[:4096], begun, build.TCP))


def asks(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "User-Agent: LimeWire/4.9.8", "Host: h", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answers(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "Server: BearShare 5.1",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


# -- downloads -----------------------------------------------------------------------------------


def test_a_file_comes_in_ranges_over_two_connections():
    """Both connections name one file by its SHA-1; the bytes are at their places."""
    size, half = len(build.CONTENT), 600
    pieces = ((0, half), (half, size))
    whole = bytearray(size)
    for first, stop in pieces:
        last = stop - 1
        request = asks(f"/uri-res/N2R?{URN}", f"Range: bytes={first}-{last}")
        answer = answers(
            build.CONTENT[first:stop],
            f"Content-Range: bytes {first}-{last}/{size}",
            f"X-Gnutella-Content-URN: {URN}",
            status="206 Partial Content",
        )
        assert isinstance(claim(request), Claim)
        told = tell((C, request), (S, answer))
        assert kit.events(told, Download) == [Download(name="", hash=URN, first=first, last=last)]
        [opened] = kit.effects(told, FileOpen)
        assert opened.key == f"sha1:{build.SHA1.hex()} {build.TCP.client.address}"
        assert opened.shared
        assert (opened.sha1, opened.size) == (build.SHA1.hex(), size)
        for data in kit.effects(told, FileData):
            whole[data.offset : data.offset + len(data.data)] = data.data
        assert kit.effects(told, FilePaused) == [FilePaused(key=opened.key)]
        assert not kit.effects(told, FileClose)
    assert hashlib.sha1(whole).digest() == build.SHA1


def test_a_file_by_index_and_name_has_no_hash_and_stays_with_its_uploader():
    request = asks("/get/24/an%20old%20song.mp3", "Range: bytes=5-")
    answer = answers(b"tail", "Content-Range: bytes 5-8/9", status="206 OK")
    told = tell((C, request), (S, answer))
    assert kit.events(told, Download) == [Download(name="an old song.mp3", first=5)]
    [opened] = kit.effects(told, FileOpen)
    assert (opened.shared, opened.size, opened.sha1) == (True, 9, "")
    assert opened.key.split()[0] == build.TCP.server.address
    assert [data.offset for data in kit.effects(told, FileData)] == [5]


def test_witness_a_download_as_the_first_programs_did_it():
    """Clip2's description of 0.4: a slash behind the name, no version in the answer. gnut's
    source answers `HTTP 200 OK` likewise.
    """
    asked = (
        b"GET /get/2468/Foobar.mp3/ HTTP/1.0\r\nConnection: Keep-Alive\r\nRange: bytes=0-\r\n"
        b"User-Agent: Gnutella\r\n\r\n"
    )
    answer = (
        b"HTTP 200 OK\r\nServer: Gnutella\r\nContent-type: application/binary\r\n"
        b"Content-length: 5\r\n\r\nhello"
    )
    assert isinstance(claim(asked), Claim)
    told = tell((C, asked), (S, answer))
    assert kit.events(told, Download) == [Download(name="Foobar.mp3", first=0)]
    [opened] = kit.effects(told, FileOpen)
    assert (opened.name, opened.size) == ("Foobar.mp3", 5)
    assert [data.data for data in kit.effects(told, FileData)] == [b"hello"]
    assert not kit.events(told, Malformed)


EARLY = (
    b"GET /get/1283/rhubarb pie.rcp HTTP/1.0\r\nConnection: Keep-Alive\r\nRange: bytes=0-\r\n\r\n"
)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP 200 OK\r\nServer: Gnutella\r\nContent-type:application/binary\r\n",
        b"HTTP 404 Not Found\r\n",
        b"HTTP/1.0 200 OK\r\nServer: gtk-gnutella/0.13\r\nContent-type: application/binary\r\n",
    ],
)
def test_witness_programs_that_did_not_name_themselves(answer, tmp_path):
    """An early gtk-gnutella (downloads.c, download_send_request and download_read) sends no
    User-Agent, and takes `HTTP 200` for `HTTP/1.0 200`: only the answer says that this is no web.
    """
    answer += b"Content-length: 4\r\n\r\ndata"
    assert isinstance(claim(EARLY), More)
    assert isinstance(claim(EARLY, answer[:9]), More | Claim)
    assert isinstance(claim(EARLY, answer), Claim)
    found = scan(craft.write(tmp_path / "early.pcap", craft.tcp([(C, EARLY), (S, answer)], cut=7)))
    names = [seen.event.name for seen in found if isinstance(seen.event, Download)]
    assert names == ["rhubarb pie.rcp"]


@pytest.mark.parametrize("media", ["image/jpeg", "application/binary"])
@pytest.mark.parametrize(
    "server", ["Apache", "GiftShop/2.1 (Unix)", "ares-web/1", "FoxyProxy", "Morpheus-Web 3"]
)
def test_a_web_server_s_answer_to_such_a_request_is_the_web_s(server, media):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nServer: {server}\r\n\r\n".encode()
    for size in range(1, len(head)):
        assert isinstance(claim(EARLY, head[:size]), More)
    assert claim(EARLY, head) is None


def test_a_web_server_with_a_servent_s_name_is_the_web_s_by_what_it_sends():
    for server in (b"Gift/1.0", b"Ares", b"Envy 2"):
        answer = b"HTTP/1.1 200 OK\r\nServer: " + server + b"\r\nContent-Type: text/html\r\n\r\n"
        assert claim(EARLY, answer) is None


@pytest.mark.parametrize("agent", ["foxyproxy/7", "Ares-Web", "GiftShop 2", "Furious"])
def test_a_browser_whose_name_begins_like_a_servent_s_is_the_web_s(agent):
    request = EARLY[:-2] + f"User-Agent: {agent}\r\n\r\n".encode()
    for size in range(EARLY.index(b"\n") + 1, len(request)):
        assert isinstance(claim(request[:size]), More)
    assert claim(request) is None


@pytest.mark.parametrize(
    "agent", ["Foxy 1.9.8", "giFT-Gnutella/0.0.11", "Mutella-0.4.5", "Morpheus", "ShareazaPlus 1"]
)
def test_servents_that_name_themselves(agent):
    assert isinstance(claim(EARLY[:-2] + f"User-Agent: {agent}\r\n\r\n".encode()), Claim)


@pytest.mark.parametrize("unit", ["bytes=", "bytes ", "bytes = ", "bytes= "])
def test_ways_to_ask_for_a_range(unit):
    """LimeWire, RangeHeaderInterceptor: old BearShare sends no `=`."""
    told = tell((C, asks(f"/uri-res/N2R?{URN}", f"Range: {unit}10-19")))
    assert [(d.first, d.last) for d in kit.events(told, Download)] == [(10, 19)]


def test_pipelined_answers_belong_to_their_requests():
    both = asks("/get/1/a") + asks("/get/2/b")
    told = tell((C, both), (S, answers(b"first") + answers(b"second")))
    assert [opened.name for opened in kit.effects(told, FileOpen)] == ["a", "b"]
    assert [data.data for data in kit.effects(told, FileData)] == [b"first", b"second"]


def test_what_cannot_be_placed_is_not_put_into_a_file():
    for answer in (
        answers(b"--x", "Content-Type: multipart/byteranges; boundary=x", status="206 OK"),
        answers(b"tnetnoc", "Content-Encoding: backwards"),
        answers(b"part", status="206 OK"),
    ):
        assert not kit.effects(tell((C, asks("/get/1/a")), (S, answer)), FileOpen)
    head = tell((C, asks("/get/1/a", method="HEAD")), (S, b"HTTP/1.1 200 OK\r\n\r\n"))
    assert not kit.effects(head, FileOpen)


def test_compressed_files_are_handed_on_as_they_were():
    packed = zlib.compress(build.CONTENT)
    told = tell((C, asks("/get/1/a")), (S, answers(packed, "Content-Encoding: deflate")))
    assert b"".join(data.data for data in kit.effects(told, FileData)) == build.CONTENT
    assert kit.effects(told, FileOpen)[0].size is None


def test_a_gap_in_a_file_moves_what_follows_it():
    answer = answers(build.CONTENT, f"X-Content-URN: {URN}")
    cut = len(answer) - 500
    told = tell((C, asks("/get/1/a")), (S, answer[:cut]), (S, 100), (S, answer[cut + 100 :]))
    assert kit.events(told, Gap) == [Gap(size=100)]
    last = kit.effects(told, FileData)[-1]
    assert last.offset == len(build.CONTENT) - 400
    assert last.data == build.CONTENT[-400:]


def test_queued_and_refused():
    queued = answers(b"", "X-Queue: position=2,length=5,limit=4,pollMin=45", status="503 Queued")
    parq = answers(b"", "X-Queued: position=3; length=9; ID=xyz", status="503 Queued (slot 3)")
    told = tell((C, asks("/get/1/a") * 3), (S, queued + parq + answers(b"", status="404 No")))
    assert kit.events(told, Refused) == [
        Refused(status=503, reason="Queued", position=2, length=5),
        Refused(status=503, reason="Queued (slot 3)", position=3, length=9),
        Refused(status=404, reason="No"),
    ]


@given(size=st.integers(1, 12))
@settings(max_examples=12)
def test_witness_an_answer_without_a_version_as_bearshare_2_sent_it(size):
    """Seen in a public capture of 2002: `HTTP 503 Server Busy`."""
    steps = [
        (C, asks("/get/24/x.asf")),
        (S, b"HTTP 503 Server Busy\r\nServer: BearShare 2.2.6\r\n\r\n<HTML>busy</HTML>"),
    ]
    told = tell(*kit.recut(steps, size))
    assert [(value.status, value.reason) for value in kit.events(told, Refused)] == [
        (503, "Server Busy")
    ]
    assert not kit.events(told, Malformed)


# -- addresses and people ------------------------------------------------------------------------


def test_alternate_locations_and_push_proxies_are_disclosed():
    servent = build.SERVENT.hex()
    request = asks(
        f"/uri-res/N2R?{URN}",
        "X-Node: 203.0.113.1:6350",
        "X-Alt: 203.0.113.2, 203.0.113.3:6347, [2001:db8::3]:5",
        "X-NAlt: 203.0.113.4:6348",
        f"X-FW-Node-Info: {servent};fwt/1;6349:203.0.113.5;203.0.113.6:6350",
        "Chat: 203.0.113.7:6351",
        "X-Nick: A%20B",
    )
    answer = answers(
        b"",
        f"X-Falt: {servent};203.0.113.8:6352;203.0.113.9:6353",
        f"X-Gnutella-Alternate-Location: http://203.0.113.10:6354/uri-res/N2R?{URN} 2002-04-30",
        "X-Push-Proxy: 203.0.113.11:6355",
        "Remote-IP: 198.51.100.1",
        status="404 Not Found",
    )
    told = tell((C, request), (S, answer))
    found = [(a.how, a.address, a.port, a.account) for a in kit.events(told, PeerAddress)]
    assert found == [
        ("x-node", "203.0.113.1", 6350, ""),
        ("chat", "203.0.113.7", 6351, ""),
        ("alternate", "203.0.113.2", 6346, ""),
        ("alternate", "203.0.113.3", 6347, ""),
        ("alternate", "2001:db8::3", 5, ""),
        ("failed-alternate", "203.0.113.4", 6348, ""),
        ("firewalled", "203.0.113.5", 6349, servent),
        ("push-proxy", "203.0.113.6", 6350, servent),
        ("remote-ip", "198.51.100.1", 0, ""),
        ("alternate", "203.0.113.10", 6354, ""),
        ("push-proxy", "203.0.113.11", 6355, ""),
        ("push-proxy", "203.0.113.8", 6352, servent),
        ("push-proxy", "203.0.113.9", 6353, servent),
    ]
    assert [p.nickname for p in kit.events(told, Profile)] == ["A B"]
    assert [p.name for p in kit.events(told, Software)] == ["LimeWire", "BearShare"]


# -- pushes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told_"),
    [
        (
            f"GIV 5:{build.SERVENT.hex().upper()}/a song.mp3\n\n",
            PushAnswered(servent=build.SERVENT.hex(), index=5, name="a song.mp3"),
        ),
        (f"PUSH guid:{build.SERVENT.hex()}\r\n\r\n", PushAnswered(servent=build.SERVENT.hex())),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_after_a_push_the_roles_are_reversed(line, told_, size):
    """The servent that connects answers; the one that listens asks."""
    answer = answers(build.CONTENT, f"X-Content-URN: {URN}")
    steps = [(C, line.encode()), (S, asks("/get/5/a%20song.mp3")), (C, answer)]
    assert isinstance(claim(line.encode()), Claim)
    assert isinstance(claim(line.encode()[:20]), More)
    told = tell(*kit.recut(steps, size))
    assert kit.events(told, PushAnswered) == [told_]
    assert [d.name for d in kit.events(told, Download)] == ["a song.mp3"]
    [opened] = kit.effects(told, FileOpen)
    assert opened.sender == str(build.TCP.client)
    assert b"".join(data.data for data in kit.effects(told, FileData)) == build.CONTENT


@pytest.mark.parametrize("size", [1, 4, 9, 1000])
def test_a_push_that_nobody_asked_for_is_refused(size):
    """Shareaza, Handshake::OnAcceptGive and OnAcceptPush answer so where no download waits."""
    giv = f"GIV 124:{build.SERVENT.hex()}/my%20song.mp3\n\n".encode()
    steps = [(C, giv), (S, b"GNUTELLA/0.6 503 Unknown push\r\n\r\n")]
    told = tell(*kit.recut(steps, size))
    assert kit.events(told, PushAnswered) == [
        PushAnswered(servent=build.SERVENT.hex(), index=124, name="my song.mp3")
    ]
    assert kit.events(told, Refused) == [Refused(status=503, reason="Unknown push")]
    assert not kit.events(told, Malformed)


@pytest.mark.parametrize("size", [1, 4, 9, 1000])
def test_a_chat_with_somebody_behind_a_push(size):
    """Shareaza, ChatSession::OnPush: whoever asked for the push greets as usual."""
    steps = [
        (C, f"PUSH guid:{build.SERVENT.hex().upper()}\r\n\r\n".encode()),
        (S, b"CHAT CONNECT/0.1\r\nX-Nickname: ann\r\n\r\n"),
        (C, b"CHAT/0.1 200 OK\r\nX-Nickname: ben\r\n\r\n"),
        (S, b"CHAT/0.1 200 OK\r\n\r\nhello\r\n"),
    ]
    told = tell(*kit.recut(steps, size))
    assert kit.events(told, PushAnswered) == [PushAnswered(servent=build.SERVENT.hex())]
    assert [(m.sender, m.recipient, m.text) for m in kit.events(told, Message)] == [
        ("ann", "ben", "hello")
    ]


@pytest.mark.parametrize("lost", ["line", "request"])
def test_a_hole_where_a_push_begins_costs_only_what_is_missing(lost):
    giv = f"GIV 5:{build.SERVENT.hex()}/x\n\n".encode()
    steps = [(C, giv), (S, asks("/get/5/x")), (C, answers(build.CONTENT, f"X-Content-URN: {URN}"))]
    if lost == "line":
        steps[0:1] = [(C, giv[:9]), (C, len(giv) - 9)]
    else:
        steps[1] = (S, len(steps[1][1]))
    told = tell(*steps)
    assert len(kit.events(told, PushAnswered)) == (lost == "request")
    assert b"".join(data.data for data in kit.effects(told, FileData)) == build.CONTENT


@pytest.mark.parametrize("asked", [b"GNUTELLA/x\r\n\r\n", b"GNUTELLA/0.6 503 " + b"x" * 2000])
def test_what_is_neither_a_request_nor_a_refusal_is_said_once(asked):
    told = tell((C, f"GIV 5:{build.SERVENT.hex()}/x\n\n".encode()), (S, asked), (S, b"more"))
    assert [fault.reason for fault in kit.events(told, Malformed)] == [
        "neither a request nor a refusal"
    ]


@pytest.mark.parametrize("size", [7, 400, 1 << 20])
def test_a_refusal_that_is_too_long_is_none_however_it_comes(size):
    refusal = b"GNUTELLA/0.6 503 no\r\nX: " + b"x" * 1100 + b"\r\n\r\n"
    giv = f"GIV 5:{build.SERVENT.hex()}/x\n\n".encode()
    told = tell(*kit.recut([(C, giv), (S, refusal)], size))
    assert not kit.events(told, Refused)
    assert len(kit.events(told, Malformed)) == 1


@pytest.mark.parametrize("behind", [0, 4, 27])
def test_a_greeting_that_came_before_the_line_still_begins_a_chat(behind):
    """*behind*: bytes of the answer that come in one piece with the line."""
    push = f"PUSH guid:{build.SERVENT.hex()}\r\n\r\n".encode()
    answer = b"CHAT/0.1 200 OK\r\n\r\nhello\n"
    told = tell(
        (C, push[:10]),
        (S, b"CHAT CONNECT/0.1\r\n\r\n"),
        (C, push[10:] + answer[:behind]),
        (C, answer[behind:]),
    )
    assert [message.text for message in kit.events(told, Message)] == ["hello"]
    assert not kit.events(told, Malformed)


def test_an_impatient_asker_is_not_lost():
    giv = f"GIV 5:{build.SERVENT.hex()}/x\n\n".encode()
    told = tell((C, giv[:10]), (S, asks("/get/5/x")), (C, giv[10:]), (C, answers(b"data")))
    assert [download.name for download in kit.events(told, Download)] == ["x"]
    assert [data.data for data in kit.effects(told, FileData)] == [b"data"]


def test_a_line_that_is_no_giv_is_withdrawn():
    for line in (b"GIV no:way/\n\n", b"GIV " + b"x" * 2000):
        session = Session(build.TCP)
        session.feed(C, line)
        assert session.standing is Standing.REFUTED


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_whoever_waits_in_a_queue_is_called_back(size):
    """PARQ 1.0, section 4 (gtk-gnutella doc/gnutella/PARQ): one line, then the other side asks."""
    line = b"QUEUE 6a074979f3201edbf323b6425fef4a53 45.56.67.78:1234\r\n"
    asked = asks("/get/5/a%20song.mp3", "X-Node: 13.4.5.6:4567", "X-Queue: 1.0")
    assert isinstance(claim(line), Claim)
    assert isinstance(claim(line[:30]), More)
    told = tell(*kit.recut([(C, line), (S, asked), (C, answers(build.CONTENT))], size))
    assert kit.events(told, QueueTurn) == [QueueTurn(id="6a074979f3201edbf323b6425fef4a53")]
    assert [(a.how, a.address, a.port) for a in kit.events(told, PeerAddress)] == [
        ("queue", "45.56.67.78", 1234),
        ("x-node", "13.4.5.6", 4567),
    ]
    assert [d.name for d in kit.events(told, Download)] == ["a song.mp3"]
    assert kit.effects(told, FileOpen)[0].sender == str(build.TCP.client)
    assert b"".join(data.data for data in kit.effects(told, FileData)) == build.CONTENT


def test_only_a_whole_line_calls_back_from_a_queue():
    for line in (b"QUEUE 6a07 45.56.67.78:1234\r\n", b"QUEUE " + b"g" * 32 + b" 1.2.3.4:5\r\n"):
        assert claim(line) is None
    session = Session(build.TCP)
    session.feed(C, b"QUEUE " + b"a" * 32 + b" two words\r\n")
    assert session.standing is Standing.REFUTED


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (f"ServerId={base64.b32encode(build.SERVENT).decode().rstrip('=')}", 0),
        (f"ServerID={base64.b32encode(build.SERVENT).decode()}&file=7&tls=true", 7),
        (f"guid={build.SERVENT.hex().upper()}&file=4294967295", 4294967295),
        (f"file=12&guid={build.SERVENT.hex()}", 12),
    ],
)
def test_a_push_proxy_is_told_whom_to_alert(query, index):
    """LimeWire, HttpPushRequestHandler: `ServerId` is base 32, `guid` hexadecimal, `file` an index
    in any place; GIV will name the servent in hexadecimal.
    """
    told = tell((C, asks(f"/gnutella/push-proxy?{query}", "X-Node: 203.0.113.1:6350")))
    [announced] = kit.effects(told, Expect)
    servent = build.SERVENT.hex()
    assert (announced.accounts, announced.context) == ((servent,), ("push", servent, index))


@pytest.mark.parametrize("query", ["ServerId=11111111111111111111111111", "guid=00", "file=1"])
def test_a_push_proxy_that_is_told_of_nobody_announces_nothing(query):
    told = tell((C, asks(f"/gnet/push-proxy?{query}", "X-Node: 203.0.113.1:6350")))
    assert not kit.effects(told, Expect)


def test_a_push_proxy_is_asked_over_http():
    target = "/gnutella/push-proxy?ServerId=ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    told = tell(
        (C, asks(target, "X-Node: 203.0.113.1:6350")),
        (S, answers(b"", status="202 Push Proxy: Message Sent")),
    )
    assert [(a.how, a.address) for a in kit.events(told, PeerAddress)] == [
        ("x-node", "203.0.113.1"),
        ("push", "203.0.113.1"),
    ] or [(a.how, a.address) for a in kit.events(told, PeerAddress)] == [
        ("push", "203.0.113.1"),
        ("x-node", "203.0.113.1"),
    ]
    [announced] = kit.effects(told, Expect)
    assert (announced.port, announced.accounts) == (6350, ("00443214c74254b635cf84653a56d7c6",))


# -- listings, trees, caches ---------------------------------------------------------------------


@pytest.mark.parametrize("deflate", [False, True])
def test_a_browsed_host_lists_what_it_shares(deflate):
    pages = build.hit(build.result(1, 9, b"a.txt"), build.result(2, 8, b"b.txt"))
    pages += build.message(0x00) + build.message(0x80, b"no hit")
    pages += build.hit(build.result(3, 7, b"c.txt"))
    headers = ["Content-Type: application/x-gnutella-packets"]
    body = zlib.compress(pages) if deflate else pages
    headers += ["Content-Encoding: deflate"] if deflate else []
    request = asks("/", "Accept: text/html, application/x-gnutella-packets")
    assert isinstance(claim(request), Claim)
    steps = [(C, request), (S, answers(body, *headers))]
    told = tell(*steps)
    assert kit.events(told, BrowseHost) == [BrowseHost(target="/")]
    shares = kit.events(told, Share)
    assert [[file.name for file in share.files] for share in shares] == [
        ["a.txt", "b.txt"],
        ["c.txt"],
    ]
    assert {share.owner for share in shares} == {build.SERVENT.hex()}
    assert not kit.events(told, Malformed)
    kit.check_segmentation(lambda: Session(build.TCP), steps, 17)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_a_browsed_host_may_answer_with_a_page(size):
    """The links of gtk-gnutella's bh_upload.c: by hash where it is known, else by index."""
    page = (
        b"<html><body><ul>\r\n"
        b'<li><a href="/uri-res/N2R?' + build.URN + b'">a &amp; b.doc</a>&nbsp;[1.4 kB]</li>\r\n'
        b'<li><a href="/get/12/an%20old%20song.mp3">an old song.mp3</a>&nbsp;[3 MB]</li>\r\n'
        b'<li><a href="http://www.example.org/">no file</a></li></ul></body></html>'
    )
    answer = answers(page, "Content-Type: text/html; charset=utf-8")
    asked = asks("/", "Accept: text/html, application/x-gnutella-packets")
    told = tell(*kit.recut([(C, asked), (S, answer)], size))
    assert [share.files for share in kit.events(told, Share)] == [
        (
            SharedFile(name="a & b.doc", hash=URN),
            SharedFile(name="an old song.mp3", detail="index 12"),
        )
    ]


def test_a_long_page_is_told_in_parts():
    links = b"".join(b'<a href="/get/%d/f%d">f</a>\n' % (at, at) for at in range(600))
    answer = answers(links, "Content-Type: text/html")
    steps = [(C, asks("/", "Accept: application/x-gnutella-packets")), (S, answer)]
    sizes = [len(share.files) for share in kit.events(tell(*steps), Share)]
    assert sizes == [256, 256, 88]
    kit.check_segmentation(lambda: Session(build.TCP), steps, 997)


def test_a_page_in_single_bytes_takes_time_in_proportion():
    page = (b"<a href=/get/1/A" * 1000)[:12_000]
    session = Session(build.TCP)
    session.feed(C, asks("/", "Accept: application/x-gnutella-packets"))
    session.feed(S, answers(page, "Content-Type: text/html").removesuffix(page))
    begin = time.process_time()
    for at in range(len(page)):
        session.feed(S, page[at : at + 1])
    assert time.process_time() - begin < 2


def test_what_a_page_listed_before_a_gap_is_told():
    links = b"".join(b'<a href="/get/%d/f%d">f</a>\n' % (at, at) for at in range(50))
    answer = answers(links + bytes(500), "Content-Type: text/html")
    told = tell(
        (C, asks("/", "Accept: application/x-gnutella-packets")),
        (S, answer[:-500]),
        (S, 400),
        (S, bytes(100)),
    )
    assert [len(share.files) for share in kit.events(told, Share)] == [50]


def test_what_a_web_cache_listed_before_a_gap_is_told_by_whole_lines():
    hosts = b"203.0.113.1:6346\n203.0.113.2:6347\n203.0.113.3:63"
    answer = answers(hosts + b"48\n")
    told = tell((C, asks("/x?hostfile=1&client=LIME")), (S, answer[:-3]), (S, 3))
    assert [(peer.address, peer.port) for peer in kit.events(told, Peer)] == [
        ("203.0.113.1", 6346),
        ("203.0.113.2", 6347),
    ]


def test_a_host_behind_a_push_lists_what_it_shares_itself():
    """LimeWire browses firewalled hosts so: GIV, then `GET /` from the side that listens."""
    giv = f"GIV 0:{build.SERVENT.hex().upper()}/file\n\n".encode()
    page = answers(
        build.hit(build.result(1, 9, b"a.txt")), "Content-Type: application/x-gnutella-packets"
    )
    told = tell(
        (C, giv), (S, asks("/", "Accept: text/html, application/x-gnutella-packets")), (C, page)
    )
    said = [(side, type(value)) for side, value in told]
    assert (C, Share) in said
    assert (C, Messages) in said
    assert (S, Messages) not in said


def test_a_browsed_gnutella2_host():
    hit = build.packet(
        "QH2",
        build.packet("GU", payload=build.SERVENT),
        build.packet("H", build.packet("DN", payload=b"\x09\0\0\0a.txt")),
        payload=b"\0" + build.GUID,
    )
    request = asks("/", "Accept: application/x-gnutella2")
    headers = ["Content-Type: application/x-gnutella2"]
    told = tell((C, request), (S, answers(hit + hit, *headers)))
    assert [share.files[0].name for share in kit.events(told, Share)] == ["a.txt", "a.txt"]


def test_a_list_that_is_none_is_said_once():
    headers = ["Content-Type: application/x-gnutella-packets"]
    page = build.hit(build.result(1, 2, b"x"))
    steps = [(C, asks("/")), (S, answers(page + b"\xff" * 400, *headers))]
    told = tell(*steps)
    assert len(kit.events(told, Malformed)) == len(kit.events(told, Share)) == 1
    kit.check_segmentation(lambda: Session(build.TCP), steps, 3)


def test_hash_trees_are_no_files():
    for target, name in (
        (f"/uri-res/N2X?{URN}", URN),
        ("/gnutella/thex/v1?urn:tree:tiger/:ABC&depth=9", "urn:tree:tiger/:ABC"),
        ("/gnutella/tigertree/v3?urn:tree:tiger/:ABC", "urn:tree:tiger/:ABC"),
    ):
        assert isinstance(claim(asks(target)), Claim)
        told = tell((C, asks(target)), (S, answers(b"tree", "Content-Type: application/dime")))
        assert kit.events(told, HashTree) == [HashTree(hash=name, target=target)]
        assert not kit.effects(told, FileOpen)


def test_web_caches_of_both_versions():
    first = asks("/gcache.php?client=LIME&version=4.9.8&hostfile=1")
    told = tell((C, first), (S, answers(b"203.0.113.1:6346\n203.0.113.2:6347\r\nnot one\n")))
    assert kit.events(told, WebCache) == [
        WebCache(host="h", path="/gcache.php", asks=("hostfile",), client="LIME", version="4.9.8")
    ]
    assert [(p.address, p.port, p.role) for p in kit.events(told, Peer)] == [
        ("203.0.113.1", 6346, "cached"),
        ("203.0.113.2", 6347, "cached"),
    ]
    second = asks("/g2/bazooka.php?get=1&net=gnutella2&client=RAZA2.7&ping=1")
    body = b"I|pong|Skulls 0.2\nH|203.0.113.3:6348|300|\nU|http://cache.example/x.php|9|\nH|x\n"
    told = tell((C, second), (S, answers(body)))
    [asked] = kit.events(told, WebCache)
    assert (asked.asks, asked.network, asked.client) == (("get", "ping"), "gnutella2", "RAZA2.7")
    assert [p.address for p in kit.events(told, Peer)] == ["203.0.113.3"]
    assert kit.events(told, WebCacheList) == [WebCacheList(urls=("http://cache.example/x.php",))]
    for request in (first, second):
        assert isinstance(claim(request), Claim)


def test_an_update_of_a_web_cache_discloses_the_sender():
    target = "/c.php?ip=203.0.113.9%3A6346&url=http%3A%2F%2Fx.example%2F&client=BEAR&version=5"
    assert isinstance(claim(asks(target)), Claim)
    told = tell((C, asks(target)), (S, answers(b"OK\n")))
    assert kit.events(told, WebCache)[0].asks == ("update",)
    [own] = kit.events(told, PeerAddress)
    assert (own.how, own.address, own.port) == ("web-cache-update", "203.0.113.9", 6346)


# -- abuse ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/get/1/../../windows/win.ini",
        "/get/1/%2e%2e/%2e%2e/secret",
        "/get/1/..%5c..%5csecret",
        "/gnutella/res/C:%5cWindows%5cwin.ini",
        "/gnutella/res//etc/passwd",
    ],
)
def test_climbing_out_of_the_shared_folder(target):
    """Also with escapes, the other slash, and a drive or an absolute path."""
    request = asks(target)
    assert isinstance(claim(request), Claim)
    kinds = [a.kind for a in kit.events(tell((C, request), (S, answers(b"root"))), Anomaly)]
    assert kinds == ["path-traversal", "path-traversal-succeeded"]
    refused = tell((C, request), (S, answers(b"", status="404 No")))
    assert [a.kind for a in kit.events(refused, Anomaly)] == ["path-traversal"]
    honest = tell((C, asks("/get/1/what..is..this.txt")), (S, answers(b"x")))
    assert not kit.events(honest, Anomaly)


# -- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /get/1/a.mpg HTTP/1.0\r\nReferrer: Gnutella\r\n\r\n",
        b"GET /get/1/a.mpg HTTP/1.0\r\nUser-Agent: Gnucleus 1.8.4.0\r\n\r\n",
        b"GET /get/1/a.mpg HTTP/1.1\r\nUser-Agent: x\r\nX-Queue: 0.1\r\n\r\n",
        b"GET http://192.0.2.2:6346/uri-res/N2R?urn:sha1:" + b"A" * 32 + b" HTTP/1.1\r\n",
        b"HEAD /uri-res/N2R?urn:bitprint:ABC HTTP/1.1\r\n\r\n",
        b"GET /gnet/push-proxy?guid=00 HTTP/1.1\r\n\r\n",
    ],
)
def test_shapes_of_requests(request_):
    assert isinstance(claim(request_), Claim)


def test_what_a_proxy_is_asked_for_is_left_to_the_proxy():
    request = asks(f"http://203.0.113.1:6346/uri-res/N2R?{URN}")
    assert claim(request, answers(b"")) is None


def test_an_answer_alone_is_recognised_by_its_headers():
    answer = answers(b"x" * 50, f"X-Gnutella-Content-URN: {URN}")
    assert isinstance(claim(b"", answer), Claim)
    seen = claim(answer, b"", begun=False)
    assert isinstance(seen, Claim)
    assert seen.flipped
    told = tell((S, answer))
    assert kit.effects(told, FileOpen)[0].sha1 == build.SHA1.hex()


def test_a_request_line_in_pieces_is_waited_for():
    whole = asks("/get/1/a song.mp3")
    assert isinstance(claim(whole[:14]), More)
    assert isinstance(claim(whole[:35]), More)
    assert isinstance(claim(whole), Claim)


def test_an_upgrade_to_tls_is_handed_on():
    request = asks(f"/uri-res/N2R?{URN}", "Upgrade: TLS/1.0", "Connection: Upgrade")
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0\r\n\r\n\x16\x03\x03"
    told = tell((C, request), (S, answer), (C, b"\x16\x03\x01"))
    assert len(kit.effects(told, Open)) == 1
    assert [(i.side, i.data) for i in kit.effects(told, Inner)] == [
        (S, b"\x16\x03\x03"),
        (C, b"\x16\x03\x01"),
    ]


# -- laws ----------------------------------------------------------------------------------------

STEPS = [
    (
        C,
        asks(f"/uri-res/N2R?{URN}", "Range: bytes=0-9") + asks("/") + asks("/x?get=1&net=gnutella"),
    ),
    (
        S,
        answers(b"0123456789", "Content-Range: bytes 0-9/1400", status="206 OK")
        + answers(
            build.hit(build.result(1, 2, b"x")), "Content-Type: application/x-gnutella-packets"
        )
        + answers(b"203.0.113.1:6346\n"),
    ),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 31, 64])
def test_segmentation_changes_nothing(size):
    kit.check_segmentation(lambda: Session(build.TCP), STEPS, size)


heads = st.builds(
    lambda line, fields: (
        line + "\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
    ).encode("latin-1", "replace"),
    st.sampled_from(
        [
            f"GET /uri-res/N2R?{URN} HTTP/1.1",
            "GET / HTTP/1.1",
            "GET /get/1/../x HTTP/1.1",
            "GET /x?hostfile=1&client=LIME&ip=%00 HTTP/1.1",
            "HTTP/1.1 206 OK",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 503 Queued",
            "HTTP/1.1 101 Up",
            "GIV 1:" + "a" * 32 + "/x\n",
        ]
    ),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *("X-Alt", "X-Queue", "X-FW-Node-Info", "X-Nick", "X-Content-URN"),
                    *("Content-Range", "Content-Length", "Content-Type", "Content-Encoding"),
                ]
            ),
            st.sampled_from(["application/x-gnutella-packets", "bytes 5-9/10", "9", "deflate", "["])
            | st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30),
        ),
        max_size=4,
    ),
)


@given(st.lists(st.tuples(st.sampled_from(Side), heads | st.binary(max_size=60)), max_size=12))
@settings(max_examples=300)
def test_garbage_is_reported_never_raised(chunks):
    kit.check_garbage(lambda: Session(build.TCP), chunks)


# -- chat ----------------------------------------------------------------------------------------


def test_two_servents_chat():
    steps = [
        (C, b"CHAT CONNECT/0.1\r\nUser-Agent: LimeWire/4.9.8\r\nX-Nickname: ann\r\n\r\n"),
        (S, b"CHAT/0.1 200 OK\r\nX-Nickname: ben\r\n\r\n"),
        (C, b"CHAT/0.1 200 OK\r\n\r\nhello\n"),
        (S, b"hi there\r\n"),
    ]
    assert isinstance(claim(steps[0][1]), Claim)
    told = tell(*steps)
    assert [(m.sender, m.recipient, m.text) for m in kit.events(told, Message)] == [
        ("ann", "ben", "hello"),
        ("ben", "ann", "hi there"),
    ]
    for size in (1, 3, 10):
        kit.check_segmentation(lambda: Session(build.TCP), steps, size)
    long = tell(*steps[:3], (C, b"x" * 9000))
    assert "longer than" in kit.events(long, Malformed)[0].reason


def test_a_chat_of_version_0_2_says_what_its_lines_are():
    """Shareaza, ChatSession: `MESSAGE`, `NICK`, and 01 `ACTION` before what somebody does."""
    steps = [
        (C, b"CHAT CONNECT/0.2\r\nAccept: text/plain\r\nX-Nickname: ann\r\n\r\n"),
        (S, b"CHAT/0.2 200 OK\r\nX-Nickname: ben\r\n\r\n"),
        (C, b"CHAT/0.2 200 OK\r\n\r\nMESSAGE hello\r\nNICK anna\r\nMESSAGE \x01ACTION waves\r\n"),
        (S, b"NICKS are fine\r\n"),
    ]
    told = kit.events(tell(*steps), Message)
    assert [(m.sender, m.recipient, m.text) for m in told] == [
        ("ann", "ben", "hello"),
        ("anna", "ben", "* waves"),
        ("ben", "anna", "NICKS are fine"),
    ]
    plain = [(side, data.replace(b"/0.2", b"/0.1")) for side, data in steps]
    assert kit.events(tell(*plain), Message)[0].text == "MESSAGE hello"


PACKED_CHAT = [
    (C, b"CHAT CONNECT/0.2\r\nAccept: text/plain,application/x-gnutella2\r\n\r\n"),
    (
        S,
        (
            b"CHAT/0.2 200 OK\r\nAccept: application/x-gnutella2\r\n"
            b"Content-Type: application/x-gnutella2\r\nX-Nickname: ben\r\n\r\n"
        ),
    ),
    (
        C,
        b"CHAT/0.2 200 OK\r\nContent-Type: application/x-gnutella2\r\n\r\n"
        + build.packet("UPROC")
        + build.packet(
            "UPROD",
            build.packet("XML", payload=b'<gProfile><handle primary="ann"/></gProfile>'),
        )
        + build.packet("CHATREQ", build.packet("USERGUID", payload=build.GUID)),
    ),
    (S, build.packet("CHATANS", build.packet("ACCEPT"))),
    (C, build.packet("CMSG", build.packet("BODY", payload=b"hello ben"))),
    (
        S,
        build.packet(
            "CMSG", build.packet("ACT"), build.packet("BODY", payload="nickt \u00fc".encode())
        ),
    ),
]


def test_a_chat_of_shareazas_is_in_packets():
    """Shareaza, ChatSession: CMSG holds BODY, and ACT where it is what somebody does."""
    told = tell(*PACKED_CHAT)
    assert [(m.sender, m.recipient, m.text) for m in kit.events(told, Message)] == [
        ("ann", "ben", "hello ben"),
        ("ben", "ann", "* nickt ü"),
    ]
    assert [profile.nickname for profile in kit.events(told, Profile)] == ["ann"]
    assert not kit.events(told, Malformed)
    for size in (1, 3, 10):
        kit.check_segmentation(lambda: Session(build.TCP), PACKED_CHAT, size)


def test_a_chat_in_packets_that_breaks_is_said_once():
    lost = tell(*PACKED_CHAT[:4], (C, b"\x01\x02\x03" * 9), (C, PACKED_CHAT[4][1]))
    assert len(kit.events(lost, Malformed)) == 1
    assert not kit.events(lost, Message)
    holed = tell(*PACKED_CHAT[:4], (C, 10), PACKED_CHAT[4], PACKED_CHAT[5])
    assert [m.text for m in kit.events(holed, Message)] == ["* nickt ü"]


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_greeting_that_is_too_long_is_refused_however_it_comes(size):
    greeting = b"CHAT CONNECT/0.1\r\nX-Nickname: " + b"n" * 9000 + b"\r\n\r\nhello\n"
    told = tell(*((C, greeting[at : at + size]) for at in range(0, len(greeting), size)))
    assert [type(event).__name__ for _, event in told] == ["Malformed"]


def test_blanks_before_what_a_greeting_says_take_time_in_proportion():
    greeting = b"CHAT CONNECT/0.2\r\nUser-Agent:" + b" " * 7900 + b"x" * 250 + b"\r\n\r\n"
    begin = time.process_time()
    told = tell((C, greeting))
    assert time.process_time() - begin < 1
    assert [len(program.name) for program in kit.events(told, Software)] == [60]
