"""The cipher of obfuscated streams: short or long, and however it is cut, as a library has it."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Library
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols.mtproto.obfuscation import SIZE, Cipher, uncover

FIRST = bytes(range(100, 100 + SIZE))
CLEAR = bytes(at * 7 & 0xFF for at in range(2000))
every_side = pytest.mark.parametrize("server", [False, True])


def library(server):
    """Return the stream's cipher as it is when FIRST was sent."""
    keys = FIRST[8:56][::-1] if server else FIRST[8:56]
    made = Library(AES(keys[:32]), CTR(keys[32:])).encryptor()
    if not server:
        made.update(FIRST)
    return made


@every_side
@given(st.lists(st.integers(0, 700), max_size=8))
def test_what_a_side_says_is_decrypted_however_it_is_cut(server, sizes):
    hidden, cipher, at = library(server).update(CLEAR), Cipher(FIRST, server), 0
    for size in sizes:
        assert cipher.update(hidden[at : at + size]) == CLEAR[at : at + size]
        at = min(at + size, len(CLEAR))


def test_the_first_bytes_hide_their_last_eight():
    keys = FIRST[8:56]
    clear = Library(AES(keys[:32]), CTR(keys[32:])).encryptor().update(FIRST)
    assert uncover(FIRST) == clear[56:]
