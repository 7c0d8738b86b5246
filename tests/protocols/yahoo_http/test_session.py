"""Yahoo's HTTP sides: the recorded transfers, hand-made requests, and the laws."""

import hashlib
import re
import struct
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Expect, FileClose, FileData, FileOpen, Inner, Open, Tie
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Credential,
    Download,
    Gap,
    Malformed,
    Message,
    Offer,
    Profile,
    Share,
    SharedFile,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.yahoo_http.session import Session, recognise
from backchannel.protocols.ymsg.session import Session as Ymsg
from backchannel.protocols.ymsg.session import recognise as is_ymsg
from backchannel.protocols.ymsg.state import Announced

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURES = sorted((EXAMPLES / "yahoo").glob("*.pcap"))
NAMES = [path.stem for path in CAPTURES]
FACTS = {
    Path(entry["path"]).stem: entry
    for entry in yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())["captures"]
}
START = Start("tcp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 80))
OK = b"HTTP/1.1 200 OK\r\n"


def announcements(path):
    told = []
    for flow in kit.flows(path):
        if is_ymsg(kit.peek(flow)):
            told += kit.effects(kit.decode(Ymsg(flow.start), flow.steps), Expect)
    return told


def announced(flow, expected):
    """The flow as the engine starts it: with the context of what announced its address."""
    for expect in expected:
        if (expect.address, expect.port) == (flow.start.server.address, flow.start.server.port):
            context, accounts = expect.context, expect.accounts
            start = msgspec.structs.replace(flow.start, context=context, accounts=accounts)
            yield kit.Flow(start, flow.steps)


def claimed(path):
    """Every flow of the capture that is claimed, on its own or because it was announced."""
    expected = announcements(path)
    for flow in kit.flows(path):
        for candidate in (*announced(flow, expected), flow):
            if isinstance(recognise(kit.peek(candidate)), Claim):
                yield candidate
                break


def everything(path):
    return [pair for flow in claimed(path) for pair in kit.decode(Session(flow.start), flow.steps)]


def answer(body, *fields, status=OK):
    lines = b"".join(field.encode() + b"\r\n" for field in fields)
    return status + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def get(target, *fields, host="msg.edit.yahoo.com", method="GET"):
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


def post(target, body, *fields, **more):
    return get(target, *fields, f"Content-Length: {len(body)}", method="POST", **more) + body


def talk(request, reply=b"", context=None):
    start = msgspec.structs.replace(START, context=context)
    steps = [(Side.CLIENT, request)] + ([(Side.SERVER, reply)] if reply else [])
    return kit.decode(Session(start), steps)


def claim(request, reply=b"", context=None, port=80):
    start = Start("tcp", START.client, Endpoint("10.0.0.2", port), context=context)
    return recognise(Peek("tcp", request, reply, True, start))


# -- captures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_golden(path):
    kit.check_golden(HERE / f"{path.stem}.jsonl", everything(path))


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_the_file_goes_up_and_comes_down_byte_for_byte(path):
    """Witness: the manifest's size and SHA-256 of the file that was sent."""
    (fact,) = FACTS[path.stem]["files"]
    legs = []
    for flow in claimed(path):
        told = kit.decode(Session(flow.start), flow.steps)
        for opened in kit.effects(told, FileOpen):
            data = b"".join(d.data for d in kit.effects(told, FileData) if d.key == opened.key)
            assert (len(data), opened.size) == (fact["size"], fact["size"])
            assert hashlib.sha256(data).hexdigest() == fact["sha256"]
            assert (opened.sender, opened.recipient) == (fact["from"], fact["to"])
            assert opened.name == fact["name"]
            legs.append((flow.start.client.address, len(kit.effects(told, FileClose))))
    assert len(legs) == 2
    assert len({client for client, _ in legs}) == 2
    assert [closed for _, closed in legs] == [1, 1]


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_http_flows_are_tied_to_the_sign_on_by_the_cookie(path):
    there = {
        tie.key
        for flow in kit.flows(path)
        if is_ymsg(kit.peek(flow))
        for tie in kit.effects(kit.decode(Ymsg(flow.start), flow.steps), Tie)
    }
    here = {tie.key for tie in kit.effects(everything(path), Tie)}
    assert here
    assert here <= there


@pytest.mark.parametrize("size", [1, 2, 5, 17, 100, 1460, 9000])
@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_segments_change_nothing(path, size):
    for flow in claimed(path):
        kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


# -- recognition -------------------------------------------------------------------------------

MESSENGERS = [
    "/config/ncclogin?.src=bl&login=ann&passwd=tea&n=1",
    "/config/login?.src=pager&login=ann&passwd=tea",
    "/config/pwtoken_get?src=ymsgr&ts=&login=ann&passwd=tea&chal=x",
    "/config/pwtoken_login?src=ymsgr&ts=&token=t",
    "/config/get_buddylist?.src=bl",
    "/config/set_buddygrp?.src=bl&.cmd=a&.bdl=bob&.bg=P",
    "/relay?token=t&sender=bob&recver=ann",
    "/Messenger.bob.1067540190000tea.txt?AppID=Messenger&UserID=bob&K=lc9lu",
    "/yab/us?v=XM&prog=ymsgr&.intl=us",
]


@pytest.mark.parametrize("target", MESSENGERS)
def test_requests_of_messengers_are_claimed_on_any_port(target):
    found = claim(get(target, host="10.0.0.2"), port=12345)
    assert isinstance(found, Claim)
    assert found.evidence


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/config/login",
        "/config/login?user=ann&passwd=tea",
        "/config/other",
        "/relay?token=t",
        "/Messenger.html",
        "/messenger.bob.1067540190000?AppID=Messenger",
        "/notify",
        "/yab/",
        "/capacity",
        "/ycontent/?chatcat=0",
    ],
)
def test_requests_of_others_are_passed_or_withdrawn(target):
    request = get(target, host="shop.example.com", method="POST" if target == "/notify" else "GET")
    session = Session(START)
    session.feed(Side.CLIENT, request)
    assert session.standing is Standing.REFUTED


