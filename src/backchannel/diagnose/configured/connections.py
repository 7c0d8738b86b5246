"""A connection as both programs mean it, whatever they call its settings."""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from backchannel.diagnose.configured import braces, sections
from backchannel.diagnose.configured.settings import Section

Fragmentation = Literal["yes", "no", "force", "accept", ""]
ANY = frozenset({"%any", "%any4", "%any6", "0.0.0.0", "::", "0.0.0.0/0", "::/0", ""})  # noqa: S104 - nobody listens there
"""Addresses that are anybody's."""
_OWN = frozenset({"%defaultroute", "%dynamic", "%config", "%eth0"})
_NAMES = {"%any": "", "%fromcert": "", "%null": "", "%none": ""}
_SPLIT = re.compile(r"[,\s]+")
_TIME = re.compile(r"(\d+)\s*(s|m|h|d|ms)?$")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """One tunnel of a connection."""

    name: str
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    """Empty for the program's own."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One connection. Empty stands for what is not said, None too."""

    name: str
    file: str
    line: int
    form: Literal["swanctl.conf", "ipsec.conf"]
    versions: tuple[int, ...] = ()
    local: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    """Addresses, prefixes or names; empty for anybody."""
    local_id: str = ""
    remote_id: str = ""
    local_auth: str = ""
    remote_auth: str = ""
    proposals: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    encap: bool | None = None
    fragmentation: Fragmentation = ""
    mobike: bool | None = None
    dpd_seconds: int | None = None
    lines: dict[str, int] = {}
    """Where these settings stand, by our name for them."""

    def where(self, name: str) -> str:
        """Return `FILE:LINE` of a setting, or of the connection."""
        return f"{self.file}:{self.lines.get(name, self.line)}"


def turned(connection: Connection) -> Connection:
    """Return a connection as the other end has it that reads the same file."""
    return msgspec.structs.replace(
        connection,
        local=connection.remote,
        remote=connection.local,
        local_id=connection.remote_id,
        remote_id=connection.local_id,
        local_auth=connection.remote_auth,
        remote_auth=connection.local_auth,
        children=tuple(
            msgspec.structs.replace(each, local_ts=each.remote_ts, remote_ts=each.local_ts)
            for each in connection.children
        ),
    )


def from_swanctl(root: Section) -> Iterator[Connection]:
    """Yield the connections of a swanctl.conf."""
    for name in root.sections.get("connections", Section()).sections:
        found = braces.resolved(root, ("connections", name))
        local = _first(found, "local")
        remote = _first(found, "remote")
        children = found.sections.get("children", Section()).sections
        tunnels = {
            child: made
            for child in children
            if (made := found.sections["children"].sections[child]).get("mode") not in _SHUNTS
        }
        if children and not tunnels:
            continue
        yield Connection(
            name=name,
            file=found.file,
            line=found.line,
            form="swanctl.conf",
            versions={"1": (1,), "2": (2,)}.get(found.get("version"), ()),
            local=_addresses(found.get("local_addrs")),
            remote=_addresses(found.get("remote_addrs")),
            local_id=_name(local.get("id")),
            remote_id=_name(remote.get("id")),
            local_auth=local.get("auth", "pubkey"),
            remote_auth=remote.get("auth", "pubkey"),
            proposals=_proposals(found.get("proposals")),
            children=tuple(_child(child, made) for child, made in tunnels.items()),
            encap=_switch(found.get("encap")),
            fragmentation=_fragmentation(found.get("fragmentation")),
            mobike=_switch(found.get("mobike")),
            dpd_seconds=_seconds(found.get("dpd_delay")),
            lines=_lines(found, _SWANCTL),
        )


_SHUNTS = frozenset({"pass", "drop"})
_SWANCTL = {
    "proposals": "proposals",
    "encap": "encap",
    "fragmentation": "fragmentation",
    "mobike": "mobike",
    "dpd": "dpd_delay",
}
_IPSEC = {
    "proposals": "ike",
    "encap": "encapsulation",
    "fragmentation": "fragmentation",
    "mobike": "mobike",
    "dpd": "dpddelay",
}


