"""Requests to trackers over HTTP, and their answers (BEP 3, 7, 23, 24, 48). Text and bytes in,
values out.

    GET /announce?info_hash=<20 bytes>&peer_id=..&port=..&uploaded=..&downloaded=..&left=..
    GET /scrape?info_hash=..&info_hash=..
    d | interval | complete | incomplete | peers: 6 bytes each, or a list of dictionaries | peers6
    d | files: info hash -> d complete | incomplete | downloaded

A private tracker knows its users by a key in the path or the query, which is their password there.
"""

from urllib.parse import unquote_to_bytes

import msgspec

from backchannel.patterns import later
from backchannel.protocols import bencode
from backchannel.protocols.bencode import Dict
from backchannel.protocols.bittorrent_tracker.model import HASH, SWARMS, Announce, Answer
from backchannel.protocols.compact import V4, V6, addresses
from backchannel.text import utf8

PARAMETERS = 256
_KEYS = ("passkey", "torrent_pass", "authkey", "pk", "uk", "pid", "secret", "auth", "token")
_KEY = later(r"[0-9A-Za-z_-]{16,128}")
_ADDRESS = later(r"[0-9A-Fa-f:.]{2,45}")
_DIGITS = later(r"\d{1,18}")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks."""

    announce: Announce | None = None
    """None: it asks how large swarms are."""
    hashes: tuple[bytes, ...] = ()


def read_request(target: str, tracker: str = "") -> Request | None:
    """Return what a request's target asks of a tracker; None where it asks none."""
    path, values = _parts(target)
    hashes = tuple(each for each in values.get("info_hash", ()) if len(each) == HASH)
    if not hashes:
        return None
    if "peer_id" not in values:
        asks = "scrape" in path.lower()
        return Request(hashes=hashes[:SWARMS]) if asks else None
    port = _number(values, "port")
    made = Announce(
        hash=hashes[0],
        peer=values["peer_id"][0][:64],
        port=port if port <= 0xFFFF else 0,
        uploaded=_number(values, "uploaded"),
        downloaded=_number(values, "downloaded"),
        left=_number(values, "left"),
        stage=_word(values, "event"),
        addresses=tuple(filter(None, (_address(values, name) for name in ("ip", "ipv4", "ipv6")))),
        tracker=tracker,
        key=_key(path, values),
    )
    return Request(announce=made, hashes=hashes[:1])


def key_in(target: str) -> str:
    """Return the user's key in a tracker's path and query; empty where there is none."""
    return _key(*_parts(target))


def read_answer(said: Dict) -> Answer:
    """Return what a tracker answers to an announcement."""
    found = bencode.octets(said, b"peers")
    peers = addresses(found, V4) + addresses(bencode.octets(said, b"peers6"), V6)
    for entry in bencode.listed(said, b"peers"):
        if not isinstance(entry, dict):
            continue
        address, port = utf8(bencode.octets(entry, b"ip")), bencode.number(entry, b"port")
        if _ADDRESS.fullmatch(address) and 0 < port <= 0xFFFF:
            peers.append((address, port))
    return Answer(
        interval=_amount(said, b"interval"),
        seeds=_amount(said, b"complete"),
        others=_amount(said, b"incomplete"),
        downloads=_amount(said, b"downloaded"),
        peers=tuple(peers),
        failure=utf8(bencode.octets(said, b"failure reason")),
        warning=utf8(bencode.octets(said, b"warning message")),
    )


def read_swarms(said: Dict) -> list[tuple[bytes, int, int, int]]:
    """Return (info hash, seeds, others, downloads) of each torrent of a scrape."""
    found = []
    for key, entry in list(bencode.inner(said, b"files").items())[:SWARMS]:
        if len(key) == HASH and isinstance(entry, dict):
            names = (b"complete", b"incomplete", b"downloaded")
            seeds, others, downloads = (_amount(entry, name) for name in names)
            found.append((key, seeds, others, downloads))
    return found


def _amount(said: Dict, key: bytes) -> int:
    return max(0, min(bencode.number(said, key), 1 << 60))


def _parts(target: str) -> tuple[str, dict[str, list[bytes]]]:
    """Return path and parameters of a target."""
    path, _, query = target.partition("?")
    values: dict[str, list[bytes]] = {}
    for part in query.split("&", PARAMETERS)[:PARAMETERS]:
        name, _, value = part.partition("=")
        values.setdefault(name.lower(), []).append(unquote_to_bytes(value))
    return path, values


def _key(path: str, values: dict[str, list[bytes]]) -> str:
    for name in _KEYS:
        if name in values and (value := utf8(values[name][0])[:128]):
            return value
    parts = [part for part in path.split("/") if _KEY.fullmatch(part)]
    parts = [part for part in parts if any(char.isdigit() for char in part)]
    return parts[0] if parts else ""


def _number(values: dict[str, list[bytes]], name: str) -> int:
    text = utf8(values.get(name, [b""])[0])
    return int(text) if _DIGITS.fullmatch(text) and text.isascii() else 0


def _word(values: dict[str, list[bytes]], name: str) -> str:
    word = utf8(values.get(name, [b""])[0])[:16]
    return word if word.isalpha() else ""


def _address(values: dict[str, list[bytes]], name: str) -> str:
    text = utf8(values.get(name, [b""])[0])
    return text if _ADDRESS.fullmatch(text) else ""
