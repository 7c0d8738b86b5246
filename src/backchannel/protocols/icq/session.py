"""One client's conversation with an ICQ server over UDP: datagrams in, events and effects out.

A Session holds what `state.State` says: at most 64 KiB for each of 8 packets in pieces, 256 hashes
of packets, and the addresses of 4096 people.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Anomaly, Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.bounded import remember
from backchannel.protocols.icq import content, groupware, meta, people
from backchannel.protocols.icq.names import Client, Server
from backchannel.protocols.icq.recognise import recognise
from backchannel.protocols.icq.state import LONGEST, MOST_CUT, MOST_SEEN, State
from backchannel.protocols.icq.wire import Packet, fragment, read, string
from backchannel.reader import Reader, WireError

__all__ = ["Session", "recognise"]

Handler = Callable[[State, Packet, Reader], Iterator[Output]]


def _sent(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """MESSAGE, AUTHORIZE: recipient u32 | kind u16 | text."""
    recipient, kind = reader.u32le(), reader.u16le()
    yield from content.message(kind, string(reader), str(packet.uin), str(recipient))


def _received(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """MESSAGE, OFFLINE_MESSAGE, BROADCAST: sender u32 | (time, 4 or 6 bytes) | kind u16 | text."""
    sender = reader.u32le()
    stored = packet.command == Server.OFFLINE_MESSAGE
    if stored:
        reader.skip(4 if packet.version == 3 and _has_timestamp(reader) else 6)
    recipient = str(packet.uin) if packet.uin else state.account
    kind = reader.u16le()
    yield from content.message(kind, string(reader), str(sender), recipient, stored=stored)


def _has_timestamp(reader: Reader) -> bool:
    """Say whether a u32 of seconds comes here, and not year u16, month, day, hour, minute."""
    after = reader.peek(10)
    return len(after) >= 8 and int.from_bytes(after[6:8], "little") == len(reader) - 8


CLIENT: dict[int, Handler] = {
    Client.LOGIN: people.login,
    Client.PRE_LOGIN: people.pre_login,
    Client.REGISTER: people.register,
    Client.PASSWORD: people.change_password,
    Client.LOGOFF: people.logoff,
    Client.STATUS: people.set_status,
    Client.CONTACTS: people.contacts,
    Client.INVISIBLE_LIST: people.contacts,
    Client.ADD: people.add,
    Client.MESSAGE: _sent,
    Client.AUTHORIZE: _sent,
    Client.REVERSE: people.reverse,
    Client.SEARCH_UIN: people.search,
    Client.SEARCH_USER: people.search,
    Client.SEARCH: people.search,
    Client.INFO: people.asked,
    Client.USER_INFO: people.asked,
    Client.UPDATE_BASIC: people.update_basic,
    Client.UPDATE_BASIC_4: people.update_basic,
    Client.UPDATE_DETAIL: people.update_detail,
    Client.GET_NOTES: people.asked,
    Client.SET_NOTES: groupware.set_notes,
    Client.SET_HOME: groupware.set_home,
    Client.SET_HOME_PAGE: groupware.set_home_page,
    Client.SET_WORK: groupware.set_work,
    Client.SET_WORK_PAGE: groupware.set_work_page,
    Client.META: meta.request,
}
SERVER: dict[int, Handler] = {
    Server.HELLO: people.hello,
    Server.WRONG_PASSWORD: people.refused,
    Server.BUSY: people.refused,
    Server.LOGIN_ERROR: people.refused,
    Server.NEW_UIN: people.registered,
    Server.GO_AWAY: people.thrown_out,
    Server.NOT_CONNECTED: people.thrown_out,
    Server.ONLINE: people.online,
    Server.RANDOM_USER: people.online,
    Server.OFFLINE: people.offline,
    Server.STATUS: people.status,
    Server.MESSAGE: _received,
    Server.OFFLINE_MESSAGE: _received,
    Server.BROADCAST: _received,
    Server.REVERSE: people.reverse,
    Server.FOUND: people.profile,
    Server.INFO: people.profile,
    Server.MORE_INFO: people.more_info,
    Server.BASIC_INFO: people.basic_info,
    Server.NOTES: groupware.notes,
    Server.HOME_INFO: groupware.home,
    Server.HOME_PAGE: groupware.home_page,
    Server.WORK_INFO: groupware.work,
    Server.WORK_PAGE: groupware.work_page,
    Server.META: meta.answer,
}


class Session:
    """Decodes both sides of one conversation."""

    def __init__(self, start: Start) -> None:
        self.service = "icq"
        self.standing = Standing.CLAIMED
        self.done = False
        self._state = State(start)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; return what it meant."""
        packet = read(side, data)
        if packet is None or not packet.known:
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            return [Malformed(reason="no packet of ICQ versions 1 to 5")]
        told: list[Output] = []
        if packet.side is Side.CLIENT and packet.version >= 4 and not packet.checked:
            detail = f"check code of command {packet.command:#06x} does not fit"
            told.append(Anomaly(kind="icq-check-code", detail=detail))
        return told + self._once(packet)

    def _once(self, packet: Packet) -> list[Output]:
        """Decode a packet unless it is one that was sent again."""
        key = hash((packet.side, packet.command, packet.sequence, packet.sequence2,
                    packet.parameters))  # fmt: skip
        if packet.command != Client.ACK and key in self._state.seen:
            return []
        remember(self._state.seen, key, None, MOST_SEEN)
        if packet.side is Side.SERVER and packet.command == Server.MULTI:
            return self._several(packet)
        if piece := fragment(packet):
            return self._piece(packet, *piece)
        return self._decode(packet)

    def _decode(self, packet: Packet) -> list[Output]:
        """A broken body costs one datagram."""
        state = self._state
        if packet.uin and not state.account:
            state.account = str(packet.uin)
        handler = (CLIENT if packet.side is Side.CLIENT else SERVER).get(packet.command)
        if handler is None:
            return []
        told: list[Output] = []
        try:
            told += handler(state, packet, Reader(packet.parameters))
        except WireError as error:
            return [Malformed(reason=f"command {packet.command:#06x}: {error}")]
        self.standing = Standing.PARSED
        return told

    def _several(self, packet: Packet) -> list[Output]:
        """MULTI: count u8 | length u16 and packet, each. Such a packet holds no further ones."""
        told: list[Output] = []
        reader = Reader(packet.parameters)
        try:
            for _ in range(reader.u8()):
                inner = read(Side.SERVER, reader.take(reader.u16le()))
                if inner is None or not inner.known or inner.command == Server.MULTI:
                    return [
                        *told,
                        Malformed(
                            reason="several packets in one datagram, of which one is malformed"
                        ),
                    ]
                told += self._decode(inner)
        except WireError as error:
            told.append(Malformed(reason=f"several packets in one: {error}"))
        return told

    def _piece(self, packet: Packet, number: int, count: int, piece: bytes) -> list[Output]:
        """FRAGMENT: number u8 | count u8 | part of a whole packet, its header included."""
        cut = self._state.cut
        key = packet.sequence2 | packet.side << 16
        pieces = cut.get(key, {})
        if len(piece) + sum(map(len, pieces.values())) <= LONGEST:
            pieces = {**pieces, number: piece}
        remember(cut, key, pieces, MOST_CUT)
        if len(pieces) < count:
            return []
        del cut[key]
        whole = read(packet.side, b"".join(pieces[at] for at in sorted(pieces)))
        if whole is None or whole.command in {Client.FRAGMENT, Server.FRAGMENT, Server.MULTI}:
            return [Malformed(reason="pieces that make no packet")]
        return self._decode(whole)

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - a Session's shape
        """*size* bytes of a datagram were never seen; the next one stands on its own."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - a Session's shape
        """No more datagrams of *side*."""
        return []
