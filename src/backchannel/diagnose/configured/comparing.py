"""Where two connections do not fit each other, and where one does not fit what was offered."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from ipaddress import ip_network
from itertools import product

from backchannel.diagnose.configured.connections import Child, Connection
from backchannel.diagnose.configured.transforms import Transform, hash_of, transforms
from backchannel.protocols.ike.events import IkeProposals

_AEAD = ("GCM", "CCM", "POLY1305")
_WORDS = {"encryption": "cipher", "integrity": "integrity", "prf": "PRF", "group": "group"}
_DEFAULT = "default"


def ends(mine: Connection, other: Connection) -> Iterator[tuple[str, str]]:
    """Yield what keeps two ends' connections from each other: the condition that it explains, and
    words.
    """
    here, there = mine.where("proposals"), other.where("proposals")
    if mine.versions and other.versions and not set(mine.versions) & set(other.versions):
        told = f"IKEv{mine.versions[0]} at {here}, IKEv{other.versions[0]} at {there}"
        yield "proposals-refused", told
    if lacks := _lacking(mine.proposals, other.proposals):
        yield "proposals-refused", f"{lacks} ({here}, {there})"
    yield from _names(mine, other)
    if mine.children and other.children:
        yield from _children(mine, other)


def _names(mine: Connection, other: Connection) -> Iterator[tuple[str, str]]:
    for one, two in ((mine, other), (other, mine)):
        if one.local_id and two.remote_id and not _same_name(one.local_id, two.remote_id):
            told = f"{one.where('id')} names itself {one.local_id}, "
            yield "authentication-refused", f"{told}and {two.where('id')} expects {two.remote_id}"
        auth, wanted = _method(one.local_auth), _method(two.remote_auth)
        if auth and wanted and auth != wanted:
            told = f"{one.where('auth')} authenticates by {auth}, "
            yield "authentication-refused", f"{told}and {two.where('auth')} wants {wanted}"


def _same_name(name: str, pattern: str) -> bool:
    one, two = (
        ",".join(part.strip() for part in each.split(",")).lower() for each in (name, pattern)
    )
    return fnmatch(one, two.replace("[", "[[]"))


def _method(text: str) -> str:
    """Return `psk`, `pubkey` or `eap`; empty for what may be several."""
    told = text.lower()
    if told in {"psk", "secret"}:
        return "psk"
    if told.startswith("eap"):
        return "eap"
    return "pubkey" if told.startswith(("pubkey", "rsa", "ecdsa")) else ""


def _children(mine: Connection, other: Connection) -> Iterator[tuple[str, str]]:
    pairs = list(product(mine.children, other.children))
    if not any(_select(one, two) for one, two in pairs):
        one, two = pairs[0]
        here = f"{_listed(one.local_ts)} to {_listed(one.remote_ts)} at {mine.where('')}"
        there = f"{_listed(two.local_ts)} to {_listed(two.remote_ts)} at {other.where('')}"
        yield "no-child", f"networks: {here}, {there}"
    lacking = [_lacking(one.proposals, two.proposals) for one, two in pairs]
    if all(lacking):
        yield "no-child", f"ESP: {lacking[0]} ({mine.where('')}, {other.where('')})"


def _select(one: Child, two: Child) -> bool:
    return _overlap(one.local_ts, two.remote_ts) and _overlap(one.remote_ts, two.local_ts)


def _overlap(one: Iterable[str], two: Iterable[str]) -> bool:
    return any(_meet(a, b) for a, b in product(one, two))


def _meet(one: str, two: str) -> bool:
    """Whether two selectors share an address; what is no network is taken to."""
    try:
        a, b = (ip_network(each.partition("[")[0], strict=False) for each in (one, two))
    except ValueError:
        return True
    return a.version == b.version and (a.subnet_of(b) or b.subnet_of(a))  # type: ignore[arg-type]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")


# -- proposals ---------------------------------------------------------------------------------


def _lacking(mine: Sequence[str], other: Sequence[str]) -> str:
    """Return what two lists of proposals do not have in common; empty where one of each fits, or
    where one list is the program's own.
    """
    if not mine or not other or _DEFAULT in mine or _DEFAULT in other:
        return ""
    read = [list(map(transforms, each)) for each in (mine, other)]
    if not all(all(each) for each in read):
        return ""
    return _apart(read[0], read[1])


def _apart(mine: Sequence[frozenset[Transform]], other: Sequence[frozenset[Transform]]) -> str:
    for one, two in product(mine, other):
        if not _missing(one, two):
            return ""
    everything = frozenset[Transform]().union(*mine), frozenset[Transform]().union(*other)
    if missing := _missing(*everything):
        return "; ".join(
            f"no {word} in common: {_of(everything[0], kind)} and {_of(everything[1], kind)}"
            for kind, word in _WORDS.items()
            if kind in missing
        )
    return "no single proposal fits one of the other end"


def _missing(one: frozenset[Transform], two: frozenset[Transform]) -> list[str]:
    """Return the kinds of which both have some, and none in common."""
    missing = list[str]()
    for kind in _WORDS:
        a, b = ([each for each in side if each.kind == kind] for side in (one, two))
        if a and b and not any(_alike(x, y) for x, y in product(a, b)):
            missing.append(kind)
    return missing


def _alike(one: Transform, two: Transform) -> bool:
    return one.name == two.name and (not one.bits or not two.bits or one.bits == two.bits)


def _of(told: frozenset[Transform], kind: str) -> str:
    names = sorted(
        f"{each.name}_{each.bits}" if each.bits else each.name for each in told if each.kind == kind
    )
    return ", ".join(names)


def offered(offer: IkeProposals) -> list[frozenset[Transform]]:
    """Return what was offered in the terms of `transforms`."""
    found = list[frozenset[Transform]]()
    for suite in offer.suites:
        made = set[Transform]()
        for each in suite.algorithms:
            kind = {"hash": "integrity"}.get(each.kind, each.kind)
            if kind == "encryption":
                made.add(Transform(kind, each.name, each.bits))
            elif kind in {"integrity", "prf"}:
                made.add(Transform(kind, hash_of(each.name)))
            elif kind == "group":
                made.add(Transform(kind, each.name))
        found.append(frozenset(made))
    return found


def against(offer: IkeProposals, connection: Connection) -> str:
    """Return what an offer and a connection's proposals do not have in common; empty where they
    fit, or where nothing is configured.
    """
    if not connection.proposals or _DEFAULT in connection.proposals:
        return ""
    configured = list(map(transforms, connection.proposals))
    if not all(configured):
        return ""
    return _apart(offered(offer), configured)
