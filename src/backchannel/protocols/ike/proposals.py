"""Security association payloads: body in, suites out.

    IKEv1   DOI u32 | situation u32 | PROPOSAL ...                            RFC 2408 §3.4-3.6
            PROPOSAL    next u8 | 0 | length u16 | number u8 | protocol u8 | SPI size u8 |
                        transforms u8 | SPI | TRANSFORM ...
            TRANSFORM   next u8 | 0 | length u16 | number u8 | id u8 | 0 u16 | attributes
    IKEv2   PROPOSAL ..., each with                                           RFC 7296 §3.3
            TRANSFORM   next u8 | 0 | length u16 | type u8 | 0 | id u16 | attributes

A transform of IKEv1 is a whole suite, so each becomes one; IKEv2 lists algorithms of each kind.
"""

from collections.abc import Iterator

from backchannel.protocols.ike import algorithms as names
from backchannel.protocols.ike.events import Algorithm, Suite
from backchannel.protocols.ike.registry import protocol
from backchannel.protocols.ike.wire import Payloads, attributes, number
from backchannel.reader import Reader, WireError

MAX_ALGORITHMS = 512
"""Algorithms told of one message; a datagram could list eight thousand."""

IPSEC_DOI, GDOI = 1, 2
IKE, AH, ESP = 1, 2, 3
_METHOD = "authentication"

_KINDS_2: dict[int, tuple[str, dict[int, str]]] = {
    1: ("encryption", names.ENCRYPTION_2),
    2: ("prf", names.PRFS_2),
    3: ("integrity", names.INTEGRITY_2),
    4: ("group", names.GROUPS),
    5: ("sequence-numbers", names.SEQUENCE_2),
    **{5 + at: (f"additional-group-{at}", names.GROUPS) for at in range(1, 8)},
    13: ("key-wrap", names.KEY_WRAP_2),
    14: ("group-controller-authentication", names.GROUP_AUTH_2),
}
_KINDS_1: dict[int, tuple[str, dict[int, str]]] = {
    1: ("encryption", names.ENCRYPTION_1),
    2: ("hash", names.HASHES_1),
    3: (_METHOD, names.AUTHENTICATION_1),
    4: ("group", names.GROUPS),
    13: ("prf", {}),
}
"""Attributes of a phase 1 transform, RFC 2409 appendix A."""
_KINDS_QUICK: dict[int, tuple[str, dict[int, str]]] = {
    3: ("group", names.GROUPS),
    4: ("mode", names.MODES),
    5: ("integrity", names.INTEGRITY_ESP_1),
}
"""Attributes of a phase 2 transform, RFC 2407 §4.5."""
_AEAD = ("_CCM_", "_GCM_", "POLY1305", "_MGM_")


class Offer:
    """What a security association payload offers or chooses, and what is weak in it.

    Raises WireError where a length does not fit; past MAX_ALGORITHMS the rest is left out.
    """

    __slots__ = ("body", "method", "suites", "weak", "weak_aggressive")

    def __init__(self, version: int, body: bytes) -> None:
        self.body, self.suites = body, read_suites(version, body)
        self.weak, self.weak_aggressive = weak(self.suites), weak(self.suites, aggressive=True)
        """What is weak outside and inside of aggressive mode."""
        numbers = [a.number for s in self.suites for a in s.algorithms if a.kind == _METHOD]
        self.method = numbers[0] if numbers else 0
        """The first method of authentication; 0: none, as in IKEv2."""


_OFFERS_1: list[Offer] = []
_OFFERS_2: list[Offer] = []
"""What was read last: a peer offers the same each time, and reading a long offer takes a hundred
times longer than comparing it."""
_REMEMBERED = 64
"""Offers of a version that are remembered."""
_LONGEST = 1024
"""Bytes of those."""


def read_offer(version: int, payload: Payloads) -> Offer:
    """Return the `Offer` of a security association payload."""
    offers = _OFFERS_1 if version == 1 else _OFFERS_2
    for offer in offers:
        if payload.holds(offer.body):
            return offer
    offer = Offer(version, payload.body())
    if len(offer.body) <= _LONGEST:
        offers.append(offer)
        if len(offers) > _REMEMBERED:
            del offers[0]
    return offer


def read_suites(version: int, body: bytes) -> tuple[Suite, ...]:
    """Return the suites alone."""
    suites: list[Suite] = []
    told = 0
    for suite in _suites_1(Reader(body)) if version == 1 else _suites_2(Reader(body)):
        suites.append(suite)
        told += len(suite.algorithms) + 1
        if told >= MAX_ALGORITHMS:
            break
    return tuple(suites)


def weak(suites: tuple[Suite, ...], *, aggressive: bool = False) -> tuple[str, ...]:
    """Return the names of what should not be used any more, each once, in order."""
    found: dict[str, None] = {}
    for suite in suites:
        for algorithm in suite.algorithms:
            if algorithm.strength in ("weak", "broken", "none"):
                found[algorithm.name] = None
        methods = {a.number for a in suite.algorithms if a.kind == _METHOD}
        if aggressive and methods & names.PSK_METHODS:
            found["PSK in aggressive mode"] = None
        sha1 = any(a.kind == "hash" and a.name == "SHA1" for a in suite.algorithms)
        if sha1 and methods & names.SIGNATURE_METHODS:
            found["SHA1 in signatures"] = None
    return tuple(found)


