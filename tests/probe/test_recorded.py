"""Services that nobody runs: their recorded servers' answers, given to whoever speaks like their
clients. The witness is the recording: who captured it knew what it was.
"""

import dataclasses
import struct

import pytest
from tests.probe.lab import INDEX, QUICK, Server, asked, datagrams, recorded, spoken
from tests.protocols.ike import craft

from backchannel.model import Endpoint
from backchannel.probe.findings import read
from backchannel.probe.ports import Expected, Port
from backchannel.probe.result import State

BRISK = dataclasses.replace(QUICK, answer=0.4)
SERVERS = [
    ("aim/aim_md5login_8im.pcap", 5190, 2, "oscar"),
    ("icq/icq_oscar_roast_8im.pcap", 5190, 2, "oscar"),
    ("msn/msn_msnp8_libpurple243.pcap", 1863, 4, "msnp"),
    ("msn/msn_msnp18_libpurple2109_direct.pcap", 1863, 4, "msnp"),
    ("msn/msn_msnp8_msnftp_bitlbee.pcap", 6891, 6, "msnftp"),
    ("yahoo/ymsg9_libpurple200.pcap", 5050, 4, "ymsg"),
    ("yahoo/ymsg15_libpurple243.pcap", 5050, 4, "ymsg"),
    ("gnutella/gtkg_handshake_query_download.pcap", 6346, 20, "gnutella"),
    ("direct_connect/nmdc_ncdc.pcap", 411, 0, "nmdc"),
    ("direct_connect/adc_uhub_ncdc.pcap", 1511, 5, "adc"),
    ("edonkey/amule_kad_transfer.pcap", 4662, 1, "edonkey"),
    ("edonkey/amule_server_kad_browse.pcap", 4661, 1, "edonkey"),
    ("soulseek/aioslsk_chat_browse_download.pcap", 2242, 0, "soulseek"),
    ("irc/irc_weechat_inspircd_proxies.pcap", 6668, 6, "irc"),
    ("xmpp/prosody_talk.pcap", 5222, 1, "xmpp"),
    ("aim/aim_socks5.pcap", 1080, 1, "socks"),
]


def like(said, size, answer, greets):
    """Serve *answer* to whoever begins as the recorded client did, and close on all others."""

    def serve(link):
        link.settimeout(2)
        if not greets:
            heard = link.recv(65536)
            if heard[:size] != said[:size]:
                return
        link.sendall(answer)
        while link.recv(65536):
            pass

    return serve


@pytest.mark.parametrize(
    ("capture", "port", "size", "protocol"), SERVERS, ids=lambda each: str(each).partition(".")[0]
)
def test_a_recorded_server_is_known_by_its_answer(capture, port, size, protocol):
    said, heard, greets = recorded(capture, port)
    at = port if protocol == "msnftp" else 0  # which is said to its own ports only
    with Server(like(said, size, heard, greets), port=at) as server:
        prober = asked(server.host, server.port)
    assert prober.hosts[0].results[0].state is State.OPEN
    assert {name for name, _ in spoken(prober)} == {protocol}


ECHO = {
    "noise": lambda link: link.sendall(bytes(range(7, 251, 3)) * 3 if link.recv(4096) else b""),
    "echo": lambda link: link.sendall(link.recv(4096)),
}


@pytest.mark.parametrize("kind", ECHO)
def test_an_answer_from_somebody_else_is_not_taken_for_what_was_asked(kind):
    """A server that sends noise, and one that sends back what it gets, whatever is said."""
    with Server(ECHO[kind]) as server:
        prober = asked(server.host, server.port)
    assert spoken(prober) == set()
    assert prober.hosts[0].results[0].state is State.OTHER


