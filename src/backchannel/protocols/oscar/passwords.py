"""How OSCAR hides passwords, and how little that hides.

Sources: iserverd "Login sequences" (cli_ident, elmd5_pkts); libpurple family_auth.c;
open-oscar-server wire/user.go.
"""

import hashlib
from itertools import cycle

_TABLE = bytes.fromhex("f32681c43986db9271a3b9e6537a957c")
_TABLE_JAVA = bytes.fromhex("f3b36c99953facb6c5fa6b63696cc39a")
_WORDS = b"AOL Instant Messenger (SM)"

ROAST, ROAST_JAVA = "oscar-roast", "oscar-roast-java"
MD5, MD5_TWICE = "oscar-md5", "oscar-md5-twice"
"""MD5 over challenge, password (or its MD5) and a constant. The second since AIM 5.5."""


def unroast(roasted: bytes) -> tuple[str, str]:
    """Return (password, scheme). The Java client's table is tried where AIM's gives no text."""
    plain = _exclusive(roasted, _TABLE)
    if _is_text(plain) or not _is_text(java := _exclusive(roasted, _TABLE_JAVA)):
        return _text(plain), ROAST
    return _text(java), ROAST_JAVA


def response(scheme: str, challenge: str, password: str) -> str:
    """Return in hexadecimal what a client answers to *challenge* under `MD5` or `MD5_TWICE`."""
    secret = password.encode()
    if scheme == MD5_TWICE:
        secret = hashlib.md5(secret).digest()
    return hashlib.md5(challenge.encode("latin-1") + secret + _WORDS).hexdigest()


def _exclusive(data: bytes, table: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(data, cycle(table), strict=False))


def _is_text(data: bytes) -> bool:
    return all(byte >= 0x20 and byte != 0x7F for byte in data)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
