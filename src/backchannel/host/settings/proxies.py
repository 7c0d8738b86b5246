"""Proxies and relays that ask nobody who they are.

Facts: microsocks' README and usage; danted.conf(5); tinyproxy.conf(5) ("If there are no access
controls, the default is ALLOW"); squid.conf's documentation of http_access; torrc(5);
turnserver.conf as coturn 4.6 ships it.
"""

import re
from collections.abc import Iterator, Sequence
from getopt import GetoptError, getopt

from backchannel.host.settings.place import Exposure, Place, assigned, only_here

_ANYBODY = re.compile(r"from:[ \t]*(?:0(?:\.0\.0\.0)?/0|::/0|0/0)\b")
_BLOCK = re.compile(
    r"^[ \t]*(?:(client|socks)[ \t]*)?(pass|block)[ \t]*\{([^}]{0,4096})\}", re.MULTILINE
)
_COMMENT = re.compile(r"^[ \t]*#.*$|[ \t]#.*$", re.MULTILINE)
EVERYBODY = ("0.0.0.0/0", "::/0", "0/0", "all")


def microsocks(place: Place) -> Iterator[Exposure]:
    """Tell of each that runs without a user's name: it listens everywhere unless told otherwise."""
    for process in place.processes:
        given = _options(process.words)
        if "-u" in given or "-w" in given or only_here(given.get("-i", "")):
            continue
        yield Exposure(
            f"command line of process {process.pid}",
            "open-proxy",
            "high",
            "tunnel-abuse",
            f"a SOCKS proxy for anybody who reaches it, on {given.get('-i', 'every address')}, "
            f"port {given.get('-p', '1080')}",
        )


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return the options of a command line of microsocks, with their values."""
    try:
        return dict(getopt(list(words[1:]), "1qb:i:p:u:P:w:")[0])
    except GetoptError:  # with which it does not start
        return {}


def dante(place: Place) -> Iterator[Exposure]:
    """Tell of a server that passes everybody on, without any method of authentication."""
    for file in place.configured("-f", "/etc/danted.conf"):
        yield from _dante(file, place.root.text(file))


def _dante(file: str, raw: str) -> Iterator[Exposure]:
    text = _COMMENT.sub("", raw)
    address = (assigned(text, "internal") or "").split(" ")[0]
    outer = _BLOCK.sub("", text)
    method = assigned(outer, "socksmethod") or assigned(outer, "method") or "none"
    passed = dict[bool, bool]()
    for kind, verdict, body in _BLOCK.findall(text):
        client = kind == "client"
        if client in passed or not _ANYBODY.search(body):
            continue  # the first rule that fits decides
        own = method if client else assigned(body, "socksmethod") or method
        passed[client] = verdict == "pass" and (client or "none" in own.split())
    if address and not only_here(address) and passed.get(True) and passed.get(False):
        yield Exposure(
            file,
            "open-proxy",
            "high",
            "tunnel-abuse",
            f"a SOCKS proxy for anybody who reaches {address}: no rule asks who they are",
        )


def tinyproxy(place: Place) -> Iterator[Exposure]:
    """Tell of one without access control, or that lets everybody in."""
    for file in place.configured("-c", "/etc/tinyproxy/tinyproxy.conf"):
        yield from _tinyproxy(file, place.root.text(file))


def _tinyproxy(file: str, text: str) -> Iterator[Exposure]:
    if not text or assigned(text, "BasicAuth") or only_here(assigned(text, "Listen") or ""):
        return
    allowed = re.findall(r"^[ \t]*(Allow|Deny)[ \t]+(\S+)", text, re.MULTILINE | re.IGNORECASE)
    if not allowed or any(word.lower() == "allow" and whom in EVERYBODY for word, whom in allowed):
        yield Exposure(
            file,
            "open-proxy",
            "high",
            "tunnel-abuse",
            f"a web proxy for anybody who reaches {assigned(text, 'Listen') or 'it'}, port "
            f"{assigned(text, 'Port') or '8888'}: no access control",
        )


def squid(place: Place) -> Iterator[Exposure]:
    """Tell of a rule that allows all."""
    for file in ("/etc/squid/squid.conf", *place.files("/etc/squid/conf.d", ".conf")):
        text = place.root.text(file)
        rules = re.findall(r"^[ \t]*http_access[ \t]+(\w+)[ \t]+(.*)$", text, re.MULTILINE)
        for verdict, whom in rules:
            if whom.strip() == "all" and verdict == "deny":
                return
            if whom.strip() == "all" and verdict == "allow":
                yield Exposure(
                    file, "open-proxy", "high", "tunnel-abuse", "a web proxy for all clients"
                )
                return


def tor(place: Place) -> Iterator[Exposure]:
    """Tell of a SOCKS port for others, of onion services, and of a relay's or an exit's work."""
    for file in place.configured("-f", "/etc/tor/torrc"):
        yield from _tor(file, _COMMENT.sub("", place.root.text(file)))


def _tor(file: str, text: str) -> Iterator[Exposure]:
    ports = re.findall(r"^[ \t]*SocksPort[ \t]+(\S+)", text, re.MULTILINE | re.IGNORECASE)
    outer = [each for each in ports if ":" in each and not only_here(each.rpartition(":")[0])]
    if outer and not assigned(text, "SocksPolicy"):
        yield Exposure(
            file,
            "open-proxy",
            "high",
            "tunnel-abuse",
            f"a way into Tor for anybody who reaches {', '.join(outer)}",
        )
    services = re.findall(r"^[ \t]*HiddenServicePort[ \t]+(.+)$", text, re.MULTILINE)
    if services:
        yield Exposure(
            file,
            "onion-service",
            "medium",
            "evasion",
            f"offers services to Tor past the firewall: port {'; '.join(services)}",
        )
    if assigned(text, "ORPort") not in (None, "0"):
        out = assigned(text, "ExitRelay") == "1"
        yield Exposure(
            file,
            "tor-exit" if out else "tor-relay",
            "high" if out else "medium",
            "tunnel-abuse",
            "strangers' connections leave from this host" if out else "relays strangers' traffic",
        )


def coturn(place: Place) -> Iterator[Exposure]:
    """Tell of a relay that is open."""
    for file in place.configured("-c", "/etc/turnserver.conf"):
        if re.search(r"^[ \t]*no-auth[ \t]*$", place.root.text(file), re.MULTILINE):
            yield Exposure(
                file, "open-relay", "high", "tunnel-abuse", "a TURN relay for anybody who asks"
            )