def gateway(said):
    """Answer IKE_SA_INIT as a gateway that takes 3DES, SHA-1 and MODP 1024."""
    marker = b"" if said[:4] != bytes(4) else bytes(4)
    message = said[len(marker) :]
    if message[17] != 0x20:
        return b""
    chosen = craft.sa(
        craft.proposal(1, [craft.transform(*each) for each in ((1, 3), (2, 2), (3, 2), (4, 2))])
    )
    key = 34, craft.u16(2) + bytes(2) + bytes(range(128))
    old = b"\x03\0\0\x08\x01\0\0\x03" in message  # whether 3DES is offered
    parts = [chosen, key, craft.NONCE] if old else [craft.notify(14)]
    return marker + craft.response(34, parts, i=message[:8], r=b"gateway!")


def test_weak_algorithms_that_a_gateway_takes_are_a_finding():
    with datagrams(gateway) as place:
        host, port = place.getsockname()
        prober = asked(host, Port("udp", port), expected=Expected(("ipsec",), ("ike",)))
    said = {each.exchange.hello for each in prober.hosts[0].results[0].talked}
    assert {"ikev2", "ikev2-old"} <= said
    known = [each.exchange for each in prober.hosts[0].results[0].talked if each.verdict.whole]
    (finding,) = [
        each for each in read(known, (), INDEX, None).findings if each.rule == "weak-chosen"
    ]
    assert host in finding.hosts
    assert "MODP_1024" in finding.summary or "3DES" in finding.summary


def utp(said):
    """As recorded of libtorrent: the connection and what is acknowledged are the asker's."""
    recorded_one = bytearray.fromhex("2100e1e17289b85400000054000100001730a1ac")
    recorded_one[2:4], recorded_one[18:20] = said[2:4], said[16:18]
    return bytes(recorded_one)


ANSWERS = {
    "fasttrack": (Port("udp", 1214), lambda _: bytes.fromhex("2800000029002f3c1323054b615a614100")),
    "edonkey-udp": (
        Port("udp", 4665),
        lambda said: bytes.fromhex("e397") + said[2:6] + struct.pack("<III", 2, 3, 5000) + bytes(4),
    ),
    "bittorrent-dht": (  # the example of BEP 5, with the asker's transaction
        Port("udp", 6881),
        lambda said: b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:bc1:y1:re" if b"ping" in said else b"",
    ),
    "bittorrent-utp": (Port("udp", 6881), lambda said: utp(said) if said[:2] == b"A\0" else b""),
    "gnutella": (  # Gnutella 0.4, section Pong
        Port("udp", 6346),
        lambda said: (
            said[:16] + b"\1\1\0" + struct.pack("<IH4sII", 14, 6346, bytes((10, 0, 0, 1)), 12, 3400)
            if len(said) == 23
            else b""
        ),
    ),
    "gnutella2": (
        Port("udp", 6346),
        lambda said: b"GND\0" + said[4:6] + b"\1\1\x08PO" if said[:3] == b"GND" else b"",
    ),
}


@pytest.mark.parametrize("protocol", ANSWERS)
def test_a_datagram_is_known_by_its_answer(protocol):
    port, answer = ANSWERS[protocol]
    with datagrams(answer, port.number) as place:
        prober = asked(place.getsockname()[0], port, limits=BRISK)
    assert {name for name, _ in spoken(prober)} == {protocol}
    assert prober.hosts[0].results[0].state is State.OPEN


@pytest.mark.parametrize("protocol", ["bittorrent-dht", "edonkey-udp", "fasttrack", "gnutella"])
def test_a_datagram_that_answers_another_question_is_not_believed(protocol):
    """A reflector: it sends a well-formed message of another protocol to whoever asks."""
    port, _ = ANSWERS[protocol]
    other = bytes.fromhex("0101000c2112a4420102030405060708090a0b0c002000080001a147 0113a943")
    with datagrams(lambda said: other[:-2], port.number) as place:
        prober = asked(place.getsockname()[0], port, limits=BRISK)
    assert protocol not in {name for name, _ in spoken(prober)}


