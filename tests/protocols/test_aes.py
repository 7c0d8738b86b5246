"""AES of one block: FIPS 197's examples, and a library as witness."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols.aes import encrypt_block

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
