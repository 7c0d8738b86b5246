"""Who is behind a NAT, computed from hashes of addresses and the addresses of this flow.

    IKEv2   SHA-1(initiator SPI | responder SPI | address | port), in notifies    RFC 7296 §2.23
    IKEv1   HASH(initiator's cookie | responder's | address | port), with the     RFC 3947 §3.2
            hash that the peers agreed on; the first is about the receiver,
            the others are about the sender

Each peer hashes its own address and the other's as it sees it. What the two say of one end agrees
with the address that this flow shows, or does not:

    own hash    peer's hash   of an end
    agrees      agrees        no NAT before it
    agrees      differs       a NAT between this place and the peer
    differs     differs       a NAT on the way (or several)
    differs     agrees        a NAT between the end and this place, or none: some stacks send a
                              made-up hash of themselves to have ESP carried in UDP. Such an end is
                              said to claim a NAT. The claim is believed where a translated port
                              speaks for it, or where nothing speaks for a NAT of the other end.

If no hash at all agrees, and none can be a port's translation, nothing is said: some stacks make
all of them up.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from hashlib import md5, sha256, sha384, sha512
from ipaddress import ip_address
from typing import Any, Literal, TypeAlias

from backchannel.hashes import sha1_end
from backchannel.model import Endpoint
from backchannel.protocols.ike.events import NatHash
from backchannel.protocols.ike.wire import Header
from backchannel.text import endpoint

End: TypeAlias = Literal["initiator", "responder"]
Behind: TypeAlias = Literal["initiator", "responder", "both", "none", "unknown"]
Match: TypeAlias = Literal["address and port", "address", "nothing"]

ENDS: tuple[End, End] = ("initiator", "responder")
PORTS = (500, 4500, 848)
"""Ports that IKE has of its own; another one was chosen by a NAT, or by hand."""
_TRIED = {one: (one, *(port for port in PORTS if port != one)) for one in PORTS}
"""With which ports a hash is compared, by the one that is seen."""
_ALGORITHMS: dict[int, Callable[[bytes], Any]] = {
    16: partial(md5, usedforsecurity=False),
    32: sha256,
    48: sha384,
    64: sha512,
}
"""By size, which is all that tells them apart where the proposal was not seen."""
_SHA1 = 20
_ZERO = ord("0")
TOLD = 64
"""Bytes of a hash that are told; no honest one has more."""


class Heard:
    """A hash that was sent. It is compared with the address only when somebody asks for it, as
    that takes up to four digests. `heard` makes it.
    """

    __slots__ = ("_agrees", "_hash", "by", "header", "of", "seen", "start", "value")

    def take(self, of: End, by: End, value: bytes, header: Header, seen: Endpoint) -> None:
        """Take what was sent."""
        self.of, self.by, self.value, self.header, self.seen = of, by, value, header, seen
        self.start = value[:TOLD] if len(value) > TOLD else value
        self._hash: NatHash | None = None
        self._agrees: bool | None = None

    @property
    def hash(self) -> NatHash:
        """What it says."""
        if self._hash is None:
            self._hash = NatHash(
                of=self.of,
                by=self.by,
                matches=compare(self.value, self.header, self.seen),
                seen=endpoint(self.seen.address, self.seen.port),
                value=self.start.hex(),
            )
        return self._hash

    def agrees(self) -> bool:
        """Whether it is that of the address and port seen, which one digest tells."""
        if self._agrees is None and self._hash is not None:
            self._agrees = self._hash.matches == "address and port"
        elif self._agrees is None:
            port = self.seen.port
            text = _text(self.header, self.seen.address)
            self._agrees = text is not None and _port(self.value, text, (port,)) == port
        return self._agrees

    def says(self, of: End, by: End, value: bytes, header: Header, seen: Endpoint) -> bool:
        """Whether it says the same as another that was sent."""
        start = value[:TOLD] if len(value) > TOLD else value
        if self.start != start or self.of != of or self.by != by:
            return False
        if self.seen == seen and self.header.same_sa(header):
            return True
        return self.hash == heard(of, by, value, header, seen).hash


def heard(of: End, by: End, value: bytes, header: Header, seen: Endpoint) -> Heard:
    """Return a hash *of* an end, sent *by* one, without the call that `__init__` would be."""
    made = Heard.__new__(Heard)
    made.take(of, by, value, header, seen)
    return made


def compare(value: bytes, header: Header, seen: Endpoint) -> Match:
    """Say how far the hash *value*, sent behind a *header*, is that of *seen*, or of its address
    with one of IKE's own ports.
    """
    text = _text(header, seen.address)
    if text is None:
        return "nothing"
    port = seen.port
    found = _port(value, text, _TRIED.get(port) or (port, *PORTS))
    if found == port:
        return "address and port"
    return "address" if found >= 0 else "nothing"


def _port(value: bytes, text: bytearray, ports: tuple[int, ...]) -> int:
    """Return the first of *ports* that at the end of a *text* has the hash *value*; -1 for none."""
    if len(value) == _SHA1:
        return sha1_end(value, text, ports)
    algorithm = _ALGORITHMS.get(len(value))
    if algorithm is not None:
        for port in ports:
            if algorithm(bytes(text) + port.to_bytes(2, "big")).digest() == value:
                return port
    return -1


def _text(header: Header, address: str) -> bytearray | None:
    """Return what is hashed, without its port; None where the address is none. Put together by
    hand, which takes a sixth of what adding takes.
    """
    initiator, responder = header.initiator, header.responder
    text = bytearray(20)
    for at in range(8):
        text[at] = initiator >> 56 - 8 * at & 0xFF
        text[8 + at] = responder >> 56 - 8 * at & 0xFF
    if not _put(address, text):
        packed = _packed(address)
        if not packed:
            return None
        text[16:] = packed
    return text


def _put(address: str, text: bytearray) -> bool:
    """Put an address of IPv4 at the end of a *text* of 20 bytes; False for any other. `ip_address`
    takes ten times as long.
    """
    number = digits = dots = 0
    for char in address:
        if "0" <= char <= "9" and (number or not digits):
            number, digits = 10 * number + ord(char) - _ZERO, digits + 1
            if number > 0xFF:
                return False
        elif char == "." and digits and dots < 3:
            text[16 + dots] = number
            number, digits, dots = 0, 0, dots + 1
        else:
            return False
    text[19] = number
    return digits > 0 and dots == 3


def nobody_behind(hashes: tuple[Heard, ...]) -> bool:
    """Say whether `judge` finds no NAT before either end, with as few digests as that takes: of
    what a peer says of an end, which may have several addresses, one agrees with what is seen.
    """
    for item in hashes:
        if not _one_agrees(item.of, item.by, hashes):
            return False
    return len(hashes) > 0


def _one_agrees(of: End, by: End, hashes: tuple[Heard, ...]) -> bool:
    for item in hashes:  # noqa: SIM110 - compiled, which a generator is not
        if item.of == of and item.by == by and item.agrees():
            return True
    return False


@lru_cache(maxsize=512)
def _packed(address: str) -> bytes:
    """Return an address in bytes; none of what is no address."""
    try:
        return ip_address(address).packed
    except ValueError:  # a tunnel's far end may be known by name only
        return b""


def judge(hashes: Iterable[NatHash]) -> tuple[Behind, tuple[End, ...]]:
    """Return who is behind a NAT, and who of them only claims to be."""
    told = tuple(hashes)
    if not _one_matches(told):
        return "unknown", ()
    own: dict[End, list[NatHash]] = {end: [] for end in ENDS}
    peers: dict[End, list[NatHash]] = {end: [] for end in ENDS}
    for item in told:
        (own if item.of == item.by else peers)[item.of].append(item)
    proved = {end for end in ENDS if _differs(peers[end]) or _shifted(own[end])}
    claimed = {end for end in ENDS if end not in proved and _differs(own[end])}
    if claimed:
        # an end whose own hash agrees has chosen its port itself
        unsure = [end for end in ENDS if end in claimed or not own[end]]
        odd = [end for end in unsure if _translated((*own[end], *peers[end]))]
        proved |= set(odd[:1])  # where both ports are odd, the responder's was chosen by hand
    behind = proved or claimed
    word: Behind = "none"
    if len(behind) == 2:
        word = "both"
    elif behind:
        (word,) = behind
    return word, tuple(sorted(claimed))


def _one_matches(told: tuple[NatHash, ...]) -> bool:
    for item in told:  # noqa: SIM110 - compiled, which a generator is not
        if item.matches != "nothing":
            return True
    return False


def _differs(items: list[NatHash]) -> bool:
    """Whether none of the hashes of an end (it may have several addresses) agrees."""
    return bool(items) and all(item.matches != "address and port" for item in items)


def _shifted(items: list[NatHash]) -> bool:
    """Whether the address agrees and only the port does not: no made-up hash does that."""
    return _differs(items) and any(item.matches == "address" for item in items)


def _translated(items: Iterable[NatHash]) -> bool:
    """Whether the end is seen with a port that is not one of IKE's own."""
    return any(int(item.seen.rpartition(":")[2]) not in PORTS for item in items)
