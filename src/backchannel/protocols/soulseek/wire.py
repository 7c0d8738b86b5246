"""Soulseek on the wire: frames and their pieces. Bytes in, values out.

    with the server, between users    length u32 | code u32 | body
    first of a user's connection      length u32 | code u8 | body
    tree of searches                  length u32 | code u8 | body

All integers are little-endian; a text is its length in 32 bits and its bytes; an address is a
number of 32 bits. Nothing here remembers anything. Nicotine+'s `SLSKPROTOCOL.md`; aioslsk's
`messages.py`.
"""

from backchannel.reader import Reader
from backchannel.text import utf8

FRAME = 1 << 18
"""Bytes of one frame that are read."""
LONGEST = 1 << 28
"""What a frame may say it is long: shares of a million files are some 30 MB."""
SHOWN = 1024
"""Characters of a name that are kept."""
TEXT = 4096

LOGIN, LISTEN, PEER_ADDRESS = 1, 2, 3
PIERCE, INIT = 0, 1
PEER_KINDS = frozenset({4, 5, 8, 9, 15, 16, 36, 37, 40, 41, 43, 44, 46, 50, 51, 52})
TREE_KINDS = frozenset({0, 1, 3, 4, 5, 7, 93})
SHARES = 5


def text(reader: Reader, shown: int = SHOWN) -> str:
    """Take a text; what is longer than *shown* is cut."""
    return utf8(reader.take(reader.u32le()))[:shown]


def address(reader: Reader) -> str:
    """Take an address."""
    return ".".join(map(str, reader.take(4)[::-1]))
