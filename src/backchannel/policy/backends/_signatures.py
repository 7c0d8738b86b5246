"""What a content filter can know services by: bytes of their protocols.

Each is written in the keywords of Suricata and stands for flows that carry certain uses. A flow of
a signature can only be refused as a whole, with everything that it carries.
Sources: the protocol pages in docs/protocols, and RFC 1459 (IRC), RFC 6120 (XMPP), RFC 8489 (STUN),
the WireGuard paper, OpenVPN's protocol page, and Wireshark's dissector of eDonkey.
"""

from typing import Literal

import msgspec

from backchannel.policy.model import Use


class Signature(msgspec.Struct, frozen=True):
    """Bytes that tell a flow, and what such a flow carries."""

    name: str
    carrier: Literal["tcp", "udp", "ip"]
    options: str
    """Keywords of Suricata's payload rules."""
    carries: frozenset[tuple[str, str]]
    """(service, capability) pairs."""


def _carried(text: str) -> frozenset[tuple[str, str]]:
    """Return the pairs of `aim: login message; icq: login`."""
    pairs = set()
    for part in text.split(";"):
        service, _, capabilities = part.strip().partition(":")
        pairs |= {(service, capability) for capability in capabilities.split()}
    return frozenset(pairs)


_TALK = "login message presence"
_OSCAR = _carried(f"aim: {_TALK} game; icq: {_TALK} search")
_OFT = _carried("aim: file-transfer file-sharing; icq: file-transfer")
_MSN = _carried(f"msn: {_TALK}")
_GNUTELLA = _carried("gnutella: search file-sharing message")
_KAZAA = _carried("kazaa: search file-sharing message")
_IPSEC = _carried("ipsec: tunnel login")
_OPENVPN = _carried("openvpn: tunnel")
_ZOOM = _carried("zoom: voice-video app-sharing")
_STUN = _carried("stun-turn: voice-video file-transfer app-sharing tunnel")


def _tcp(name: str, options: str, carries: frozenset[tuple[str, str]]) -> Signature:
    return Signature(name, "tcp", options, carries)


def _udp(name: str, options: str, carries: frozenset[tuple[str, str]]) -> Signature:
    return Signature(name, "udp", options, carries)


