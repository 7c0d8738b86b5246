"""The scrambling of messages between clients from version 4 on, undone, and its check verified.

    4, 5   bytes 6 to 9 are the check; the first six bytes stay in clear
    6      bytes 0 to 3 are the check
    7, 8   the same, behind one more byte

Only the first quarter of a message is xored, every four bytes with length * constant + check + a
character of a text. The check is made of fixed bytes and of one place in the message, not the byte
there, one place in the text, and not the character there (not compared from place 220 on).

Sources: licq 1.3.0 icqpacket.cpp; libicq2000 DirectClient.cpp.
"""

_MASK = 0xFFFFFFFF
_CONSTANT = 0x67657268
_TEXT = (
    b"As part of this software beta version Mirabilis is granting a limited access to the ICQ "
    b'network, servers, directories, listings, information and databases ("ICQ Services and '
    b'Information"). The ICQ Service and Information may databases ("ICQ Services and In'
)
_FIRST_PLACE, _UNCOMPARED = 10, 220
SHORTEST = 18
"""Bytes of the shortest message that can be scrambled: less holds no command."""


def unscramble(version: int, body: bytes) -> tuple[bytes, bool]:
    """Return *body* in clear, without version 7's leading byte, and whether its check fits."""
    if version < 4:
        return body, True
    if version >= 7:
        body = body[1:]
    if len(body) < SHORTEST:
        return body, False
    at = 6 if version < 6 else 0
    check = int.from_bytes(body[at : at + 4], "little")
    clear = bytearray(body)
    key = _CONSTANT * len(body) + check
    for place in range(4, (len(body) + 3) // 4, 4):
        word = int.from_bytes(clear[place : place + 4], "little")
        word ^= key + _TEXT[place & 0xFF] & _MASK
        clear[place : place + 4] = word.to_bytes(4, "little")
    if at:
        clear[:6] = body[:6]
        fixed = clear[10] << 24 | clear[12] << 16 | clear[2] << 8 | clear[0]
    else:
        fixed = clear[4] << 24 | clear[6] << 16 | clear[4] << 8 | clear[6]
    return bytes(clear), _fits(clear, fixed ^ check)


def _fits(clear: bytearray, value: int) -> bool:
    place, other = value >> 24, value >> 8 & 0xFF
    if not _FIRST_PLACE <= place < len(clear) or clear[place] ^ 0xFF != value >> 16 & 0xFF:
        return False
    return other >= _UNCOMPARED or _TEXT[other] ^ 0xFF == value & 0xFF
