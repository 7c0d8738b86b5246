"""Passive first: who might be asked what, as a capture or the JSON of a scan suggests."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import msgspec

from backchannel.catalogue.index import Index
from backchannel.catalogue.model import Service
from backchannel.errors import InputError, reason
from backchannel.model import Transport
from backchannel.pipeline import Scan
from backchannel.probe.order import HELLOS, NEVER
from backchannel.probe.ports import Expected, Port, usual
from backchannel.report.document import Document
from backchannel.report.document import Service as Row

SYSTEM = 1024
LARGEST = 1 << 28
"""Bytes of a JSON document that is read."""


class Suggestion(NamedTuple):
    """A port of a host that somebody used, or that a program seen there usually opens."""

    address: str
    port: Port
    expected: Expected


class Suggested(NamedTuple):
    """What a file suggests, and what could not be read of it."""

    told: list[Suggestion]
    damage: tuple[str, ...] = ()


def suggestions(path: Path, index: Index, catalogue: Mapping[str, Service]) -> Suggested:
    """Return what a capture, or what `scan --json` wrote, suggests. Raises InputError.

    Servers are asked at the port at which they were seen. Hosts that took part in file sharing as
    clients are asked at that service's usual ports: their program listens as well.
    """
    document = _document(path, index)
    found = dict[tuple[str, Port], Suggestion]()
    for row in document.services:
        for each in _of(row, catalogue):
            found.setdefault((each.address, each.port), each)
    damage = tuple(f"{each.path}: {each.damage}" for each in document.inputs if each.damage)
    return Suggested([found[key] for key in sorted(found)], damage)


def _document(path: Path, index: Index) -> Document:
    try:
        with path.open("rb") as file:
            begins = file.read(64).lstrip()
        if not begins.startswith(b"{"):
            return Scan(path, index=index).document
        if path.stat().st_size > LARGEST:
            raise InputError(path, f"larger than {LARGEST >> 20} MiB")
        return msgspec.json.decode(path.read_bytes(), type=Document)
    except OSError as error:
        raise InputError(path, reason(error)) from error
    except msgspec.MsgspecError as error:
        raise InputError(path, f"neither a capture nor what scan --json writes: {error}") from error


def _of(row: Row, catalogue: Mapping[str, Service]) -> Iterator[Suggestion]:
    if "/" in row.stack:  # inside a tunnel: that address is another network's
        return
    service = catalogue.get(row.service)
    protocols = (row.protocol, *(service.protocols if service else ()))
    expected = Expected((row.service,), tuple(dict.fromkeys(protocols)))
    for place in row.hosts.servers:
        host, _, text = place.rpartition(":")
        address, number = _address(host.strip("[]")), _number(text)
        if not address or not number:
            continue
        for transport in _transports(row.protocol, number):
            if transport == "udp" or number not in NEVER:
                yield Suggestion(address, Port(transport, number), expected)
    if service is not None and service.kind == "peer-to-peer":
        for port in usual({service.id: service}):
            if port.number < SYSTEM:  # the web's, by which it only fetches
                continue
            for address in filter(None, map(_address, row.hosts.clients)):
                yield Suggestion(address, port, expected)


def _address(text: str) -> str:
    """Return an address as it is usually written; nothing for what is none. A document may hold
    anything: a name would be looked up, and `@FILE` be read.
    """
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _number(text: str) -> int:
    """Return the number of a port; 0 for what is none."""
    number = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    return number if number < 1 << 16 else 0


def _transports(protocol: str, port: int) -> list[Transport]:
    """Return how a protocol is asked for at a port: a scan's document does not tell."""
    found = {
        each.transport
        for each in HELLOS
        if each.protocols[0] == protocol and (not each.only or port in each.only)
    }
    return sorted(found) or ["tcp"]