def test_what_only_the_host_can_tell_is_claimed_until_it_is_seen():
    request = get("/notify", host="http.pager.yahoo.com", method="POST")
    assert isinstance(claim(request), Claim)
    session = Session(START)
    session.feed(Side.CLIENT, request)
    assert session.standing is Standing.PARSED


def test_answers_that_are_no_http_refute():
    assert claim(get(MESSENGERS[0]), b"\x05\x00") is None


def test_few_bytes_ask_for_more():
    request = get(MESSENGERS[0])
    line = request.index(b"\n")
    assert all(claim(request[:size]) is MORE for size in range(1, line + 1))
    assert isinstance(claim(request[: line + 1]), Claim)


def test_absolute_targets_are_claimed_at_yahoo_and_left_to_proxies_elsewhere():
    target = "http://msg.edit.yahoo.com/config/ncclogin?.src=bl&login=ann&passwd=tea"
    assert isinstance(claim(get(target)), Claim)
    assert claim(get(target), port=3128) is None


def test_an_announced_target_is_claimed_whatever_it_looks_like():
    what = Announced(path="/storage/1?k", name="tea.txt", sender="bob", recipient="ann")
    assert claim(get("/storage/1?k", host="x"), context=what)
    assert not claim(get("/storage/2?k", host="x"), context=what)
    assert not claim(get("/storage/1?k", host="x"))


# -- signing on --------------------------------------------------------------------------------


def test_a_login_with_the_password_in_the_request():
    told = talk(
        get("/config/ncclogin?.src=bl&login=ann&passwd=t%26ea&n=1"),
        answer(
            b"OK\nBEGIN IDENTITIES\nann,ann_work\nEND IDENTITIES\nBEGIN BUDDYLIST\nPals:bob,eve\n"
            b"END BUDDYLIST\nBEGIN IGNORELIST\nmal\nEND IGNORELIST\nMail=1\nLogin=ann\n",
            "Set-Cookie: Y=v=1&l=0dd/o; path=/; domain=.yahoo.com",
            "Set-Cookie: T=z=1; path=/",
        ),
    )
    assert kit.events(told, SignOn)[0].method == "plain"
    plain, cookie = kit.events(told, Credential)
    assert (plain.kind, plain.account, plain.secret) == ("plain", "ann", "t&ea")
    assert (cookie.kind, cookie.secret) == ("token", "Y=v=1&l=0dd/o; T=z=1")
    assert kit.events(told, SignOnAnswer) == [SignOnAnswer(account="ann", accepted=True)]
    (contacts,) = kit.events(told, Contacts)
    assert contacts.entries == (
        Contact(account="bob", group="Pals"),
        Contact(account="eve", group="Pals"),
        Contact(account="mal", blocked=True),
    )
    assert kit.events(told, Profile) == [Profile(account="ann", nickname="ann_work")]
    assert len(kit.effects(told, Tie)) == 1


