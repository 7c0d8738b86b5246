"""Hellos over TCP that are binary. They come behind those of text: see `order`."""

import struct
from collections.abc import Sequence
from ipaddress import ip_address

from backchannel.model import Endpoint
from backchannel.probe.datagrams import allocate, binding, give_back, init
from backchannel.probe.hello import AGENT, NOWHERE, Asked, Hello


def _socks4(_: Asked) -> bytes:
    """CONNECT by name (SOCKS4a): the address 0.0.0.1 says that one follows."""
    return _by_name(Endpoint(NOWHERE, 443))


def _by_name(target: Endpoint) -> bytes:
    head = struct.pack(">BBH4s", 4, 1, target.port, b"\0\0\0\1")
    return head + b"\0" + target.address.encode() + b"\0"


def _socks4_through(asked: Asked) -> bytes:
    assert asked.through is not None
    try:
        place = ip_address(asked.through.address)
    except ValueError:
        return _by_name(asked.through)
    if place.version == 6:
        return _by_name(asked.through)
    return struct.pack(">BBH4s", 4, 1, asked.through.port, place.packed) + b"\0"


def _socks5_through(asked: Asked, answers: Sequence[bytes]) -> bytes:
    """Ask for a connection, once the proxy has let us in without a login."""
    if answers[-1][:2] != b"\x05\x00" or asked.through is None:
        return b""
    host = asked.through.address.encode()
    try:
        packed = ip_address(asked.through.address).packed
        place = (b"\x01" if len(packed) == 4 else b"\x04") + packed
    except ValueError:
        place = b"\x03" + bytes([len(host)]) + host
    return b"\x05\x01\x00" + place + struct.pack(">H", asked.through.port)


def _edonkey(asked: Asked) -> bytes:
    """OP_HELLO as a client says it to another; a server takes it for its login request."""
    tags = b"".join(
        (
            b"\x02\x01\x00\x01" + struct.pack("<H", len(AGENT)) + AGENT.encode(),
            b"\x03\x01\x00\x11" + struct.pack("<I", 0x3C),
        )
    )
    user = bytearray(asked.nonce[:16])
    user[5], user[14] = 14, 111  # as every eMule's
    body = bytes(user) + bytes(4) + struct.pack("<H", 4662) + struct.pack("<I", 2) + tags
    body = b"\x01\x10" + body + bytes(6)
    return b"\xe3" + struct.pack("<I", len(body)) + body


def _soulseek(_: Asked) -> bytes:
    """A login by a name that is too long, with spaces around it, and without a password: a server
    refuses each of the three, and makes no account.
    """
    name = f" {AGENT}: is this a server of Soulseek? ".encode()
    body = struct.pack("<II", 1, len(name)) + name + struct.pack("<IIII", 0, 160, 0, 1)
    return struct.pack("<I", len(body)) + body


def _mtproto(asked: Asked) -> bytes:
    """req_pq_multi in the abridged transport: the first message of every client without a key."""
    body = bytes(8) + struct.pack("<QI", asked.now << 32, 20)  # no key; its id is the time
    body += struct.pack("<I", 0xBE7E8EF1) + asked.nonce[:16]
    return b"\xef" + bytes([len(body) // 4]) + body


def _openvpn(asked: Asked) -> bytes:
    return struct.pack(">H", 14) + b"\x38" + asked.nonce[:8] + bytes(5)


def _bittorrent(asked: Asked) -> bytes:
    return b"\x13BitTorrent protocol" + bytes(8) + asked.torrent + b"-BC0001-" + asked.nonce[:12]


def _ike(asked: Asked) -> bytes:
    body = bytes(4) + init(asked)
    return b"IKETCP" + struct.pack(">H", len(body) + 2) + body


BINARY = (
    Hello(
        "socks5",
        ("socks",),
        "tcp",
        lambda _: b"\x05\x03\x00\x01\x02",
        "RFC 1928 §3: no login, GSSAPI, user name and password",
        ports=(1080, 9050, 9150),
        beside=("http", "http-proxy"),
        tls="also",
    ),
    Hello(
        "socks4",
        ("socks",),
        "tcp",
        _socks4,
        "SOCKS 4A; to a name that does not exist",
        ports=(1080, 9050, 9150),
    ),
    Hello(
        "socks5-through",
        ("socks",),
        "tcp",
        lambda _: b"\x05\x01\x00",
        "RFC 1928 §4",
        reply=_socks5_through,
        after=("socks",),
        needs="through",
        about="a proxy that is open opens a connection to the target",
    ),
    Hello(
        "socks4-through",
        ("socks",),
        "tcp",
        _socks4_through,
        "SOCKS: A protocol for TCP proxy across firewalls; SOCKS 4A",
        after=("socks",),
        needs="through",
        about="a proxy that is open opens a connection to the target",
    ),
    Hello(
        "oscar",
        ("oscar", "oft", "odc"),
        "tcp",
        lambda asked: b"*\x01" + asked.nonce[:2] + b"\0\x04\0\0\0\x01",
        "OSCAR, FLAP sign-on frame; most servers greet with theirs",
        ports=(5190,),
    ),
    Hello(
        "ymsg",
        ("ymsg",),
        "tcp",
        lambda _: b"YMSG\0\x10\0\0\0\0\0\x4c\0\0\0\0\0\0\0\0",
        "libyahoo2 and libpurple, YAHOO_SERVICE_VERIFY",
    ),
    Hello(
        "rdp",
        ("rdp", "t120"),
        "tcp",
        lambda _: bytes.fromhex("030000130ee00000000000010008000b000000"),
        "[MS-RDPBCGR] 2.2.1.1, X.224 connection request that offers TLS and CredSSP",
        ports=(3389, 1503),
    ),
    Hello("stun", ("stun",), "tcp", binding, "RFC 8489 §6.1", tls="also"),
    Hello(
        "turn",
        ("stun",),
        "tcp",
        allocate,
        "RFC 8656 §7.1",
        reply=give_back,
        after=("stun",),
        tls="also",
        about="a relay that is open grants a port; it is given back at once",
    ),
    Hello(
        "openvpn",
        ("openvpn",),
        "tcp",
        _openvpn,
        "OpenVPN, ssl_pkt.h: P_CONTROL_HARD_RESET_CLIENT_V2",
    ),
    Hello(
        "edonkey",
        ("edonkey",),
        "tcp",
        _edonkey,
        "eMule, Opcodes.h and BaseClient.cpp: OP_HELLO",
        about="a client remembers us as another client for a while",
    ),
    Hello(
        "soulseek",
        ("soulseek",),
        "tcp",
        _soulseek,
        "Nicotine+, SLSKPROTOCOL.md: server code 1",
    ),
    Hello(
        "mtproto",
        ("mtproto",),
        "tcp",
        _mtproto,
        "core.telegram.org, MTProto transports and Creating an authorization key",
    ),
    Hello("ike-tcp", ("ike",), "tcp", _ike, "RFC 9329 §3", only=(4500,)),
    Hello(
        "bittorrent",
        ("bittorrent",),
        "tcp",
        _bittorrent,
        "BEP 3: a peer answers for torrents that it has, and to others not at all",
        needs="torrent",
        ports=(51413,),
    ),
)
