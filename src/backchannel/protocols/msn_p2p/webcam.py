"""Control messages of a webcam session: ten bytes, then UTF-16 text or XML.

    80 .. .. .. 08 00 | length u32 little-endian | `syn`, `ack`, `receivedViewerData`, or
    <producer><version>2.0</version><rid>..</rid>..<tcp><tcpport>..<tcpipaddress1>..</tcp>
    <udp><udplocalport>..<udpexternalip>..<udpinternalipaddress1>..</udp></producer>, or
    ReflData: and, in hexadecimal, ru=http://reflector:port&ti=ticket

Who connects tries each address, also `udpexternalip`, with each of the three TCP ports; an internal
one for UDP has a port of its own. Whoever shows pictures sends ReflData where nobody could connect.
Sources: aMSN `msncam.tcl` and `msnp2p/webcam.tcl`, papyon `msnp2p/webcam.py`, Kopete `webcam.cpp`.
"""

import re
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from backchannel.protocols.msnp.names import address, number

_HEADER = 10
_FIRST, _KIND = 0x80, b"\x08\0"
_ADDRESS = re.compile(r"<(?:tcpipaddress\d{1,2}|(?:tcp|udp)externalip)>([^<]{1,64})<")
_PORT = re.compile(r"<tcp(?:local|external)?port>(\d{1,5})<")
_UDP_ADDRESS = re.compile(r"<udpinternalipaddress\d{1,2}>([^<]{1,64})<")
_UDP_PORT = re.compile(r"<udplocalport>(\d{1,5})<")
_REFLECTOR = re.compile(r"ReflData:([0-9A-Fa-f]{2,2048})")
_MOST_HOSTS, _MOST_PORTS = 8, 4


class Place(msgspec.Struct, frozen=True):
    """Where video can be had."""

    address: str
    port: int
    transport: Literal["tcp", "udp"] = "tcp"


def begins(data: bytes) -> bool:
    """Whether *data* begins such a message. Some programs count characters in its length."""
    return len(data) >= _HEADER and data[0] == _FIRST and data[4:6] == _KIND


def places(data: bytes) -> list[Place]:
    """Return where a viewer or producer says it can be reached: each address with each port."""
    text = _text(data)
    if "<udp>" not in text and "<tcp>" not in text:
        return []
    tcp = _pairs(_ADDRESS.findall(text), _PORT.findall(text))
    udp = _pairs(_UDP_ADDRESS.findall(text), _UDP_PORT.findall(text))
    return [Place(*pair) for pair in tcp] + [Place(*pair, "udp") for pair in udp]


def _pairs(hosts: list[str], ports: list[str]) -> list[tuple[str, int]]:
    numbers = [port for text in dict.fromkeys(ports) if (port := number(text, 0xFFFF))]
    found = [host for text in dict.fromkeys(hosts) if (host := address(text))]
    return [(host, port) for host in found[:_MOST_HOSTS] for port in numbers[:_MOST_PORTS] or [0]]


def reflector(data: bytes) -> tuple[str, int]:
    """Return host and port of the reflector that a message names; ('', 0) where it names none."""
    found = _REFLECTOR.match(_text(data))
    if not found:
        return "", 0
    words = bytes.fromhex(found[1][: len(found[1]) & ~1]).decode("latin-1")
    try:
        where = parse_qs(words, max_num_fields=8).get("ru", [""])[0]
        parts = urlsplit(where if "://" in where else f"http://{where}")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        return "", 0
    return host, port


def _text(data: bytes) -> str:
    return data[_HEADER:].decode("utf-16-le", "ignore")
