"""Messages of LimeWire's distributed hash table, Mojito, which shares Gnutella's UDP port.

    BODY      opcode u8 | contact | instance u8 | flags u8 | extension size u16 | ...
    contact   vendor 4 | version u16 | node id 20 | address size u8 | address | port u16
    FOUND     token size u8 | token | count u8 | contact...          (opcode 6)

Numbers are big-endian here, ports too. gtk-gnutella doc/gnutella/DHT/messages (LimeWire's wiki).
"""

from ipaddress import IPv6Address

from backchannel.protocols import Output
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.vendors import vendor_name
from backchannel.protocols.gnutella.wire import Message
from backchannel.reader import Reader, WireError

OPCODES = range(1, 11)
FIND_NODE_RESPONSE = 6


def read(message: Message, memory: Memory) -> list[Output]:
    """Tell the nodes that the message names: its sender, and in answers others."""
    body = Reader(message.body)
    opcode = body.u8()
    if opcode not in OPCODES:
        raise WireError(f"DHT opcode {opcode}")
    found = [_contact(body)]
    body.skip(2)
    body.skip(body.u16())
    if opcode == FIND_NODE_RESPONSE:
        body.skip(body.u8())
        found += [_contact(body) for _ in range(body.u8())]
    out: list[Output] = []
    for address, port, software in found:
        if port:
            out += memory.peers([(address, port)], "dht", software)
    return out


def _contact(body: Reader) -> tuple[str, int, str]:
    vendor = body.take(4)
    body.skip(22)
    size = body.u8()
    if size not in (4, 16):
        raise WireError(f"DHT address of {size} bytes")
    address = body.ipv4() if size == 4 else str(IPv6Address(body.take(16)))
    return address, body.u16(), vendor_name(vendor)