def test_a_hashed_login_is_a_hash_with_its_challenge():
    told = talk(get("/config/login?.src=pager&login=ann&passwd=0f&.md5=1&.challenge=c"))
    (credential,) = kit.events(told, Credential)
    assert (credential.kind, credential.scheme, credential.salt) == ("hash", "yahoo-http-md5", "c")


def test_refused_logins():
    told = talk(get(MESSENGERS[0]), answer(b"ERROR: Invalid NCC Login\n"))
    assert kit.events(told, SignOnAnswer) == [
        SignOnAnswer(account="ann", accepted=False, reason="Invalid NCC Login")
    ]
    told = talk(get(MESSENGERS[2]), answer(b"1212\n"))
    assert kit.events(told, SignOnAnswer)[0].reason == "wrong password"


def test_token_logins():
    told = talk(get(MESSENGERS[2]), answer(b"0\r\nymsgr=AQAB\r\npartnerid=p\r\n"))
    asked, token = kit.events(told, Credential)
    assert (asked.kind, asked.secret) == ("plain", "tea")
    assert (token.kind, token.scheme, token.secret) == ("token", "yahoo-pwtoken", "AQAB")
    told = talk(
        get(MESSENGERS[3]),
        answer(b"0\r\ncrumb=c.r\r\nY=v=1&l=0dd/o; path=/\r\nT=z=1; path=/\r\ncookievalidfor=9\r\n"),
    )
    assert {c.scheme: c.secret for c in kit.events(told, Credential)} == {
        "yahoo-pwtoken": "t",
        "yahoo-crumb": "c.r",
        "yahoo-cookie": "Y=v=1&l=0dd/o; T=z=1",
    }
    assert kit.events(told, SignOnAnswer)[0].accepted


def test_changes_of_the_list_before_version_9():
    add = "/config/set_buddygrp?.src=bl&.cmd=a&.bg=Pals&.bdl=bob&.id=ann&.l=ann&.amsg=hi"
    told = talk(get(add, "Cookie: Y=v=1&l=0dd/o; T=z=1"))
    (change,) = kit.events(told, Contacts)
    assert (change.owner, change.change) == ("ann", "add")
    assert change.entries == (Contact(account="bob", group="Pals"),)
    assert kit.events(told, Message)[0].kind == "authorization"
    removed = talk(get(add.replace("cmd=a", "cmd=d")))
    assert kit.events(removed, Contacts)[0].change == "remove"


def test_the_address_book_and_where_to_sign_on():
    told = talk(
        get(MESSENGERS[8]),
        answer(b'<ab k="ann" cc="1"><ct id="1" yi="bob" fn="Bob" ln="B&amp;B" em="b@x"/></ab>'),
    )
    (contacts,) = kit.events(told, Contacts)
    assert contacts.entries == (Contact(account="bob", nickname="Bob B&B"),)
    told = talk(
        get("/capacity", host="vcs1.msg.yahoo.com"),
        answer(b"COLO_CAPACITY=1\r\nCS_IP_ADDRESS=192.0.2.7\r\n"),
    )
    (expect,) = kit.effects(told, Expect)
    assert (expect.protocol, expect.address, expect.port) == ("ymsg", "192.0.2.7", 5050)


@pytest.mark.parametrize("absolute", [True, False])
def test_the_list_of_chat_rooms_is_asked_for_with_the_cookies(absolute):
    """libpurple 2.0 `yahoo_roomlist_got_connected` sends an absolute target, libyahoo2 a path."""
    host, path = "insider.msg.yahoo.com", "/ycontent/?chatcat=0"
    target = f"http://{host}{path}" if absolute else path
    request = get(target, "Cookie: Y=v=1&n=1&l=0dd/o&p=x; T=z=t", host=host)
    reply = answer(b"<content><chatCategories/></content>")
    assert isinstance(claim(request, reply), Claim)
    told = talk(request, reply)
    (cookie,) = kit.events(told, Credential)
    assert (cookie.account, cookie.scheme) == ("ann", "yahoo-cookie")
    assert len(kit.effects(told, Tie)) == 1


