"""Letting people in: FLAP sign-on and sign-off frames, SNAC family 0x17, and redirects.

A sign-on runs on two connections. The authorizer checks the password, and answers with the
address of the messaging server and a cookie; the cookie opens the connection there, and each
further service is reached by another redirect with another cookie.
"""

from backchannel.effects import Expect, Tie
from backchannel.events import Credential, SignOff, SignOn, SignOnAnswer, Software
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.oscar import names, passwords, wire
from backchannel.protocols.oscar.contexts import Ticket
from backchannel.protocols.oscar.events import ServiceRedirect
from backchannel.protocols.oscar.state import State, digest
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader
from backchannel.text import decode

NAME, ROASTED, CLIENT, URL, HOST, COOKIE, ERROR, REASON = 1, 2, 3, 4, 5, 6, 8, 9
HASHED, HASHED_TWICE, FAMILY = 0x25, 0x4C, 0x0D
MESSAGING = 0x04
FORM, _FORM_HEAD, _MADE_HEAD = 1, 40, 42
"""The TLV of a registration, and where in it password and account are: A. Shutko's "OSCAR (ICQ
v7/v8/v9) documentation"; climm @f5a97dec oscar_register.c; licq @f271d550 packet-srv.cpp."""
NEW = "icq-registration"
_LOGIN = Capability.LOGIN


def hello(state: State, values: dict[int, bytes], side: Side, out: list[Output]) -> None:
    """A FLAP sign-on frame: the protocol version alone, or with it a password or a cookie."""
    if side is wire.SERVER:
        return
    if COOKIE in values:
        _cookie(state, values, out)
    elif NAME in values and ROASTED in values:
        account = decode(values[NAME])
        out += state.learn(account)
        _roasted(account, values, out)


def _cookie(state: State, values: dict[int, bytes], out: list[Output]) -> None:
    cookie = values[COOKIE]
    state.session = digest(cookie)
    state.waiting = True
    ticket = state.tickets.get(state.session)
    if ticket is not None:
        if ticket.session != ticket.cookie:
            out.append(Tie(key=ticket.cookie, account=ticket.account))
        state.session, state.room = ticket.session, ticket.room
        if not ticket.account:
            out.append(Tie(key=state.session))
        out += state.learn(ticket.account)
    else:
        state.room = ""
        out.append(Tie(key=state.session))
    told = Credential(
        account=state.account, kind="token", scheme="oscar-cookie", secret=cookie.hex()
    )
    _sign_on(state.account, "cookie", told, values, out)


def _roasted(account: str, values: dict[int, bytes], out: list[Output]) -> None:
    secret, scheme = passwords.unroast(values[ROASTED])
    told = Credential(account=account, kind="recoverable", scheme=scheme, secret=secret)
    _sign_on(account, "roasted-password", told, values, out)


def _sign_on(
    account: str, method: str, told: Credential, values: dict[int, bytes], out: list[Output]
) -> None:
    """Tell who signs on, with what secret, and with which program."""
    client, version = decode(values.get(CLIENT, b"")), _version(values)
    out.append(SignOn(account=account, method=method, client=client, version=version))
    out.append(told)
    if client:
        out.append(Software(name=client, version=version, account=account))


def _version(values: dict[int, bytes]) -> str:
    """Return `major.minor.point build N` as far as it is told."""
    parts = [str(wire.u16_of(values, tag)) for tag in (0x17, 0x18, 0x19) if tag in values]
    build = f" build {wire.u16_of(values, 0x1A)}" if 0x1A in values else ""
    return (".".join(parts) + build).strip()


