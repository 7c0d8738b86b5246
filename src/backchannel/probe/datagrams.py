"""Hellos over UDP. Each is one datagram, and none makes an answer much larger than itself."""

import struct
from collections.abc import Sequence

from backchannel.probe import ike
from backchannel.probe.hello import Asked, Hello

_UTP_END = struct.pack(">IHH", 0x40000, 1, 0)
"""Window, sequence number, nothing acknowledged."""
COOKIE = b"\x21\x12\xa4\x42"


def _stun(ident: bytes, kind: int, attributes: bytes = b"") -> bytes:
    return struct.pack(">HH", kind, len(attributes)) + COOKIE + ident + attributes


def binding(asked: Asked) -> bytes:
    """A STUN binding request (RFC 8489 §6.1)."""
    return _stun(asked.nonce[:12], 0x0001)


def allocate(asked: Asked) -> bytes:
    """A TURN allocation for UDP without a login: a relay that wants one says its realm."""
    return _stun(asked.nonce[:12], 0x0003, struct.pack(">HHI", 0x0019, 4, 17 << 24))


def give_back(asked: Asked, answers: Sequence[bytes]) -> bytes:
    """End what a relay granted, by a Refresh with a lifetime of 0 (RFC 8656 §3.3): it would keep a
    port for ten minutes.
    """
    answer = answers[-1]
    granted = answer[:2] == b"\x01\x03" and answer[4:8] == COOKIE
    end = _stun(asked.nonce[12:24], 0x0004, struct.pack(">HHI", 0x000D, 4, 0))
    return end if granted else b""


def init(asked: Asked) -> bytes:
    """An IKE_SA_INIT with today's algorithms."""
    return ike.init(asked, ike.MODERN)


def _dht(asked: Asked) -> bytes:
    return b"d1:ad2:id20:" + asked.nonce[:20] + b"e1:q4:ping1:t2:bc1:y1:qe"


def _gnutella(asked: Asked) -> bytes:
    """A ping that goes no further (TTL 1)."""
    ident = asked.nonce[:8] + b"\xff" + asked.nonce[9:15] + b"\0"
    return ident + b"\x00\x01\x00" + bytes(4)


def _gnutella2(asked: Asked) -> bytes:
    """An unreliable /PI in one part."""
    return b"GND\0" + asked.nonce[:2] + b"\x01\x01" + b"\x08PI"


UDP = (
    Hello("stun", ("stun",), "udp", binding, "RFC 8489 §6.1", ports=(3478, 19302)),
    Hello(
        "turn",
        ("stun",),
        "udp",
        allocate,
        "RFC 8656 §7.1",
        reply=give_back,
        after=("stun",),
        about="a relay that is open grants a port; it is given back at once",
    ),
    Hello(
        "utp-syn",
        ("bittorrent-utp",),
        "udp",
        lambda asked: b"\x41\0" + asked.nonce[:2] + asked.nonce[4:8] + bytes(4) + _UTP_END,
        "BEP 29, ST_SYN",
        ports=(51413, *range(6881, 6890)),
        about="the peer forgets the half-open connection after some seconds",
    ),
    Hello("dht-ping", ("bittorrent-dht",), "udp", _dht, "BEP 5, ping", ports=(51413,)),
    Hello(
        "kad-ping",
        ("edonkey-udp",),
        "udp",
        lambda _: b"\xe4\x60",
        "eMule, Opcodes.h: KADEMLIA2_PING",
        ports=(4672,),
    ),
    Hello(
        "kad-hello",
        ("edonkey-udp",),
        "udp",
        lambda _: b"\xe4\x01",
        "eMule, Opcodes.h: KADEMLIA2_BOOTSTRAP_REQ",
        after=("edonkey-udp",),
    ),
    Hello(
        "edonkey-status",
        ("edonkey-udp",),
        "udp",
        lambda asked: b"\xe3\x96" + asked.nonce[:4],
        "eMule, Opcodes.h: OP_GLOBSERVSTATREQ",
        ports=(4665, 4669),
    ),
    Hello("gnutella-ping", ("gnutella",), "udp", _gnutella, "GUESS 0.1; RFC Gnutella 0.6 §2.2"),
    Hello("gnutella2-ping", ("gnutella2",), "udp", _gnutella2, "Gnutella2 standard, /PI"),
    Hello(
        "fasttrack-ping",
        ("fasttrack",),
        "udp",
        lambda _: b"\x27\0\0\0\xa9\x80KaZaA\0",
        "giFT-FastTrack, PROTOCOL, UDP packets",
    ),
    Hello(
        "openvpn",
        ("openvpn",),
        "udp",
        lambda asked: b"\x38" + asked.nonce[:8] + bytes(5),
        "OpenVPN, ssl_pkt.h: P_CONTROL_HARD_RESET_CLIENT_V2",
    ),
    *ike.HELLOS,
)
