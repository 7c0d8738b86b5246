"""Where packets of our own leave: by the kernel's routes, or as frames of one interface.

Opened with CAP_NET_RAW; sending needs only what is open.
"""

import socket
from ipaddress import ip_address
from typing import Protocol

import msgspec

from backchannel.enforce.requests import Wire
from backchannel.errors import PrivilegeError, UsageError, reason
from backchannel.live.sockets import hardware, interfaces

ETHERNET = 1
IPV6_HDRINCL = 36
_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Sockets that are open, as one process tells another that inherits them."""

    routed: tuple[int, ...] = ()
    """Descriptors for IPv4 and, where the kernel has it, IPv6."""
    port: int | None = None
    """Descriptor of a packet socket."""
    address: bytes = b""
    """The interface's own Ethernet address."""

    @property
    def fds(self) -> tuple[int, ...]:
        """All of them."""
        return self.routed or ((self.port,) if self.port is not None else ())


class Outlet(Protocol):
    """Sends a packet."""

    def send(self, packet: bytes, wire: Wire, /) -> str:
        """Send an IP packet; return why it was not, or nothing."""


def open_routed() -> Opened:
    """Open raw sockets that send by the kernel's routes. Raises PrivilegeError."""
    try:
        return Opened(routed=raw_sockets())
    except PermissionError:
        raise PrivilegeError(_PRIVILEGE) from None


def raw_sockets() -> tuple[int, ...]:
    """Open a socket for whole packets, with whatever source address, of IPv4 and, where the kernel
    has it, IPv6. Raises OSError, EPERM without CAP_NET_RAW.
    """
    four = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    try:
        six = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except OSError:  # a kernel without IPv6
        return (four.detach(),)
    six.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
    return four.detach(), six.detach()


def open_port(interface: str) -> Opened:
    """Open a socket that sends frames into *interface*. Raises UsageError and PrivilegeError."""
    if interface not in interfaces():
        raise UsageError(f"no interface {interface} here to send resets by")
    kind, address = hardware(interface)
    if kind != ETHERNET:
        raise UsageError(
            f"interface {interface} is not Ethernet: resets cannot be put there as frames; "
            "leave `via` out to send them by the kernel's routes"
        )
    try:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise PrivilegeError(_PRIVILEGE) from None
    made.bind((interface, 0))
    return Opened(port=made.detach(), address=address)


def outlet(opened: Opened) -> Outlet:
    """Return what sends by the sockets of *opened*."""
    if opened.routed:
        return Routed(*opened.routed)
    assert opened.port is not None
    return Port(opened.port, opened.address)


class Routed:
    """Packets go where the kernel's routes lead; tags and Ethernet addresses are its matter."""

    def __init__(self, *fds: int) -> None:
        self._sockets = {
            version: socket.socket(fileno=fd) for version, fd in zip((4, 6), fds, strict=False)
        }

    def send(self, packet: bytes, _wire: Wire | None = None) -> str:
        """Send an IP packet; return why it was not, or nothing."""
        version = packet[0] >> 4
        if version not in self._sockets:
            return "this kernel has no IPv6"
        target = ip_address(packet[16:20] if version == 4 else packet[24:40])
        try:
            self._sockets[version].sendto(packet, (str(target), 0))
        except OSError as error:
            return f"the kernel would not: {reason(error)}"
        return ""

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets.values():
            each.close()


class Port:
    """Frames go into one interface, with the tags that were seen, from the interface's own address
    (another one would make switches look for its owner here).
    """

    def __init__(self, fd: int, address: bytes) -> None:
        self._socket, self._address = socket.socket(fileno=fd), address

    def send(self, packet: bytes, wire: Wire) -> str:
        """Send an IP packet in a frame; return why it was not, or nothing."""
        if not wire.hop:
            return "the link showed no Ethernet address to send it to"
        head = wire.hop + self._address + wire.tags + _TYPES[packet[0] >> 4]
        try:
            self._socket.send(head + packet)
        except OSError as error:
            return f"the kernel would not: {reason(error)}"
        return ""


_PRIVILEGE = """sending resets needs the capability CAP_NET_RAW. One of:
  run it as a service:   systemctl start backchannel-watch
  run it with sudo:      sudo backchannel watch ...
  send none:             --prevent-mode alert"""
