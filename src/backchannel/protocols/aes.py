"""AES of a single block (FIPS 197), for keys that travel with what they hide.

Whether bytes hide something that is known takes one block, and thousands of streams are asked. A
library's cipher is made for secrets and for bulk: making one costs ten times as much as its block.
Nothing secret comes here, so that it does not matter what the time taken tells.
"""


def _substitutes() -> bytes:
    """Return the S-box: each byte's inverse in the field, turned about (FIPS 197 §5.1.1)."""
    powers = [1]
    while len(powers) < 255:  # 3 generates all but 0
        last = powers[-1]
        powers.append(last ^ _doubled(last))
    table = bytearray([0x63]) * 256
    for at, value in enumerate(powers):
        inverse = powers[-at % 255]
        twice = inverse << 8 | inverse
        turned = twice ^ twice >> 4 ^ twice >> 5 ^ twice >> 6 ^ twice >> 7
        table[value] = turned & 0xFF ^ 0x63
    return bytes(table)


def _doubled(octet: int) -> int:
    """Return a byte times x in AES's field."""
    return octet << 1 ^ 0x11B if octet & 0x80 else octet << 1


_SUBSTITUTES = _substitutes()
_WORD = 0xFFFFFFFF


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """Return 16 bytes encrypted with a *key* of 16 or 32 bytes.

    Four words are the state. The key's next four words are made from the last as they are needed: a
    long key has eight, of which four are used at once and four wait.
    """
    if len(block) != 16 or len(key) not in (16, 32):
        raise ValueError("AES takes keys of 16 or 32 bytes, and blocks of 16")
    wide = len(key) == 32
    rounds, constant = 14 if wide else 10, 1
    a, b, c, d = _word(key, 0), _word(key, 4), _word(key, 8), _word(key, 12)
    e, f, g, h = a, b, c, d
    if wide:
        e, f, g, h = _word(key, 16), _word(key, 20), _word(key, 24), _word(key, 28)
    s, t = _word(block, 0) ^ a, _word(block, 4) ^ b
    u, v = _word(block, 8) ^ c, _word(block, 12) ^ d
    for at in range(1, rounds + 1):
        if not wide or at > 1:
            if wide and at & 1:
                a ^= _substituted(h, h, h, h)
            else:
                a ^= _substituted(h << 8, h << 8, h << 8, h >> 24) ^ constant << 24
                constant = _doubled(constant)
            b ^= a
            c ^= b
            d ^= c
            a, b, c, d, e, f, g, h = e, f, g, h, a, b, c, d
            if not wide:
                a, b, c, d = e, f, g, h
        s, t, u, v = (
            _substituted(s, t, u, v),
            _substituted(t, u, v, s),
            _substituted(u, v, s, t),
            _substituted(v, s, t, u),
        )
        if at < rounds:
            s, t, u, v = _mixed(s), _mixed(t), _mixed(u), _mixed(v)
        s, t, u, v = s ^ e, t ^ f, u ^ g, v ^ h
    return (s << 32 | t).to_bytes(8) + (u << 32 | v).to_bytes(8)


def _word(octets: bytes, at: int) -> int:
    high, low = octets[at] << 8 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3]
    return high << 16 | low


def _substituted(first: int, second: int, third: int, fourth: int) -> int:
    """Return a word of the first byte of *first*, the second of *second* ..., each replaced."""
    box = _SUBSTITUTES
    high = box[first >> 24 & 0xFF] << 8 | box[second >> 16 & 0xFF]
    return high << 16 | box[third >> 8 & 0xFF] << 8 | box[fourth & 0xFF]


def _mixed(word: int) -> int:
    """Return a column mixed: each byte with the other three (FIPS 197 §5.1.3)."""
    high = word >> 7 & 0x01010101
    doubled = (word & 0x7F7F7F7F) << 1 ^ high * 0x1B
    return doubled ^ _turned(doubled ^ word, 8) ^ _turned(word, 16) ^ _turned(word, 24)


def _turned(word: int, bits: int) -> int:
    return word << bits & _WORD | word >> 32 - bits
