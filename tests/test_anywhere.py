"""A service is the same on any port and inside any proxy, however its bytes are cut."""

from functools import cache
from pathlib import Path

import pytest
from tests import craft
from tests.kit import flows, recut
from tests.protocols.bittorrent import test_session as bittorrent
from tests.protocols.bittorrent_lsd import test_session as lsd
from tests.protocols.bittorrent_tracker import test_session as tracker
from tests.protocols.bittorrent_utp import build as utp
from tests.protocols.discord_voice import test_session as discord_voice
from tests.protocols.gnutella import build
from tests.protocols.gnutella2 import test_session as gnutella2
from tests.protocols.icq_peer import test_session as icq_peer
from tests.protocols.icq_web import test_session as icq_web
from tests.protocols.ike import test_carriers as ike
from tests.protocols.msn_webcam import test_session as msn_webcam
from tests.protocols.oscar_http import test_session as oscar_http
from tests.protocols.quic import build as quic
from tests.protocols.rdp import test_session as rdp
from tests.protocols.rtp import test_session as rtp
from tests.protocols.t120 import test_session as t120
from tests.protocols.teamviewer import test_session as teamviewer
from tests.protocols.telegram_call import test_session as telegram_call
from tests.protocols.toc import test_session as toc
from tests.protocols.whatsapp import test_session as whatsapp
from tests.protocols.xmpp_bosh import test_session as xmpp_bosh
from tests.protocols.yahoo_webcam import test_session as yahoo_webcam
from tests.protocols.ycht import test_session as ycht
from tests.protocols.ypns import test_session as ypns
from tests.protocols.zoom import build as zoom

from backchannel.events import ProxyAnswer, ProxyRequest
from backchannel.model import Endpoint, Side
from backchannel.pipeline import Scan

EXAMPLES = Path(__file__).parents[1] / "examples"
TARGET = Endpoint("203.0.113.9", 8_765)


def longest(path):
    """The steps of the longest UDP flow of a capture."""
    found = [flow for flow in flows(EXAMPLES / path) if flow.start.transport == "udp"]
    return max(found, key=lambda flow: len(flow.steps)).steps


CONVERSATIONS = {  # protocol -> a capture that holds a conversation of it
    "oscar": "aim/aim_presence.pcap",
    "oft": "aim/aim_oft.pcap",
    "odc": "aim/aim_odc.pcap",
    "msnp": "msn/msn_msnp8_libpurple243.pcap",
    "msnftp": "msn/msn_msnp8_msnftp_bitlbee.pcap",
    "msn-p2p": "msn/msn_msnp18_libpurple2109_direct.pcap",
    "msn-gateway": "msn/msn_msnp15_httpgateway.pcap",
    "ymsg": "yahoo/ymsg12_libpurple200.pcap",
    "yahoo-http": "yahoo/ymsg15_libpurple243.pcap",
    "gnutella": "gnutella/gtkg_handshake_query_download.pcap",
    "fasttrack": "fasttrack/ft_enc29.pcap",
    "openvpn": "openvpn/openvpn26_tcp443.pcap",
    "irc": "irc/irc_irssi_ngircd_dcc.pcap",
    "xmpp": "xmpp/prosody_talk.pcap",
    "nmdc": "direct_connect/nmdc_ncdc.pcap",
    "adc": "direct_connect/adc_uhub_ncdc.pcap",
    "mtproto": "telegram/mtproto_telethon_pyrogram.pcap",
    "tor": "tor/tor_link_socks.pcap",
    "tor-directory": "tor/tor_directory.pcap",
    "stun": "stun/coturn_tcp_uclient.pcap",
}
HANDMADE = {  # protocols that no capture here shows over TCP
    "bittorrent": bittorrent.UNNAMED,
    "bittorrent-tracker": tracker.PAGES,
    "gnutella2": gnutella2.PLAIN,
    "icq-peer": icq_peer.TALK,
    "icq-web": icq_web.TALK,
    "ike": ike.TUNNEL,
    "msn-webcam": msn_webcam.TALK,
    "oscar-http": [
        step
        for exchange in oscar_http.tunnelled(flows(oscar_http.RECORDED)[:2])
        for step in exchange
    ],
    "rdp": rdp.STREAM,
    "t120": t120.STREAM,
    "toc": [
        (Side.CLIENT, toc.GREETING),
        (Side.SERVER, toc.HELLO),
        (Side.CLIENT, toc.NAMED + toc.say(toc.SIGNON)),
        (Side.SERVER, toc.hear("SIGN_ON:TOC1.0") + toc.hear("IM_IN:bob:F:hello")),
        (Side.CLIENT, toc.say('toc_send_im bob "hello yourself"')),
    ],
    "whatsapp": whatsapp.STREAM,
    "teamviewer": teamviewer.TALK,
    "xmpp-bosh": xmpp_bosh.TALK,
    "yahoo-webcam": yahoo_webcam.WATCH,
    "ycht": ycht.TALK,
    "ypns": ypns.TALK,
}
DATAGRAMS = {  # protocols over UDP
    "bittorrent-dht": longest("bittorrent/libtorrent_dht_nat.pcap"),
    "bittorrent-lsd": [(Side.CLIENT, lsd.search(lsd.HASH))],
    "bittorrent-tracker": tracker.TALK,
    "bittorrent-utp": utp.connection(bittorrent.UNNAMED),
    "discord-voice": discord_voice.TALK,
    "icq": longest("icq/icq_v5_neticq_iserverd.pcap"),
    "teamviewer": [(Side.CLIENT, teamviewer.HOLE), (Side.SERVER, teamviewer.BACK)],
    "fasttrack": flows(EXAMPLES / "fasttrack/ft_udp_ping.pcap")[1].steps,
    "gnutella": longest("gnutella/gtkg_handshake_query_download.pcap"),
    "gnutella2": [(Side.CLIENT, part) for part in build.layered(gnutella2.QH2)],
    "ike": longest("ipsec/natt_client_side.pcap"),
    "openvpn": longest("openvpn/openvpn26_tls_crypt_v2.pcap"),
    "stun": longest("stun/aiortc_call.pcap"),
    "wireguard": longest("wireguard/wireguard_go_roaming.pcap"),
    "quic": quic.TALK,
    "telegram-call": telegram_call.TALK,
    "zoom": zoom.TALK,
    "rtp": [(Side.CLIENT, rtp.rtp(n)) for n in range(1, 40)] + [(Side.SERVER, rtp.SENDER)],
}
WAYS = {
    "other-port": lambda steps: steps,
    "socks5": lambda steps: craft.through_socks5(steps, TARGET),
    "http-connect": lambda steps: craft.through_connect(steps, TARGET),
    "socks5/http-connect": lambda steps: craft.through_socks5(
        craft.through_connect(steps, TARGET), Endpoint("203.0.113.8", 3128)
    ),
}


