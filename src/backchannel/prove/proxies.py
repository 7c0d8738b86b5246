"""Real proxies on an outside host: SOCKS 4 and 5 (RFC 1928), HTTP CONNECT (RFC 9110, 9.3.6).

The client's side speaks to them as an instant messenger would that was told to use a proxy. They
serve the lab only: one request a connection, addresses rather than names.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Literal

from backchannel.prove.lab import Lab

Kind = Literal["socks4", "socks5", "http-connect"]
PORTS: dict[Kind, int] = {"socks4": 1080, "socks5": 1080, "http-connect": 8080}
Target = tuple[str, int]
_PIECE = 1 << 16


class Proxy:
    """One proxy of one kind, listening at one outside address until it is closed."""

    def __init__(self, lab: Lab, kind: Kind, address: str) -> None:
        self.lab, self.kind, self.address, self.port = lab, kind, address, PORTS[kind]
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        listener = self.lab.socket(self.lab.server, 4, socket.SOCK_STREAM)
        listener.bind((self.address, self.port))
        self._server = await asyncio.start_server(self._serve, sock=listener)

    def close(self) -> None:
        """Stop listening; connections end with their ends."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target, yes = await _READERS[self.kind](reader, writer)
            onward = self.lab.socket(self.lab.server, 4, socket.SOCK_STREAM)
            onward.bind((self.address, 0))
            await asyncio.get_running_loop().sock_connect(onward, target)
            far_reader, far_writer = await asyncio.open_connection(sock=onward)
            writer.write(yes)
            for each in (writer, far_writer):
                _at_once(each)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a proxy that is not understood, or cannot connect, closes
        except asyncio.CancelledError:
            pass  # the lab ends; asyncio would complain of a connection that was cancelled
        finally:
            writer.close()


def _at_once(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _read_socks4(
    reader: asyncio.StreamReader, _: asyncio.StreamWriter
) -> tuple[Target, bytes]:
    version, command, port, address = struct.unpack(">BBH4s", await reader.readexactly(8))
    await reader.readuntil(b"\0")
    if (version, command) != (4, 1):
        raise ValueError("not SOCKS 4 CONNECT")
    return (str(ip_address(address)), port), b"\x00\x5a" + bytes(6)


async def _read_socks5(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[Target, bytes]:
    version, count = await reader.readexactly(2)
    await reader.readexactly(count)
    writer.write(b"\x05\x00")
    head = await reader.readexactly(4)
    if version != 5 or head != b"\x05\x01\x00\x01":
        raise ValueError("not SOCKS 5 CONNECT to an IPv4 address")
    address, port = struct.unpack(">4sH", await reader.readexactly(6))
    return (str(ip_address(address)), port), b"\x05\x00\x00\x01" + bytes(6)


async def _read_connect(
    reader: asyncio.StreamReader, _: asyncio.StreamWriter
) -> tuple[Target, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    method, authority, _version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    host, _colon, port = authority.rpartition(":")
    if method != "CONNECT":
        raise ValueError("not CONNECT")
    return (host, int(port)), b"HTTP/1.1 200 Connection established\r\n\r\n"


_READERS: dict[
    Kind,
    Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[tuple[Target, bytes]]],
] = {"socks4": _read_socks4, "socks5": _read_socks5, "http-connect": _read_connect}


def dialogue(kind: Kind, target: Target) -> list[tuple[int, bytes]]:
    """Return what client (0) and proxy (1) say before the connection to *target* is through."""
    host, port = target
    place = ip_address(host).packed
    if kind == "socks4":
        ask = b"\x04\x01" + port.to_bytes(2) + place + b"me\0"
        return [(0, ask), (1, b"\x00\x5a" + bytes(6))]
    if kind == "socks5":
        return [
            (0, b"\x05\x01\x00"),
            (1, b"\x05\x00"),
            (0, b"\x05\x01\x00\x01" + place + port.to_bytes(2)),
            (1, b"\x05\x00\x00\x01" + bytes(6)),
        ]
    name = f"{host}:{port}"
    return [
        (0, f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()),
        (1, b"HTTP/1.1 200 Connection established\r\n\r\n"),
    ]
