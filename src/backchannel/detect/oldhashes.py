"""Three hashes that old logins rest on and that today's libraries do not all offer.

MD4 (RFC 1320), md5-crypt (the `$1$` of FreeBSD's crypt), and the DES responses of NTLM version 1
([MS-NLMP] §3.3.1 and §6). For testing guesses only.
"""

import hashlib
import struct
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB

_MASK = 0xFFFFFFFF
_ORDER = (
    (tuple(range(16)), (3, 7, 11, 19), 0),
    ((0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13), 0x5A827999),
    ((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15), 0x6ED9EBA1),
)
"""For each round of MD4: order of the words, shifts, constant."""
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TRIPLES = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
"""Which bytes of the digest md5-crypt writes together."""


def md4(data: bytes) -> bytes:
    """Return the MD4 digest of *data*."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack("<Q", 8 * len(data))
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for at in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, at)
        a, b, c, d = state
        for number, (order, shifts, constant) in enumerate(_ORDER):
            for step, place in enumerate(order):
                if number == 0:
                    mixed = (b & c) | (~b & d)
                elif number == 1:
                    mixed = (b & c) | (b & d) | (c & d)
                else:
                    mixed = b ^ c ^ d
                total = (a + mixed + words[place] + constant) & _MASK
                shift = shifts[step % 4]
                a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & _MASK, b, c
        state = [(old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state)


@lru_cache(maxsize=4096)
def nt_hash(password: str) -> bytes:
    """Return what Windows keeps of a password; guesses meet many logins, so it is remembered."""
    return md4(password.encode("utf-16-le"))


def ntlm_response(key: bytes, challenge: bytes) -> bytes:
    """Return the 24 bytes that NTLM version 1 answers to a *challenge* of 8 bytes."""
    padded = key.ljust(21, b"\0")
    return b"".join(_des(padded[at : at + 7], challenge) for at in (0, 7, 14))


def _des(key: bytes, block: bytes) -> bytes:
    """Encrypt one block by DES, which is triple DES with three times the same key."""
    bits = int.from_bytes(key)
    spread = bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7))
    encryptor = Cipher(TripleDES(spread * 3), ECB()).encryptor()  # noqa: S305 - NTLM's own
    return encryptor.update(block) + encryptor.finalize()


@lru_cache(maxsize=4096)
def md5crypt(password: str, salt: str) -> str:
    """Return `$1$salt$digest`; *salt* is what stands between the dollars, at most 8 characters."""
    secret, grain = password.encode(), salt.encode()[:8]
    inner = hashlib.md5(secret + grain + secret).digest()
    size = len(secret)
    start = secret + b"$1$" + grain + (inner * (size // 16 + 1))[:size]
    while size:
        start += b"\0" if size & 1 else secret[:1]
        size >>= 1
    digest = hashlib.md5(start).digest()
    for turn in range(1000):
        odd = turn & 1
        middle = (grain if turn % 3 else b"") + (secret if turn % 7 else b"")
        ends = (secret, digest) if odd else (digest, secret)
        digest = hashlib.md5(ends[0] + middle + ends[1]).digest()
    groups = [_letters(bytes(digest[place] for place in triple), 4) for triple in _TRIPLES]
    return f"$1${salt[:8]}${''.join(groups)}{_letters(digest[11:12], 2)}"


def _letters(data: bytes, count: int) -> str:
    value = int.from_bytes(data)
    return "".join(_ALPHABET[value >> 6 * place & 0x3F] for place in range(count))