# -- files -------------------------------------------------------------------------------------


def fields(*pairs):
    return b"".join(b"%d\xc0\x80%s\xc0\x80" % (k, v) for k, v in pairs)


def packed(service, body, size=None):
    size = len(body) if size is None else size
    return struct.pack(">4sHHHHII", b"YMSG", 12, 0, size, service, 0, 7) + body


UPLOADED = fields((0, b"ann"), (5, b"bob"), (28, b"5"), (27, b"a.txt"), (14, b"look\x06"))


@pytest.mark.parametrize("size", [len(UPLOADED), 0, 0xFFFF])
def test_an_upload_whatever_length_its_packet_says(size):
    body = packed(0x46, UPLOADED + b"29\xc0\x80hello", size)
    told = talk(post("/notifyft", body, host="filetransfer.msg.yahoo.com"))
    (offer,), (opened,) = kit.events(told, Offer), kit.effects(told, FileOpen)
    assert (offer.sender, offer.recipient, offer.name, offer.size) == ("ann", "bob", "a.txt", 5)
    assert opened.size == 5
    assert b"".join(d.data for d in kit.effects(told, FileData)) == b"hello"
    assert kit.events(told, Message)[0].text == "look"


def test_an_uploaded_display_picture():
    body = packed(0xC2, fields((1, b"ann"), (38, b"604800"), (27, b"me.png"), (14, b"")))
    told = talk(post("/notifyft", body + b"29\xc0\x80PNG", host="filetransfer.msg.yahoo.com"))
    assert kit.effects(told, FileOpen)[0].use is Capability.IMAGE


def test_an_upload_without_a_file_and_one_that_is_no_packet():
    for body in (packed(0x46, fields((0, b"ann"))), b"hello" * 100, packed(0x46, b"x" * 200000, 0)):
        told = talk(post("/notifyft", body))
        assert len(kit.events(told, Malformed)) == 1
        assert not kit.effects(told, FileOpen)


def test_a_hole_in_an_upload_is_a_hole_in_the_file():
    request = post("/notifyft", packed(0x46, UPLOADED + b"29\xc0\x80" + b"x" * 1000))
    told = kit.decode(Session(START), [
        (Side.CLIENT, request[:-900]), (Side.CLIENT, 500), (Side.CLIENT, request[-400:]),
    ])  # fmt: skip
    assert kit.events(told, Gap) == [Gap(size=500)]
    assert [d.offset for d in kit.effects(told, FileData)] == [0, 600]
    assert len(kit.effects(told, FileClose)) == 1


def test_a_file_through_the_relay():
    what = Announced(token="tok", sender="bob", recipient="ann", name="a.txt", size=5, id="i")
    target = "/relay?token=tok&sender=bob&recver=ann"
    head = get(target, host="relay.example", method="HEAD")
    length = OK + b"Content-Length: 5\r\n\r\n"
    down = talk(head + get(target), length + length + b"hello", context=what)
    (opened,) = kit.effects(down, FileOpen)
    assert (opened.name, opened.size, opened.sender) == ("a.txt", 5, "bob")
    assert b"".join(d.data for d in kit.effects(down, FileData)) == b"hello"
    up = talk(post(target, b"hello", host="relay.example"))
    (opened,) = kit.effects(up, FileOpen)
    assert (opened.sender, opened.recipient, opened.size) == ("bob", "ann", 5)
    assert b"".join(d.data for d in kit.effects(up, FileData)) == b"hello"


def test_a_file_from_computer_to_computer():
    told = talk(get(MESSENGERS[7], host="192.0.2.9"), answer(b"hello"))
    (opened,) = kit.effects(told, FileOpen)
    assert (opened.name, opened.size) == ("tea.txt", 5)
    assert b"".join(d.data for d in kit.effects(told, FileData)) == b"hello"


def test_a_download_that_goes_on_where_it_stopped():
    what = Announced(path="/f?1", name="a.txt", sender="bob", recipient="ann", size=10)
    part = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\n"
    told = talk(get("/f?1", "Range: bytes=5-"), answer(b"world", status=part), context=what)
    assert kit.effects(told, FileOpen)[0].size == 10
    assert [(d.offset, d.data) for d in kit.effects(told, FileData)] == [(5, b"world")]


