"""Who signs on, who is there and where, and what people tell about themselves."""

from collections.abc import Iterator

from backchannel.effects import Expect
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    PeerAddress,
    Presence,
    Profile,
    Search,
    SignOff,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.icq.content import words
from backchannel.protocols.icq.names import Client, Server
from backchannel.protocols.icq.state import MOST_ASKED, MOST_CONTACTS, State
from backchannel.protocols.icq.wire import Packet, string
from backchannel.protocols.opener import opener
from backchannel.protocols.oscar.names import icq_status
from backchannel.reader import Reader

PEERS_WAIT = 4 * 3600
"""Seconds for which a disclosed listening port is remembered."""
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - a value on the wire, nothing is bound
_SCHEMES = {4: "icq-v4-scramble", 5: "icq-v5-scramble"}
_OFFLINE_STATUS = 0xFFFFFFFF


def _credential(packet: Packet, account: str, secret: str) -> Credential:
    scheme = _SCHEMES.get(packet.version)
    return Credential(
        account=account,
        kind="recoverable" if scheme else "plain",
        scheme=scheme or "icq-plain",
        secret=secret,
    )


# -- the account itself ------------------------------------------------------------------------


def login(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """LOGIN: time u32 (versions 4, 5) | port u32 | password | u32 | IP | mode u8 | status u32."""
    account = state.account = str(packet.uin)
    if packet.version >= 4:
        reader.skip(4)
    state.port = reader.u32le() & 0xFFFF
    secret = words(string(reader))
    yield from _sign_on(packet, account, secret)
    reader.skip(4)
    address = reader.ipv4()
    reader.skip(1)
    status = reader.u32le() if len(reader) >= 4 else reader.u16le()
    yield Presence(account=account, status=icq_status(status & 0xFFFF))
    yield from _own_address(state, address, "login")


def _sign_on(packet: Packet, account: str, secret: str) -> Iterator[Output]:
    method = "scrambled-password" if packet.version in _SCHEMES else "plain"
    yield SignOn(account=account, method=method, client="ICQ", version=f"v{packet.version}")
    if secret:
        yield _credential(packet, account, secret)


def _own_address(state: State, address: str, how: str) -> Iterator[Output]:
    """Tell where the account's own program listens for its peers."""
    if address in {_NO_ADDRESS, state.address}:
        return
    state.address = address
    yield _address(state.account, address, state.port, how)
    if state.port:
        yield expect(address, state.port, state.account)


def _address(account: str, address: str, port: int, how: str) -> PeerAddress:
    return PeerAddress(use=Capability.MESSAGE, account=account, address=address, port=port, how=how)


def expect(address: str, port: int, *accounts: str, source: str = "") -> Expect:
    """Announce that peers may connect to *address*:*port*; where *source* is given, from there."""
    return Expect(
        protocol="icq-peer",
        purpose=Capability.MESSAGE,
        address=address,
        port=port,
        source=source,
        accounts=accounts,
        lifetime=PEERS_WAIT,
        repeat=True,
    )


def pre_login(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """PRE_LOGIN: password | ...; version 1 signs on with it, 3 and 4 only ask for their lists."""
    account = packet.uin
    if packet.version >= 3:
        account = reader.u32le()
    secret = words(string(reader))
    state.account = state.account or str(account)
    if packet.version <= 2:
        yield from _sign_on(packet, str(account), secret)
    elif secret:
        yield _credential(packet, str(account), secret)


def register(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """REGISTER: 2 u16 (versions 1 and 2) | password | ..."""
    if packet.version <= 2:
        reader.skip(2)
    if secret := words(string(reader)):
        yield _credential(packet, "", secret)


def change_password(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """PASSWORD: the new one."""
    if secret := words(string(reader)):
        yield _credential(packet, str(packet.uin), secret)


def hello(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """HELLO: let in; the client's address as the server sees it comes with it."""
    skip = {1: 4, 2: 4, 3: 0}.get(packet.version, 12)
    if packet.version <= 2:
        state.account = state.account or str(int.from_bytes(reader.peek(4), "little"))
    yield SignOnAnswer(account=state.account, accepted=True)
    if len(reader) >= skip + 4:
        reader.skip(skip)
        yield from _own_address(state, reader.ipv4(), "login-reply")


def refused(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """WRONG_PASSWORD, BUSY, LOGIN_ERROR."""
    reasons = {int(Server.WRONG_PASSWORD): "wrong password", int(Server.BUSY): "server busy"}
    reason = reasons.get(packet.command, "")
    if packet.command == Server.LOGIN_ERROR:
        reason = words(string(reader))
    yield SignOnAnswer(account=state.account, accepted=False, reason=reason or "refused")


def registered(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """NEW_UIN: the account that a registration made."""
    uin = packet.uin or (reader.u32le() if len(reader) >= 4 else 0)
    if uin:
        yield SignOnAnswer(account=str(uin), accepted=True, reason="registered")


def logoff(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """LOGOFF: "B_USER_DISCONNECTED"; other text codes say other things."""
    if b"DISCONNECT" in string(reader):
        yield SignOff(account=str(packet.uin or state.account))


def thrown_out(state: State, packet: Packet, _reader: Reader) -> Iterator[Output]:
    """GO_AWAY, NOT_CONNECTED."""
    reason = "not connected" if packet.command == Server.NOT_CONNECTED else "told to go away"
    yield SignOff(account=state.account or str(packet.uin or ""), reason=reason)


def set_status(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """STATUS: status u32, or u16."""
    yield Presence(account=str(packet.uin), status=icq_status(reader.u16le()))


# -- others ------------------------------------------------------------------------------------


def contacts(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """CONTACTS, INVISIBLE_LIST: count u8 | UIN u32 of each."""
    blocked = packet.command == Client.INVISIBLE_LIST
    uins = [reader.u32le() for _ in range(reader.u8())]
    entries = tuple(Contact(account=str(uin), blocked=blocked) for uin in uins)
    if entries:
        yield Contacts(owner=str(packet.uin), entries=entries)


def add(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """ADD: UIN u32."""
    entry = Contact(account=str(reader.u32le()))
    yield Contacts(owner=str(packet.uin), change="add", entries=(entry,))


def online(state: State, _packet: Packet, reader: Reader) -> Iterator[Output]:
    """ONLINE, RANDOM_USER: UIN | IP | port u32 | inner IP | mode u8 | status u32 | version ..."""
    uin = reader.u32le()
    if not uin:  # nobody was found
        return
    account, outer, port = str(uin), reader.ipv4(), reader.u32le() & 0xFFFF
    inner = reader.ipv4()
    reader.skip(1)
    status = reader.u32le() if len(reader) >= 4 else reader.u16le()
    yield Presence(account=account, status=icq_status(status & 0xFFFF))
    if state.addresses.get(account) == (outer, inner, port):
        return
    remember(state.addresses, account, (outer, inner, port), MOST_CONTACTS)
    for address in dict.fromkeys((outer, inner)):
        if address != _NO_ADDRESS:
            yield _address(account, address, port, "contact-online")
            if port:
                yield expect(address, port, account, source=opener(state.start, address))


def offline(_state: State, _packet: Packet, reader: Reader) -> Iterator[Output]:
    """OFFLINE: UIN u32."""
    yield Presence(account=str(reader.u32le()), status="offline")


def status(_state: State, _packet: Packet, reader: Reader) -> Iterator[Output]:
    """STATUS of a contact: UIN u32 | status u32, or u16."""
    account = str(reader.u32le())
    value = reader.u32le() if len(reader) >= 4 else reader.u16le()
    word = "offline" if value == _OFFLINE_STATUS else icq_status(value & 0xFFFF)
    yield Presence(account=account, status=word)


def reverse(state: State, _packet: Packet, reader: Reader) -> Iterator[Output]:
    """REVERSE of a server: somebody who could not connect asks to be connected to instead.

    UIN | IP | port u32 | mode u8 | port that was tried u32 | port again u32 | version u16.
    """
    asking, address, port = str(reader.u32le()), reader.ipv4(), reader.u32le() & 0xFFFF
    if address != _NO_ADDRESS and port:
        yield _address(asking, address, port, "reverse-request")
        accounts = (name for name in (asking, state.account) if name)
        yield expect(address, port, *accounts, source=opener(state.start, address))


# -- profiles and searches ---------------------------------------------------------------------


def asked(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """INFO, MORE_INFO, USER_INFO, GET_NOTES: about somebody, whom the answer may not repeat."""
    remember(state.asked, packet.sequence2, str(reader.u32le()), MOST_ASKED)
    yield from ()


def profile(_state: State, _packet: Packet, reader: Reader) -> Iterator[Output]:
    """FOUND, INFO: UIN u32 | nickname | first name | last name | mail address."""
    yield from named(str(reader.u32le()), reader)


def named(account: str, reader: Reader) -> Iterator[Output]:
    """Nickname | first name | last name | mail address."""
    nickname, *others = [words(string(reader)) for _ in range(4)]
    about = " ".join(other for other in others if other)
    if account and (nickname or about):
        yield Profile(account=account, nickname=nickname, text=about)


def basic_info(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """BASIC_INFO (version 3): the same without the UIN."""
    yield from named(state.asked.get(packet.sequence2, ""), reader)


def more_info(_state: State, _packet: Packet, reader: Reader) -> Iterator[Output]:
    """MORE_INFO: UIN | city | country u16, u8 | state | age u16, sex u8 | phone | page | about."""
    yield from _detailed(str(reader.u32le()), reader)


def update_detail(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """UPDATE_DETAIL: the same of the account itself."""
    yield from _detailed(str(packet.uin), reader)


def _detailed(account: str, reader: Reader) -> Iterator[Output]:
    parts = [words(string(reader))]
    reader.skip(3)
    parts.append(words(string(reader)))
    reader.skip(3)
    parts += [words(string(reader)) for _ in range(3)]
    if about := " ".join(part for part in parts if part):
        yield Profile(account=account, text=about)


def update_basic(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """UPDATE_BASIC: the account's own names."""
    yield from named(str(packet.uin), reader)


def search(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """SEARCH_UIN: UIN u32. SEARCH_USER: four strings. SEARCH: 4 bytes | string."""
    if packet.command == Client.SEARCH_UIN:
        wanted = str(reader.u32le())
    elif packet.command == Client.SEARCH:
        reader.skip(4)
        wanted = words(string(reader))
    else:
        wanted = " ".join(filter(None, (words(string(reader)) for _ in range(4))))
    yield Search(text=wanted, account=str(packet.uin))
