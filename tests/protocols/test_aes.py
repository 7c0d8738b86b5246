"""AES of one block, and counter mode: the standards' examples, and a library as witness."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols.aes import encrypt_block, uncount

PLAIN = bytes.fromhex("00112233445566778899aabbccddeeff")
keys = st.one_of(*(st.binary(min_size=size, max_size=size) for size in (16, 32)))


@pytest.mark.parametrize(
    ("size", "expected"),
    [(16, "69c4e0d86a7b0430d8cdb78070b4c55a"), (32, "8ea2b7ca516745bfeafc49904b496089")],
)
def test_examples_of_fips_197(size, expected):
    assert encrypt_block(bytes(range(size)), PLAIN).hex() == expected


@given(keys, st.binary(min_size=16, max_size=16))
def test_a_library_says_the_same(key, block):
    assert encrypt_block(key, block) == Cipher(AES(key), ECB()).encryptor().update(block)


@pytest.mark.parametrize(("key", "block"), [(15, 16), (24, 16), (16, 15), (32, 17), (0, 0)])
def test_other_sizes_are_refused(key, block):
    with pytest.raises(ValueError, match="AES"):
        encrypt_block(bytes(key), bytes(block))


def test_the_example_of_counter_mode():
    """NIST SP 800-38A F.5.5."""
    key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
    hidden = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    clear = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    counter = bytes(range(0xF0, 0x100))
    assert uncount(bytes.fromhex(key), counter, 0, bytes.fromhex(hidden)).hex() == clear


counters = st.one_of(
    st.binary(min_size=16, max_size=16), st.sampled_from([b"\xff" * 16, bytes(8) + b"\xff" * 8])
)


@given(keys, counters, st.integers(0, 70), st.binary(max_size=100))
def test_a_library_says_the_same_of_counter_mode_from_any_byte(key, counter, at, data):
    cipher = Cipher(AES(key), CTR(counter)).encryptor()
    assert uncount(key, counter, at, data) == cipher.update(bytes(at) + data)[at:]


@pytest.mark.parametrize(("key", "counter"), [(15, 16), (24, 16), (16, 15), (32, 17), (0, 0)])
def test_other_sizes_of_keys_and_counters_are_refused(key, counter):
    with pytest.raises(ValueError, match="AES"):
        uncount(bytes(key), bytes(counter), 0, b"data")
