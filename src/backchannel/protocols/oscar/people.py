"""User information blocks: what they tell of somebody's presence, addresses and program.

Sources: iserverd "Userinfo block", "Client capabilities"; libpurple family_locate.c; licq
icq/src/userclients.cpp (programs by capability).
"""

from typing import Literal

from backchannel.events import PeerAddress, Presence, Software
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import charsets, direct, names, wire
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import UserInfo, compressed
from backchannel.reader import u32_at

CLASS, IDLE, STATUS, EXTERNAL, DIRECT, CAPABILITIES, BART = 1, 4, 6, 0x0A, 0x0C, 0x0D, 0x1D
UNAVAILABLE = 0x0020
"""User class bit: away."""
STATUS_TEXT = 2
"""Kind of the status text among the items of the BART block."""

_PROGRAMS = {
    b"Licq client ": "Licq",
    b"MirandaM": "Miranda IM",
    b"MirandaA": "Miranda IM",
    b"Kopete ICQ  ": "Kopete",
    b"SIM client  ": "SIM",
    b"climm\xa9 R.K. ": "climm",
    b"mICQ \xa9 R.K. ": "mICQ",
    b"&RQinside": "&RQ",
    b"R&Qinside": "R&Q",
    bytes.fromhex("f2e7c7f4fead4dfbb23536798bdf0000"): "Trillian",
    bytes.fromhex("563fc8090b6f41514950203230303561"): "QIP 2005a",
    bytes.fromhex("74edc33644df485b8b1c671a1f86099f"): "IM2",
    bytes.fromhex("094613234c7f11d18222444553540000"): "T-Mobile Sidekick",
}
_MARKS: dict[int, tuple[bytes, ...]] = {
    begin: tuple(mark for mark in _PROGRAMS if u32_at(mark, 0) == begin)
    for begin in {u32_at(mark, 0) for mark in _PROGRAMS}
}
"""Those that begin with the same four bytes."""
_FOURTH = bytes(each in {mark[3] for mark in _PROGRAMS} for each in range(256))
"""Whether one has that fourth byte, because nearly all capabilities are none."""
_NUMBERED = frozenset({"Licq", "SIM", "climm", "mICQ"})
"""Programs that put their version behind their twelve letters, a byte a part."""


def arrival(state: State, info: UserInfo, how: str, out: list[Output]) -> None:
    """Somebody is there: in what state, at which address, with which program."""
    presence(state, info.name, status_of(info.tlvs), out)
    addresses(state, info, how, out)
    programs(state, info.name, info.tlvs.get(CAPABILITIES, b""), out)


def presence(state: State, account: str, told: tuple[str, str, int], out: list[Output]) -> None:
    """Tell a presence (status, text, seconds idle), unless it was told last of this account."""
    key = compressed(account)
    if state.presence.get(key) != told:
        remember(state.presence, key, told)
        status, text, idle = told
        out.append(Presence(account=account, status=status, text=text, idle=idle))


def status_of(values: dict[int, bytes]) -> tuple[str, str, int]:
    """Return (status, status text, seconds idle) from the TLVs of a user information block."""
    flags = wire.u32_of(values, STATUS) & 0xFFFF
    status = names.icq_status(flags) if flags else "online"
    if status == "online" and (kind := values.get(CLASS)) and kind[:4][-1] & UNAVAILABLE:
        status = "away"
    idle = wire.u16_of(values, IDLE) * 60
    if status == "online" and idle:
        status = "idle"
    return status, status_text(values.get(BART, b"")), idle


def status_text(block: bytes) -> str:
    """Return the status text from a block of items (kind u16, flags u8, length u8, value)."""
    at = 0
    while at + 4 <= len(block):
        kind, size = block[at] << 8 | block[at + 1], block[at + 3]
        begin, at = at + 4, at + 4 + size
        if kind == STATUS_TEXT and size >= 4:
            value = block[begin:at]
            end = 2 + int.from_bytes(value[:2])
            charset = value[end + 6 :] if value[end : end + 2] == b"\0\x01" else b""
            return charsets.by_name(value[2:end], charset)
    return ""


def addresses(state: State, info: UserInfo, how: str, out: list[Output]) -> None:
    """Tell the external address and the direct-connection block of somebody, once each."""
    external = wire.ipv4(info.tlvs.get(EXTERNAL, b""))
    if external:
        _address(state, info.name, (external, 0), how + ", external", out)
    block = info.tlvs.get(DIRECT, b"")
    if inside := wire.ipv4(block[:4]):
        port = int.from_bytes(block[4:8])
        version = int.from_bytes(block[9:11])
        where = f"{how}, direct connection version {version}"
        if _address(state, info.name, (inside, port if port < 65536 else 0), where, out):
            for place in {external: 0, inside: 0}:
                if place:
                    out += direct.waits(state, place, port, info.name)


def _address(
    state: State, account: str, place: tuple[str, int], how: str, out: list[Output]
) -> bool:
    """Tell an address and port, unless they were told last; say whether."""
    key = f"{compressed(account)} {how.rpartition(',')[2]}"
    if state.addresses.get(key) == place:
        return False
    remember(state.addresses, key, place)
    address, port = place
    out.append(
        PeerAddress(account=account, address=address, port=port, how=how, use=Capability.MESSAGE)
    )
    return True


def programs(state: State, account: str, capabilities: bytes, out: list[Output]) -> None:
    """Tell which program somebody uses, where its capabilities name it."""
    at, last = 0, min(len(capabilities), 4096) - 16
    octets, fourth = capabilities, _FOURTH
    while at <= last:
        if fourth[octets[at + 3]]:
            for mark in _MARKS.get(u32_at(capabilities, at), ()):
                if capabilities.startswith(mark, at):
                    name = _PROGRAMS[mark]
                    version = _numbers(capabilities, at) if name in _NUMBERED else ""
                    _program(state, account, name, version, out)
                    break
        at += 16


def _numbers(capabilities: bytes, at: int) -> str:
    """Return the version that stands behind the mark at *at*."""
    return ".".join([str(part & 0x7F) for part in capabilities[at + 12 : at + 16]])


def _program(state: State, account: str, name: str, version: str, out: list[Output]) -> None:
    key = compressed(account)
    if state.programs.get(key) != name:
        remember(state.programs, key, name)
        role: Literal["client", "peer"] = "client" if state.is_self(account) else "peer"
        out.append(Software(name=name, version=version, role=role, account=account))


def plain(data: bytes, mime: bytes) -> str:
    """Return readable text of a profile or away message."""
    if not data:
        return ""
    return readable(charsets.by_name(data, mime), escaped=True)[0]
