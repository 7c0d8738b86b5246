"""What a file's first bytes say it is."""

import pytest

from backchannel.extract.media import _SIGNATURES, media_type

PLACED = [(at, signature, name) for at, signature, name in _SIGNATURES if at]


@pytest.mark.parametrize(("at", "signature", "name"), _SIGNATURES)
def test_each_signature_is_known_where_it_stands(at, signature, name):
    assert media_type(b"\0" * at + signature + b"\0" * 8) == name
    assert media_type(b"\0" * at + signature[:-1]) != name


@pytest.mark.parametrize("first", [b"RIFF", b"BZ..", b"\0\0\0\x18", b"\xff..."])
@pytest.mark.parametrize(("at", "signature", "name"), PLACED)
def test_a_signature_further_in_is_seen_behind_any_first_byte(first, at, signature, name):
    assert media_type(first.ljust(at, b"\x01") + signature) == name


def test_text_may_break_off_within_a_character():
    assert media_type("plain ä".encode()[:-1]) == "text/plain"
    assert media_type(b"plain \xff\xff") == "application/octet-stream"
    assert media_type(b"") == ""
