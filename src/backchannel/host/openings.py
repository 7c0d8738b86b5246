"""Packets that open TCP connections, as the word that a new socket is worth a look now.

A connection may be over before a regular look would have found it. The packets themselves are not
kept; a filter in the kernel passes nothing but TCP segments with SYN and without ACK.
"""

import ctypes
import socket
import struct
from contextlib import suppress

_ATTACH_FILTER, _EVERY = 26, 0x0003
_SYN_ONLY = (
    # (code, jt, jf, k): linux/filter.h. Offsets are those of the IP packet.
    (0x30, 0, 0, 0),  # ldb [0]
    (0x54, 0, 0, 0xF0),  # and #0xf0
    (0x15, 0, 7, 0x40),  # IPv4?
    (0x30, 0, 0, 9),  # its protocol
    (0x15, 0, 11, 6),  # TCP?
    (0x28, 0, 0, 6),  # its place among fragments
    (0x45, 9, 0, 0x1FFF),  # a later one?
    (0xB1, 0, 0, 0),  # X = length of its header
    (0x50, 0, 0, 13),  # TCP's flags
    (0x05, 0, 0, 4),  # to the comparison
    (0x15, 0, 5, 0x60),  # IPv6?
    (0x30, 0, 0, 6),  # its next header
    (0x15, 0, 3, 6),  # TCP?
    (0x30, 0, 0, 53),  # TCP's flags
    (0x54, 0, 0, 0x12),  # SYN and ACK
    (0x15, 1, 0, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # pass nothing
    (0x06, 0, 0, 64),  # pass its head
)
AT_ONCE = 4096
"""Packets that are taken together; what is left is for the next look."""


class Openings:
    """Hears of openings in the network that it was made in. Needs CAP_NET_RAW. Raises OSError."""

    def __init__(self) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self.socket = socket.socket(socket.AF_PACKET, kind, socket.htons(_EVERY))
        rows = b"".join(struct.pack("=HBBI", *row) for row in _SYN_ONLY)
        kept = ctypes.create_string_buffer(rows)
        program = struct.pack("HL", len(_SYN_ONLY), ctypes.addressof(kept))
        self.socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
        self.read()  # what came before it had its filter

    def read(self) -> int:
        """Return how many there were since."""
        count = 0
        with suppress(BlockingIOError):
            while count < AT_ONCE:
                self.socket.recv(64)
                count += 1
        return count

    def close(self) -> None:
        """Hear no more."""
        self.socket.close()
