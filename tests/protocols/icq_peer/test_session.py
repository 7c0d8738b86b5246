"""ICQ between clients: witnesses (licq's code and dumps), hand-made conversations, and the laws."""

import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Expect, FileClose, FileData, FileOpen, Tie
from backchannel.events import (
    Gap,
    Malformed,
    Message,
    Offer,
    OfferAnswer,
    PeerAddress,
    Presence,
    Profile,
    Room,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.icq_peer import crypt, wire
from backchannel.protocols.icq_peer.session import Session, recognise
from backchannel.protocols.icq_peer.state import Announced

START = Start("tcp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 20543))
ME, YOU = 8562000, 2127503
OUTER, INNER = bytes([192, 0, 2, 9]), bytes([10, 0, 0, 1])
EVERY = [2, 3, 4, 5, 6, 7, 8]


# -- packets, made by what the descriptions say ------------------------------------------------


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<H", len(value) + 1) + value + b"\0"


def frame(body):
    return struct.pack("<H", len(body)) + body


def init(version, uin=ME, other=YOU, cookie=0xC00C1E, port=20543):
    place = OUTER + INNER + b"\4" + struct.pack("<I", port)
    if version < 6:
        return b"\xff" + struct.pack("<III", version, port, uin) + place
    tail = struct.pack("<III", cookie, 0x50, 3) + (bytes(4) if version >= 7 else b"")
    middle = struct.pack("<IHII", other, 0, port, uin) + place + tail
    return b"\xff" + struct.pack("<HH", version, len(middle)) + middle


def scramble(version, body):
    """Do what crypt.unscramble undoes, byte by byte."""
    if version < 4:
        return body
    lead, body = (body[:1], bytearray(body[1:])) if version >= 7 else (b"", bytearray(body))
    at = 6 if version < 6 else 0
    fixed = ((body[10], body[12], body[2], body[0]) if at else
             (body[4], body[6], body[4], body[6]))  # fmt: skip
    place, other = 12, 33
    value = bytes([place, body[place] ^ 0xFF, other, crypt._TEXT[other] ^ 0xFF])
    check = int.from_bytes(bytes(a ^ b for a, b in zip(value, fixed, strict=True)), "big")
    key = 0x67657268 * len(body) + check
    for start in range(4, (len(body) + 3) // 4, 4):
        word = struct.pack("<I", (key + crypt._TEXT[start & 0xFF]) & 0xFFFFFFFF)
        for n in range(4):
            if start + n >= (6 if at else 4):
                body[start + n] ^= word[n]
    body[at : at + 4] = struct.pack("<I", check)
    return lead + bytes(body)


def message(version, kind, said="", more=b"", *, command=wire.START, uin=ME, status=0, seq=77):
    if version < 6:
        check = bytes(4) if version >= 4 else b""
        head = struct.pack("<IH", uin, version) + check + struct.pack("<IIH", command, uin, kind)
        place = OUTER + INNER + struct.pack("<IBHH", 20543, 4, status, 0x10)
        return scramble(version, head + text(said) + place + more + struct.pack("<I", seq))
    head = struct.pack("<IHHH", 0, command, 14, seq) + bytes(12)
    head += struct.pack("<HHH", kind, status, 0x10)
    return scramble(version, (b"\2" if version >= 7 else b"") + head + text(said) + more)


def hello(version):
    """The packets before the first message."""
    steps = [(Side.CLIENT, frame(init(version)))]
    if version >= 6:
        back = frame(wire.OK) + frame(init(version, YOU, ME))
        steps += [(Side.SERVER, back), (Side.CLIENT, frame(wire.OK))]
    if version >= 7:
        confirm = frame(b"\x03\x0a\0\0\0\1\0\0\0" + bytes(24))
        steps += [(Side.CLIENT, confirm), (Side.SERVER, confirm)]
    return steps


def said(version, *packets, kind=None, start=START):
    """What *packets* (side, body) tell after the hello of *version*."""
    session = Session(start)
    kit.decode(session, hello(version), ends=False)
    steps = [(side, frame(body)) for side, body in packets]
    told = kit.decode(session, steps)
    return kit.events(told, kind) if kind else [value for _, value in told]


def c(body):
    return Side.CLIENT, body


def s(body):
    return Side.SERVER, body


def plugin(name, said=b"", more=b""):
    head = bytes(18) + struct.pack("<I", len(name)) + name + bytes(15)
    rest = struct.pack("<I", len(said)) + said + more
    return struct.pack("<H", len(head)) + head + struct.pack("<I", len(rest)) + rest


# -- witnesses ---------------------------------------------------------------------------------

LICQ_4 = (
    "50a582000400c109ffc18b96192c3534820001000b0068656c6c6f207065657200c00002010a0000013f50000004"
    "00001000ffffffff"
)
LICQ_5 = LICQ_4.replace("50a582000400", "50a582000500")
LICQ_6 = (
    "9f65f0f8064c55c3f34b5bc3ef4b5bc30000000000000100000010000b0068656c6c6f20706565720000000000ff"
    "ffff00"
)


@pytest.mark.parametrize(
    ("version", "scrambled"),
    [(4, LICQ_4), (5, LICQ_5), (6, LICQ_6), (7, "02" + LICQ_6), (8, "02" + LICQ_6)],
)
def test_messages_that_licq_scrambled(version, scrambled):
    """Witness: licq 1.3.0's own Encrypt_Client, compiled and run on messages made by hand."""
    read = wire.read_message(bytes.fromhex(scrambled), version)
    assert (read.command, read.kind, read.text) == (wire.START, 1, b"hello peer")
    told = said(version, c(bytes.fromhex(scrambled)), kind=Message)
    assert [(m.sender, m.text) for m in told] == [(str(ME), "hello peer")]


def test_a_real_init_and_a_real_refusal_of_a_file():
    """Witness: packets dumped in the comments of licq 0.70's licq_packets.h and icqd-tcp.cpp."""
    opening = "ff 03 00 00 00 3d 62 00 00 50 a5 82 00 cf 60 ad 95 cf 60 ad 95 04 3d 62 00 00"
    refusal = (
        "50 a5 82 00 03 00 da 07 00 00 50 a5 82 00 03 00 0a 00 6e 6f 20 74 68 61 6e 6b 73 00"
        "d1 ef 04 9f 7f 00 00 01 4a 1f 00 00 04 01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00"
        "00 00 00 03 00 00 00"
    )
    told = kit.decode(Session(START), [
        (Side.CLIENT, frame(bytes.fromhex(opening))), (Side.CLIENT, frame(bytes.fromhex(refusal))),
    ])  # fmt: skip
    where, answer = kit.events(told)
    assert (where.account, where.address, where.port) == ("8562000", "207.96.173.149", 25149)
    assert (answer.sender, answer.accepted, answer.note) == ("8562000", False, "no thanks")
    assert answer.id == "3"


def test_a_real_chat_opening():
    """Witness: the packets of a chat, dumped in the comments of licq 0.70's licq_packets.h."""
    caller = (
        "64 00 00 00 FD FF FF FF 50 A5 82 00 08 00 38 35 36 32 30 30 30 00 62 3D FF FF FF 00 00 00"
        "00 00 00"
    )
    other = (
        "64 00 00 00 50 A5 82 00 08 00 38 35 36 32 30 30 30 00 FF FF FF 00 00 00 00 00 03 00 00 00"
        "DB 64 00 00 CF 60 AD 95 CF 60 AD 95 04 75 5A 0C 00 00 00 00 00 00 00 08 00 43 6F 75 72 69"
        "65 72 00 00 00 00"
    )
    font = (
        "03 00 00 00 83 72 00 00 CF 60 AD 95 CF 60 AD 95 04 54 72 0C 00 00 00 00 00 00 00 08 00 43"
        "6F 75 72 69 65 72 00 00 00"
    )
    steps = [
        *hello(3),
        (Side.CLIENT, frame(bytes.fromhex(caller))),
        (Side.SERVER, frame(bytes.fromhex(other))),
        (Side.CLIENT, frame(bytes.fromhex(font)) + b"hi\r"),
    ]
    told = kit.decode(Session(START), steps)
    rooms = kit.events(told, Room)
    assert [(r.action, r.account) for r in rooms][:2] == [("join", "8562000")] * 2
    assert [m.text for m in kit.events(told, Message)] == ["hi"]
    assert not kit.events(told, Malformed)


def test_real_file_packets():
    """Witness: the packets of a file transfer, dumped in the same comments."""
    opening = bytes.fromhex("00 00000000 01000000 00457800 64000000 0800 3835363230303000")
    answer = bytes.fromhex("01 64 00 00 00 08 00 38 35 36 32 30 30 30 00")
    file = bytes.fromhex(
        "02 00 0D 00 63 75 72 72 65 6E 74 2E 64 69 66 66 00 01 00 00 45 78 00 00"
        "00 00 00 00 64 00 00 00"
    )
    start = bytes.fromhex("03 00 00 00 00 00 00 00 00 64 00 00 00")
    told = said(3, c(opening), s(answer), c(file), s(start), c(b"\6hello"))
    opened, data, closed = told
    assert (opened.name, opened.size, opened.sender) == ("current.diff", 0x7845, str(ME))
    assert (data.offset, data.data) == (0, b"hello")
    assert isinstance(closed, FileClose)


# -- messages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", EVERY)
def test_inits_tell_who_and_where(version):
    told = kit.decode(Session(START), hello(version), ends=False)
    addresses = kit.events(told, PeerAddress)
    assert {(a.account, a.address, a.port, a.how) for a in addresses[:2]} == {
        (str(ME), "192.0.2.9", 20543, "peer-init"),
        (str(ME), "10.0.0.1", 20543, "peer-init"),
    }
    ties = kit.effects(told, Tie)
    assert [tie.key for tie in ties] == (["icq-cookie:00c00c1e"] if version >= 6 else [])
    assert not kit.events(told, Malformed)


@pytest.mark.parametrize("version", EVERY)
def test_messages_of_both_sides(version):
    colours = struct.pack("<II", 0, 0xFFFFFF) if version >= 6 else b""
    told = said(
        version,
        c(message(version, 1, "hello", colours)),
        s(message(version, 1, "and you", colours, uin=YOU)),
        c(message(version, 4, b"my page\xfehttp://a.example/", colours)),
        c(message(version, 0x8001, "to many", colours)),
        kind=Message,
    )
    # Before version 6 nothing says who was called until they speak.
    first = str(YOU) if version >= 6 else ""
    assert [(m.sender, m.recipient, m.kind, m.text) for m in told] == [
        (str(ME), first, "text", "hello"),
        (str(YOU), str(ME), "text", "and you"),
        (str(ME), str(YOU), "url", "http://a.example/ my page"),
        (str(ME), str(YOU), "text", "to many"),
    ]


def test_an_announced_connection_tells_who_was_called():
    start = msgspec.structs.replace(START, accounts=(str(YOU),))
    (told,) = said(3, c(message(3, 1, "hello")), kind=Message, start=start)
    assert told.recipient == str(YOU)


@pytest.mark.parametrize("version", EVERY)
def test_a_file_is_offered_accepted_and_awaited(version):
    offer = bytes(4) + text("tea.txt") + struct.pack("<II", 4242, 0)
    accept = struct.pack(">H", 4321) + bytes(2) + text("") + struct.pack("<II", 0, 4321)
    told = said(
        version,
        c(message(version, 3, "take it", offer)),
        s(message(version, 3, "", accept, command=wire.ACK, uin=YOU)),
    )
    offered, answer, where, expect = told
    assert isinstance(offered, Offer)
    assert (offered.name, offered.size, offered.note) == ("tea.txt", 4242, "take it")
    assert (answer.accepted, answer.sender, answer.id) == (True, str(YOU), "77")
    assert (where.address, where.port, where.how) == ("10.0.0.2", 4321, "file-accept")
    assert (expect.protocol, expect.address, expect.port) == ("icq-peer", "10.0.0.2", 4321)
    assert expect.source == START.client.address, "who offered it"
    assert expect.context.sender == str(ME)
    assert expect.context.use is Capability.FILE_TRANSFER


def test_a_file_accepted_with_the_first_port_only():
    accept = struct.pack(">H", 4321) + bytes(2) + text("") + struct.pack("<II", 0, 0)
    told = said(3, s(message(3, 3, "", accept, command=wire.ACK, uin=YOU)), kind=PeerAddress)
    assert [where.port for where in told] == [4321]


@pytest.mark.parametrize("version", [7, 8])
def test_a_file_that_climm_accepts(version):
    """climm `SrvReceiveAdvanced` writes four letters between size and port from version 7 on."""
    accept = struct.pack(">H", 4321) + bytes(2) + text("") + struct.pack("<I", 0)
    accept += struct.pack("<II", 0x20726F66, 4321)
    told = said(version, s(message(version, 3, "", accept, command=wire.ACK, uin=YOU)))
    assert [value.port for value in told if isinstance(value, PeerAddress | Expect)] == [4321, 4321]


@pytest.mark.parametrize("version", EVERY)
def test_refusals_and_withdrawals(version):
    empty = bytes(4) + text("") + bytes(8)
    offer = bytes(4) + text("tea.txt") + struct.pack("<II", 4242, 0)
    told = said(
        version,
        c(message(version, 3, "", offer)),
        s(message(version, 3, "no", empty, command=wire.ACK, uin=YOU, status=1)),
        c(message(version, 3, "", offer, seq=78)),
        c(message(version, 3, "", empty, command=wire.CANCEL, seq=78)),
        kind=OfferAnswer,
    )
    assert [(a.id, a.accepted, a.reason, a.note) for a in told] == [
        ("77", False, "", "no"),
        ("78", False, "cancelled", ""),
    ]


@pytest.mark.parametrize("version", EVERY)
def test_a_chat_is_offered_accepted_and_awaited(version):
    ports = text("") + struct.pack(">H", 4321) + struct.pack("<HI", 0, 4321)
    told = said(
        version,
        c(message(version, 2, "talk?", text("") + bytes(8))),
        s(message(version, 2, "", ports, command=wire.ACK, uin=YOU)),
    )
    assert [(r.action, r.account) for r in told if isinstance(r, Room)] == [
        ("invite", str(ME)),
        ("join", str(YOU)),
    ]
    (expect,) = [value for value in told if isinstance(value, Expect)]
    assert (expect.port, expect.purpose) == (4321, "message")
    assert not expect.source, "everybody who joins connects"
    refused = text("") + bytes(8)
    told = said(version, s(message(version, 2, "", refused, command=wire.ACK, uin=YOU, status=1)))
    assert [type(value) for value in told] == [OfferAnswer]  # whatever it was that was offered


def test_plugins_of_the_last_versions():
    file = struct.pack(">HH", 0, 0) + text("tea.txt") + struct.pack("<II", 42, 0)
    accept = struct.pack(">HH", 4321, 0) + text("") + struct.pack("<II", 0, 4321)
    told = said(
        8,
        c(message(8, 0x1A, "", plugin(b"File", b"take it", file))),
        s(message(8, 0x1A, "", plugin(b"File", b"", accept), command=wire.ACK)),
        c(message(8, 0x1A, "", plugin(b"Send Web Page Address (URL)", b"a page\xfehttp://a/"))),
        c(message(8, 0x1A, "", plugin(b"Contacts", b"1\xfe11\xfenick\xfe"))),
        c(message(8, 0x1A, "", plugin(b"Greeting Card", b"<xml>"))),
    )
    offer, answer, where, _, url, contacts = told
    assert (offer.name, offer.size, offer.note) == ("tea.txt", 42, "take it")
    assert answer.accepted
    assert where.port == 4321
    assert (url.kind, url.text) == ("url", "http://a/ a page")
    assert contacts.text == "11 nick"
    chat = text("") + struct.pack(">HH", 4321, 0) + struct.pack("<HH", 4321, 0)
    told = said(
        7,
        c(message(7, 0x1A, "", plugin(b"Send / Start ICQ Chat", b"talk?", text("") + bytes(8)))),
        s(message(7, 0x1A, "", plugin(b"Send / Start ICQ Chat", b"", chat), command=wire.ACK)),
    )
    assert [r.action for r in told if isinstance(r, Room)] == ["invite", "join"]
    gone = plugin(b"File", b"", file)
    cancelled = said(8, c(message(8, 0x1A, "", gone, command=wire.CANCEL)), kind=OfferAnswer)
    assert cancelled[0].reason == "cancelled"


def test_status_texts_and_automatic_answers():
    told = said(
        3,
        c(message(3, 0x3E8)),
        s(message(3, 0x3E8, "at tea", command=wire.ACK, uin=YOU)),
        c(message(3, 1, "hello")),
        s(message(3, 1, "I am away", command=wire.ACK, uin=YOU, seq=78)),
        s(message(3, 1, "", command=wire.ACK, uin=YOU, seq=79)),
    )
    assert told[0] == Presence(account=str(YOU), status="away", text="at tea")
    assert [(m.kind, m.text) for m in told[1:]] == [
        ("text", "hello"),
        ("auto-response", "I am away"),
    ]


def test_profiles_of_version_7_are_no_messages():
    body = scramble(7, b"\2" + struct.pack("<IHHH", 0, wire.START, 0x12, 5) + bytes(16) + b"\1"
                    + bytes(30))  # fmt: skip
    assert said(7, c(body)) == []


def test_nothing_is_read_once_licq_goes_on_in_tls():
    session = Session(START)
    steps = [*hello(6), (Side.CLIENT, frame(message(6, 0xEF))),
             (Side.SERVER, frame(message(6, 0xEF, "1", command=wire.ACK)))]  # fmt: skip
    kit.decode(session, steps, ends=False)
    assert session.done
    assert session.feed(Side.CLIENT, b"\x16\x03\x01") == []


@pytest.mark.parametrize(("caller", "called"), [(8, 6), (6, 8)])
def test_the_lower_version_counts(caller, called):
    steps = [
        (Side.CLIENT, frame(init(caller))),
        (Side.SERVER, frame(wire.OK) + frame(init(called, YOU, ME))),
        (Side.CLIENT, frame(wire.OK) + frame(message(6, 1, "hello", bytes(8)))),
    ]
    assert [m.text for m in kit.events(kit.decode(Session(START), steps), Message)] == ["hello"]


def test_an_init_that_tells_its_port_last():
    body = bytearray(init(4))
    body[5:9] = bytes(4)
    told = kit.decode(Session(START), [(Side.CLIENT, frame(bytes(body)))])
    assert {where.port for where in kit.events(told, PeerAddress)} == {20543}


# -- files -------------------------------------------------------------------------------------


def file_talk(version, content, *, piece=2048, offset=0, names=(b"a.bin",)):
    steps = list(hello(version))
    steps.append(c(frame(b"\0" + struct.pack("<IIII", 0, len(names), len(content), 100)
                         + text("Ann"))))  # fmt: skip
    steps.append(s(frame(b"\5" + struct.pack("<I", 100)) + frame(b"\1" + bytes(4) + text("Bob"))))
    for number, name in enumerate(names):
        about = b"\2\0" + text(name) + text("") + struct.pack("<III", len(content), 0, 100)
        steps.append(c(frame(about)))
        steps.append(s(frame(b"\3" + struct.pack("<IIII", offset, 0, 100, number + 1))))
        data = b"".join(
            frame(b"\6" + content[at : at + piece]) for at in range(offset, len(content), piece)
        )
        steps.append(c(data))
    return steps


CONTENT = bytes(n * 7 % 251 for n in range(20000))


@pytest.mark.parametrize("version", EVERY)
def test_a_file_is_put_together(version):
    accounts = (str(ME), str(YOU))
    announced = Announced(use=Capability.FILE_TRANSFER, sender=accounts[0], id="9")
    start = msgspec.structs.replace(START, context=announced, accounts=accounts)
    told = kit.decode(Session(start), file_talk(version, CONTENT, names=(b"a.bin", b"b.bin")))
    opened = kit.effects(told, FileOpen)
    assert [(o.key, o.name, o.size, o.id) for o in opened] == [
        ("1", "a.bin", 20000, "9"),
        ("2", "b.bin", 20000, "9"),
    ]
    assert {(o.sender, o.recipient) for o in opened} == {accounts}
    for key in "12":
        parts = [d for d in kit.effects(told, FileData) if d.key == key]
        assert b"".join(d.data for d in parts) == CONTENT
        assert [d.offset for d in parts] == list(range(0, 20000, 2048))
    assert len(kit.effects(told, FileClose)) == 2
    assert {p.nickname for p in kit.events(told, Profile)} == {"Ann", "Bob"}


def test_a_file_goes_on_where_it_stopped():
    told = kit.decode(Session(START), file_talk(8, CONTENT, offset=15000))
    parts = kit.effects(told, FileData)
    assert (parts[0].offset, parts[0].data) == (15000, CONTENT[15000:17048])
    assert sum(len(p.data) for p in parts) == 5000


def test_a_stopped_file_is_closed():
    stopped = [c(frame(b"\6" + CONTENT[:500])), s(frame(b"\4" + bytes(4)))]
    told = kit.decode(Session(START), [*file_talk(8, CONTENT)[:-1], *stopped])
    assert len(kit.effects(told, FileClose)) == 1


@given(
    st.lists(st.tuples(st.integers(2100, 20026), st.integers(1, 6000)), min_size=1, max_size=3),
    st.integers(1, 3000),
)
def test_holes_in_a_file_leave_every_other_byte_in_its_place(holes, cut):
    """The first packet is whole, so that the usual length of packets is known."""
    *before, (side, data) = file_talk(8, CONTENT)
    steps, at = list(before), 0
    for place, size in sorted(holes):
        if place >= at and place + size < len(data):
            steps += [(side, data[at:place]), (side, size)]
            at = place + size
    steps.append((side, data[at:]))
    told = kit.decode(Session(START), kit.recut(steps, cut))
    assert not kit.events(told, Malformed)
    seen = 0
    for part in kit.effects(told, FileData):
        assert CONTENT[part.offset : part.offset + len(part.data)] == part.data
        seen += len(part.data)
    lost = sum(size for size in (s for _, s in steps) if isinstance(size, int))
    assert len(CONTENT) - lost <= seen <= len(CONTENT)


def test_a_hole_that_cannot_be_measured_ends_the_side():
    *before, (side, data) = file_talk(8, CONTENT)
    told = kit.decode(Session(START), [*before, (side, 100), (side, data[100:])])
    assert kit.events(told, Gap) == [Gap(size=100)]
    assert not kit.effects(told, FileData)


# -- chats -------------------------------------------------------------------------------------


def chat_talk(version, caller_keys, other_keys):
    colours = bytes(9)
    one = struct.pack("<III", 0x65, -version & 0xFFFFFFFF, ME) + text("Ann") + b"\x50\x3f" + colours
    two = struct.pack("<II", 0x65, YOU) + text("Bob") + bytes(8) + struct.pack("<II", version, 9)
    three = struct.pack("<II", version, 9) + OUTER + INNER + b"\4" + bytes(20)
    return [
        *hello(version),
        c(frame(one)),
        s(frame(two + OUTER + INNER + bytes(30))),
        c(frame(three) + caller_keys),
        s(other_keys),
    ]


OLD_KEYS = (
    b"\0\xff\0\0\0" + b"\1\0\0\0\0" + b"\x10\x05\0Ari\0x\0\0" + b"\x11\1\0\0\0" + b"\x12\x0c\0\0\0"
    + b"helo\x08lo" + b"\x07\x03\x04" + b"\r" + b"next line\r"
)  # fmt: skip


def test_a_chat_of_the_older_versions():
    told = kit.decode(Session(START), chat_talk(3, OLD_KEYS, b"fine\runfinished"))
    assert [(m.sender, m.text) for m in kit.events(told, Message)] == [
        (str(ME), "hello"),
        (str(ME), "next line"),
        (str(YOU), "fine"),
        (str(YOU), "unfinished"),
    ]
    rooms = kit.events(told, Room)
    assert [(r.action, r.account) for r in rooms] == [
        ("join", str(ME)),
        ("join", str(YOU)),
        ("leave", str(ME)),
        ("leave", str(YOU)),
    ]
    assert {r.room for r in rooms} == {f"chat of {ME}"}


@pytest.mark.parametrize("version", [6, 7, 8])
def test_a_chat_of_the_later_versions(version):
    def command(number, values=b"", size=None):
        return b"\0" + bytes([number]) + struct.pack("<I", size or len(values)) + values

    keys = command(0, b"\xff\0\0\0") + command(7) + b"helo\x08lo\r"
    keys += command(0x10, b"\5\0Ari\0\0\0", 9) + command(0x11, bytes(4)) + b"more\r"
    told = kit.decode(Session(START), chat_talk(version, keys, b"fine\r"))
    assert [m.text for m in kit.events(told, Message)] == ["hello", "more", "fine"]
    assert {m.room for m in kit.events(told, Message)} == {f"chat of {ME}"}


@pytest.mark.parametrize("size", [1, 5, 4096, 60_000])
@pytest.mark.parametrize(
    ("version", "command", "lines"),
    [
        (3, b"\x10\xff\xff" + bytes(0xFFFF + 2), ["ab", "cd"]),
        (6, b"\0\7" + struct.pack("<I", 65536) + bytes(65536), ["ab", "cd"]),
        (6, b"\0\7" + struct.pack("<I", 65537), ["ab", "cd"]),
        (6, b"\0\7\xff\xff\xff\xff", ["ab", "cd"]),
        (6, b"\0\7" + struct.pack("<I", 65536), ["ab"]),
    ],
)
def test_a_long_command_is_passed_over_in_any_pieces(version, command, lines, size):
    """What says that it is longer than any command has no values."""
    steps = chat_talk(version, b"", b"")
    steps += [c(b"ab\r" + command + b"cd\r")]
    session = Session(START)
    told = kit.decode(session, kit.recut(steps, size))
    assert [m.text for m in kit.events(told, Message)] == lines
    assert kit.footprint(session) < 10000


@pytest.mark.parametrize(("lost", "lines"), [(99, ["y"]), (100, ["xy"]), (101, ["xy"])])
def test_a_gap_takes_from_the_command_it_is_in(lost, lines):
    command = b"\0\7" + struct.pack("<I", 100)
    steps = [*chat_talk(6, b"", b""), c(command), (Side.CLIENT, lost), c(b"xy\r")]
    assert [m.text for m in kit.events(kit.decode(Session(START), steps), Message)] == lines


def test_a_gap_ends_the_head_of_a_command():
    steps = [*chat_talk(6, b"", b""), c(b"a\0\7"), (Side.CLIENT, 3), c(b"xyzu\r")]
    told = kit.decode(Session(START), steps)
    assert [m.text for m in kit.events(told, Message)] == ["axyzu"]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_nothing_is_read_behind_the_message_that_goes_secure(size):
    answer = message(6, 0xEE, "1", command=wire.ACK)
    late = frame(answer) + frame(message(6, 1, "tls")) + b"\x16\x03\1"
    steps = [*hello(6), s(late)]
    session = Session(START)
    assert kit.events(kit.decode(session, kit.recut(steps, size)), Message) == []
    assert session.done


def test_a_line_is_bounded():
    session = Session(START)
    kit.decode(session, chat_talk(3, b"", b""), ends=False)
    for _ in range(100):
        session.feed(Side.CLIENT, b"x" * 10000)
    assert kit.footprint(session) < 10000
    (message,) = kit.events([(Side.CLIENT, v) for v in session.feed(Side.CLIENT, b"\r")], Message)
    assert message.size == 4096


# -- recognition -------------------------------------------------------------------------------


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


@pytest.mark.parametrize("version", EVERY)
def test_every_version_is_claimed_on_any_port(version):
    opening = frame(init(version))
    claim = peeked(opening)
    assert f"version {version}" in claim.evidence
    assert str(ME) in claim.evidence
    assert all(peeked(opening[:size]) is MORE for size in range(1, len(opening)))
    assert isinstance(peeked(opening, frame(wire.OK)[:3]), Claim)
    assert peeked(b"", opening, begun=False).flipped
    assert peeked(b"", opening) is None


@pytest.mark.parametrize(
    "change",
    [(2, 0xFE), (3, 0), (3, 16), (4, 1), (9, 0xFF), (23, 9)],
    ids=["no init", "version 0", "version 16", "length", "port", "mode"],
)
def test_what_only_looks_like_it_is_passed(change):
    for version in (3, 8):
        opening = bytearray(frame(init(version)))
        at, value = change
        if version == 8:
            at = {9: 15, 23: 29}.get(at, at)
        opening[at] = value
        assert peeked(bytes(opening)) is None, version


def test_answers_that_do_not_fit():
    assert peeked(frame(init(8)), b"HTTP/1.1 200") is None
    assert recognise(Peek("udp", frame(init(3)), b"", True, START)) is None


# -- laws --------------------------------------------------------------------------------------

TALK = [
    *hello(8),
    c(frame(message(8, 1, "hello", bytes(8)))),
    s(frame(message(8, 3, "", bytes(4) + text("f") + bytes(8), uin=YOU))),
    c(frame(message(8, 3, "no", bytes(4) + text("") + bytes(8), command=wire.ACK, status=1))),
]
TALKS = [
    TALK,
    file_talk(3, CONTENT[:5000]),
    file_talk(8, CONTENT[:5000], piece=700),
    chat_talk(3, OLD_KEYS, b"fine\r"),
    chat_talk(8, b"\0\7\0\0\0\0a\rb", b"c\x08d\r"),
]
OPENINGS = [hello(3), hello(8), file_talk(8, CONTENT[:3000])[:-1], chat_talk(7, b"", b"")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 44, 2048])
@pytest.mark.parametrize("steps", TALKS)
def test_segments_change_nothing(steps, size):
    kit.check_segmentation(lambda: Session(START), steps, size)


@given(st.sampled_from(TALKS), st.integers(1, 3000))
def test_segments_change_nothing_of_any_size(steps, size):
    kit.check_segmentation(lambda: Session(START), steps, size)


bodies = st.one_of(
    st.binary(max_size=80),
    st.builds(message, st.sampled_from(EVERY), st.sampled_from([1, 2, 3, 4, 6, 19, 26, 1000]),
              st.binary(max_size=20), st.binary(max_size=60),
              command=st.sampled_from([wire.START, wire.ACK, wire.CANCEL]),
              status=st.integers(0, 2)),
    st.builds(lambda k, b: bytes([k]) + b, st.integers(0, 7), st.binary(max_size=60)),
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(OPENINGS),
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(Side), bodies.map(frame)),
            st.tuples(st.sampled_from(Side), st.binary(max_size=60)),
            st.tuples(st.sampled_from(Side), st.integers(1, 5000)),
        ),
        max_size=8,
    ),
)
def test_garbage_and_well_framed_badly_filled(opening, chunks):
    kit.check_garbage(lambda: Session(START), [*opening, *chunks])
    kit.check_garbage(lambda: Session(START), chunks)


