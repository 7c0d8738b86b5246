"""The plain matcher: exact on whole payloads, patient with short ones, silent on others."""

import pytest
from tests.matcher import Matcher, fits

from backchannel.protocols import Length, Magic, Protocol

FLAP = Magic("tcp", b"\x2a\x00", mask=b"\xff\xf8", length=Length(4, 2, bias=6))
HELLO = Magic("tcp", b"GNUTELLA")
EXACT = Magic("udp", sizes=(12,), pattern=b"\x27")


def test_a_whole_payload_must_hold_every_part():
    assert fits(FLAP, b"\x2a\x02\0\0\0\x02ab")
    assert not fits(FLAP, b"\x2a\x0a\0\0\0\x02ab")
    assert not fits(FLAP, b"\x2b\x02\0\0\0\x02ab")
    assert fits(EXACT, b"\x27" + bytes(11))
    assert not fits(EXACT, b"\x27" + bytes(12))


def test_a_short_tcp_payload_passes_as_far_as_it_goes():
    assert fits(HELLO, b"G")
    assert fits(HELLO, b"GNU")
    assert not fits(HELLO, b"GNO")
    assert not fits(Magic("udp", b"GND"), b"GN")


def test_first_only_magic_is_not_for_the_middle_of_a_stream():
    first = Magic("tcp", b"VER ", first=True)
    assert fits(first, b"VER 1 MSNP8", begun=True)
    assert not fits(first, b"VER 1 MSNP8", begun=False)


@pytest.mark.parametrize(("payload", "names"), [(b"GNUTELLA CONNECT", ["b", "a"]), (b"HTTP", [])])
def test_the_longest_pattern_is_asked_first(payload, names):
    matcher = Matcher(
        {
            "a": Protocol(name="a", title="", service="", magic=(Magic("tcp", b"GNU"),)),
            "b": Protocol(name="b", title="", service="", magic=(HELLO,)),
        }
    )
    assert matcher.candidates("tcp", payload) == names
    assert matcher.candidates("udp", payload) == []
