"""OFT: files, resumed files, shared folders, the rendezvous proxy, and the laws."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.protocols.oft.craft import (
    COOKIE,
    CREATED,
    DIRECT_IM,
    MEETING,
    READY,
    START,
    C,
    S,
    announced,
    create,
    header,
    join,
    offer,
    proxy,
    slow_checksum,
)

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import (
    Download,
    Gap,
    Malformed,
    ProxyAnswer,
    ProxyRequest,
    Share,
    SharedFile,
)
from backchannel.model import MORE, Capability, Claim, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.oft import wire
from backchannel.protocols.oft.session import Session, recognise
from backchannel.protocols.oscar.contexts import Meeting

HERE = Path(__file__).parent
CAPTURES = [
    *(kit.EXAMPLES / "aim" / f"aim_{name}.pcap" for name in ("oft", "oft_reverse", "oft_rvproxy")),
    kit.EXAMPLES / "icq/icq_oft.pcap",
]
every_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
DATA = bytes(range(256)) * 5 + b"!"
ACCEPT, DONE, RESUME, RESUME_ACCEPT = (header(kind) for kind in (0x202, 0x204, 0x205, 0x207))


def play(*steps, start: Start = START) -> list:
    return [output for _, output in kit.decode(Session(start), steps)]


def file_of(told: list) -> bytes:
    """What the pieces make of a file; holes are an error here."""
    whole = b""
    for output in told:
        if isinstance(output, FileData):
            assert output.offset == len(whole)
            whole += output.data
    return whole


@every_capture
def test_golden(capture):
    told = [
        told
        for flow in kit.claimed(capture, recognise)
        for told in kit.decode(Session(flow.start), flow.steps)
    ]
    kit.check_golden(HERE / "golden" / f"{capture.stem}.jsonl", told)


MAP = "0d80d72df73660d2c433a398a5cd0cbd64325a3bfa8780bb1944e97b8a90f96d"
NOTES = "50fa49868b2860b9758d6732681b054e26bf9f8827a47ec1a277f4c41aff3d57"


@pytest.mark.parametrize(
    ("capture", "files"),
    [
        ("aim/aim_oft", [("kestrel_notes.txt", NOTES), ("kestrel_map.png", MAP)]),
        ("aim/aim_oft_reverse", [("kestrel_map.png", MAP)]),
        ("aim/aim_oft_rvproxy", [("kestrel_map.png", MAP), ("kestrel_map.png", MAP)]),
        ("icq/icq_oft", [("kestrel_map.png", MAP), ("kestrel_notes.txt", NOTES)]),
    ],
)
def test_witness_files(capture, files):
    """SHA-256 of the files that the driver gave to the sending client and took from the other."""
    found = []
    for flow in kit.claimed(kit.EXAMPLES / f"{capture}.pcap", recognise):
        told = kit.decode(Session(flow.start), flow.steps)
        (opened,) = kit.effects(told, FileOpen)
        (closed,) = kit.effects(told, FileClose)
        assert closed.verified is True
        assert not kit.events(told, Malformed)
        whole = file_of([output for _, output in told])
        assert opened.size == len(whole)
        found.append((opened.name, hashlib.sha256(whole).hexdigest()))
    assert found == files


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "receiver"), [(C, S), (S, C)])
@pytest.mark.parametrize("magic", [b"OFT2", b"OFT3"])
def test_a_file(sender, receiver, magic):
    told = play(
        (sender, offer(DATA, magic=magic, cookie=bytes(8))),
        (receiver, ACCEPT),
        (sender, DATA),
        (receiver, DONE),
        start=announced(),
    )
    opened, came, closed = told
    assert opened == FileOpen(
        key="1", name="plan.pdf", size=len(DATA), sender="alice", recipient="bob", id=COOKIE.hex()
    )
    assert came == FileData(key="1", offset=0, data=DATA)
    assert closed == FileClose(key="1", verified=True)


def test_several_files_on_one_connection():
    told = play(
        (C, offer(DATA, b"a\x01b.txt", files=3, left=3)),
        (S, ACCEPT),
        (C, DATA),
        (S, DONE),
        (C, offer(b"", b"empty", files=3, left=2)),
        (S, ACCEPT),
        (S, DONE),
        (C, offer(b"xyz", b"c", files=3, left=1)),
        (S, ACCEPT),
        (C, b"xyz"),
        (S, DONE),
    )
    assert [(one.key, one.name, one.size) for one in told if isinstance(one, FileOpen)] == [
        ("1", "a/b.txt", len(DATA)),
        ("2", "empty", 0),
        ("3", "c", 3),
    ]
    assert [one.verified for one in told if isinstance(one, FileClose)] == [True, None, True]


def test_both_sides_may_send():
    told = play(
        (C, offer(DATA)),
        (S, ACCEPT),
        (C, DATA),
        (S, DONE + offer(b"back")),
        (C, ACCEPT),
        (S, b"back"),
    )
    assert [one.verified for one in told if isinstance(one, FileClose)] == [True, True]


def test_what_the_other_side_has_already_is_not_sent():
    told = play((C, offer(DATA)), (S, DONE), (C, offer(b"new")), (S, ACCEPT), (C, b"new"))
    assert [one.size for one in told if isinstance(one, FileOpen)] == [3]


@pytest.mark.parametrize("have", [1, 2, 700, len(DATA)])
def test_resumed(have):
    """The checksum of what the receiver has already counts towards that of the whole."""
    got = slow_checksum(DATA[:have])
    told = play(
        (C, offer(DATA)),
        (S, header(0x205, received=have, received_checksum=got)),
        (C, offer(DATA, kind=0x106, received=have, received_checksum=got)),
        (S, RESUME_ACCEPT),
        (C, DATA[have:]),
        (S, DONE),
    )
    (opened,) = kit.effects([(C, one) for one in told], FileOpen)
    assert opened.size == len(DATA)
    pieces = [one for one in told if isinstance(one, FileData)]
    assert [piece.offset for piece in pieces] == ([have] if have < len(DATA) else [])
    assert told[-1] == FileClose(key="1", verified=True)


def test_a_wrong_checksum():
    told = play((C, offer(DATA)), (S, ACCEPT), (C, DATA[:-1] + b"?"))
    assert told[-1] == FileClose(key="1", verified=False)


@pytest.mark.parametrize("declared", [0, 0xFFFF0000])
def test_no_checksum_was_declared(declared):
    told = play((C, header(0x101, size=len(DATA), checksum=declared)), (S, ACCEPT), (C, DATA))
    assert told[-1] == FileClose(key="1")


def test_broken_off():
    told = play((C, offer(DATA)), (S, ACCEPT), (C, DATA[:100]))
    assert [type(one) for one in told] == [FileOpen, FileData, FileClose]
    assert told[-1].verified is None


def test_a_hole_in_the_file():
    told = play(
        (C, offer(DATA)), (S, ACCEPT), (C, DATA[:100]), (C, 50), (C, DATA[150:] + offer(b""))
    )
    assert [one.offset for one in told if isinstance(one, FileData)] == [0, 150]
    assert Gap(size=50) in told
    assert told[-1] == FileClose(key="1")
    told = play((C, offer(DATA)), (S, ACCEPT), (C, DATA[:100]), (C, len(DATA) - 100))
    assert told[-1] == FileClose(key="1")


def test_a_hole_beyond_the_file_looks_for_the_next_header():
    told = play(
        (C, offer(DATA)),
        (S, ACCEPT),
        (C, DATA[:100]),
        (C, 5000),
        (C, b"tail of a header OFT2" + offer(b"next")),
        (S, ACCEPT),
        (C, b"next"),
    )
    assert [one.verified for one in told if isinstance(one, FileClose)] == [None, True]


def test_one_side_only_was_captured():
    """Nobody is heard to accept: what does not look like a header is the file."""
    told = play((C, offer(DATA) + DATA + offer(b"OF") + b"OF"))
    assert [one.verified for one in told if isinstance(one, FileClose)] == [True, True]
    told = play((C, offer(DATA) + offer(b"second") + b"second"))
    assert file_of(told) == b"second"


def test_joined_late():
    start = Start("tcp", START.client, START.server, begun=False)
    told = play((C, b"the end of something" + offer(DATA)), (S, ACCEPT), (C, DATA), start=start)
    assert told[-1] == FileClose(key="1", verified=True)


@pytest.mark.parametrize(
    ("raw", "charset", "name"),
    [
        (b"plain.txt", 0, "plain.txt"),
        ("größe.txt".encode(), 0, "größe.txt"),
        ("größe.txt".encode("cp1252"), 3, "größe.txt"),
        ("größe ☃".encode("utf-16-be"), 2, "größe ☃"),
        (b"..\x01..\x01etc\x01passwd", 0, "../../etc/passwd"),
        (b"x" * 300, 0, "x" * 300),
    ],
)
def test_names_are_the_sender_s_text(raw, charset, name):
    told = play((C, offer(DATA, raw, charset=charset)), (S, ACCEPT), (C, DATA))
    assert told[0].name == name


def test_another_cookie_than_announced_is_another_connection():
    accept = header(0x202, cookie=b"another!")
    told = play((C, offer(DATA, cookie=b"another!")), (S, accept), start=announced())
    assert (told[0].sender, told[0].id) == ("", b"another!".hex())


def test_numbers_are_icq_accounts():
    meeting = Meeting(COOKIE.hex(), Capability.FILE_TRANSFER, "7001", "7002", "7001")
    assert Session(announced(meeting)).service == "icq"
    assert Session(announced()).service == "aim"
    assert Session(START).service == "aim"


# -- shared folders ----------------------------------------------------------------------------


def entry(name: bytes, size: int, *, folder: bool = False) -> bytes:
    def tlv(tag: int, value: bytes) -> bytes:
        return tag.to_bytes(2) + len(value).to_bytes(2) + value

    flags = tlv(0x0900, b"\0\0\0\1") if folder else b""
    return (
        tlv(0x0101, bytes(4))
        + tlv(0x0303, size.to_bytes(4))
        + tlv(0x0505, b"\0\0")
        + tlv(0x0404, name)
        + flags
        + tlv(0x0909, b"")
    )


LIST = b"Lst1" + entry(b"music", 0, folder=True) + entry(b"a\x01b.mp3", 12345)
OLD_LIST = (
    b"04/09/2000 18:35       12345 a\x01b.mp3\r\n04/09/2000 18:35           7 notes.txt\r\nbad\r\n"
)
SHARED = Meeting(COOKIE.hex(), Capability.FILE_SHARING, "alice", "bob", "alice")


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (
            LIST,
            (SharedFile(name="music", detail="folder"), SharedFile(name="a/b.mp3", size=12345)),
        ),
        (OLD_LIST, (SharedFile(name="a/b.mp3", size=12345), SharedFile(name="notes.txt", size=7))),
        (b"Lst1" + entry(b"x", 1) + b"\0\1", (SharedFile(name="x", size=1),)),
        (b"", ()),
    ],
)
def test_a_shared_folder_is_listed_and_read(data, files):
    told = play(
        (S, offer(data, b"listing.txt", kind=0x1108, files=len(files))),
        (C, header(0x1209)),
        (S, data),
        (C, header(0x120B) + header(0x120C, b"a\x01b.mp3")),
        (S, offer(DATA, b"a\x01b.mp3")),
        (C, ACCEPT),
        (S, DATA),
        (C, DONE),
        start=announced(SHARED),
    )
    share, download, opened, _, closed = told
    assert share == Share(owner="alice", files=files, total=len(files))
    assert download == Download(name="a/b.mp3", account="bob")
    assert (opened.use, opened.sender) == (Capability.FILE_SHARING, "alice")
    assert closed.verified is True


def test_a_folder_is_asked_for():
    (told,) = play((C, header(0x120E, b"music")), start=announced(SHARED))
    assert told == Download(name="music/", account="bob")


def test_a_hole_in_a_list_ends_it():
    told = play(
        (S, offer(LIST, kind=0x1108)), (C, header(0x1209)), (S, LIST[:60]), (S, 9), (S, LIST[69:])
    )
    assert told[-1] == Share(owner="", files=(SharedFile(name="music", detail="folder"),), total=1)


# -- the proxy ---------------------------------------------------------------------------------


def test_through_the_proxy():
    told = play(
        (C, create()),
        (S, CREATED + READY),
        (C, offer(DATA, cookie=bytes(8))),
        (S, ACCEPT),
        (C, DATA),
    )
    assert told[:3] == [
        ProxyRequest(
            scheme="oscar-rendezvous", command="create", host="10.0.0.5", port=5190, user="alice"
        ),
        ProxyAnswer(
            scheme="oscar-rendezvous", accepted=True, code="created", address="198.51.100.50"
        ),
        ProxyAnswer(scheme="oscar-rendezvous", accepted=True, code="ready"),
    ]
    assert (told[3].sender, told[3].recipient, told[3].id) == ("alice", "", COOKIE.hex())
    assert told[-1] == FileClose(key="1", verified=True)


def test_the_other_leg():
    told = play((C, join()), (S, READY + offer(DATA)), (C, ACCEPT), (S, DATA), start=announced())
    assert (told[0].command, told[0].user) == ("join", "bob")
    assert (told[2].sender, told[2].recipient) == ("alice", "bob")
    told = play((C, join()), (S, READY + offer(DATA)), (C, ACCEPT), (S, DATA))
    assert (told[2].sender, told[2].recipient) == ("", "bob")


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (b"\0\x1a", "waiting for the other side timed out"),
        (b"\0\x77", "error 0x0077"),
        (b"", "error 0x0000"),
    ],
)
def test_the_proxy_refuses(code, word):
    told = play((C, join()), (S, proxy(1, code)))
    assert (told[-1].accepted, told[-1].code) == (False, word)


def test_a_proxied_meeting_for_something_else_is_not_ours():
    session = Session(START)
    session.feed(C, create(wanted=b""))
    assert session.standing is Standing.CLAIMED
    session.feed(C, b"ODC2" + bytes(72))
    assert session.standing is Standing.REFUTED


# -- recognition -------------------------------------------------------------------------------


def peek(client: bytes = b"", server: bytes = b"", *, begun: bool = True) -> Peek:
    return Peek("tcp", client, server, begun, START)


def test_claimed():
    for one in (
        offer(DATA),
        ACCEPT,
        header(0x1108),
        header(0x120E),
        create(),
        join() + offer(DATA),
    ):
        assert isinstance(recognise(peek(one)), Claim)
        assert isinstance(recognise(peek(b"", one)), Claim)
    assert isinstance(recognise(peek(create(wanted=b""))), Claim)
    assert isinstance(recognise(peek(DATA + ACCEPT, begun=False)), Claim)


@pytest.mark.parametrize("data", [b"", b"O", b"OFT2\1", ACCEPT[:255], b"\0", create()[:20], READY])
def test_more_is_needed(data):
    assert recognise(peek(data)) is MORE


@pytest.mark.parametrize(
    "data",
    [
        b"GET /",
        b"OFT4" + ACCEPT[4:],
        b"OFT2\0\x20",
        b"OFT2\xff\xff",
        header(0x9999),
        header(0x0101, program=b"\x01\x02"),
        b"\0\x30\x04\x4b",
        create(wanted=DIRECT_IM),
        proxy(9),
        b"\0\x0a\x04\x4a\0\5\0\0\0\1\0\0",
        b"\xff\xff\x04\x4a",
        create(wanted=b"") + b"ODC2",
    ],
)
def test_not_claimed(data):
    assert recognise(peek(data)) is None
    assert recognise(peek(ACCEPT, data)) is None


def test_datagrams_are_not_it():
    assert recognise(Peek("udp", ACCEPT, b"", True, START)) is None


# -- the checksum ------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_the_checksum_is_that_of_the_clients(pieces):
    """The fast sum over pieces of any size against the published algorithm, byte by byte."""
    fast, at = wire.Checksum(), 0
    for piece in pieces:
        fast.add(piece, at)
        at += len(piece)
    slow = slow_checksum(b"".join(pieces))
    assert fast.agrees(slow)
    assert not fast.agrees(slow ^ 0x00010000)


# -- the laws ----------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        offer(DATA),
        offer(b"OFT2" + bytes(50)),
        offer(b""),
        offer(LIST, kind=0x1108),
        offer(DATA, kind=0x0106, received=77),
        ACCEPT,
        DONE,
        RESUME,
        RESUME_ACCEPT,
        header(0x1209),
        header(0x120C),
        DATA,
        LIST,
        b"OFT2" + bytes(50),
        create(),
        CREATED,
        READY,
        header(0x101, size=0xFFFFFFFF),
        header(0x106, size=5, received=0xFFFFFFFF),
    ]
)
steps = st.lists(
    st.tuples(
        st.sampled_from([C, S]), pieces | st.binary(min_size=1, max_size=60) | st.integers(1, 3000)
    ),
    max_size=10,
)


@settings(max_examples=150)
@given(conversation=steps, size=st.integers(1, 200), begun=st.booleans())
def test_segmentation_changes_nothing(conversation, size, begun):
    start = Start("tcp", START.client, START.server, begun=begun, context=MEETING)
    kit.check_segmentation(lambda: Session(start), conversation, size)


@every_capture
@pytest.mark.parametrize("size", [1, 100, 1448])
def test_segmentation_changes_nothing_in_captures(capture, size):
    for flow in kit.claimed(capture, recognise)[:1]:
        kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


@settings(max_examples=300)
@given(steps, st.booleans())
def test_garbage_is_reported_never_raised(conversation, begun):
    start = Start("tcp", START.client, START.server, begun=begun)
    kit.check_garbage(lambda: Session(start), conversation, 1 << 17)


def test_a_list_without_end_is_bounded():
    session = Session(START)
    session.feed(S, header(0x1108, size=0xFFFFFFFF))
    session.feed(C, header(0x1209))
    for _ in range(100):
        session.feed(S, LIST * 300)
    assert kit.footprint(session) < 2 << 20


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    session = Session(START)
    session.feed(C, offer(DATA))
    session.feed(S, DONE)
    assert [type(one) for one in session.feed(C, b"nonsense")] == [Malformed]
    assert session.feed(C, offer(DATA)) == []
    session.gap(C, 3)
    session.feed(C, offer(DATA))
    assert isinstance(session.feed(S, ACCEPT)[0], FileOpen)
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize("junk", [b"nonsense", b"OFT9" + bytes(300), header(0x0333)])
def test_what_is_no_oft_from_the_start_refutes_the_claim(junk):
    session = Session(START)
    session.feed(C, junk)
    assert session.standing is Standing.REFUTED