@given(st.binary(max_size=120), st.binary(max_size=60), st.booleans())
def test_random_bytes_are_never_claimed(client, server, begun):
    assert not isinstance(peeked(client, server, begun), Claim)


def test_a_broken_message_costs_itself():
    session = Session(START)
    broken = bytearray(message(6, 1, "hello", bytes(8)))
    broken[12] ^= 1
    steps = [*hello(6), c(frame(bytes(broken))), c(frame(message(6, 1, "next", bytes(8))))]
    told = kit.decode(session, steps)
    assert len(kit.events(told, Malformed)) == 1
    assert [m.text for m in kit.events(told, Message)] == ["next"]


def test_a_claim_without_an_init_is_withdrawn():
    session = Session(START)
    session.feed(Side.CLIENT, frame(b"something else"))
    assert session.standing is Standing.REFUTED


def test_a_hole_among_messages_ends_the_side():
    told = kit.decode(Session(START), [*TALK[:5], c(40), c(frame(message(8, 1, "x", bytes(8))))])
    assert kit.events(told, Gap) == [Gap(size=40)]
    assert not kit.events(told, Message)


def test_memory_is_bounded():
    session = Session(START)
    kit.decode(session, hello(8), ends=False)
    for n in range(500):
        offer = message(8, 3, "", bytes(4) + text("f" * 1000) + bytes(8), seq=n)
        session.feed(Side.CLIENT, frame(offer))
    session.feed(Side.SERVER, b"\xff\xff" + b"x" * 60000)
    assert kit.footprint(session) < 100_000
