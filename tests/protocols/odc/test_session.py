"""ODC: direct messages, typing, inline images, and the laws."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Gap, Malformed, Message, ProxyRequest, Typing
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.odc.session import Session, recognise
from backchannel.protocols.oscar.contexts import Meeting

HERE = Path(__file__).parent
CAPTURE = kit.EXAMPLES / "aim/aim_odc.pcap"
C, S = Side.CLIENT, Side.SERVER
COOKIE = b"7654321\0"
START = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.5", 5190))
MEETING = Meeting(COOKIE.hex(), Capability.IMAGE, "alice", "bob", "alice")
DIRECT_IM = bytes.fromhex("094613454c7f11d18222444553540000")
PICTURE = b"\x89PNG\r\n\x1a\n</DATA>" + bytes(range(256)) * 3


def frame(name: bytes, payload: bytes = b"", flags: int = 0, charset: int = 0, size=None) -> bytes:
    length = len(payload) if size is None else size
    body = b"\0\1\0\6\0\0" + COOKIE + bytes(8) + length.to_bytes(4) + charset.to_bytes(2)
    body += bytes(4) + flags.to_bytes(2) + bytes(4) + name.ljust(32, b"\0")
    return b"ODC2" + (len(body) + 6).to_bytes(2) + body + payload


def binary(*images: tuple[int, bytes]) -> bytes:
    data = b"".join(
        b'<DATA ID="%d" SIZE="%d">%b</DATA>' % (number, len(image), image)
        for number, image in images
    )
    return b"<BINARY>" + data + b"</BINARY>"


HELLO_ALICE, HELLO_BOB = frame(b"alice", flags=0x60), frame(b"bob", flags=0x60)
HTML = b'<HTML><BODY>see <IMG SRC="cat.png" ID="1" DATASIZE="783"> now</BODY></HTML>'


def play(*steps, start: Start = START) -> list:
    return [output for _, output in kit.decode(Session(start), steps)]


def test_golden():
    (flow,) = kit.claimed(CAPTURE, recognise)
    kit.check_golden(HERE / "golden" / "aim_odc.jsonl", kit.decode(Session(flow.start), flow.steps))


def test_witness():
    """What the driver typed, and the SHA-256 of the picture that the other client received."""
    (flow,) = kit.claimed(CAPTURE, recognise)
    told = kit.decode(Session(flow.start), flow.steps)
    assert [(one.sender, one.recipient, one.text) for one in kit.events(told, Message)] == [
        ("alicerec", "bobrec", "Direct message one from Alice"),
        ("alicerec", "bobrec", "Look at this cat  isn't it nice?"),
        ("bobrec", "alicerec", "Direct reply from Bob"),
        ("alicerec", "bobrec", "Direct message two, grüße"),
    ]
    picture = b"".join(piece.data for piece in kit.effects(told, FileData))
    assert (
        hashlib.sha256(picture).hexdigest()
        == "74f135ed083f9292d8f69a6adb375ce01aad0089315984c4ff1280c7941102de"
    )
    assert not kit.events(told, Malformed)


def test_messages_both_ways():
    told = play(
        (C, HELLO_BOB), (S, HELLO_ALICE + frame(b"alice", b"hi")), (C, frame(b"bob", b"ho", 1))
    )
    assert told == [
        Message(sender="alice", recipient="bob", text="hi", size=2),
        Message(sender="bob", recipient="alice", text="ho", size=2, kind="auto-response"),
    ]


def test_the_first_words_find_their_reader_by_the_announcement():
    start = Start("tcp", START.client, START.server, context=MEETING)
    assert play((S, frame(b"Alice", b"hi")), start=start)[0].recipient == "bob"
    assert play((C, frame(b"bob", b"hi")), start=start)[0].recipient == "alice"
    other = Start(
        "tcp", START.client, START.server, context=Meeting("00", Capability.IMAGE, "x", "y")
    )
    assert play((C, frame(b"bob", b"hi")), start=other)[0].recipient == ""


@pytest.mark.parametrize(
    ("charset", "data"),
    [(0, "grüße".encode()), (2, "grüße".encode("utf-16-be")), (3, "grüße".encode("cp1252"))],
)
def test_encodings(charset, data):
    assert play((C, frame(b"bob", data, charset=charset)))[0].text == "grüße"


def test_typing():
    told = play(
        (C, HELLO_BOB), *((S, frame(b"alice", flags=flags)) for flags in (0x0A, 0x06, 0x02))
    )
    assert told == [
        Typing(sender="alice", recipient="bob"),
        Typing(sender="alice", recipient="bob", active=False),
        Typing(sender="alice", recipient="bob", active=False),
    ]


def test_an_inline_image():
    told = play((C, HELLO_BOB), (S, frame(b"alice", HTML + binary((1, PICTURE)))))
    message, opened, came, closed = told
    assert (message.text, message.markup) == ("see  now", HTML.decode())
    assert opened == FileOpen(
        key="1",
        use=Capability.IMAGE,
        name="cat.png",
        size=len(PICTURE),
        sender="alice",
        recipient="bob",
        id=COOKIE.hex(),
    )
    assert came == FileData(key="1", offset=0, data=PICTURE)
    assert closed == FileClose(key="1")


def test_several_images_and_the_next_message():
    html = b'<img id=1 src="a"><img src=b id="2">'
    payload = html + binary((1, b"first"), (2, b"second"), (3, b"unnamed"))
    told = play((C, frame(b"bob", payload) + frame(b"bob", b"after")))
    assert [one.name for one in told if isinstance(one, FileOpen)] == ["a", "b", ""]
    assert [one.data for one in told if isinstance(one, FileData)] == [
        b"first",
        b"second",
        b"unnamed",
    ]
    assert told[-1].text == "after"


@pytest.mark.parametrize(
    "tag",
    [
        b'<DATA ID="1">',
        b'<DATA SIZE="0">',
        b'<DATA SIZE="-1">',
        b'<DATA SIZE="99999999">',
        b"<" * 600,
        b"x>",
    ],
)
def test_broken_image_markup_costs_the_images_only(tag):
    told = play((C, frame(b"bob", b"text<BINARY>" + tag + b"more") + frame(b"bob", b"after")))
    assert [type(one) for one in told] == [Message, Message]


def test_an_image_that_ends_with_its_frame():
    payload = b'x<binary><data id="1" size="50">only this'
    told = play((C, frame(b"bob", payload.ljust(70, b".")) + frame(b"bob", b"after")))
    assert [type(one) for one in told] == [Message, FileOpen, FileData, FileClose, Message]


def test_holes():
    whole = frame(b"bob", b"text" + binary((1, PICTURE))) + frame(b"bob", b"after")
    cut = 200
    told = play((C, whole[:cut]), (C, 50), (C, whole[cut + 50 :]))
    offsets = [(one.offset, len(one.data)) for one in told if isinstance(one, FileData)]
    assert offsets[0][1] + 50 == offsets[1][0]
    assert told[-1].text == "after"
    told = play((C, whole[:80]), (C, 20), (C, whole[100:]))
    assert [one.text for one in told if isinstance(one, Message)] == ["text"[:4], "after"]
    told = play((C, whole[:cut]), (C, 9000), (C, b"junk ODC" + frame(b"bob", b"found")))
    assert [one.text for one in told if isinstance(one, Message)] == ["text", "found"]
    assert Gap(size=9000) in told
    told = play((C, frame(b"bob", b"1234")[:-4]), (C, 4), (C, frame(b"bob", b"after")))
    assert told[-1].text == "after"


def test_joined_late():
    start = Start("tcp", START.client, START.server, begun=False)
    told = play((C, PICTURE + frame(b"bob", b"found")), start=start)
    assert told[0].text == "found"


def test_a_text_without_end_is_cut_and_bounded():
    session = Session(START)
    told = session.feed(C, frame(b"bob", size=0xFFFFFFFF))
    for _ in range(200):
        told += session.feed(C, b"x" * 1000)
    assert [one.size for one in told] == [1 << 16]
    assert kit.footprint(session) < 1 << 18


def test_through_the_proxy():
    body = b"\5alice" + COOKIE + b"\0\1\0\x10" + DIRECT_IM
    create = (len(body) + 10).to_bytes(2) + b"\x04\x4a\0\2" + bytes(6) + body
    ready = b"\0\x0a\x04\x4a\0\5" + bytes(6)
    claim = recognise(Peek("tcp", create, b"", True, START))
    assert isinstance(claim, Claim)
    told = play((C, create), (S, ready + frame(b"bob", b"hi")))
    assert isinstance(told[0], ProxyRequest)
    assert (told[-1].sender, told[-1].recipient) == ("bob", "alice")
    anonymous = create[: -len(DIRECT_IM) - 4]
    anonymous = (len(anonymous) - 2).to_bytes(2) + anonymous[2:]
    assert recognise(Peek("tcp", anonymous, b"", True, START)) is MORE
    assert isinstance(recognise(Peek("tcp", anonymous + HELLO_BOB, b"", True, START)), Claim)


# -- recognition -------------------------------------------------------------------------------


def peek(client: bytes = b"", server: bytes = b"", *, begun: bool = True) -> Peek:
    return Peek("tcp", client, server, begun, START)


def test_claimed():
    assert isinstance(recognise(peek(HELLO_BOB)), Claim)
    assert isinstance(recognise(peek(b"", HELLO_BOB)), Claim)
    assert isinstance(recognise(peek(PICTURE + HELLO_BOB, begun=False)), Claim)


@pytest.mark.parametrize("data", [b"", b"OD", b"ODC2", HELLO_BOB[:75], b"\0"])
def test_more_is_needed(data):
    assert recognise(peek(data)) is MORE


@pytest.mark.parametrize(
    "data",
    [
        b"GET /",
        b"ODC1" + HELLO_BOB[4:],
        b"ODC2\0\x10" + bytes(80),
        b"ODC2\xff\xff" + bytes(80),
        HELLO_BOB[:6] + b"\0\2" + HELLO_BOB[8:],
        HELLO_BOB[:20] + b"\1" + HELLO_BOB[21:],
        frame(b"\1\2"),
    ],
)
def test_not_claimed(data):
    assert recognise(peek(data)) is None
    assert recognise(peek(HELLO_BOB, data)) is None


def test_datagrams_are_not_it():
    assert recognise(Peek("udp", HELLO_BOB, b"", True, START)) is None


# -- the laws ----------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        HELLO_ALICE,
        HELLO_BOB,
        frame(b"bob", b"hello", 1),
        frame(b"bob", HTML + binary((1, PICTURE))),
        frame(b"bob", b"x<BINARY>" + b"<" * 600),
        frame(b"bob", size=100),
        frame(b"bob", size=0xFFFFFFFF),
        frame(b"bob", flags=0x0A),
        b"<BINARY>",
        b'<DATA ID="1" SIZE="20">',
    ]
)
steps = st.lists(
    st.tuples(
        st.sampled_from([C, S]), pieces | st.binary(min_size=1, max_size=60) | st.integers(1, 900)
    ),
    max_size=10,
)


@settings(max_examples=150)
@given(conversation=steps, size=st.integers(1, 200), begun=st.booleans())
def test_segmentation_changes_nothing(conversation, size, begun):
    start = Start("tcp", START.client, START.server, begun=begun, context=MEETING)
    kit.check_segmentation(lambda: Session(start), conversation, size)


@pytest.mark.parametrize("size", [1, 100, 1448])
def test_segmentation_changes_nothing_in_captures(size):
    (flow,) = kit.claimed(CAPTURE, recognise)
    kit.check_segmentation(lambda: Session(flow.start), flow.steps, size)


@settings(max_examples=300)
@given(steps, st.booleans())
def test_garbage_is_reported_never_raised(conversation, begun):
    start = Start("tcp", START.client, START.server, begun=begun)
    kit.check_garbage(lambda: Session(start), conversation, 1 << 18)


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    session = Session(START)
    session.feed(C, HELLO_BOB)
    assert [type(one) for one in session.feed(C, b"nonsense")] == [Malformed]
    assert session.feed(C, frame(b"bob", b"hi")) == []
    assert session.standing is Standing.PARSED
    assert [
        one.text for one in (session.gap(C, 3) + session.feed(C, frame(b"bob", b"hi")))[1:]
    ] == ["hi"]


def test_what_is_no_odc_from_the_start_refutes_the_claim():
    session = Session(START)
    session.feed(C, b"nonsense")
    assert session.standing is Standing.REFUTED
