"""ICQ's scrambling and check codes, undone. No secret is needed: all keys stand in the packet.

A check code is made of four bytes of the packet, one random place in it and one in a table:

    (b8 b4 b2 b6) xor (place, not the byte there, place in table, not the value there)

Version 3 sends it in clear and scrambles nothing. Version 4 scrambles the first quarter of a
client's packet; version 5 scrambles all of it from byte 10 on, and moves the bits of the check
code. What scrambles is a word for every four bytes: length * constant + check code + a value of
the table. Servers scramble nothing, and put the check code of versions 4 and 5 in clear, or 0.

Sources: licq 0.76 icqpacket.cpp (clients of 2, 4 and 5); iserverd v5crypt.cpp (server of 5);
open-oscar-server @29530dc v4_packet_builder.go (server of 4); Isaksson, "Version 5 of the ICQ
Protocol", sections 7 and 8. A third party's packets in both directions confirm version 5.
"""

_MASK = 0xFFFFFFFF
_NOT = 0x00FF00FF

TABLE_4 = (
    b'\n[1] You can modify the sounds ICQ makes. Just select "Sounds" from the "preferences/misc" '
    b'in ICQ or from the "Sounds" in the control panel. Credit: Eran\n[2] Can\'t remember what '
    b"was said?  Double-click on a user to get a dialog of all messages sent incomin"
)
TABLE_5 = bytes.fromhex(
    "5960376b6562464853614c5960575b3d5e346d36503f6f6753614c5940476339"
    "505f5f3f6f47436948333164355a4a425640675341076c49583b4d4668436948"
    "333144656246485341076c69483351545d4e6c49384b554a6246483351346d36"
    "505f5f5f3f6f4763594067333164355a6a526e3c51346d36505f5f3f4f374b35"
    "5a4a6266583b4d66585b5d4e6c49583b4d66583b4d464853614c594067333164"
    "556a323e4445526e3c3164556a524e6c694853614c39306f47635960575b3d3e"
    "64353a3a5a6a524e6c694853616c49583b4d46686339505f5f3f6f6753412541"
    "3c51543d5e545d4e4c39505f5f5f3f6f474369483351545d6e3c3164355a0000"
)
_CHECK_4, _CHECK_5 = 16, 20
"""Where a client's packet holds the check code."""


def check_fits(packet: bytes, check: int, table: bytes, at: int) -> bool:
    """Say whether *check* is a check code of *packet*, in which it stands from *at* on.

    The code was computed while its own four bytes were still 0.
    """
    fixed = packet[8] << 24 | packet[4] << 16 | packet[2] << 8 | packet[6]
    value = check ^ fixed ^ _NOT
    place = value >> 24
    if place >= len(packet) or table[value >> 8 & 0xFF] != value & 0xFF:
        return False
    return (0 if at <= place < at + 4 else packet[place]) == value >> 16 & 0xFF


def unscramble_4(packet: bytes) -> tuple[bytes, bool]:
    """Return a client's version 4 packet in clear, and whether its check code fits.

    Where the check code stood there is rubbish then; it was never scrambled.
    """
    check = int.from_bytes(packet[_CHECK_4 : _CHECK_4 + 4], "little")
    key = len(packet) * 0x66756B65 + check
    scrambled = packet[: 4 * (((len(packet) + 3) // 4 + 3) // 4)]
    clear = _mixed(scrambled, key, TABLE_4, 0)
    plain = packet[:2] + clear[2:] + packet[len(clear) :]
    return plain, check_fits(plain, check, TABLE_4, _CHECK_4)


def unscramble_5(packet: bytes) -> tuple[bytes, bool]:
    """Return a client's version 5 packet in clear, and whether its check code fits."""
    check = _straighten(int.from_bytes(packet[_CHECK_5 : _CHECK_5 + 4], "little"))
    key = len(packet) * 0x68656C6C + check
    clear = packet[:10] + _mixed(packet[10:], key, TABLE_5, 10)
    plain = clear[:_CHECK_5] + check.to_bytes(4, "little") + clear[_CHECK_5 + 4 :]
    return plain, check_fits(plain, check, TABLE_5, _CHECK_5)


def _mixed(data: bytes, key: int, table: bytes, begin: int) -> bytes:
    """Scramble, or unscramble, *data*, which begins at *begin* in its packet."""
    mixed = bytearray(data)
    for at in range(len(mixed)):
        word = key + table[begin + (at & ~3) & 0xFF]
        mixed[at] ^= word >> 8 * (at & 3) & 0xFF
    return bytes(mixed)


def _straighten(check: int) -> int:
    """Put the bits of version 5's check code where they belong."""
    return (
        (check & 0x0001F000) >> 12
        | (check & 0x07C007C0) >> 1
        | (check & 0x003E0001) << 10
        | (check & 0xF8000000) >> 16
        | (check & 0x0000083E) << 15
    ) & _MASK
