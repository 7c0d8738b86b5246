"""Obfuscated MTProto, whose key travels with it: 64 bytes in, what they hide and two ciphers out.

    random 8 | AES-256 key 32 | counter 16 | encrypted: framing 4, data centre i16 le, random 2

The other direction has the key and the counter from the same 48 bytes, read backwards. An MTProxy
with a secret mixes that into the keys, so that its users' first bytes show nothing.
"""

from collections.abc import Container
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

SIZE = 64
_KEYS = slice(8, 56)
_FRAMING, _CENTRE = slice(56, 60), slice(60, 62)


class Hidden(NamedTuple):
    """What the first bytes hide."""

    framing: bytes
    centre: int
    client: CipherContext
    server: CipherContext


def uncover(first: bytes, framings: Container[bytes]) -> Hidden | None:
    """Decrypt the first SIZE bytes of a client; None where they hide none of *framings*."""
    keys = first[_KEYS]
    client = _cipher(keys)
    plain = client.update(first[:SIZE])
    if plain[_FRAMING] not in framings:
        return None  # as nearly always
    centre = int.from_bytes(plain[_CENTRE], "little", signed=True)
    return Hidden(plain[_FRAMING], centre, client, _cipher(keys[::-1]))


def _cipher(keys: bytes) -> CipherContext:
    return Cipher(AES(keys[:32]), CTR(keys[32:])).encryptor()
