"""SOCKS5 bytestreams (XEP-0065, XEP-0260): connections beside the stream, for one file each.

Whoever is offered a file connects to one of the hosts that its sender names, and speaks SOCKS5
there. What it asks for is no place: the host is the SHA-1 of session and parties in hexadecimal,
and the port is 0. So the connection to the host is announced as SOCKS, and what runs inside it, by
that host, as the bytes of the file: a flow of this protocol, of which no byte is XML.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from backchannel.effects import Expect, FileClose, FileData, FileOpen
from backchannel.events import Gap, PeerAddress
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.state import Parties, State

MAX_HOSTS = 32
_FILE = Capability.FILE_TRANSFER


class Plan(msgspec.Struct, frozen=True):
    """What is known of a file to come; the context of the flow that brings it."""

    id: str = ""
    sender: str = ""
    recipient: str = ""
    name: str = ""
    size: int | None = None
    hash: tuple[str, str] = ("", "")
    """Algorithm and value in hexadecimal, where declared."""


def destination(sid: str, requester: str, target: str) -> str:
    """Return the host that a SOCKS5 request of this session names (XEP-0065 §5.3.2)."""
    return hashlib.sha1(f"{sid}{requester}{target}".encode("utf-8", "replace")).hexdigest()


def disclosed(state: State, hosts: Iterable[Element]) -> list[Output]:
    """Say whose addresses a list of hosts tells."""
    told: list[Output] = []
    for host in hosts:
        account, address = names.bare(host.get("jid")), names.address(host.get("host"))
        port = names.number(host.get("port"), 0xFFFF)
        if address and state.changed("host", f"{account} {address} {port}", "told"):
            how = "streamhost" if names.is_account(account) else "streamhost-proxy"
            told.append(
                PeerAddress(use=_FILE, account=account, address=address, port=port, how=how)
            )
    return told


def announced(
    plan: Plan, who: Parties, hosts: Iterable[Element], destinations: Iterable[str]
) -> list[Output]:
    """Return the flows to come: to each host, and inside it to each of the *destinations*."""
    accounts = tuple(each for each in (plan.sender, plan.recipient) if each)
    told: list[Output] = []
    for host in hosts:
        address, port = names.address(host.get("host")), names.number(host.get("port"), 0xFFFF)
        if address and port:
            told.append(
                Expect(
                    protocol="socks",
                    purpose=_FILE,
                    address=address,
                    port=port,
                    source=who.opener(address),
                    accounts=accounts,
                )
            )
    told += [
        Expect(
            protocol="xmpp",
            purpose=_FILE,
            address=name,
            accounts=accounts,
            context=plan,
            repeat=True,
        )
        for name in destinations
    ]
    return told


def opening(plan: Plan, key: str, *, shared: bool = False) -> FileOpen:
    """Return that a file's bytes come, with what was declared of it."""
    algorithm, value = plan.hash
    return FileOpen(
        key=key,
        shared=shared,
        name=plan.name,
        size=plan.size,
        sender=plan.sender,
        recipient=plan.recipient,
        id=plan.id,
        md5=value if algorithm == "md5" else "",
        sha1=value if algorithm == "sha-1" else "",
    )


class Bytestream:
    """The stream inside: whoever speaks first sends a file, whole and nothing else.

    Both ends of a relay carry the same file; it is one to the engine.
    """

    def __init__(self, plan: Plan, destination: str) -> None:
        self.service = "xmpp"
        self.standing = Standing.PARSED
        self.done = False
        self._plan = plan
        self._key = f"s5b:{destination}"
        self._sender: Side | None = None
        self._at = 0
        self._whole = True
        algorithm = plan.hash[0].replace("-", "")
        self._hash = hashlib.new(algorithm) if algorithm in ("sha256", "sha512") else None

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next bytes of the file."""
        told = self._begun(side)
        if side is not self._sender:
            return told
        at, self._at = self._at, self._at + len(data)
        if self._hash is not None:
            self._hash.update(data)
        return [*told, FileData(key=self._key, shared=True, offset=at, data=data)]

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes of the file were never seen."""
        told = self._begun(side)
        if side is self._sender:
            self._at += size
            self._whole = False
        return [Gap(size=size), *told]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        if side is not self._sender or self.done:
            return []
        self.done = True
        return [FileClose(key=self._key, shared=True, verified=self._verified())]

    def _verified(self) -> bool | None:
        if self._hash is None or not self._whole or self._at != (self._plan.size or self._at):
            return None
        return self._hash.hexdigest() == self._plan.hash[1]

    def _begun(self, side: Side) -> list[Output]:
        if self._sender is not None:
            return []
        self._sender = side
        return [opening(self._plan, self._key, shared=True)]
