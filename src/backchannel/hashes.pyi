"""SHA-256 under a key and SHA-1, of messages that are short, and marks of messages. Compiled.

Keys that follow from what travels with them are made of a few blocks each, and thousands of streams
are asked. A library's objects cost as much as these blocks. Nothing secret comes here, so that it
does not matter what the time taken tells.
"""

class Mac:
    """HMAC with SHA-256 (RFC 2104) under one key."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError for a *key* of more than 64 bytes."""
    def digest(self, message: bytes) -> bytes:
        """Return the code of *message*: 32 bytes."""

def sha256(message: bytes) -> bytes:
    """Return the digest of *message*: 32 bytes."""

def sha1(message: bytes) -> bytes:
    """Return the digest of *message*: 20 bytes."""

def sha1_end(digest: bytes, text: bytearray, ends: tuple[int, ...]) -> int:
    """Return the first of *ends*, numbers of 16 bits, with which behind it *text* has this SHA-1
    *digest*; -1 where none has. Raises ValueError for a text of more than 53 bytes.
    """

def mark_of(message: bytes, kind: int) -> int:
    """Return the mark of *message*: a number of 64 bits with its sign, which lasts for this run.

    Another message, or the same as another *kind*, has the same one once in 2^64, and nobody can
    make one that has.
    """

def with_mark(marks: bytes, mark: int, most: int = 0) -> bytes:
    """Return *marks* with *mark* added, in 8 bytes, of which the newest *most* are kept, or all;
    *marks* themselves where they have it already.
    """