@pytest.mark.parametrize("status", [b"403 Forbidden", b"503 Unavailable", b"200 OK"])
def test_a_web_server_that_says_the_same_to_everything_is_no_proxy(status):
    def serve(link):
        link.recv(4096)
        link.sendall(b"HTTP/1.1 %b\r\nServer: wall/1\r\nContent-Length: 0\r\n\r\n" % status)

    with Server(serve) as server:
        prober = asked(server.host, server.port, through=Endpoint("127.0.0.1", 1))
    assert spoken(prober) == {("http", False)}


LISTING = (
    b"<html><body><h1>KaZaA</h1>"
    b'<a href="/12345/holiday.mp3">holiday.mp3</a>'
    b'<a href="/12346/passwords.txt">passwords.txt</a></body></html>'
)


def test_a_list_that_anybody_may_read_is_found_at_its_first_page():
    """As the first versions of KaZaA gave it, and no more of it is asked for than one page."""

    def serve(link):
        asked_for.append(link.recv(4096).partition(b"\r\n")[0])
        if asked_for[-1] == b"GET / HTTP/1.1":
            link.sendall(
                b"HTTP/1.1 200 OK\r\nServer: KazaaClient Nov  3 2002 20:29:03\r\n"
                b"X-Kazaa-Username: bob\r\nX-Kazaa-Network: KaZaA\r\nContent-Type: text/html\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(LISTING), LISTING)
            )

    asked_for = []
    with Server(serve, port=1214) as server:
        prober = asked(server.host, 1214)
    (result,) = prober.hosts[0].results
    assert "fasttrack" in {name for name, _ in spoken(prober)}
    known = [each.exchange for each in result.talked if each.verdict.whole]
    found = {each.rule for each in read(known, (), INDEX, None).findings}
    assert {"anonymous-listing", "file-sharing-answers"} <= found
    assert not any(b"12345" in each for each in asked_for)


def telegram(said):
    """The server's first answer, resPQ (core.telegram.org, Creating an authorization key)."""
    if said[:1] != b"\xef":
        return b""
    time = int.from_bytes(said[14:18], "little")
    inner = struct.pack("<I", 0x05162463) + said[26:42] + bytes(range(16))
    inner += b"\x08" + bytes(range(1, 9)) + bytes(3)
    inner += struct.pack("<IIQ", 0x1CB5C415, 1, 0xD09D1D85DE64FD85)
    body = bytes(8) + struct.pack("<QI", time << 32 | 1, len(inner)) + inner
    return bytes([len(body) // 4]) + body


SPOKEN = {
    "mtproto": telegram,
    "rdp": lambda said: (  # [MS-RDPBCGR] 4.1.2, with CredSSP chosen
        bytes.fromhex("030000130ed000001234000209080002000000") if said[:2] == b"\3\0" else b""
    ),
    "gnutella": lambda said: (  # Gnutella 0.4, section Descriptors
        b"GNUTELLA OK\n\n" if said == b"GNUTELLA CONNECT/0.4\n\n" else b""
    ),
    "socks": lambda said: b"\0\x5b" + bytes(6) if said[:1] == b"\4" else b"",  # SOCKS 4
    "openvpn": lambda said: (  # OpenVPN, ssl_pkt.h: the hard reset of a server, with our session
        bytes.fromhex("001a40") + bytes(range(8)) + b"\1" + bytes(4) + said[3:11] + bytes(4)
        if said[:3] == b"\0\x0e8"
        else b""
    ),
}


@pytest.mark.parametrize("protocol", SPOKEN)
def test_an_answer_that_its_description_shows_is_known(protocol):
    def serve(link):
        link.settimeout(2)
        if answer := SPOKEN[protocol](link.recv(4096)):
            link.sendall(answer)
            link.recv(10)

    with Server(serve) as server:
        prober = asked(server.host, server.port)
    assert {name for name, _ in spoken(prober)} == {protocol}
    assert prober.hosts[0].results[0].state is State.OPEN
