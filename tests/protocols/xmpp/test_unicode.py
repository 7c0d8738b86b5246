"""Streams in forms that are not allowed, or seldom, and that Prosody 0.12.3 takes all the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.protocols.xmpp.talk import JULIET, MIDWAY, SASL, START, C, S, Wire, b64, head, message

from backchannel.events import Credential, Malformed, Message
from backchannel.model import Claim
from backchannel.protocols import Peek
from backchannel.protocols.xmpp.session import Session, recognise
from backchannel.protocols.xmpp.unicode import Unicode

AUTH = f"<auth {SASL} mechanism='PLAIN'>{b64(chr(0) + 'juliet' + chr(0) + 'r0m30')}</auth>"
SUCCESS = f"<success {SASL}/>"
ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-16-be"]
BARE = head(C).replace("stream:stream", "stream").replace(" xmlns='jabber:client'", "")
BARE = BARE.replace("xmlns:stream=", "xmlns=")


def talk(first, second, body="Gr\u00fc\u00dfe \U0001f600"):
    """A login, and a message behind it, with the streams of the client in two encodings."""
    return [
        (C, (head(C) + AUTH).encode(first)),
        (S, (head(S) + SUCCESS).encode()),
        (C, (head(C) + message(body)).encode(second)),
    ]


@pytest.mark.parametrize("first", ENCODINGS)
@pytest.mark.parametrize("second", ENCODINGS)
def test_every_stream_may_be_in_an_encoding_of_its_own(first, second):
    steps = talk(first, second)
    assert isinstance(recognise(Peek("tcp", steps[0][1], b"", True, START)), Claim)
    told = kit.events(kit.decode(Session(START), steps))
    assert [each.secret for each in told if isinstance(each, Credential)] == ["r0m30"]
    assert [each.text for each in told if isinstance(each, Message)] == [
        "Gr\u00fc\u00dfe \U0001f600"
    ]
    assert not [each for each in told if isinstance(each, Malformed)]


@given(st.sampled_from(ENCODINGS), st.sampled_from(ENCODINGS), st.integers(1, 40))
def test_segments_change_nothing(first, second, size):
    whole, cut = talk(first, second), []
    for side, data in whole:
        cut += [(side, data[at : at + size]) for at in range(0, len(data), size)]
    assert kit.events(kit.decode(Session(START), cut)) == kit.events(
        kit.decode(Session(START), whole)
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_comes_at_once_behind_an_answer_is_in_the_new_encoding(encoding):
    whole = (head(S) + SUCCESS).encode() + (head(S) + message("hi", who="x@y")).encode(encoding)
    for size in (1, 50, len(whole)):
        steps = [(S, whole[at : at + size]) for at in range(0, len(whole), size)]
        told = kit.events(kit.decode(Session(START), [(C, (head(C) + AUTH).encode()), *steps]))
        assert [each.text for each in told if isinstance(each, Message)] == ["hi"]


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_behind_a_hole_characters_are_whole_again(size):
    session = Session(START)
    data = (head(C) + message("one") + message("two")).encode("utf-16-le")
    at = data.index("one".encode("utf-16-le"))
    kit.decode(session, [(C, data[:at])], ends=False)
    session.gap(C, size)
    told = kit.events(kit.decode(session, [(C, data[at + size :])], ends=False))
    assert [each.text for each in told if isinstance(each, Message)] == ["two"]


def test_half_a_character_is_something_begun():
    session = Session(START)
    for data, partial in ((b"<", True), (b"\0", True), ("!--x-->".encode("utf-16-le"), False)):
        session.feed(C, data)
        assert session.partial(C) is partial


def test_a_stream_without_a_prefix():
    """`<stream xmlns='http://etherx.jabber.org/streams'>`, with the stanzas' namespace on them."""
    assert isinstance(recognise(Peek("tcp", BARE.encode(), b"", True, START)), Claim)
    body = message("hi").replace("<message", "<message xmlns='jabber:client'")
    steps = [(C, (BARE + AUTH).encode()), (S, (head(S) + SUCCESS).encode())]
    steps.append((C, (BARE + body).encode()))
    told = kit.events(kit.decode(Session(START), steps))
    assert [each.text for each in told if isinstance(each, Message)] == ["hi"]


def test_a_body_of_another_namespace_is_not_what_is_shown():
    decoy = "<body xmlns='other'>decoy</body>"
    (told,) = Wire().c(f"<message to='{JULIET}'>{decoy}<body>real</body></message>")
    assert told.text == "real"
    (told,) = Wire().c(f"<message to='{JULIET}'>{decoy}</message>")
    assert told.text == "decoy"


@pytest.mark.parametrize(
    "more",
    [
        " ".join(f"a{n}='1'" for n in range(200)),
        " ".join(f"xmlns:a{n}='u{n}'" for n in range(100)),
        "a='" + "x" * 20_000 + "'",
    ],
)
def test_tags_as_servers_take_them(more):
    (told,) = Wire().c(message("hi").replace("<message ", f"<message {more} "))
    assert told.text == "hi"


def test_of_a_stream_joined_midway_no_encoding_is_guessed():
    lost = Unicode(begun=MIDWAY.begun)
    assert lost.take(b"<\0i\0") == b"<\0i\0"
