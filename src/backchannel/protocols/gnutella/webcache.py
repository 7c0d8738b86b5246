"""Web caches (GWebCache): the scripts that tell a servent its first hosts. Text to events.

    request   ?client=LIME&version=4.9&hostfile=1   urlfile=1  bfile=1  ip=a:p  url=  ping=1
              ?get=1&net=gnutella2&client=RAZA2.7   update=1                     (version 2)
    answer    a:p lines, or URLs        H|a:p|age...  U|url|age...  I|...        (version 2)

"Gnutella Web Caching System" 1.3.1; GWebCache 2 as used by gtk-gnutella (g2/gwc.c) and Shareaza.
At most MAX_BODY bytes of an answer are kept.
"""

from urllib.parse import parse_qsl, urlsplit

from backchannel.protocols import Output
from backchannel.protocols.gnutella.events import WebCache, WebCacheList
from backchannel.protocols.gnutella.handshake import addresses
from backchannel.protocols.gnutella.memory import Memory
from backchannel.text import decode

MAX_BODY = 16_384
MAX_URLS = 32
_ASKS = ("hostfile", "urlfile", "bfile", "gwcs", "get", "update", "ping", "statfile")


def request(target: str, host: str, memory: Memory) -> list[Output]:
    """Return what a request with *target* asks; nothing if it is not one to a web cache."""
    parts = urlsplit(target) if target.isprintable() else urlsplit("")
    fields = dict(parse_qsl(parts.query[:4096], max_num_fields=64)) if parts.query else {}
    asks = tuple(name for name in _ASKS if fields.get(name) == "1")
    told = [name for name in ("ip", "ip1", "url", "url1") if fields.get(name)]
    if not (asks or told) or not (fields.get("client") or fields.get("net")):
        return []
    if told and "update" not in asks:
        asks += ("update",)
    out: list[Output] = [
        WebCache(
            host=parts.netloc or host,
            path=parts.path,
            asks=asks,
            network=fields.get("net", "")[:32],
            client=fields.get("client", "")[:32],
            version=fields.get("version", "")[:32],
        )
    ]
    own = addresses(fields.get("ip") or fields.get("ip1") or "", 1)
    return out + memory.disclosed("web-cache-update", own)


def answer(body: bytes, memory: Memory) -> list[Output]:
    """Return the hosts and further caches that an answer lists."""
    hosts: list[tuple[str, int]] = []
    urls: dict[str, None] = {}
    for line in decode(body).replace("\r", "\n").split("\n")[:512]:
        kind, _, rest = line.partition("|") if "|" in line[:2] else ("", "", line)
        text = rest.split("|")[0].strip()
        if text.startswith(("http://", "https://")) and kind in ("", "U", "u"):
            if len(urls) < MAX_URLS and text.isprintable():
                urls[text[:255]] = None
        elif kind in ("", "H", "h") and text[:1].isdigit() | (text[:1] == "["):
            hosts += addresses(text, 1)
    out = memory.peers(hosts, "cached")
    return out + ([WebCacheList(urls=tuple(urls))] if urls else [])
