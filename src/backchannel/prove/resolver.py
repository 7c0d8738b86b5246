"""An outside DNS resolver of the lab: it knows one name (RFC 1035)."""

import secrets
import socket
import struct
from ipaddress import ip_address

from backchannel.prove.lab import Lab
from backchannel.prove.wires import StoppedError, ready, stopped

_TRIES = 2


async def resolve(
    lab: Lab, name: str, address: str, *, client: str, resolver: str, patience: float
) -> str:
    """Ask *resolver* from *client* for *name*, which is at *address*; return the answer.

    Question and answer cross the router. Raises StoppedError where no answer comes back.
    """
    server = lab.socket(lab.server, 4, socket.SOCK_DGRAM)
    asker = lab.socket(lab.client, 4, socket.SOCK_DGRAM)
    try:
        server.bind((resolver, 53))
        asker.bind((client, 0))
        asker.connect((resolver, 53))
        ask = question(name)
        for _ in range(_TRIES):
            asker.send(ask)
            if await ready([server, asker], patience / _TRIES):
                return await _answered(server, asker, address, patience)
    except OSError as error:
        raise stopped(error) from error
    finally:
        server.close()
        asker.close()
    raise StoppedError("unresolved")


async def _answered(
    server: socket.socket, asker: socket.socket, address: str, patience: float
) -> str:
    try:
        asked, peer = server.recvfrom(512)
    except BlockingIOError:  # it was the asker that woke us: ICMP
        asker.recv(512)
        raise StoppedError("unresolved") from None
    server.sendto(answer(asked, address), peer)
    if not await ready([asker], patience):
        raise StoppedError("unresolved")
    return str(ip_address(asker.recv(512)[-4:]))


def question(name: str) -> bytes:
    """Return a question for the IPv4 address of *name*."""
    labels = b"".join(bytes([len(part)]) + part.encode("ascii") for part in name.split("."))
    head = struct.pack(">HHHHHH", secrets.randbits(16), 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack(">HH", 1, 1)


def answer(asked: bytes, address: str) -> bytes:
    """Return the answer: the name asked for is at *address*."""
    head = asked[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
    record = struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4)
    return head + asked[12:] + record + ip_address(address).packed
