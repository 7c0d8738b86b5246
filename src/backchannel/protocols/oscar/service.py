"""SNAC family 0x01, the connection itself: own information, status, redirects, warnings, errors."""

from backchannel.events import SignOnAnswer, Warned
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import names, people, signon, wire
from backchannel.protocols.oscar.events import RequestFailed
from backchannel.protocols.oscar.rooms import room_name
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import Snac, UserInfo
from backchannel.reader import Reader

CHAT = 0x0E
PENDING = 64
"""Service requests remembered at once."""


def service_request(state: State, reader: Reader, snac: Snac, _out: list[Output]) -> None:
    """01/04: the client wants to be connected to another service, or to a chat room."""
    family, room = reader.u16(), ""
    if family == CHAT and (value := wire.tlvs(reader).get(1)):
        exchange = Reader(value)
        exchange.skip(2)
        cookie = exchange.take(exchange.u8())
        room = state.rooms.get(cookie) or room_name(cookie)
    remember(state.wanted, snac.request, (family, room), PENDING)


def service_redirect(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """01/05: where it is."""
    values = wire.tlvs(reader)
    family, room = state.wanted.pop(snac.request, (0, ""))
    signon.announce(state, values, wire.u16_of(values, signon.FAMILY, family), out, room)


def migrate(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """01/12: the server goes away, another takes over the families it lists."""
    reader.skip(2 * reader.u16())
    signon.announce(state, wire.tlvs(reader), signon.MESSAGING, out)


def own_info(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """01/0f: what the service says of the client itself."""
    name = wire.name8(reader)
    out += state.learn(name)
    if state.waiting:
        state.waiting = False
        out.append(SignOnAnswer(account=name, accepted=True))
    info = UserInfo(name, reader.u16(), wire.counted_tlvs(reader))
    people.addresses(state, info, "own-information", out)


def warned(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """01/10: somebody complained about the client."""
    level = reader.u16() // 10
    by = wire.name8(reader) if reader else ""
    out.append(Warned(account=state.account, level=level, by=by))


def idle(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """01/11: the client's user has been idle for so long, or is back."""
    seconds = reader.u32()
    if seconds or state.idle:
        state.idle = bool(seconds)
        status = "idle" if seconds else "online"
        people.presence(state, state.account, (status, "", seconds), out)


def set_status(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """01/1e: the client's status, status text, and where it can be reached directly."""
    values = wire.tlvs(reader)
    if people.STATUS in values:
        status, text, _ = people.status_of(values)
        state.away = status == "away"
        people.presence(state, state.account, (status, text, 0), out)
    people.addresses(state, UserInfo(state.account, 0, values), "own-status", out)


def failed(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """xx/01: a request could not be served."""
    code = reader.u16()
    told = RequestFailed(
        service=names.family(snac.family),
        code=code,
        reason=names.error(code),
        about=state.about.pop(snac.request, ""),
    )
    out.append(told)


SNACS = {
    (0x01, 0x04): service_request,
    (0x01, 0x05): service_redirect,
    (0x01, 0x0F): own_info,
    (0x01, 0x10): warned,
    (0x01, 0x11): idle,
    (0x01, 0x12): migrate,
    (0x01, 0x1E): set_status,
}
