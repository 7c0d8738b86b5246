"""What is claimed, what is not, and what takes more bytes to say."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.oscar.craft import (
    AUTH_COOKIE,
    START,
    flap,
    hello,
    im,
    im_from,
    name8,
    part,
    peek,
    snac,
    text16,
    tlv,
    u16,
)

from backchannel.model import LATER, MORE, Claim
from backchannel.protocols import Peek
from backchannel.protocols.oscar.recognise import recognise

GREETING = flap(1, hello())
COOKIE = flap(1, hello(tlv(6, AUTH_COOKIE)))
ROASTED = flap(1, hello(tlv(1, b"7001"), tlv(2, b"\x83\x47")))
SENT = flap(2, snac(4, 6, im("bob", part(b"hi"))))
RECEIVED = flap(2, snac(4, 7, im_from("bob", part(b"hi"))))
CHALLENGE = flap(2, snac(0x17, 7, text16(b"1234567890")))
KEEP_ALIVE = flap(5, b"")
EITHER = flap(2, snac(4, 0x14, bytes(8) + u16(1) + name8("bob") + u16(2)))
"""A message that both sides send."""


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (COOKIE, b""),
        (ROASTED, b""),
        (GREETING + ROASTED, GREETING),
        (b"", GREETING),
        (GREETING, GREETING),
        (SENT, b""),
        (b"", RECEIVED),
        (b"", GREETING + CHALLENGE),
        (KEEP_ALIVE + SENT, b""),
        (SENT[:20], b""),
    ],
)
def test_claimed(client, server):
    claim = recognise(peek(client, server))
    assert isinstance(claim, Claim)
    assert (claim.protocol, claim.flipped) == ("oscar", False)
    assert claim.evidence


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"", COOKIE),
        (b"", SENT),
        (b"", SENT + EITHER),
        (b"", EITHER + SENT),
        (RECEIVED, b""),
        (RECEIVED + EITHER, EITHER),
        (RECEIVED, SENT),
    ],
)
def test_claimed_the_wrong_way_round(client, server):
    assert recognise(peek(client, server, begun=False)).flipped


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"*", b""),
        (GREETING[:9], b""),
        (GREETING + b"*", b""),
        (COOKIE[:40], GREETING[:5]),
        (GREETING, GREETING[:5]),
        (SENT[:12], b""),
    ],
)
def test_more_is_needed(client, server):
    assert recognise(peek(client, server)) is MORE


@pytest.mark.parametrize(("client", "server"), [(GREETING, b""), (KEEP_ALIVE, KEEP_ALIVE)])
def test_whole_frames_are_not_held_for_the_next(client, server):
    """Its sender may wait for an answer, and what comes next shows what it is."""
    assert recognise(peek(client, server)) is LATER


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"**",
        b"\x2a\x06",
        flap(1, b"\0\0\0\2"),
        flap(1, b"\0\0"),
        flap(1, hello(b"\0\1\0\x20short")),
        flap(2, b"short"),
        flap(2, snac(0x77, 1)),
        flap(2, snac(0, 1)),
        flap(2, snac(4, 0x66)),
        flap(2, snac(4, 0)),
        flap(2, snac(4, 6, flags=0x1234)),
        flap(2, b"toc_send_im bob hello\0"),
        flap(2, b"IM_IN:bob:F:hello"),
        flap(1, hello(tlv(1, b"bob"))),
        flap(5, b"something"),
        flap(3, bytes(0x2000)),
        SENT + b"trailing",
        GREETING + b"TOC",
    ],
)
def test_not_claimed(data):
    assert recognise(peek(data)) is None
    assert recognise(peek(b"", data)) is None


def test_one_side_that_cannot_be_it_is_enough():
    assert recognise(peek(COOKIE, b"HTTP/1.1 200 OK")) is None


def test_toc_is_left_to_its_own_folder():
    """TOC's client greets first; then both greet as in OSCAR."""
    assert recognise(peek(b"FLAPON\r\n\r\n" + GREETING, GREETING)) is None
    assert recognise(peek(b"FLAPON", b"")) is None


def test_a_greeting_alone_on_a_flow_joined_late_may_be_tocs():
    assert recognise(peek(b"", GREETING, begun=False)) is MORE


def test_greetings_in_a_tunnel_joined_midway_do_not_say_who_is_who():
    """As behind a SOCKS server whose answers were the first that the recorder saw."""
    challenged = flap(2, snac(0x17, 6, tlv(1, b"alice")))
    assert recognise(peek(GREETING, GREETING, begun=False)) is MORE
    assert recognise(peek(GREETING, GREETING + challenged, begun=False)).flipped
    assert not recognise(peek(GREETING + challenged, GREETING, begun=False)).flipped


def test_where_no_message_says_who_is_who_the_port_does():
    """And only there: a client may use that port too."""
    own = msgspec.structs.replace(START, client=START.server, server=START.client)
    either = Peek("tcp", EITHER, b"", False, own)
    assert recognise(either).flipped
    assert not recognise(msgspec.structs.replace(either, client=SENT)).flipped
    assert not recognise(msgspec.structs.replace(either, begun=True)).flipped
    assert not recognise(msgspec.structs.replace(either, start=START)).flipped


def test_joined_in_the_middle_of_a_frame():
    claim = recognise(peek(SENT[11:] + SENT, b"", begun=False))
    assert isinstance(claim, Claim)
    assert recognise(peek(SENT[11:] + SENT, b"")) is None
    assert recognise(peek(bytes(4000), b"", begun=False)) is None


def test_datagrams_are_not_it():
    one = peek(COOKIE)
    assert recognise(type(one)("udp", one.client, one.server, True, one.start)) is None


@given(client=st.binary(max_size=300), server=st.binary(max_size=300), begun=st.booleans())
def test_random_bytes_are_not_claimed(client, server, begun):
    assert not isinstance(recognise(peek(client, server, begun=begun)), Claim)


@given(
    st.binary(max_size=64),
    st.sampled_from([COOKIE, SENT, GREETING + CHALLENGE, RECEIVED]),
    st.booleans(),
)
def test_recognition_never_raises(junk, frame, begun):
    for cut in range(0, len(frame), 5):
        recognise(peek(frame[:cut] + junk, junk + frame, begun=begun))


def test_every_prefix_of_a_good_start_is_waited_for():
    """A sender's segment sizes cannot hide the protocol."""
    for cut in range(1, len(COOKIE)):
        assert recognise(peek(COOKIE[:cut])) is MORE
