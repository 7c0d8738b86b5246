"""DCC: an announced file or chat, from bytes made by hand after ircdocs' description.

What irssi and WeeChat sent each other is in `examples/irc`, and `test_manifest` asks for its files.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Expect, FileClose, FileData, FileOpen
from backchannel.events import Credential, Gap, Malformed, Message
from backchannel.model import Claim, Confidence, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc_dcc.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
DATA = bytes(range(256)) * 20
FILE = DccOffer(kind="send", sender="ann", recipient="bob", name="a.bin", size=len(DATA), id="5000")
PASSIVE = DccOffer(
    kind="send", sender="ann", recipient="bob", name="a.bin", size=len(DATA), id="9", passive=True
)
CHAT = DccOffer(kind="chat", sender="ann", recipient="bob", id="5001")
TLS = b"\x16\x03\x01\x02\x00\x01\x00"


def start(offer, *, begun=True):
    ends = Endpoint("192.0.2.11", 40_000), Endpoint("192.0.2.10", 5000)
    return Start("tcp", *ends, begun=begun, context=offer)


def counted(size, *, width=4):
    return size.to_bytes(width)


def transfer(*, sends=S, at=0, step=2000, width=4, base=0):
    """The file's bytes, and a count behind each step of them."""
    steps = []
    for begin in range(at, len(DATA), step):
        piece = DATA[begin : begin + step]
        steps += [
            (sends, piece),
            (sends.other, counted(begin + len(piece) - base, width=width)),
        ]
    return steps


def decoded(offer, steps, **more):
    session = Session(start(offer, **more))
    return session, kit.decode(session, steps)


def received(told):
    (opened,) = kit.effects(told, FileOpen)
    assert len(kit.effects(told, FileClose)) == 1
    data = bytearray(opened.size or len(DATA))
    for piece in kit.effects(told, FileData):
        data[piece.offset : piece.offset + len(piece.data)] = piece.data
    return bytes(data), opened


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offer", "sends"), [(FILE, S), (PASSIVE, C)])
@pytest.mark.parametrize("width", [4, 8])
def test_a_file_and_counts_of_what_came(offer, sends, width):
    steps = transfer(sends=sends, width=width)
    session = Session(start(offer))
    told = kit.decode(session, steps[:2], ends=False)
    assert session.standing is Standing.PARSED
    assert not session.done
    told += kit.decode(session, steps[2:], ends=False)
    data, opened = received(told)
    assert data == DATA
    assert (opened.name, opened.sender, opened.recipient) == ("a.bin", "ann", "bob")
    assert (opened.size, opened.id, opened.shared) == (len(DATA), offer.id, False)
    assert session.done


def test_a_file_without_counts():
    session, told = decoded(FILE, [(S, DATA)])
    assert received(told)[0] == DATA
    assert session.standing is Standing.PARSED


def test_a_file_that_breaks_off_is_not_proved():
    session, told = decoded(FILE, [(S, DATA[:100])])
    assert len(kit.effects(told, FileClose)) == 1
    assert session.standing is Standing.CLAIMED


def test_a_file_whose_size_nobody_told():
    offer = DccOffer(kind="send", sender="ann", recipient="bob", name="a.bin", id="5000")
    session, told = decoded(offer, transfer())
    data, opened = received(told)
    assert (data, opened.size) == (DATA, None)
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize("base", [0, 3000])
def test_a_resumed_file_has_its_bytes_in_their_place(base):
    offer = DccOffer(
        kind="send", sender="ann", recipient="bob", name="a.bin", size=len(DATA), id="5", at=3000
    )
    session, told = decoded(offer, transfer(at=3000, base=base))
    pieces = kit.effects(told, FileData)
    assert pieces[0].offset == 3000
    assert received(told)[0] == bytes(3000) + DATA[3000:]
    assert session.standing is Standing.PARSED


def test_more_than_was_announced_proves_nothing():
    session, told = decoded(FILE, [(S, DATA + b"more")])
    assert received(told)[0] == DATA
    assert session.standing is Standing.CLAIMED


def test_more_than_was_announced_is_left_out():
    _, told = decoded(FILE, [(S, DATA + b"more"), (C, counted(len(DATA)))])
    assert received(told)[0] == DATA


def test_counts_that_cannot_be_refute():
    session = Session(start(FILE))
    kit.decode(session, [(S, DATA[:100]), (C, counted(len(DATA) + 1))], ends=False)
    assert session.standing is Standing.REFUTED
    session = Session(start(FILE))
    kit.decode(session, [(S, DATA[:100]), (C, b"GET / HTTP/1.1")], ends=False)
    assert session.standing is Standing.REFUTED


def test_counts_alone_prove_nothing():
    session = Session(start(FILE))
    kit.decode(session, [(C, counted(100))], ends=False)
    assert session.standing is Standing.CLAIMED


def test_a_hole_costs_what_it_hides():
    steps = [(S, DATA[:1000]), (S, 500), (S, DATA[1500:]), (C, counted(900)[:1]), (C, 5)]
    session, told = decoded(FILE, [*steps, (C, b"\xff\xff" + counted(len(DATA)))])
    assert kit.events(told) == [Gap(size=500), Gap(size=5)]
    assert received(told)[0] == DATA[:1000] + bytes(500) + DATA[1500:]
    assert session.standing is Standing.PARSED


def test_bytes_joined_midway_have_no_place():
    session, told = decoded(FILE, transfer(), begun=False)
    assert not told
    assert session.done


# -- chats -------------------------------------------------------------------------------------


def message(sender, recipient, text, kind="text"):
    return Message(sender=sender, recipient=recipient, text=text, kind=kind, size=len(text))


