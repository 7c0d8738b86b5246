"""SHA-256 under a key, and SHA-1: the standards' examples, and a library as witness. Marks."""

import hashlib
import hmac
import subprocess
import sys
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backchannel.hashes import Mac, mark_of, sha1, sha1_end, sha256, with_mark

SIZES = (0, 55, 56, 63, 64, 65, 119, 120, 128)
"""Where padding takes another block, and where blocks end."""
messages = st.one_of(st.binary(max_size=200), st.sampled_from([bytes(size) for size in SIZES]))


def remembered(marks, message, kind, most):
    """Return *marks* with that of a *message* added."""
    return with_mark(marks, mark_of(message, kind), most)


@pytest.mark.parametrize(
    ("key", "message", "code"),
    [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 20,
            b"\xdd" * 50,
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            bytes(range(1, 26)),
            b"\xcd" * 50,
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
    ],
)
def test_examples_of_rfc_4231(key, message, code):
    assert Mac(key).digest(message).hex() == code


def test_hkdf_as_rfc_5869_makes_it():
    """Its first test case: extract, then two blocks of expand."""
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    secret = Mac(salt).digest(b"\x0b" * 22)
    assert secret.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    expand = Mac(secret)
    first = expand.digest(info + b"\1")
    second = expand.digest(first + info + b"\2")
    assert (first + second)[:42].hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        ),
    ],
)
def test_examples_of_fips_180(message, digest):
    assert sha1(message).hex() == digest


@given(st.binary(max_size=64), messages)
@example(bytes(64), bytes(64))
def test_a_library_says_the_same(key, message):
    assert Mac(key).digest(message) == hmac.digest(key, message, "sha256")
    assert sha256(message) == hashlib.sha256(message).digest()
    assert sha1(message) == hashlib.sha1(message, usedforsecurity=False).digest()


def test_a_code_leaves_the_key_as_it_was():
    mac = Mac(b"key")
    assert mac.digest(b"one") == mac.digest(b"one") != mac.digest(b"two")


def test_longer_keys_are_refused():
    with pytest.raises(ValueError, match="block"):
        Mac(bytes(65))


@given(messages, st.integers(0, 1), st.integers(0, 1600))
def test_a_message_is_known_again_and_one_with_another_bit_is_not(message, kind, at):
    marks = remembered(b"", message, kind, 4)
    assert len(marks) == 8
    assert remembered(marks, bytes(bytearray(message)), kind, 4) is marks
    others = [(message, 1 - kind), (message + b"\0", kind)]
    if message:
        where, bit = divmod(at % (8 * len(message)), 8)
        changed = message[where] ^ 1 << bit
        others.append((message[:where] + bytes([changed]) + message[where + 1 :], kind))
    for other in others:
        both = remembered(marks, *other, 4)
        assert both[:8] == marks
        assert len(both) == 16


def test_the_newest_are_remembered():
    marks = b""
    for number in range(10):
        marks = remembered(marks, bytes([number]), 0, 3)
    assert len(marks) == 24
    for number in (7, 8, 9):
        assert remembered(marks, bytes([number]), 0, 3) is marks
    assert remembered(marks, bytes([6]), 0, 3)[:16] == marks[8:]


def test_messages_of_one_size_have_marks_of_their_own():
    made = (number.to_bytes(size) for size in (4, 16, 40) for number in range(5000))
    assert len({remembered(b"", message, 0, 1) for message in made}) == 15_000


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1)))
def test_numbers_are_marks_of_themselves(numbers):
    marks = b""
    for number in numbers:
        before, marks = marks, with_mark(marks, number)
        assert with_mark(marks, number) is marks
        assert marks.startswith(before)
    assert marks == b"".join(
        each.to_bytes(8, sys.byteorder, signed=True) for each in dict.fromkeys(numbers)
    )


def test_another_run_has_other_marks():
    lines = (
        "from backchannel.hashes import mark_of, with_mark",
        "print(with_mark(b'', mark_of(b'one', 0)).hex())",
    )
    ask = [sys.executable, "-c", "; ".join(lines)]
    done = subprocess.run(ask, capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 16
    assert done.stdout.strip() != remembered(b"", b"one", 0, 1).hex()


@given(st.binary(max_size=53), st.lists(st.integers(0, 0xFFFF), max_size=4), st.integers(0, 0xFFFF))
def test_the_end_with_which_a_text_has_a_digest(text, ends, end):
    digest = hashlib.sha1(text + end.to_bytes(2)).digest()
    assert sha1_end(digest, bytearray(text), tuple(ends)) == (end if end in ends else -1)
    assert sha1_end(digest, bytearray(text), (*ends, end)) == end
    assert sha1_end(digest[1:], bytearray(text), (end,)) == -1


def test_a_text_that_is_too_long_for_a_block_has_no_end():
    with pytest.raises(ValueError, match="longer than a block"):
        sha1_end(bytes(20), bytearray(54), (500,))


@pytest.mark.parametrize("call", [Mac, sha1, sha256, Mac(b"").digest, partial(mark_of, kind=0)])
def test_nothing_is_no_message(call):
    with pytest.raises(TypeError):
        call(None)
