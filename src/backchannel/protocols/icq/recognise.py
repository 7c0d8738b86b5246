"""Whether datagrams are ICQ's. A check code that fits is proof, and so is a packet of versions 1
to 3 whose every length agrees; other packets convince only together with the other side's.
"""

from backchannel.model import MORE, Claim, More, Side
from backchannel.protocols import Peek
from backchannel.protocols.icq.names import KINDS, TO_SEVERAL, Client, Server
from backchannel.protocols.icq.wire import Packet, read
from backchannel.reader import Reader, WireError

NO, PLAUSIBLE, PROOF = 0, 1, 2
_CLIENT, _SERVER = Side
_HIGHEST_UIN = 0x7FFFFFFF
_LONGEST_PASSWORD = 32
_LONGEST_UNKNOWN = 512
_SHORT = {
    (_CLIENT, Client.ACK): 4,
    (_CLIENT, Client.KEEP_ALIVE): 4,
    (_CLIENT, Client.ASK_OFFLINE): 4,
    (_CLIENT, Client.ACK_OFFLINE): 4,
    (_CLIENT, Client.STATUS): 4,
    (_CLIENT, Client.ADD): 4,
    (_CLIENT, Client.SEARCH_UIN): 4,
    (_CLIENT, Client.INFO): 4,
    (_CLIENT, Client.MORE_INFO): 4,
    (_SERVER, Server.ACK): 8,
    (_SERVER, Server.OFFLINE): 4,
    (_SERVER, Server.STATUS): 8,
    (_SERVER, Server.LIST_DONE): 8,
    (_SERVER, Server.OFFLINE_DONE): 8,
}
"""Commands with few parameters: at most so many bytes."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow whose first datagrams are ICQ's: weighed in both roles, whoever began."""
    if peek.transport != "udp":
        return None
    best, claim = NO, None
    for flipped in (False, True):
        first, second = (peek.server, peek.client) if flipped else (peek.client, peek.server)
        total, strongest = _weigh_both(first, second)
        if total > best:
            best = total
            side, data = (_CLIENT, first) if strongest == 0 else (_SERVER, second)
            claim = Claim("icq", evidence=_evidence(side, data), flipped=flipped)
    return claim if best >= PROOF else MORE if best else None


def _weigh_both(client: bytes, server: bytes) -> tuple[int, int]:
    """Return how sure both make us, and which of them surer: 0, the client's, or 1."""
    if not client:
        return weigh(read(_SERVER, server, True)) if server else NO, 1
    sent = weigh(read(_CLIENT, client, True))
    if sent == NO or not server:
        return sent, 0
    answered = weigh(read(_SERVER, server, True))
    return NO if answered == NO else sent + answered, int(answered > sent)


def _evidence(side: Side, data: bytes) -> str:
    packet = read(side, data)
    if packet is None:
        return ""
    checked = ", check code fits" if packet.checked else ""
    word = side.name.lower()
    return (
        f"version {packet.version} packet from the {word}, command {packet.command:#06x}{checked}"
    )


def weigh(packet: Packet | None) -> int:
    """Return how sure a packet makes us."""
    if packet is None or not packet.known:
        return NO
    if packet.checked:
        return PROOF
    if packet.version >= 4 and packet.side is _CLIENT:
        return NO
    if packet.uin > _HIGHEST_UIN or (packet.side is _CLIENT and not _may_lack_uin(packet)):
        return NO
    try:
        return _shape(packet)
    except WireError:
        return NO


def _may_lack_uin(packet: Packet) -> bool:
    return packet.uin != 0 or packet.command in {
        Client.REGISTER,
        Client.FIRST_LOGIN,
        Client.PRE_LOGIN,
    }


def _shape(packet: Packet) -> int:
    size, reader = len(packet.parameters), Reader(packet.parameters)
    if (limit := _SHORT.get((packet.side, packet.command))) is not None:
        return PLAUSIBLE if size <= limit else NO
    if packet.side is _CLIENT and packet.command == Client.LOGIN:
        return _login(reader)
    if packet.side is _CLIENT and packet.command in {Client.MESSAGE, Client.AUTHORIZE}:
        return _message(reader)
    if packet.side is _SERVER and packet.command == Server.MESSAGE:
        return _message(reader)
    if packet.side is _CLIENT and packet.command == Client.LOGOFF:
        return PROOF if b"B_" in packet.parameters[:4] else NO
    if packet.side is _CLIENT and packet.command == Client.CONTACTS:
        return PLAUSIBLE if size == 1 + 4 * reader.u8() else NO
    if packet.side is _SERVER and packet.command == Server.ONLINE:
        return _online(reader)
    return PLAUSIBLE if size <= _LONGEST_UNKNOWN else NO


def _login(reader: Reader) -> int:
    """Port u32 | password | u32 | IP | mode u8 | status."""
    port, size = reader.u32le(), reader.u16le()
    if port > 0xFFFF or not 1 <= size <= _LONGEST_PASSWORD:
        return NO
    password = reader.take(size)
    return PROOF if password[-1] == 0 and 0 not in password[:-1] and len(reader) >= 11 else NO


def _message(reader: Reader) -> int:
    """UIN u32 | kind u16 | text that ends with the packet."""
    uin, kind, size = reader.u32le(), reader.u16le(), reader.u16le()
    if not 0 < uin <= _HIGHEST_UIN or kind & ~TO_SEVERAL not in KINDS or size != len(reader):
        return NO
    return PROOF if size and reader.rest()[-1] == 0 else PLAUSIBLE


def _online(reader: Reader) -> int:
    """UIN u32 | IP | port u32 | inner IP | mode u8 | status."""
    uin = reader.u32le()
    reader.skip(4)
    port = reader.u32le()
    reader.skip(4)
    mode = reader.u8()
    fits = 0 < uin <= _HIGHEST_UIN and port <= 0xFFFF and mode <= 6 and 2 <= len(reader) <= 48
    return PROOF if fits and uin > 0xFFFF else PLAUSIBLE if fits else NO
