"""Text that says what it is encoded in, and that does not."""

import pytest

from backchannel.protocols.oscar import charsets

QUOTED = "\u201cé\u201d"


@pytest.mark.parametrize("number", [charsets.ASCII, charsets.LATIN_1, 0x1234])
def test_the_code_page_of_windows_goes_under_these_numbers(number):
    assert charsets.by_number(QUOTED.encode("cp1252"), number) == QUOTED


def test_by_number():
    assert charsets.by_number(QUOTED.encode("utf-16-be"), charsets.UNICODE) == QUOTED
    assert charsets.by_number(QUOTED.encode(), charsets.ASCII) == QUOTED


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("grüße".encode(), "grüße"),
        (b"\0h\0i\0", "hi\ufffd"),
        (b"\0h\xd8\x3d", "h\ufffd"),
    ],
)
def test_what_is_no_utf_16_may_be_utf_8(data, text):
    """libpurple 2.10.9 `oscar_decode_im` tries UTF-8 where text is not the UTF-16 that it says."""
    assert charsets.by_number(data, charsets.UNICODE) == text
    assert charsets.by_name(data, b'text/x-aolrtf; charset="unicode-2-0"') == text


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("", "utf-8"),
        ("", "cp1252"),
        (b'text/x-aolrtf; charset="unicode-2-0"', "utf-16-be"),
        ("utf-16", "utf-16-be"),
        (b'text/aolrtf; charset="ISO-8859-1"', "cp1252"),
        (b'text/aolrtf; charset="us-ascii"', "cp1252"),
    ],
)
def test_by_name(name, encoding):
    assert charsets.by_name(QUOTED.encode(encoding), name) == QUOTED


@pytest.mark.parametrize(
    ("name", "encoding", "text"),
    [
        (b'text/x-aolrtf; charset="windows-1251"', "cp1251", "привет"),
        (b'text/plain; charset="KOI8-R"', "koi8-r", "привет"),
        ("shift_jis", "shift_jis", "こんにちは"),
        (b'text/aolrtf; charset="iso-8859-15"', "iso-8859-15", "10 €"),
        (b'text/aolrtf; charset="windows-1251"', "cp1252", "\x98 says nothing there"),
    ],
)
def test_by_the_name_of_another_character_set(name, encoding, text):
    """libpurple `oscar_encoding_to_utf8` has the system convert whatever is named."""
    data = text.encode("latin-1") if "\x98" in text else text.encode(encoding)
    assert charsets.by_name(data, name) == text.replace("\x98", "\u02dc")


def test_a_name_that_python_has_a_codec_for_is_not_run():
    """The time that some of them take grows with the square of the text's length."""
    for name in ("punycode", "unicode_escape", "idna"):
        assert charsets.by_name(b"a\\u0041-b", name) == "a\\u0041-b"


def test_what_no_code_page_has_is_latin_1():
    assert charsets.by_number(b"\x81", charsets.ASCII) == "\x81"