def _lines(found: Section, names: dict[str, str]) -> dict[str, int]:
    told = {
        ours: found.settings[theirs].line
        for ours, theirs in names.items()
        if theirs in found.settings
    }
    if "encap" not in told and "forceencaps" in found.settings:
        told["encap"] = found.settings["forceencaps"].line
    return told


def _first(found: Section, kind: str) -> Section:
    """Return the first round of authentication: `local`, `local-1` ..."""
    rounds = [name for name in found.sections if name == kind or name.startswith(f"{kind}-")]
    return found.sections[min(rounds)] if rounds else Section()


def _child(name: str, made: Section) -> Child:
    return Child(
        name=name,
        local_ts=_selectors(made.get("local_ts", "dynamic")),
        remote_ts=_selectors(made.get("remote_ts", "dynamic")),
        proposals=_proposals(made.get("esp_proposals")),
    )


def from_ipsec(root: Section) -> Iterator[Connection]:
    """Yield the conns of an ipsec.conf that are tunnels; left is the local end unless only right
    is an address of no peer (`%defaultroute`).
    """
    for title in root.sections:
        kind, _, name = title.partition(" ")
        if kind != "conn" or name == sections.DEFAULT:
            continue
        found = sections.resolved(root, name)
        peers = found.get("left"), found.get("right")
        if found.get("auto", "ignore") == "ignore" or not any(peers):
            continue
        if found.get("type", "tunnel") in {"passthrough", "drop", "reject", "pass"}:
            continue
        here, there = ("right", "left") if peers[1] in _OWN else ("left", "right")
        yield _conn(name, found, here, there)


def _conn(name: str, found: Section, here: str, there: str) -> Connection:
    return Connection(
        name=name,
        file=found.file,
        line=found.line,
        form="ipsec.conf",
        versions=_versions(found),
        local=_addresses(found.get(here)),
        remote=_addresses(found.get(there)),
        local_id=_name(found.get(f"{here}id")),
        remote_id=_name(found.get(f"{there}id")),
        local_auth=found.get(f"{here}auth") or found.get("authby"),
        remote_auth=found.get(f"{there}auth") or found.get("authby"),
        proposals=_proposals(found.get("ike")),
        children=(
            Child(
                name=name,
                local_ts=_networks(found, here),
                remote_ts=_networks(found, there),
                proposals=_proposals(found.get("esp") or found.get("phase2alg")),
            ),
        ),
        encap=_encapsulation(found),
        fragmentation=_fragmentation(found.get("fragmentation")),
        mobike=_switch(found.get("mobike")),
        dpd_seconds=_seconds(found.get("dpddelay")),
        lines=_lines(found, _IPSEC),
    )


def _networks(found: Section, end: str) -> tuple[str, ...]:
    return _selectors(found.get(f"{end}subnets") or found.get(f"{end}subnet", "dynamic"))


def _versions(found: Section) -> tuple[int, ...]:
    told = found.get("keyexchange").lower()
    if told in {"ikev1", "ikev2"}:
        return (int(told[-1]),)
    return {"yes": (2,), "insist": (2,), "propose": (2,), "no": (1,), "never": (1,)}.get(
        found.get("ikev2"), ()
    )


def _encapsulation(found: Section) -> bool | None:
    told = _switch(found.get("encapsulation"))
    return told if told is not None else _switch(found.get("forceencaps"))


def _addresses(text: str) -> tuple[str, ...]:
    told = [each.partition("[")[0] for each in _SPLIT.split(text) if each]
    if any(each in ANY or each.startswith("%") for each in told):
        return ()
    return tuple(told)


def _name(text: str) -> str:
    return _NAMES.get(text, text).removeprefix("@")


def _selectors(text: str) -> tuple[str, ...]:
    return tuple(sorted({each for each in _SPLIT.split(text.strip("{}")) if each}))


def _proposals(text: str) -> tuple[str, ...]:
    return tuple(each for each in _SPLIT.split(text.lower().replace("!", "")) if each)


def _switch(text: str) -> bool | None:
    return {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}.get(
        text.lower()
    )


def _fragmentation(text: str) -> Fragmentation:
    for known in ("yes", "no", "force", "accept"):
        if text.lower() == known:
            return known
    return ""


def _seconds(text: str) -> int | None:
    match = _TIME.match(text.strip().lower())
    if match is None:
        return None
    return int(match[1]) * _SECONDS.get(match[2] or "", 1)