@cache
def conversation(protocol):
    """The longest TCP conversation of *protocol* in its capture, as the scan names it."""
    if protocol in HANDMADE:
        return HANDMADE[protocol]
    path = EXAMPLES / CONVERSATIONS[protocol]
    run = Scan(path)
    named = {
        (seen.flow.client, seen.flow.server)
        for seen in run
        if seen.stack == protocol and seen.flow.begun
    }
    found = [
        flow
        for flow in flows(path)
        if (flow.start.client, flow.start.server) in named and flow.start.transport == "tcp"
    ]
    return max(found, key=lambda flow: len(flow.steps)).steps


def story(path):
    """What a capture's innermost streams tell, without times, frames and addresses."""
    return [
        (seen.protocol, seen.service, seen.side, seen.event)
        for seen in Scan(path)
        if not isinstance(seen.event, ProxyRequest | ProxyAnswer)
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("protocol", [*CONVERSATIONS, *HANDMADE])
def test_the_story_is_the_same_on_another_port_and_through_proxies(protocol, way, tmp_path):
    steps = conversation(protocol)
    assert steps
    plain = story(craft.write(tmp_path / "plain.pcap", craft.tcp(steps, server=TARGET)))
    path = craft.write(tmp_path / "way.pcap", craft.tcp(WAYS[way](steps)))
    assert plain
    assert story(path) == plain
    run = Scan(path)
    stacks = {row.stack for row in run.document.services}
    carrier = "" if way == "other-port" else f"{way}/"
    assert any(stack.startswith(carrier) and stack.endswith(protocol) for stack in stacks), stacks


@pytest.mark.parametrize("protocol", [*CONVERSATIONS, *HANDMADE])
def test_segments_of_one_byte_hide_nothing(protocol, tmp_path):
    steps = conversation(protocol)[:40]
    whole = story(craft.write(tmp_path / "whole.pcap", craft.tcp(steps)))
    dribble = story(craft.write(tmp_path / "dribble.pcap", craft.tcp(steps, cut=1)))
    assert whole == dribble


@pytest.mark.parametrize("address", ["2001:db8::7", "198.51.100.7"])
def test_ip_version_changes_nothing(address, tmp_path):
    client = Endpoint("2001:db8::2" if ":" in address else "10.9.0.2", 40_001)
    packets = craft.tcp(conversation("oscar"), client=client, server=Endpoint(address, 443))
    assert ("oscar", "aim") in {t[:2] for t in story(craft.write(tmp_path / "c.pcap", packets))}


@pytest.mark.parametrize(("proxies", "last"), [(8, "oscar"), (9, "http-proxy")])
def test_what_is_in_the_eighth_proxy_is_told_and_no_more(proxies, last, tmp_path):
    steps = conversation("oscar")
    for _ in range(proxies):
        steps = craft.through_connect(steps, TARGET)
    run = Scan(craft.write(tmp_path / "deep.pcap", craft.tcp(steps)))
    deepest = max((row.stack for row in run.document.services), key=len)
    assert deepest == "http-connect/" * 8 + last
    assert run.document.unseen.get("tunnels not followed: nested too deep", 0) == proxies - 8


@pytest.mark.parametrize("way", ["other-port", "socks5"])
@pytest.mark.parametrize("protocol", DATAGRAMS)
def test_datagrams_tell_the_same_on_another_port_and_through_a_proxy(protocol, way, tmp_path):
    steps, other = DATAGRAMS[protocol][:200], Endpoint(TARGET.address, 31_337)
    plain = story(craft.write(tmp_path / "plain.pcap", craft.datagrams(steps, server=TARGET)))
    if way == "socks5":
        packets, stack = craft.associated(steps, TARGET), f"socks5/{protocol}"
    else:
        packets, stack = craft.datagrams(steps, server=other), protocol
    path = craft.write(tmp_path / "way.pcap", packets)
    assert plain
    # What a node says of its own address has the port in it.
    assert str(story(path)).replace(str(other.port), str(TARGET.port)) == str(plain)
    assert stack in {row.stack for row in Scan(path).document.services}


NOBODYS = bytes.fromhex("e463")
"""A datagram that fits a magic, of Kad's, and that its recogniser passes."""


@pytest.mark.parametrize("times", [1, 6])
@pytest.mark.parametrize("protocol", DATAGRAMS)
def test_datagrams_that_are_nobodys_hide_none_that_follow(protocol, times, tmp_path):
    steps = [(Side.CLIENT, NOBODYS)] * times + DATAGRAMS[protocol][:60]
    other = Endpoint(TARGET.address, 31_337)
    path = craft.write(tmp_path / "plain.pcap", craft.datagrams(steps, server=other))
    assert protocol in {row.stack for row in Scan(path).document.services}
    path = craft.write(tmp_path / "proxy.pcap", craft.associated(steps, TARGET))
    assert f"socks5/{protocol}" in {row.stack for row in Scan(path).document.services}


@pytest.mark.parametrize("port", [500, 4500])
def test_datagrams_of_others_on_its_own_ports_do_not_hide_ike(port, tmp_path):
    junk = [(Side.CLIENT, bytes([number, 255, *range(29)])) for number in range(6)]
    packets = craft.datagrams([*junk, *DATAGRAMS["ike"]], server=Endpoint(TARGET.address, port))
    run = Scan(craft.write(tmp_path / "junk.pcap", packets))
    assert {row.stack for row in run.document.services} == {"ike", "ike/esp"}


@pytest.mark.parametrize("protocol", [*CONVERSATIONS, *HANDMADE])
def test_a_capture_may_begin_behind_the_handshake(protocol, tmp_path):
    steps = recut(conversation(protocol)[:60], 1 << 20)  # fragments of a first line fit nothing
    packets = craft.tcp(steps, server=Endpoint(TARGET.address, 80), handshake=False)
    run = Scan(craft.write(tmp_path / "joined.pcap", packets))
    list(run)
    found = {row.stack: row.confidence for row in run.document.services}
    assert found.get(protocol) == "parsed"


ON_HTTP = ["bittorrent-tracker", "icq-web", "msn-gateway", "oscar-http", "tor-directory",
           "xmpp-bosh", "yahoo-http"]  # fmt: skip


@pytest.mark.parametrize("protocol", ON_HTTP)
def test_a_capture_may_begin_with_an_answer(protocol, tmp_path):
    """Of HTTP's connections, which are used again: who sent the first packet is no client then."""
    answer = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nok"
    steps = recut([(Side.SERVER, answer), *conversation(protocol)[:60]], 1 << 20)
    server = Endpoint(TARGET.address, 80)
    packets = craft.tcp(steps, server=server, handshake=False)
    run = Scan(craft.write(tmp_path / "joined.pcap", packets))
    assert {(seen.stack, seen.flow.server) for seen in run if seen.protocol == protocol} <= {
        (protocol, server)
    }
    assert {row.stack: row.confidence for row in run.document.services}.get(protocol) == "parsed"


PORTS = (21, 25, 53, 80, 143, 443)
"""Where firewalls let things through; other protocols live there."""


@pytest.mark.parametrize("protocol", [*CONVERSATIONS, *HANDMADE])
def test_ports_of_other_services_disguise_nothing(protocol, tmp_path):
    packets = [
        packet
        for port in PORTS
        for packet in craft.tcp(
            conversation(protocol)[:60],
            client=Endpoint("10.9.0.2", 40_000 + port),
            server=Endpoint(TARGET.address, port),
        )
    ]
    run = Scan(craft.write(tmp_path / "ports.pcap", packets))
    seen = {observation.flow.server.port for observation in run if observation.protocol == protocol}
    named = {row.stack for row in run.document.services}
    assert protocol in named
    silent = protocol in {"oscar-http", "xmpp-bosh"}  # they tell only what they carry
    assert seen >= set(PORTS) or silent
