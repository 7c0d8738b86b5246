"""The same name for the same thing, and not its own: addresses, accounts, hosts and files.

A pseudonym is a keyed hash: with the same key it is the same in every output and every run;
without the key it cannot be undone or tested against guesses. What is kept on purpose: services,
times, ports, sizes, file endings, hashes of files, program names, whether an address is private,
and inside a private network which addresses share a prefix.

A text field is renamed unless it is listed here as harmless, so that a new field leaks nothing.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from backchannel.engine.observation import FlowInfo, Observation
from backchannel.errors import UsageError, reason
from backchannel.events import tag_of
from backchannel.model import Endpoint
from backchannel.privacy import REDACTED, redacted, sensitive_fields

Kind = Literal["account", "name", "host", "file", "id", "text"]
SHORTEST = 12
"""Characters of a key: a shorter one can be guessed, and with it every pseudonym."""
CACHED = 65_536
_S = TypeVar("_S", bound=msgspec.Struct)

# Blocks in which an address keeps its prefix and moves inside. Everything public goes to 240/4,
# which nobody has (RFC 1112 §4), so that a pseudonym points at no one.
_BLOCKS = tuple(
    map(
        IPv4Network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
        ),
    )
)
_KINDS: dict[str, Kind] = {
    "account": "account",
    "accounts": "account",
    "sender": "account",
    "recipient": "account",
    "owner": "account",
    "by": "account",
    "user": "account",
    "others": "account",
    "room": "account",
    "names": "name",
    "nickname": "name",
    "cname": "name",
    "group": "name",
    "address": "host",
    "addresses": "host",
    "host": "host",
    "seen": "host",
    "client": "host",
    "server": "host",
    "target": "host",
    "relayed": "host",
    "target_host": "host",
    "asked_host": "host",
    "id": "id",
    "servent": "id",
    "session": "id",
    "path": "file",
    "file": "file",
    "files": "file",
}
"""What a field of that name holds. Text fields that are neither here nor below become `text`."""
_OF: dict[tuple[str, str], Kind | None] = {
    ("transfer", "name"): "file",
    ("offer", "name"): "file",
    ("download", "name"): "file",
    ("push-answered", "name"): "file",
    ("SharedFile", "name"): "file",
    ("name-learned", "name"): "host",
    ("service-binding", "name"): "host",
    ("tls-hello", "name"): "host",
    ("tls-certificate", "names"): "host",
    ("participant", "name"): "name",
    ("software", "name"): None,
    ("network", "name"): None,
    ("ike-notify", "name"): None,
    ("vendor-ids", "names"): None,
    ("Algorithm", "name"): None,
    ("malformed", "reason"): None,
    ("sign-on", "client"): None,
    ("web-cache", "client"): None,
    ("remote-desktop", "client"): None,
}
"""Where the kind of event, or the name of a struct inside it, decides; None: harmless."""
_HARMLESS = frozenset(
    re.findall(
        r"\w+",
        """
        service protocol stack transport side capability kind scheme method version role code
        status how use action change media sha256 hash program command exchange step network
        agent alpn cipher ja3 ja4 spi spis initiator_spi responder_spi stage payload payloads
        first_inside framing counts lists weak cleartext state ssrc standard screen keyboard
        channels offered chosen encoding requested used meaning software inside of matches
        claimed behind_nat carrier asked algorithms suites type
        """,
    )
)
"""Text fields that hold words of a protocol or of ours."""
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}\Z")
_PORT = re.compile(r"(.+):(\d{1,5})\Z", re.DOTALL)


def from_option(text: str) -> "Pseudonyms":
    """Return pseudonyms for a key, or for the key in a file named `@FILE`. Raises UsageError."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the key for --pseudonymise cannot be read: {reason(error)}"
            ) from error
    if len(text) < SHORTEST:
        raise UsageError(f"the key for --pseudonymise needs {SHORTEST} characters or more")
    return Pseudonyms(text)


