"""Messages that one vendor defined. Body to events, one table.

    BODY   vendor 4 | selector u16le | version u16le | what the selector says

"Framework for Vendor-specific Messages" 0.1; gtk-gnutella doc/gnutella/msg; LimeWire's
VendorMessage. Addresses in them are events; what else they say is named, not taken apart.
"""

from collections.abc import Callable

from backchannel.protocols import Output
from backchannel.protocols.gnutella import ggep, wire
from backchannel.protocols.gnutella.events import VendorMessage
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.wire import Message
from backchannel.reader import Reader
from backchannel.text import decode

HEAD = 8

MEANINGS = {
    "NULL/0": "messages supported",
    "NULL/10": "features supported",
    "BEAR/4": "hops flow",
    "BEAR/7": "TCP connect back",
    "BEAR/11": "query status request",
    "BEAR/12": "query status response",
    "LIME/5": "UDP crawler ping",
    "LIME/6": "UDP crawler pong",
    "LIME/7": "TCP connect back redirect",
    "LIME/8": "UDP connect back redirect",
    "LIME/11": "out-of-band reply acknowledgement",
    "LIME/12": "out-of-band reply indication",
    "LIME/13": "out-of-band proxy veto",
    "LIME/14": "statistics request",
    "LIME/15": "statistics",
    "LIME/16": "settings request",
    "LIME/17": "settings",
    "LIME/21": "push proxy request",
    "LIME/22": "push proxy acknowledgement",
    "LIME/23": "head ping",
    "LIME/24": "head pong",
    "LIME/25": "header update",
    "LIME/26": "update request",
    "LIME/27": "update response",
    "LIME/28": "content request",
    "LIME/29": "content response",
    "LIME/30": "inspection request",
    "LIME/31": "inspection response",
    "LIME/33": "DHT contacts",
    "GTKG/7": "UDP connect back",
    "GTKG/9": "time sync request",
    "GTKG/10": "time sync reply",
    "GTKG/21": "push proxy cancel",
    "GTKG/22": "node info request",
    "GTKG/23": "node info reply",
    "GTKG/24": "release notify",
}
_SILENT = frozenset({"BEAR/4", "BEAR/11", "BEAR/12", "GTKG/9", "GTKG/10"})
"""Housekeeping that comes again and again: told once a flow."""


def read(message: Message, memory: Memory) -> list[Output]:
    """Name the message, and tell the addresses in it."""
    body = Reader(message.body)
    vendor = body.take(4)
    selector, version = body.u16le(), body.u16le()
    name = "NULL" if vendor == bytes(4) else decode(vendor, "ascii")
    code = f"{name}/{selector}"
    detail, out = "", list[Output]()
    if reader := _READERS.get(code):
        detail, out = reader(message, body.rest(), memory)
    told = VendorMessage(code=f"{code}v{version}", meaning=MEANINGS.get(code, ""), detail=detail)
    if code in _SILENT and not memory.first(told.code):
        return out
    return [told, *out]


_Told = tuple[str, list[Output]]
_RANGES, _OTHERS, _PUSHED = 0x01, 0x02, 0x04
"""Lists that a head pong of version 1 holds."""
_WHOLE = 0x01
_STATES = ((_WHOLE, "whole file"), (2, "part of file"), (4, "firewalled"), (8, "downloading"))


def _port(_message: Message, data: bytes, _memory: Memory) -> _Told:
    """BEAR/7, GTKG/7: please try whether this port of mine can be reached."""
    return f"port {int.from_bytes(data[:2], 'little')}", []


def _redirect(_message: Message, data: bytes, memory: Memory) -> _Told:
    """LIME/7, LIME/8: please connect to that address, on behalf of somebody."""
    return "", memory.disclosed("connect-back", wire.hosts(data[:6]))


def _proxy(message: Message, data: bytes, memory: Memory) -> _Told:
    """LIME/22: I pass pushes on to you; the message id is your servent id."""
    return "", memory.disclosed("push-proxy", wire.hosts(data[:6]), message.guid.hex())