def test_a_download_that_is_refused_opens_no_file():
    what = Announced(path="/f?1", name="a.txt", sender="bob", recipient="ann", size=10)
    told = talk(get("/f?1"), answer(b"gone", status=b"HTTP/1.1 404 Not\r\n"), context=what)
    assert not kit.effects(told, FileOpen)


def test_shared_files_are_listed_and_fetched():
    what = Announced(path="/s?1", sender="bob", recipient="ann", use=Capability.FILE_SHARING)
    page = b'<html><a href="/a">one.txt</a><br><a href="/b">two.doc</a></html>'
    told = talk(get("/s?1"), answer(page, "Content-Type: text/html"), context=what)
    (share,) = kit.events(told, Share)
    assert share.files == (SharedFile(name="one.txt"), SharedFile(name="two.doc"))
    assert share.owner == "bob"
    named = msgspec.structs.replace(what, name="one.txt")
    told = talk(get("/s?1"), answer(b"hello"), context=named)
    assert kit.events(told, Download) == [Download(name="one.txt", account="ann")]
    assert kit.effects(told, FileOpen)[0].use is Capability.FILE_SHARING


def test_a_download_of_the_message_archive_is_an_anomaly():
    path = r"C:\Yahoo\Messenger\Profiles\bob\Archive\Messages\ann\20040304-bob.dat"
    body = packed(0x46, fields((0, b"ann"), (5, b"bob"), (27, path.encode())) + b"29\xc0\x80x")
    told = talk(post("/notifyft", body))
    assert [a.kind for a in kit.events(told, Anomaly)] == ["message-archive"]


# -- YMSG inside -------------------------------------------------------------------------------


def polls():
    ask = packed(0x57, fields((1, b"ann")))
    reply = b"\x01\0\0\0" + packed(0x57, fields((94, b"seed")))
    return ask, reply


def test_polls_become_one_inner_stream():
    ask, reply = polls()
    told = talk(post("/notify", ask, host="http.pager.yahoo.com"), answer(reply))
    (opened,) = kit.effects(told, Open)
    client, server = kit.effects(told, Inner)
    assert (client.side, client.data) == (Side.CLIENT, ask)
    assert (server.side, server.data) == (Side.SERVER, reply[4:])
    assert {opened.channel, client.channel, server.channel} == {"10.0.0.1 00000007"}
    assert opened.shared


def test_a_poll_that_nobody_answered_is_told_at_the_end():
    told = talk(post("/notify", polls()[0], host="http.pager.yahoo.com"))
    assert [inner.side for inner in kit.effects(told, Inner)] == [Side.CLIENT]


def test_polls_of_the_pager_before_ymsg():
    """libyahoo 0.18.4 `yahoo_sendcmd_http` leaves the zeros out that its length counts."""
    head = b"YPNS2.0\0" + struct.pack("<6I", 1128, 1, 0, 0, 0, 0) + bytes(72)
    reply = b"YHOO1.0\0" + struct.pack("<6I", 105, 1, 0, 0x5EED, 0, 0) + bytes(73)
    told = talk(
        post("/notify", head + b"cookie\x01ann\0", host="http.pager.yahoo.com"),
        answer(reply + reply),
    )
    client, server = kit.effects(told, Inner)
    assert client.data == (head + b"cookie\x01ann").ljust(1128, b"\0")
    assert server.data == reply + reply
    assert {client.channel, server.channel} == {"10.0.0.1 00005eed"}
    assert not kit.events(told, Malformed)


def test_a_poll_of_the_pager_that_claims_too_much_is_not_filled_up():
    """No YPNS packet is longer than 64 KiB: `ypns` says that it opens none."""
    poll = b"YPNS2.0\0" + struct.pack("<6I", 0xFFFFFFFF, 1, 0, 0, 0, 0) + bytes(80)
    told = talk(post("/notify", poll, host="http.pager.yahoo.com"))
    assert [inner.data for inner in kit.effects(told, Inner)] == [poll]


def test_polls_that_hold_something_else_are_malformed():
    told = talk(post("/notify", b"hello", host="http.pager.yahoo.com"), answer(b"12345678"))
    assert len(kit.events(told, Malformed)) == 2
    assert not kit.effects(told, Inner)


