"""Opens packet sockets: the one step of a watch that needs privilege. Nothing is parsed here.

opened = open_captures(settings)    needs CAP_NET_RAW; everything after it does not
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from backchannel.errors import PrivilegeError, UsageError, reason
from backchannel.live import filters

# Numbers of <linux/if_packet.h>, <linux/if_ether.h>, <linux/if_arp.h>, <asm/socket.h>.
SOL_PACKET = 263
ADD_MEMBERSHIP, RX_RING, STATISTICS, VERSION = 1, 5, 6, 10
RESERVE, FANOUT, IGNORE_OUTGOING = 12, 18, 23
PROMISCUOUS, FANOUT_HASH = 1, 0
FANOUT_UNIQUE, FANOUT_DEFRAG = 0x2000, 0x8000
TPACKET_V3 = 2
EVERY_PROTOCOL = 3
SO_ATTACH_FILTER = 26
SIOCGIFFLAGS, SIOCGIFHWADDR = 0x8913, 0x8927
IFF_UP, IFF_RUNNING = 0x01, 0x40
TAG = 4
"""Bytes kept free before each frame, where its VLAN tag is put back."""
ANY, COOKED, COOKED_HEAD = "any", 276, 20
"""The name of all interfaces together; the link type of its frames, which have a header that tells
the interface (LINUX_SLL2); its size. The kernel takes the links' own headers off."""

LOOPBACK = 772
LINKS = {1: 1, LOOPBACK: 1, 65534: 101, 768: 101, 769: 101, 776: 101, 778: 101, 801: 105, 803: 127}
"""Link types as in pcap files, by the kernel's hardware type: Ethernet, loopback, tun and
WireGuard, the IP tunnels, Wi-Fi monitors. What begins with an IP header is raw IP (101)."""


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """How to capture from one interface."""

    interface: str
    filter: str = ""
    snaplen: int = 262_144
    promiscuous: bool = False
    block_size: int = 1 << 20
    blocks: int = 64
    wait: int = 50
    """Milliseconds after which the kernel hands over a block that is not full."""


HANDED_OVER = 0.15
"""Seconds after which the kernel has handed over what came, also in blocks that are not full."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An open capture socket, with what a ring must be told of it."""

    fd: int
    interface: str
    link: int
    block_size: int
    blocks: int


def interfaces() -> list[str]:
    """Return the names of all interfaces of this network namespace."""
    return sorted(name for _, name in socket.if_nameindex())


def link_type(interface: str) -> int:
    """Return the link type that a packet socket has on *interface*. Raises UsageError."""
    if interface == ANY:
        return COOKED
    if interface not in interfaces():
        known = ", ".join(interfaces()) or "none"
        raise UsageError(f"no interface {interface} here; there are: {known}")
    kind, _ = hardware(interface)
    if kind not in LINKS:
        raise UsageError(f"interface {interface}: packets of hardware type {kind} are not read")
    return LINKS[kind]


def open_captures(settings: Capture, workers: int = 1) -> list[Opened]:
    """Open one socket for each worker; packets of one flow, fragments too, go to the same one.

    Raises UsageError where it cannot be, and PrivilegeError where it may not be.
    """
    link = link_type(settings.interface)
    if settings.interface == ANY and settings.promiscuous:
        raise UsageError("promiscuous needs interfaces by name; it does not work with `any`")
    program = filters.compiled(settings.filter, settings.snaplen, link)
    opened: list[Opened] = []
    group = -1
    try:
        for _ in range(workers):
            made = _socket(settings)
            opened.append(
                Opened(
                    fd=made.detach(),
                    interface=settings.interface,
                    link=link,
                    block_size=settings.block_size,
                    blocks=settings.blocks,
                )
            )
            if workers > 1:
                group = _join(opened[-1].fd, group)
        for each in opened:  # packets come from here on, so that no worker sees another's
            _attach(each.fd, program)
    except OSError as error:
        for each in opened:
            os.close(each.fd)
        raise _told(error, settings) from None
    return opened


def _socket(settings: Capture) -> socket.socket:
    """Return a socket with its ring, bound, that lets no packet through yet."""
    cooked = settings.interface == ANY
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM if cooked else socket.SOCK_RAW, 0)
    try:
        made.setblocking(False)
        _attach(made.fileno(), filters.NOTHING)
        made.setsockopt(SOL_PACKET, VERSION, TPACKET_V3)
        made.setsockopt(SOL_PACKET, RESERVE, TAG + COOKED_HEAD if cooked else TAG)
        frame = 2048
        ring = struct.pack(
            "7I",
            settings.block_size,
            settings.blocks,
            frame,
            settings.block_size // frame * settings.blocks,
            settings.wait,
            0,
            0,
        )
        made.setsockopt(SOL_PACKET, RX_RING, ring)
        if not cooked and hardware(settings.interface)[0] == LOOPBACK:
            # its frames come as sent and as received
            made.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        if cooked:
            _bind_to_all(made)
        else:
            made.bind((settings.interface, EVERY_PROTOCOL))
        if settings.promiscuous:
            number = socket.if_nametoindex(settings.interface)
            member = struct.pack("iHH8s", number, PROMISCUOUS, 0, b"")
            made.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, member)
    except BaseException:
        made.close()
        raise
    return made