class Pseudonyms:
    """One key's pseudonyms."""

    def __init__(self, key: str) -> None:
        # slow on purpose: whoever has a report must not be able to try keys quickly
        self._key = hashlib.scrypt(
            key.encode(), salt=b"backchannel pseudonyms 1", n=2**14, r=8, p=1, dklen=32
        )
        self._public: dict[int, int] = {}
        self.address = lru_cache(CACHED)(self._address)
        self.name = lru_cache(CACHED)(self._name)

    # -- one value -----------------------------------------------------------------------------

    def _hash(self, value: str, size: int) -> bytes:
        told = value.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(told, key=self._key, digest_size=size).digest()

    def _name(self, value: str, kind: Kind) -> str:
        """Return the pseudonym of a text; addresses, alone or with a port, stay addresses."""
        if not value or value == REDACTED:
            return value
        if (address := self.address(value)) is not None:
            return address
        if kind in {"host", "account"} and (found := _PORT.match(value)):
            host, port = found[1], found[2]
            if (address := self.address(host.strip("[]"))) is not None:
                return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            if kind == "host":
                return f"{self._name(host, kind)}:{port}"
        # services compare account and host names without case, some without spaces
        plain = value if kind in {"file", "text", "id"} else "".join(value.split()).casefold()
        told = self._hash(plain.rstrip("."), 5).hex()
        if kind == "host":
            return f"host-{told}.invalid"  # RFC 2606 §2
        if kind == "file" and (ending := _ENDING.search(value)):
            return f"file-{told}{ending[0].lower()}"
        return f"{kind}-{told}"

    def _address(self, text: str) -> str | None:
        """Return the pseudonym of an address; None if it is not an address."""
        try:
            address = ip_address(text)
        except ValueError:
            return None
        if address.is_multicast or address.is_loopback or address.is_unspecified:
            return text
        if isinstance(address, IPv4Address):
            return str(self._version4(address))
        if address.ipv4_mapped is not None:
            return f"::ffff:{self._version4(address.ipv4_mapped)}"
        return str(self._version6(address))

    def _version4(self, address: IPv4Address) -> IPv4Address:
        value = int(address)
        for block in _BLOCKS:
            if address in block:
                width = 32 - block.prefixlen
                inside = self._moved(value & ((1 << width) - 1), width, str(block))
                return IPv4Address(int(block.network_address) | inside)
        if not address.is_global:
            return address
        for attempt in range(256):  # two addresses must not become one
            told = int.from_bytes(self._hash(f"ipv4 {value} {attempt}", 4), "big") | 0xF000_0000
            if told != 0xFFFF_FFFF and self._public.setdefault(told, value) == value:
                return IPv4Address(told)
        raise AssertionError("no free pseudonym among 2^28")

    def _moved(self, value: int, width: int, block: str) -> int:
        """Return a value of *width* bits; values that share their first bits still do."""
        told = 0
        for place in range(width):
            before = value >> (width - place)
            flip = self._hash(f"{block} {place} {before}", 1)[0] & 1
            told = told << 1 | (value >> (width - 1 - place) & 1) ^ flip
        return told

    def _version6(self, address: IPv6Address) -> IPv6Address:
        told = self._hash(f"ipv6 {int(address)}", 15)
        if address.is_link_local:
            return IPv6Address(b"\xfe\x80" + bytes(6) + told[:8])
        if not address.is_global:
            return IPv6Address(b"\xfd" + told)
        return IPv6Address(b"\x20\x01\x0d\xb8" + told[:12])  # RFC 3849

    # -- what outputs are made of --------------------------------------------------------------

    def endpoint(self, end: Endpoint) -> Endpoint:
        """Return an endpoint under its pseudonym, with its port."""
        return Endpoint(self.name(end.address, "host"), end.port)

    def observation(self, seen: Observation) -> Observation:
        """Return an observation with everything in it renamed."""
        flow = seen.flow
        return msgspec.structs.replace(
            seen,
            flow=FlowInfo(
                flow.serial,
                flow.transport,
                self.endpoint(flow.client),
                self.endpoint(flow.server),
                None,  # a Community ID is a hash without a key: it would give the addresses away
                flow.vlans,
                self.name(flow.tunnel, "text"),
                flow.begun,
            ),
            event=self._struct(seen.event, tag_of(type(seen.event))),
            target=self.endpoint(seen.target) if seen.target else None,
            account=self.name(seen.account, "account"),
        )

    def names(self, tag: str, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return the names that a rule's texts may show. *tag* is the event's."""
        flow = {"client", "server"}
        return {
            name: self._value(value, _KINDS[name] if name in flow else _kind(tag, name))
            for name, value in names.items()
            if name not in {"text", "secret", "salt", "markup"}
        }

    def _struct(self, value: _S, tag: str) -> _S:
        private = sensitive_fields(type(value))
        changes = dict[str, Any]()
        for name, kind in _plan(type(value), tag).items():
            old = getattr(value, name)
            changes[name] = redacted(old) if name in private and old else self._value(old, kind)
        return msgspec.structs.replace(value, **changes)

    def _value(self, value: Any, kind: Kind | None) -> Any:
        if isinstance(value, msgspec.Struct):
            return self._struct(value, type(value).__name__)
        if isinstance(value, tuple):
            return tuple(self._value(each, kind) for each in value)
        if kind is None or type(value) is not str:
            return value
        return self.name(value, kind)


def _kind(tag: str, name: str) -> Kind | None:
    """Return what a field holds; None where it may be shown."""
    if (tag, name) in _OF:
        return _OF[tag, name]
    if name in _HARMLESS:
        return None
    return _KINDS.get(name, "text")


@cache
def _plan(kind: type[msgspec.Struct], tag: str) -> dict[str, Kind | None]:
    """Return the fields to rename: all but numbers, flags and words of a fixed list."""
    hints = get_type_hints(kind)
    return {name: _kind(tag, name) for name in kind.__struct_fields__ if not _fixed(hints[name])}


def _fixed(hint: Any) -> bool:
    if get_origin(hint) is Literal or hint in {int, float, bool, type(None)}:
        return True
    parts: Callable[[Any], tuple[Any, ...]] = get_args
    told = [part for part in parts(hint) if part is not Ellipsis]
    return bool(told) and all(_fixed(part) for part in told)
