"""The responses of Yahoo's first challenge (key 13 = 0), computed from a guessed password.

    p = y64(md5(password))          c = y64(md5(md5crypt(password, SALT)))
    response  6 = y64(md5(one byte of the challenge + name, challenge and p in one of 5 orders))
    response 96 = the same with c

The order and the byte depend on the challenge. Source: libpurple 2.0.0 yahoo.c
(yahoo_process_auth_old); verified against the recorded captures, whose passwords are known.
Response 6 needs no md5crypt, so it alone is enough to test guesses quickly.
"""

import hashlib
from base64 import b64encode

SALT = "_2S43d5f"
_Y64 = bytes.maketrans(b"+/=", b"._-")
# challenge[15] mod 8 -> (index into the challenge whose value mod 16 indexes the first byte, order)
_ORDERS = {
    1: (9, "nsp"),
    6: (9, "nsp"),
    2: (15, "spn"),
    7: (15, "spn"),
    3: (1, "nps"),
    4: (3, "psn"),
    0: (7, "pns"),
    5: (7, "pns"),
}


def y64(data: bytes) -> bytes:
    """Return *data* in Yahoo's base 64."""
    return b64encode(data).translate(_Y64)


def response(account: str, challenge: str, password: str) -> str:
    """Return the value of key 6; empty for a challenge that is too short to be one."""
    seed = challenge.encode("latin-1", "replace")
    if len(seed) < 16:
        return ""
    index, order = _ORDERS[seed[15] % 8]
    hashed = y64(hashlib.md5(password.encode()).digest())
    parts = {"n": account.encode(), "s": seed, "p": hashed}
    first = seed[seed[index] % 16 : seed[index] % 16 + 1]
    digest = hashlib.md5(first + b"".join(parts[part] for part in order)).digest()
    return y64(digest).decode()


def verify(account: str, challenge: str, secret: str, guess: str) -> bool:
    """Say whether *guess* is the password behind a `yahoo-md5` credential.

    For `yahoo-md5crypt` give the guess as md5-crypt makes it with SALT.
    """
    expected = response(account, challenge, guess)
    return bool(expected) and expected == secret
