"""Counts and categories in words, so that every output says the same thing the same way."""

from collections.abc import Sequence

from backchannel.report.document import Association, Service
from backchannel.text import endpoint, escape

_EXPOSED = {
    "password-plain": ("{} password in the clear", "{} passwords in the clear"),
    "password-recoverable": (
        "{} password, recoverable without guessing",
        "{} passwords, recoverable without guessing",
    ),
    "password-hash": ("{} password, guessable offline", "{} passwords, guessable offline"),
    "token": ("{} session token", "{} session tokens"),
    "message": ("{} message", "{} messages"),
    "contact-list": ("{} contact list", "{} contact lists"),
    "profile": ("{} profile", "{} profiles"),
    "file": ("{} file", "{} files"),
    "address": ("{} address", "{} addresses"),
    "search": ("{} search", "{} searches"),
    "shared-files": ("{} list of shared files", "{} lists of shared files"),
}
"""What was exposed, in the order in which it hurts, for one and for several."""
ALARMING = frozenset({"password-plain", "password-recoverable", "password-hash", "token"})
"""Login secrets."""


def count(number: int, noun: str, several: str = "") -> str:
    """Return `1 flow`, `2 flows`, `2 boxes` (the last with *several* given)."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def listed(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def brief(number: int) -> str:
    """Return a number that fits a small cell: `999`, `1.4k`, `12k`."""
    if number < 1_000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 10_000 else f"{number // 1000}k"


def within(title: str) -> str:
    """Return a title as it stands within a sentence: `Broken by NAT` as `broken by NAT`."""
    return title[:1].lower() + title[1:]


def place(host: str, port: int) -> str:
    """Return a target as a proxy was asked for it; not escaped."""
    if not host:
        return "not seen"
    return endpoint(host, port) if port else host


def portless(server: str) -> str:
    """Return `address:port`, or the address alone where its protocol has no ports (ESP, AH)."""
    return server.removesuffix(":0").strip("[]") if server.endswith(":0") else server


def carrier(row: Service) -> str:
    """Return the stack whose flows are counted for this one, which has none of its own; or ""."""
    return "" if row.flows or row.bytes else row.stack.rpartition("/")[0]


def let_through(asked: int, granted: int, refused: int) -> str:
    """Return what a proxy answered: `granted`, `refused 2 times`, `granted 3, refused 1`."""
    if granted and refused:
        return f"granted {granted:,}, refused {refused:,}"
    if granted or refused:
        number = granted or refused
        word = "granted" if granted else "refused"
        return word if number == 1 else f"{word} {times(number)}"
    return "no answer seen" if asked else "asked for earlier"


def behind(row: Association) -> str:
    """Return who is behind a NAT, and who claims it where nothing else speaks for it."""
    word = {"none": "nobody", "": ""}.get(row.behind_nat, row.behind_nat)
    believed = {"client", "server"} if word == "both" else {word}
    others = [end for end in row.claimed if end not in believed]
    return f"{word} ({others[0]} claims it)" if others else word


_FORWARD = (
    *("established", "authentication-answered", "authenticating", "answered", "answer-alone"),
    *("redirected", "retry-required", "cookie-required", "initiated"),
)
_REFUSED = "authentication answered with a notification alone"


def came(row: Association) -> str:
    """Return how far key exchanges came: `IKEv2: established, 3 rekeyings`, or what went wrong last
    and whether a tunnel had been up before: `IKEv2: silent: 4 messages, established before`.
    """
    if not row.versions:
        return "not seen"
    version = " and ".join(f"IKEv{number}" for number in row.versions)
    if row.failure:
        failed = _REFUSED if row.failure.endswith(": Notify alone") else row.failure
        before = ", established before" if "established" in row.stages else ""
        return f"{version}: {failed}{before}"
    stage = next((stage for stage in _FORWARD if stage in row.stages), "")
    rekeyed, begun = row.stages.get("rekeying", 0), row.stages.get("initiated", 0)
    told = [stage.replace("-", " ")] if stage else []
    told += [f"begun {begun:,} times"] if begun > 1 else []
    told += [count(rekeyed, "rekeying")] if rekeyed else []
    return f"{version}: {', '.join(told) or 'under way'}"


def kept(row: Association) -> str:
    """Return keep-alives and their distance: `12, every 20 s`."""
    if not row.keepalives:
        return ""
    every = f", every {row.keepalive_seconds:g} s" if row.keepalive_seconds else ""
    return f"{row.keepalives:,}{every}"


def times(number: int) -> str:
    """Return `once` or `3 times`."""
    return "once" if number == 1 else f"{number:,} times"


def exposed(word: str, number: int) -> str:
    """Return what was exposed in words, such as `1 password, guessable offline`."""
    one, many = _EXPOSED.get(word, ("{} " + word, "{} " + word))
    return (one if number == 1 else many).format(f"{number:,}")


def ranked(told: dict[str, int]) -> list[tuple[str, int]]:
    """Return what was exposed, the gravest first."""
    order = list(_EXPOSED)
    place = {word: number for number, word in enumerate(order)}
    return sorted(told.items(), key=lambda item: (place.get(item[0], len(order)), item[0]))


def size(octets: int) -> str:
    """Return a size with a decimal unit, such as `1.2 MB`."""
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if round(value, 1) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def short(moment: str) -> str:
    """Return a time to the second, as people read it."""
    return moment[:19].replace("T", " ")


def span(first: str, last: str) -> str:
    """Return a span of time; the date of its end only where it differs."""
    begin, end = short(first), short(last)
    if begin == end:
        return begin
    return f"{begin} to {end[11:] if begin[:10] == end[:10] else end}"


def harmless(text: str) -> str:
    """Return text that is escaped already, and once more harmless where it was not."""
    return escape(text).replace("\\\\", "\\")
