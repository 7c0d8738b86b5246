"""How to find a stream that opens with random bytes, as protocols do that hide what they are."""

from backchannel.protocols import Magic, Spread

OTHERS = (
    b"\x16\x03",  # TLS
    b"\x13BitTorr",
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"PRI ",
    b"OPTIONS ",
    b"CONNECT ",
    b"HTTP/",
    b"SSH-",
)
"""How streams open that may have many different bytes, too."""
SIZE = 64
"""Bytes that are looked at."""


def magic(*others: bytes) -> Magic:
    """Return the magic of a protocol that does not open like OTHERS, nor like these *others*.

    It decides about what is sent before an answer, once SIZE bytes are there.
    """
    return Magic(
        "tcp",
        spread=Spread(0, SIZE, 44),
        minimum=SIZE,
        binary=True,
        unless=OTHERS + others,
        first=True,
        unanswered=True,
    )