def _bind_to_all(made: socket.socket) -> None:
    """Bind a packet socket to every interface; Python's own call wants the name of one."""
    place = struct.pack("HHiHBB8s", socket.AF_PACKET, socket.htons(EVERY_PROTOCOL), 0, 0, 0, 0, b"")
    if ctypes.CDLL(None, use_errno=True).bind(made.fileno(), place, len(place)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _join(fd: int, group: int) -> int:
    """Put a socket into a fanout group; return the group's number. A group of -1 is a new one."""
    kind = FANOUT_HASH | FANOUT_DEFRAG
    with socket.socket(fileno=os.dup(fd)) as made:
        if group < 0:
            made.setsockopt(SOL_PACKET, FANOUT, struct.pack("I", (kind | FANOUT_UNIQUE) << 16))
            return made.getsockopt(SOL_PACKET, FANOUT) & 0xFFFF
        made.setsockopt(SOL_PACKET, FANOUT, struct.pack("I", kind << 16 | group))
    return group


def attach(settings: Capture, opened: Sequence[Opened]) -> None:
    """Let the filter of *settings* take the place of that of sockets that are open.

    Raises UsageError where it is no filter.
    """
    for each in opened:
        program = filters.compiled(settings.filter, settings.snaplen, each.link)
        with suppress(OSError):  # its interface is gone: the next socket gets the filter
            _attach(each.fd, program)


def _attach(fd: int, program: bytes) -> None:
    """Let the kernel run *program* on each packet."""
    held = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(held))
    with socket.socket(fileno=os.dup(fd)) as made:
        made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


def dropped(fd: int) -> tuple[int, int]:
    """Return packets that came and that the kernel dropped for lack of room, since last asked."""
    with socket.socket(fileno=os.dup(fd)) as made:
        packets, drops, _ = struct.unpack("3I", made.getsockopt(SOL_PACKET, STATISTICS, 12))
    return packets, drops


def error_of(fd: int) -> int:
    """Return the socket's error, and forget it: ENETDOWN when its interface went down."""
    with socket.socket(fileno=os.dup(fd)) as made:
        return made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def bound(opened: Opened) -> bool:
    """Say whether the interface that a socket was bound to is still there."""
    with socket.socket(fileno=os.dup(opened.fd)) as made:
        return opened.interface == ANY or bool(made.getsockname()[0])


def is_up(interface: str) -> bool:
    """Say whether *interface* is there, up, and has a link: a cable, or the other end of a pair."""
    if interface == ANY:
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        request = struct.pack("16sH22x", interface.encode()[:15], 0)
        try:
            answer = fcntl.ioctl(made.fileno(), SIOCGIFFLAGS, request)
        except OSError:
            return False
    flags: int = struct.unpack_from("H", answer, 16)[0]
    return flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING


def hardware(interface: str) -> tuple[int, bytes]:
    """Return the kernel's hardware type of *interface* (ARPHRD_...) and its address; 0 and none
    where it is gone.
    """
    request = struct.pack("16sH22x", interface.encode()[:15], 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        try:
            answer = fcntl.ioctl(made.fileno(), SIOCGIFHWADDR, request)
        except OSError:
            return 0, b""
    return int(struct.unpack_from("H", answer, 16)[0]), answer[18:24]


def _told(error: OSError, settings: Capture) -> Exception:
    """Return what to say of *error*."""
    name = settings.interface
    if error.errno in (errno.EPERM, errno.EACCES):
        return PrivilegeError(PRIVILEGE.format(interface=name))
    if error.errno == errno.ENOMEM:
        size = settings.block_size * settings.blocks >> 20
        return UsageError(
            f"interface {name}: no memory for a ring of {size} MB; take a smaller one"
        )
    return UsageError(f"interface {name}: {reason(error)}")


PRIVILEGE = """capturing on {interface} needs the capability CAP_NET_RAW. One of:
  run it as a service:   systemctl start backchannel-watch
  run it with sudo:      sudo backchannel watch -i {interface}
  let this program:      sudo setcap cap_net_raw+ep $(readlink -f $(command -v python3))
  try it out:            unshare -Urn   (a network namespace of your own)"""
