"""Names and messages are the attacker's text: held without error, shown without harm."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from backchannel.text import decode, escape, harmless


def test_the_first_encoding_that_fits_is_used():
    assert decode("naïve".encode()) == "naïve"
    assert decode("naïve".encode("latin-1")) == "naïve"
    assert decode("你好".encode("utf-16-be"), "utf-16-be") == "你好"
    assert decode(b"\x00", "utf-16-be", "no-such-encoding") == "\x00"


def test_terminal_escapes_and_direction_tricks_become_visible():
    assert escape("\x1b[31mred\x07") == "\\x1b[31mred\\x07"
    assert escape("exe.\u202egnp") == "exe.\\u202egnp"
    assert escape("line\nbreak\u2028") == "line\\x0abreak\\u2028"
    assert escape("a\\x1b") == "a\\\\x1b"


def test_what_we_say_keeps_its_lines_and_backslashes():
    assert harmless("C:\\x: \x1b[31m\nsecond\r") == "C:\\x: \\x1b[31m\nsecond\\x0d"


def test_ordinary_text_of_any_script_stays():
    assert escape("Grüße, 你好 ☃ file.txt") == "Grüße, 你好 ☃ file.txt"


@given(st.text())
def test_nothing_unprintable_survives_and_nothing_collides(text):
    shown = escape(text)
    assert all(
        unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in shown
    )
    assert escape(text) == shown
    if shown == text:
        assert "\\" not in text


@given(st.binary(max_size=64))
def test_any_bytes_decode(data):
    assert isinstance(decode(data), str)