SIGNATURES = (
    _tcp(
        "FLAP sign-on",
        'content:"|2a 01|"; depth:2; content:"|00 00 00 01|"; offset:6; depth:4;',
        _OSCAR,
    ),
    _tcp(
        "SNAC in FLAP",
        'content:"|2a 02|"; depth:2; content:"|00|"; offset:6; depth:1; content:"|00|"; offset:8; '
        "depth:1; byte_test:1,<,38,7; byte_test:1,<,64,9; byte_test:2,>,9,4; dsize:>15;",
        _OSCAR,
    ),
    _tcp("OFT header", 'content:"OFT2"; depth:4; dsize:>255;', _OFT),
    _tcp(
        "ODC header",
        'content:"ODC2|00|"; depth:5; content:"|00 01 00 06|"; offset:6; depth:4;',
        _carried("aim: image"),
    ),
    _tcp("TOC sign-on", 'content:"FLAPON|0d 0a 0d 0a|"; depth:10;', _carried(f"aim: {_TALK}")),
    _udp(
        "ICQ 5 client",
        'content:"|05 00 00 00 00 00|"; depth:6; dsize:>23;',
        _carried(f"icq: {_TALK} search"),
    ),
    _tcp("MSNP versions", 'content:"VER "; depth:4; content:" MSNP"; distance:1; within:9;', _MSN),
    _tcp(
        "MSNP message",
        'content:"MSG "; depth:4; content:"|0d 0a|MIME-Version: 1.0|0d 0a|"; within:300;',
        _MSN,
    ),
    _tcp("MSN gateway", 'content:"/gateway/gateway.dll?"; depth:120;', _MSN),
    _tcp(
        "MSNFTP versions",
        'content:"VER MSNFTP|0d 0a|"; depth:12;',
        _carried("msn: file-transfer"),
    ),
    _tcp(
        "MSN direct connection",
        'content:"|04 00 00 00|foo|00|"; depth:8;',
        _carried("msn: image file-transfer"),
    ),
    _tcp(
        "RDP connection request",
        'content:"|03 00|"; depth:2; content:"|e0 00 00|"; offset:5; depth:3; '
        'content:"Cookie: mstshash="; within:30;',
        _carried("msn: remote-assistance; rdp: remote-assistance login file-transfer app-sharing"),
    ),
    _tcp("YMSG", 'content:"YMSG"; depth:4; dsize:>19;', _carried(f"yahoo: {_TALK}")),
    _tcp(
        "YMSG in HTTP",
        'content:"POST "; depth:5; content:"|0d 0a 0d 0a|YMSG"; within:2000;',
        _carried(f"yahoo: {_TALK}"),
    ),
    _tcp("Gnutella handshake", 'content:"GNUTELLA"; depth:8;', _GNUTELLA),
    _tcp(
        "Gnutella download",
        'content:"/uri-res/N2R?urn:sha1:"; nocase; offset:4; depth:40;',
        _carried("gnutella: file-sharing"),
    ),
    _udp("Gnutella2 datagram", 'content:"GND"; depth:3; dsize:>7;', _GNUTELLA),
    _tcp(
        "FastTrack download",
        'content:"GET /.hash="; depth:11;',
        _carried("kazaa: file-sharing"),
    ),
    _tcp("FastTrack user", 'content:"|0d 0a|X-Kazaa-"; nocase;', _carried("kazaa: file-sharing")),
    _udp(
        "FastTrack ping",
        'content:"|27 00 00 00|"; depth:4; content:"|80|"; offset:5; depth:1; content:"KaZaA"; '
        "within:20;",
        _KAZAA,
    ),
    _tcp(
        "BitTorrent handshake",
        'content:"|13|BitTorrent protocol"; depth:20;',
        _carried("bittorrent: file-sharing"),
    ),
    _udp(
        "BitTorrent DHT",
        'content:"d1:"; depth:3; content:"d2:id20:"; distance:1; within:8;',
        _carried("bittorrent: search file-sharing"),
    ),
    _udp(
        "BitTorrent UDP tracker",
        'content:"|00 00 04 17 27 10 19 80 00 00 00 00|"; depth:12; dsize:<17;',
        _carried("bittorrent: search"),
    ),
    _tcp(
        "BitTorrent tracker",
        'content:"GET /"; depth:5; content:"info_hash=%"; within:2000;',
        _carried("bittorrent: search"),
    ),
    _udp(
        "BitTorrent local search",
        'content:"BT-SEARCH * HTTP/1.1"; depth:20;',
        _carried("bittorrent: search file-sharing"),
    ),
    _tcp(
        "eDonkey hello",
        'content:"|e3|"; depth:1; content:"|00 00 01 10|"; offset:3; depth:4;',
        _carried("edonkey: file-sharing message search"),
    ),
    _tcp(
        "IRC registration",
        'content:"NICK "; content:"USER "; distance:0; within:300; content:"|0d 0a|";',
        _carried(f"irc: {_TALK}"),
    ),
    _tcp(
        "XMPP stream",
        'content:"http|3a|//etherx.jabber.org/streams"; depth:300;',
        _carried(f"xmpp: {_TALK}"),
    ),
    _tcp(
        "SOCKS 5 without password",
        'content:"|05 01 00|"; depth:3; dsize:3;',
        _carried("socks: tunnel login"),
    ),
    _tcp(
        "SOCKS 5 with password",
        'content:"|05 02 00 02|"; depth:4; dsize:4;',
        _carried("socks: tunnel login"),
    ),
    _tcp(
        "SOCKS 4 connect",
        'content:"|04 01|"; depth:2; content:"|00|"; offset:8; dsize:9<>80;',
        _carried("socks: tunnel login"),
    ),
    _tcp(
        "HTTP CONNECT",
        'content:"CONNECT "; depth:8; content:" HTTP/1."; within:300;',
        _carried("http-proxy: tunnel login"),
    ),
    _udp(
        "IKEv1 opening",
        'content:"|00 00 00 00 00 00 00 00 01 10|"; offset:8; depth:10; dsize:>27;',
        _IPSEC,
    ),
    _udp(
        "IKEv2 opening",
        'content:"|00 00 00 00 00 00 00 00|"; offset:8; depth:8; content:"|20 22|"; offset:17; '
        "depth:2; dsize:>27;",
        _IPSEC,
    ),
    _udp(
        "IKE behind the non-ESP marker",
        'content:"|00 00 00 00|"; depth:4; byte_test:1,&,48,21; byte_test:1,!&,207,21; dsize:>31;',
        _IPSEC,
    ),
    Signature("ESP", "ip", "ip_proto:50;", _IPSEC),
    Signature("AH", "ip", "ip_proto:51;", _IPSEC),
    _udp(
        "WireGuard opening",
        'content:"|01 00 00 00|"; depth:4; dsize:148;',
        _carried("wireguard: tunnel"),
    ),
    _udp(
        "OpenVPN reset",
        'content:"|38|"; depth:1; content:"|00 00 00 00 00|"; offset:9; depth:5; dsize:14;',
        _OPENVPN,
    ),
    _tcp(
        "OpenVPN reset over TCP",
        'content:"|00 0e 38|"; depth:3; content:"|00 00 00 00 00|"; offset:11; depth:5; dsize:16;',
        _OPENVPN,
    ),
    _udp(
        "OpenVPN reset with SHA-1",
        'content:"|38|"; depth:1; content:"|00 00 00 01|"; offset:29; depth:4; '
        'content:"|00 00 00 00 00|"; offset:37; depth:5; dsize:42;',
        _OPENVPN,
    ),
    _udp(
        "OpenVPN reset with SHA-256",
        'content:"|38|"; depth:1; content:"|00 00 00 01|"; offset:41; depth:4; '
        'content:"|00 00 00 00 00|"; offset:49; depth:5; dsize:54;',
        _OPENVPN,
    ),
    _udp(
        "OpenVPN reset in tls-crypt",
        'content:"|38|"; depth:1; content:"|00 00 00 01|"; offset:9; depth:4; dsize:54;',
        _OPENVPN,
    ),
    _udp(
        "OpenVPN reset in tls-crypt-v2",
        'content:"|50|"; depth:1; content:"|0f 00 00 01|"; offset:9; depth:4; dsize:>340;',
        _OPENVPN,
    ),
    _udp(
        "Discord address discovery",
        'content:"|00 01 00 46|"; depth:4; content:"|00 00 00 00 00 00 00 00|"; offset:8; depth:8; '
        "dsize:74;",
        _carried("discord: voice-video app-sharing"),
    ),
    _udp(
        "Zoom opening",
        'content:"|01 00|"; depth:2; content:"|00 00 00 00 00 00 00 02|"; offset:19; depth:8; '
        'content:"|00 00 00|"; offset:35; depth:3; dsize:>42;',
        _ZOOM,
    ),
    _udp(
        "Zoom from client to client",
        'content:"|1f 02 01|"; depth:3; content:"|00 00 00|"; offset:24; depth:3; dsize:>67;',
        _ZOOM,
    ),
    _tcp(
        "WhatsApp hello",
        'content:"WA"; depth:2; content:"|00|"; offset:4; depth:1; content:"|12|"; offset:7; '
        "depth:1; byte_test:1,<,16,2; byte_test:1,<,16,3;",
        _carried("whatsapp: login message"),
    ),
    _udp("STUN", 'content:"|21 12 a4 42|"; offset:4; depth:4; byte_test:1,<,64,0;', _STUN),
)


def signatures(use: Use) -> tuple[Signature, ...]:
    """Return the signatures of flows that carry *use*."""
    return _BY_USE.get((use.service, use.capability.value), ())


_BY_USE = {
    pair: tuple(each for each in SIGNATURES if pair in each.carries)
    for pair in frozenset().union(*(each.carries for each in SIGNATURES))
}
