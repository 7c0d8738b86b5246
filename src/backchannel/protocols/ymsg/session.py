"""One YMSG connection, to a server or between peers: bytes in, events and effects out.

A Session holds at most one packet a side (20 bytes and 64 KiB), 512 KiB of contact lists that
the server has not finished, and the names of 64 file offers.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Gap, Malformed, SignOn
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.framed import Framed, seek
from backchannel.protocols.ymsg import login, messaging, presence, transfers, wire
from backchannel.protocols.ymsg.state import Body, State
from backchannel.protocols.ymsg.tables import Service
from backchannel.reader import WireError

Handler = Callable[[State, Body], Iterator[Output]]
_KEY = 8
"""Bytes of the longest key and its separator."""

HANDLERS: dict[int, Handler] = {
    Service.AUTH: login.auth,
    Service.AUTHRESP: login.response,
    Service.WEBLOGIN: login.logon,
    Service.IDACT: login.identity,
    Service.IDDEACT: login.identity,
    Service.DISCONNECT: login.disconnect,
    Service.KEEPALIVE: login.alive,
    Service.LOGON: presence.status_update,
    Service.LOGOFF: presence.status_update,
    Service.ISAWAY: presence.status_update,
    Service.ISBACK: presence.status_update,
    Service.IDLE: presence.status_update,
    Service.USERSTAT: presence.status_update,
    Service.CHATLOGON: presence.status_update,
    Service.CHATLOGOFF: presence.status_update,
    Service.GAMELOGON: presence.status_update,
    Service.GAMELOGOFF: presence.status_update,
    Service.VISIBLE_TOGGLE: presence.status_update,
    Service.STATUS_UPDATE: presence.status_update,
    Service.STATUS_15: presence.status_update,
    Service.LIST: presence.contact_list,
    Service.LIST_15: presence.contact_list_15,
    Service.ADDBUDDY: presence.change,
    Service.REMBUDDY: presence.change,
    Service.IGNORECONTACT: presence.change,
    Service.CHANGE_GROUP: presence.change,
    Service.NEWCONTACT: presence.authorization,
    Service.REJECTCONTACT: presence.authorization,
    Service.AUTH_REQ_15: presence.authorization,
    Service.CONTACT_DETAILS: presence.details,
    Service.MESSAGE: messaging.message,
    Service.MASSMESSAGE: messaging.message,
    Service.CHATMSG: messaging.message,
    Service.GAMEMSG: messaging.message,
    Service.SYSMESSAGE: messaging.message,
    Service.NOTIFY: messaging.notify,
    Service.AUDIBLE: messaging.audible,
    Service.SMS_MESSAGE: messaging.sms,
    Service.NEWMAIL: messaging.mail,
    Service.GAME_INVITE: messaging.game,
    Service.VOICECHAT: messaging.voice,
    Service.CONFINVITE: messaging.conference,
    Service.CONFADDINVITE: messaging.conference,
    Service.CONFLOGON: messaging.conference,
    Service.CONFLOGOFF: messaging.conference,
    Service.CONFDECLINE: messaging.conference,
    Service.CONFMSG: messaging.conference,
    Service.CHATJOIN: messaging.chat,
    Service.CHATEXIT: messaging.chat,
    Service.CHATLEAVE: messaging.chat,
    Service.CHATLOGOUT: messaging.chat,
    Service.CHATINVITE: messaging.chat,
    Service.CHATADDINVITE: messaging.chat,
    Service.COMMENT: messaging.chat,
    Service.FILETRANSFER: transfers.through_server,
    Service.P2PFILEXFER: transfers.direct,
    Service.PEERTOPEER: transfers.peer,
    Service.WEBCAM: transfers.webcam,
    Service.FILETRANS_15: transfers.offer_15,
    Service.FILETRANS_INFO_15: transfers.way_15,
    Service.FILETRANS_ACC_15: transfers.way_15,
    Service.PICTURE: transfers.picture,
    Service.PHOTO_SHARING: transfers.photo,
    Service.PHOTO_PREVIEW: transfers.photo,
}


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow one of whose sides begins with a YMSG packet, the other likewise or silent."""
    if peek.transport != "tcp":
        return None
    sides = [data for data in (peek.client, peek.server) if data]
    fits = [_opens(data) for data in sides]
    if not any(fits) or (peek.begun and not all(fits)):
        return None
    if True not in fits:
        return MORE
    return Claim("ymsg", evidence=_evidence(peek), flipped=not peek.begun and _server_first(peek))


def _opens(data: bytes) -> bool | More:
    """Say whether *data* opens with a packet header and, where it has come, with a first field.

    Where there never was such a version the field must have come.
    """
    if not wire.may_follow(data[: wire.HEADER]):
        return False
    if len(data) < wire.HEADER:
        return MORE
    size = int.from_bytes(data[8:10], "big")
    body = data[wire.HEADER : wire.HEADER + size]
    key, separator, _ = body[:_KEY].partition(wire.SEPARATOR)
    number = key.rstrip(b"\xc0").isdigit()
    if number and separator:
        return True
    waits = wire.SEPARATOR.startswith(body) or (number and len(body) < _KEY)
    if not waits or wire.is_header(data[: wire.HEADER]):
        return waits
    return MORE if len(body) < size else False


def _server_first(peek: Peek) -> bool:
    """Say whether the sides are taken for each other: only servers write version 0, or none."""
    sides = (peek.client, peek.server)
    client, server = (not wire.version_of(data) if len(data) >= 6 else None for data in sides)
    if server is None:
        return client is True
    return not server and client is not False


def _evidence(peek: Peek) -> str:
    for side, data in (("client", peek.client), ("server", peek.server)):
        if _opens(data) is True:
            service = int.from_bytes(data[10:12], "big")
            return f"YMSG packet from the {side}, service {service:#x}"
    return "YMSG packet"


class Session(Framed):
    """Decodes both sides of one connection."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.service = "yahoo"
        self._state = State(start)
        self._lost: set[Side] = set() if start.begun else set(Side)

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        if side in self._lost and not self._find(side):
            return False
        packet = wire.take_packet(buffer)
        if packet is None:
            return False
        told += self._decode(side, packet)
        return True

    def _find(self, side: Side) -> bool:
        """After a loss: drop what comes before the next packet; say whether one was found."""
        if not seek(self._buffers[side], wire.MARK, wire.HEADER, wire.may_follow):
            return False
        self._lost.discard(side)
        return True

    def _decode(self, side: Side, packet: wire.Packet) -> list[Output]:
        """A broken body costs one packet, never the connection."""
        handler = HANDLERS.get(packet.service)
        try:
            body = Body(side, packet, wire.fields(packet.body))
            told = list(handler(self._state, body)) if handler else []
        except WireError as error:
            return [Malformed(reason=f"service {packet.service:#x}: {error}")]
        if body.fields or packet.service in _BARE:
            self.standing = Standing.PARSED
        return told

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a packet and not ended it."""
        return bool(self._buffers[side]) and side not in self._lost

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the next packet begins at its mark."""
        self._buffers[side].clear()
        self._deaf.discard(side)
        self._lost.add(side)
        self._state.half = []
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more. An account that only asked for a challenge is still told."""
        self._buffers[side].clear()
        state = self._state
        told: list[Output] = []
        if state.asked and not state.signed_on:
            told.append(SignOn(account=state.asked, client=login.CLIENT))
            state.asked = ""
        return told


_BARE = {Service.VERIFY, Service.PING, Service.LOGOFF, Service.AUTH, Service.LIST}
"""Services whose packets may be empty."""