def _results(message: Message, data: bytes, _memory: Memory) -> _Told:
    """LIME/11 and LIME/12: results wanted, or waiting, for the query of this id."""
    return (f"{data[0]} results for {message.guid.hex()}" if data else ""), []


def _head_ping(_message: Message, data: bytes, _memory: Memory) -> _Told:
    """LIME/23: asks whether a servent has a file, and who else has it."""
    urn = data[1:].partition(b"\xc3")[0]
    return decode(urn[:255], "ascii"), []


def _head_pong(_message: Message, data: bytes, memory: Memory) -> _Told:
    """LIME/24: whether a servent has a file, and who else has it.

    Version 2 is a GGEP block: `C` the state, `P` hosts behind push proxies, `A` other hosts.
    Version 1 has a byte that says which lists follow, and the state, behind vendor and queue.
    Whole files have no ranges, whatever the first byte says (LimeWire's HeadPongImpl).
    """
    if data[:1] == bytes([ggep.MAGIC]):
        found = ggep.read_extensions(data).ggep
        state = found.get("C", b"\0")[:1]
        pushed, others = found.get("P", b""), found.get("A", b"")
        return _state(state[0] if state else 0), _holders(pushed, others, memory)
    body = Reader(data)
    flags, code = body.u8(), body.u8()
    if not code:
        return _state(code), []
    body.skip(5)  # vendor, queue
    if flags & _RANGES and not code & _WHOLE:
        body.skip(body.u16())
    pushed = body.take(body.u16()) if flags & _PUSHED else b""
    others = body.take(body.u16()) if flags & _OTHERS else b""
    return _state(code), _holders(pushed, others, memory)


def _state(code: int) -> str:
    return ", ".join(name for bit, name in _STATES if code & bit) or "file not found"


def _holders(pushed: bytes, others: bytes, memory: Memory) -> list[Output]:
    """Tell the hosts that have a file. *pushed*: those that only their push proxies reach.

    HOST   proxies in the lowest three bits, version of transfers between firewalls in the next
           two, TLS 80 | servent 16 | its address 6 (where there is a version) | proxies that
           speak TLS u8 (where there are any) | proxies, 6 each
    """
    out = memory.disclosed("alternate", wire.hosts(others))
    body = Reader(pushed)
    while body:
        head, servent = body.u8(), body.take(16).hex()
        if head & 0x18:
            out += memory.disclosed("firewalled", wire.hosts(body.take(6)), servent)
        body.skip(head >> 7)
        out += memory.disclosed("push-proxy", wire.hosts(body.take(6 * (head & 7))), servent)
    return out


def _crawled(_message: Message, data: bytes, memory: Memory) -> _Told:
    """LIME/6: my neighbours. Ultrapeers, leaves, format, then so many addresses."""
    body = Reader(data)
    ultrapeers, leaves, form = body.u8(), body.u8(), body.u8()
    width = 6 + (2 if form & 1 else 0) + (2 if form & 2 else 0)  # connect time, locale
    found = [
        wire.hosts(body.take(width)[:6])
        for _ in range(min(ultrapeers + leaves, len(body) // width))
    ]
    out: list[Output] = []
    for number, pair in enumerate(found):
        out += memory.peers(pair, "ultrapeer" if number < ultrapeers else "leaf")
    return f"{ultrapeers} ultrapeers, {leaves} leaves", out


_READERS: dict[str, Callable[[Message, bytes, Memory], _Told]] = {
    "BEAR/7": _port,
    "GTKG/7": _port,
    "LIME/6": _crawled,
    "LIME/7": _redirect,
    "LIME/8": _redirect,
    "LIME/11": _results,
    "LIME/12": _results,
    "LIME/22": _proxy,
    "LIME/23": _head_ping,
    "LIME/24": _head_pong,
}