def _substructures(reader: Reader) -> Iterator[tuple[int, Reader]]:
    """Yield (what follows: 0 nothing, else more of the same, the body) of proposals, transforms."""
    more = 1
    while more and reader:
        more, _, length = reader.u8(), reader.u8(), reader.u16()
        if length < 4:
            raise WireError(f"substructure says it is {length} bytes long")
        yield more, reader.sub(length - 4)


# -- IKEv2 -------------------------------------------------------------------------------------


def _suites_2(reader: Reader) -> Iterator[Suite]:
    for _, part in _substructures(reader):
        which, kind, spi_size, _ = part.u8(), part.u8(), part.u8(), part.u8()
        spi = part.take(spi_size)
        found = [_transform_2(transform) for _, transform in _substructures(part)]
        yield Suite(
            number=which,
            protocol=protocol(2, kind),
            spi=spi.hex(),
            algorithms=tuple(_without_integrity(found)),
        )


def _transform_2(reader: Reader) -> Algorithm:
    kind, _, which = reader.u8(), reader.u8(), reader.u16()
    bits = 0
    for attribute, value in attributes(reader):
        if attribute == 14:
            bits = number(value)
    word, table = _KINDS_2.get(kind, (f"transform-type-{kind}", {}))
    return _algorithm(word, table, which, bits)


def _without_integrity(found: list[Algorithm]) -> Iterator[Algorithm]:
    """NONE is no weakness beside a cipher that authenticates, and one beside another."""
    aead = all(
        any(mark in algorithm.name for mark in _AEAD)
        for algorithm in found
        if algorithm.kind == "encryption"
    )
    for algorithm in found:
        if algorithm.kind == "integrity" and algorithm.number == 0:
            strength: names.Strength = "strong" if aead else "none"
            yield Algorithm(kind="integrity", name="NONE", number=0, strength=strength)
        else:
            yield algorithm


def _algorithm(kind: str, table: dict[int, str], which: int, bits: int = 0) -> Algorithm:
    known = which in table
    name = table.get(which, f"{kind} {which}")
    group = table is names.GROUPS
    strength = names.group_strength(which) if group else names.strength(name, known)
    return Algorithm(kind=kind, name=name, number=which, bits=bits, strength=strength)


# -- IKEv1 -------------------------------------------------------------------------------------


def _suites_1(reader: Reader) -> Iterator[Suite]:
    if (doi := reader.u32()) not in (0, IPSEC_DOI):
        raise WireError(f"domain of interpretation {doi}")
    reader.skip(4)
    for _, part in _substructures(reader):
        _, kind, spi_size, _ = part.u8(), part.u8(), part.u8(), part.u8()
        spi = part.take(spi_size).hex()
        for _, transform in _substructures(part):
            which, identifier, _ = transform.u8(), transform.u8(), transform.u16()
            if kind in (0, IKE):
                yield _phase_1(transform, which, spi)
            else:
                yield _phase_2(transform, kind, which, identifier, spi)


def _phase_1(reader: Reader, which: int, spi: str) -> Suite:
    found, bits, lifetime = _read(reader, _KINDS_1, key_length=14, life=(11, 12))
    algorithms = tuple(
        _algorithm(word, table, value, bits if word == "encryption" else 0)
        for word, table, value in found
    )
    return _suite(which, IKE, spi, algorithms, lifetime)


def _phase_2(reader: Reader, kind: int, which: int, identifier: int, spi: str) -> Suite:
    found, bits, lifetime = _read(reader, _KINDS_QUICK, key_length=6, life=(1, 2))
    if kind == AH:
        main = _algorithm("integrity", names.AH_1, identifier)
    else:
        main = _algorithm("encryption", names.ENCRYPTION_ESP_1, identifier, bits)
    algorithms = (main, *(_algorithm(word, table, value) for word, table, value in found))
    return _suite(which, kind, spi, algorithms, lifetime)


def _suite(
    which: int,
    kind: int,
    spi: str,
    algorithms: tuple[Algorithm, ...],
    lifetime: dict[int, int],
) -> Suite:
    return Suite(
        number=which,
        protocol=protocol(1, kind or IKE),
        spi=spi,
        algorithms=algorithms,
        seconds=lifetime.get(1),
        kilobytes=lifetime.get(2),
    )


def _read(
    reader: Reader,
    kinds: dict[int, tuple[str, dict[int, str]]],
    *,
    key_length: int,
    life: tuple[int, int],
) -> tuple[list[tuple[str, dict[int, str], int]], int, dict[int, int]]:
    """Return the algorithms, the key length, and lifetimes by unit (1 seconds, 2 kilobytes)."""
    found: list[tuple[str, dict[int, str], int]] = []
    bits, unit = 0, 0
    lifetime: dict[int, int] = {}
    for kind, value in attributes(reader):
        if kind in kinds:
            found.append((*kinds[kind], number(value)))
        elif kind == key_length:
            bits = number(value)
        elif kind == life[0]:
            unit = number(value)
        elif kind == life[1] and unit:
            lifetime[unit] = number(value)
    return found, bits, lifetime