# -- laws --------------------------------------------------------------------------------------

TALK = [
    (Side.CLIENT, get(MESSENGERS[0], "Cookie: Y=v=1&l=0dd/o; T=z=1")),
    (Side.SERVER, answer(b"OK\nBEGIN BUDDYLIST\nP:bob\nEND BUDDYLIST\nLogin=ann\n")),
    (Side.CLIENT, post("/notify", polls()[0], host="http.pager.yahoo.com")),
    (Side.SERVER, answer(polls()[1])),
    (Side.CLIENT, post("/notifyft", packed(0x46, UPLOADED + b"29\xc0\x80hello"))),
    (Side.SERVER, answer(b"")),
    (Side.CLIENT, get(MESSENGERS[6])),
    (Side.SERVER, OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
]


@given(st.integers(1, 300))
def test_segments_change_nothing_by_hand(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


paths = st.sampled_from([*MESSENGERS, "/notify", "/notifyft", "/capacity", "/x?%ff=%zz&&=&=="])
texts = st.text(st.characters(max_codepoint=0x2FF), max_size=40)
requests = st.builds(
    lambda path, junk, method, field: (
        f"{method} {path}{re.sub(r'[^!-~]', '%', junk)} HTTP/1.1\r\nHost: vcs1.msg.yahoo.com\r\n"
        f"Cookie: {re.sub(r'[^ -~]', '', field)}\r\nContent-Length: 60\r\n\r\n"
    ).encode(),
    paths,
    texts,
    st.sampled_from(["GET", "POST", "HEAD"]),
    texts,
)
replies = st.builds(answer, st.binary(max_size=80))
anything = st.one_of(
    st.tuples(st.just(Side.CLIENT), st.one_of(requests, st.binary(max_size=90))),
    st.tuples(st.just(Side.SERVER), st.one_of(replies, st.binary(max_size=90))),
    st.tuples(st.sampled_from(Side), st.integers(1, 2000)),
)


@settings(max_examples=300)
@given(st.lists(anything, max_size=10))
def test_garbage(steps):
    kit.check_garbage(lambda: Session(START), steps)
    context = Announced(path="/x", token="t", use=Capability.FILE_SHARING)
    start = msgspec.structs.replace(START, context=context, begun=False)
    kit.check_garbage(lambda: Session(start), steps)


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_random_bytes_are_never_claimed(client, server):
    assert not isinstance(claim(client, server), Claim)


def test_memory_is_bounded():
    session = Session(START)
    session.feed(Side.CLIENT, get(MESSENGERS[0]) * 500)
    session.feed(Side.SERVER, OK + b"\r\n")
    for _ in range(100):
        session.feed(Side.SERVER, b"x" * 20000)
    assert kit.footprint(session) < 400_000
    polled = Session(START)
    polled.feed(Side.CLIENT, get("/notify", "Content-Length: 9000000", host="http.pager.yahoo.com",
                                 method="POST"))  # fmt: skip
    for _ in range(200):
        polled.feed(Side.CLIENT, b"x" * 20000)
    assert kit.footprint(polled) < 1 << 21


@pytest.mark.parametrize(
    "body",
    [
        b"YMSG\0\x0c\0\0\xff\xff\xff\xff" + bytes(7) + b"\x071\xc0\x80ann\xc0\x8029\xc0\x80PNG",
        b"a" * 30 + b"\xc0\x8029\xc0\x80PNG",
        packed(0x46, b"1\xc0\x80") + b"n" * 70_000 + b"\xc0\x8029\xc0\x80x",
    ],
)
def test_what_opens_no_packet_holds_no_file_however_it_is_cut(body):
    request = post("/notifyft", body, host="filetransfer.msg.yahoo.com")
    for size in (1000, len(request)):
        told = kit.decode(Session(START), kit.recut([(Side.CLIENT, request)], size))
        (fault,) = kit.events(told, Malformed)
        assert fault.reason == "no file in the uploaded YMSG packet"


def test_a_first_request_of_others_refutes_whatever_follows_in_the_same_segment():
    session = Session(START)
    own = post("/notifyft", b"", host="filetransfer.msg.yahoo.com")
    told = session.feed(Side.CLIENT, get("/shop", host="shop.example.com") + own)
    assert (told, session.standing) == ([], Standing.REFUTED)