def challenge_request(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """17/06: somebody wants to sign on by MD5."""
    out += state.learn(decode(wire.tlvs(reader).get(NAME, b"")))


def challenge(state: State, reader: Reader, _snac: Snac, _out: list[Output]) -> None:
    """17/07: what to mix into the digest."""
    state.challenge = wire.text16(reader)


def login(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """17/02: name and digest (or, from some clients, the roasted password)."""
    values = wire.tlvs(reader)
    account = decode(values.get(NAME, b""))
    out += state.learn(account)
    if HASHED in values:
        told = Credential(
            account=account,
            kind="hash",
            scheme=passwords.MD5_TWICE if HASHED_TWICE in values else passwords.MD5,
            secret=values[HASHED].hex(),
            salt=state.challenge.decode("latin-1"),
        )
        _sign_on(account, "md5-challenge", told, values, out)
    elif ROASTED in values:
        _roasted(account, values, out)
    elif client := decode(values.get(CLIENT, b"")):
        out.append(Software(name=client, version=_version(values), account=account))


def answer(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """17/03: let in, with a redirect, or refused."""
    _answer(state, wire.tlvs(reader), out)


def _answer(state: State, values: dict[int, bytes], out: list[Output]) -> None:
    account = decode(values.get(NAME, b"")) or state.account
    out += state.learn(account)
    if ERROR in values:
        reason = names.sign_on_error(wire.u16_of(values, ERROR))
        out.append(SignOnAnswer(account=account, accepted=False, reason=reason))
    elif COOKIE in values:
        out.append(SignOnAnswer(account=account, accepted=True))
        announce(state, values, MESSAGING, out)


def register(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """17/04: a new ICQ account is wanted, with this password."""
    form = Reader(wire.tlvs(reader).get(FORM, b""))
    form.skip(_FORM_HEAD)
    if secret := decode(wire.text_le(form), "utf-8", "cp1252"):
        out.append(Credential(account=state.account, kind="plain", scheme=NEW, secret=secret))


def registered(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """17/05: here it is."""
    form = Reader(wire.tlvs(reader).get(FORM, b""))
    form.skip(_MADE_HEAD)
    if account := form.u32le():
        out += state.learn(str(account))
        out.append(SignOnAnswer(account=str(account), accepted=True, reason="registered"))


def securid(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """17/0b: the number that a token of RSA shows at the moment, where an account wants it."""
    if secret := decode(wire.text16(reader)):
        told = Credential(
            account=state.account, kind="plain", scheme="oscar-securid", secret=secret
        )
        out.append(told)


def sign_off(state: State, payload: bytes, side: Side, out: list[Output]) -> None:
    """A FLAP sign-off frame: empty, or the answer to a sign-on, or why the service hangs up."""
    values = wire.tlvs(Reader(payload))
    if side is wire.SERVER and (COOKIE in values or ERROR in values):
        _answer(state, values, out)
    elif not state.gone:
        state.gone = True
        out.append(SignOff(account=state.account, reason=_why(values, side)))


def _why(values: dict[int, bytes], side: Side) -> str:
    code = int.from_bytes(values.get(REASON, b"")[:2])
    if code:
        return names.DISCONNECTS.get(code, f"reason 0x{code:04x}")
    return "" if side is wire.CLIENT else "closed by the service"


def announce(
    state: State, values: dict[int, bytes], family: int, out: list[Output], room: str = ""
) -> None:
    """A redirect: tie the connection to come to this session, and say where it will be."""
    if COOKIE not in values:
        return
    key = digest(values[COOKIE])
    account = state.account
    out.append(Tie(key=key, account=account))
    if state.session:  # back to the session that the new connection is to join
        out.append(Tie(key=state.session, account=account))
    else:
        state.session = key
    host, port = _host(decode(values.get(HOST, b"")), state.start.server.port)
    service = names.family(family)
    out.append(ServiceRedirect(account=account, service=service, host=host, port=port))
    expected = Expect(
        protocol="oscar",
        purpose=_LOGIN,
        address=host,
        port=port,
        source=state.start.client.address,
        accounts=(account,) if account else (),
        context=Ticket(key, state.session, account, room),
    )
    out.append(expected)


def _host(text: str, default: int) -> tuple[str, int]:
    """Split `host`, `host:port` or `[address]:port`."""
    host, colon, port = text.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536:
        return host.strip("[]"), int(port)
    return text.strip("[]"), default


SNACS = {
    (0x17, 0x02): login,
    (0x17, 0x03): answer,
    (0x17, 0x04): register,
    (0x17, 0x05): registered,
    (0x17, 0x06): challenge_request,
    (0x17, 0x07): challenge,
    (0x17, 0x0B): securid,
}