def test_a_chat():
    steps = [(S, b"hello there\n"), (C, b"hello yourself\r\n"), (S, b"\x01ACTION waves\x01\n")]
    session, told = decoded(CHAT, [*steps, (C, b"without an end")])
    assert kit.events(told) == [
        message("ann", "bob", "hello there"),
        message("bob", "ann", "hello yourself"),
        message("ann", "bob", "waves", "action"),
        message("bob", "ann", "without an end"),
    ]
    assert session.standing is Standing.PARSED


def test_in_a_passive_chat_who_offered_connects():
    offer = DccOffer(kind="chat", sender="ann", recipient="bob", id="9", passive=True)
    _, told = decoded(offer, [(S, b"hello\n")])
    assert kit.events(told) == [message("bob", "ann", "hello")]


def test_the_bots_question_and_the_password():
    _, told = decoded(CHAT, [(S, b"Enter your password.\n"), (C, b"secret\n"), (C, b"hello\n")])
    assert kit.events(told)[1:] == [
        Credential(account="bob", kind="plain", scheme="dcc-chat", secret="secret"),
        message("bob", "ann", "hello"),
    ]


def test_who_was_not_named_because_the_connection_was_joined_midway():
    offer = DccOffer(kind="send", sender="", recipient="bob", name="a.bin", id="5000")
    claim = recognise(Peek("tcp", b"", b"PK", True, start(offer)))
    assert isinstance(claim, Claim)
    assert claim.evidence == "file that somebody offered bob"


def test_an_offer_inside_a_chat():
    _, told = decoded(CHAT, [(S, b"\x01DCC SEND a.txt 3221225994 5002 7\x01\n")])
    (expect,) = kit.effects(told, Expect)
    assert (expect.port, expect.accounts) == (5002, ("ann", "bob"))


def test_what_is_no_text_refutes():
    session, told = decoded(CHAT, [(S, b"\0\0\0\1\n")])
    assert session.standing is Standing.REFUTED
    assert len(kit.events(told, Malformed)) == 1


def test_a_hole_in_a_chat_costs_a_line():
    steps = [(S, b"one\n"), (S, 9), (S, b"t of it\nthree\n")]
    _, told = decoded(CHAT, steps)
    assert [each.text for each in kit.events(told, Message)] == ["one", "three"]


@pytest.mark.parametrize("rest", [b"\n", b"\r\n"])
def test_behind_a_hole_up_to_the_end_of_a_line_nothing_is_lost(rest):
    _, told = decoded(CHAT, [(S, b"one\n"), (S, 9), (S, rest + b"three\n")])
    assert [each.text for each in kit.events(told, Message)] == ["one", "three"]


def test_half_a_line_of_a_chat_is_partial():
    session = Session(start(CHAT))
    session.feed(S, b"hel")
    assert session.partial(S)
    assert not session.partial(C)
    assert not Session(start(FILE)).partial(S)


@pytest.mark.parametrize("kind", ["chat", "send"])
def test_inside_tls_nothing_is_seen(kind):
    offer = DccOffer(kind=kind, sender="ann", recipient="bob", secure=True, size=7, id="5")
    session, told = decoded(offer, [(C, TLS), (S, TLS)])
    assert not told
    assert session.done
    session, told = decoded(CHAT, [(C, TLS)])
    assert not kit.events(told)
    assert session.done


# -- recognition -------------------------------------------------------------------------------


def peeked(offer, client=b"", server=b""):
    return recognise(Peek("tcp", client, server, True, start(offer)))


@pytest.mark.parametrize(
    ("offer", "client", "server"),
    [
        (FILE, b"", b"any bytes"),
        (FILE, counted(100), DATA[:100]),
        (PASSIVE, DATA[:100], counted(100)),
        (CHAT, b"hello\n", b""),
        (CHAT, TLS, b""),
    ],
)
def test_claimed_where_it_was_announced(offer, client, server):
    claim = peeked(offer, client, server)
    assert isinstance(claim, Claim)
    assert claim.confidence is Confidence.EXPECTED
    assert peeked(None, client, server) is None


@pytest.mark.parametrize(
    ("offer", "client", "server"),
    [
        (FILE, b"GET / HTTP/1.1\r\n\r\n", b""),
        (FILE, b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n"),
        (PASSIVE, b"", b"GET / HTTP/1.1\r\n\r\n"),
        (CHAT, b"\0\0\0\1", b""),
        (DccOffer(kind="chat", sender="a", recipient="b", secure=True), b"hello\n", b""),
    ],
)
def test_what_speaks_against_it(offer, client, server):
    assert peeked(offer, client, server) is None


# -- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("offer", "sends"), [(FILE, S), (PASSIVE, C)])
def test_segments_change_nothing(offer, sends, size):
    steps = transfer(sends=sends)
    kit.check_segmentation(lambda: Session(start(offer)), steps, size)
    kit.check_segmentation(lambda: Session(start(offer)), [(sends, DATA + b"more")], size)
    talk = [(S, b"hello\nEnter your password\nx"), (C, b"secret\nmore"), (S, b"y\n")]
    kit.check_segmentation(lambda: Session(start(CHAT)), talk, size)


garbled = st.one_of(
    st.binary(max_size=40),
    st.integers(1, 9),
    st.sampled_from([b"\x01DCC SEND a 1 2 3\x01\n", b"enter your password\n", counted(7), TLS]),
)


@given(
    st.lists(st.tuples(st.sampled_from(Side), garbled)),
    st.sampled_from([None, FILE, PASSIVE, CHAT]),
    st.booleans(),
)
def test_garbage(chunks, offer, begun):
    kit.check_garbage(lambda: Session(start(offer, begun=begun)), chunks, bound=4096)
