"""Every recogniser over every capture: a protocol claims flows of its own, and nobody else's.

A recogniser is asked of each flow, also of those that no magic of its protocol lets through.
"""

import pytest
from tests import kit

from backchannel import protocols
from backchannel.model import Claim, Standing

OWN = {
    "aim": {"http-proxy", "odc", "oft", "oscar", "socks"},
    "bittorrent": {
        "bittorrent",
        "bittorrent-dht",
        "bittorrent-lsd",
        "bittorrent-tracker",
        "bittorrent-utp",
        "http",
    },
    "direct_connect": {"adc", "nmdc"},
    "edonkey": {"edonkey", "edonkey-udp"},
    "fasttrack": {"fasttrack", "http"},
    "gnutella": {"gnutella", "http"},
    "icq": {"icq", "oft", "oscar"},
    "ipsec": {"ike"},
    "irc": {"http-proxy", "irc", "socks"},
    "msn": {"http", "http-proxy", "msn-gateway", "msn-p2p", "msnftp", "msnp", "tls"},
    "openvpn": {"openvpn"},
    "quic": {"quic"},
    "soulseek": {"soulseek"},
    "stun": {"stun"},
    "telegram": {"mtproto"},
    "tor": {"http", "socks", "tls", "tor", "tor-directory"},
    "wireguard": {"wireguard"},
    "xmpp": {"http", "socks", "xmpp", "xmpp-bosh"},
    "yahoo": {"http", "http-proxy", "yahoo-http", "ymsg"},
}
"""What is in the examples, by their folder."""
ORDINARY = {"dns", "http", "rtp", "tls"}
"""What may be in any capture of other traffic."""
BESIDES = {
    "http-rst-ack.pcapng": {"ike", "stun"},
    "quic-28.pcap": {"quic"},
    "rdp.pcap": {"rdp"},
    "rtp.pcapng": {"discord-voice"},
    "zoom2.pcap": {"zoom"},
}
"""What some of these hold as well."""
ALIKE = [kit.CORPUS / "public/manolito", kit.CORPUS / "public/oicq"]
"""Captures of Piolet and of QQ, which look like Gnutella and ICQ by their names alone."""
LATE = {"openvpn", "wireguard"}
"""What some other datagrams look like at first: their sessions take such a claim back."""
CAPTURES = kit.foreign() + [path for folder in ALIKE for path in sorted(folder.glob("*"))]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_a_protocol_claims_its_own_alone(capture):
    allowed = OWN.get(capture.parent.name, ORDINARY | BESIDES.get(capture.name, set()))
    assert claims(capture) <= allowed


def claims(capture):
    """Return the protocols that claim a flow of a capture."""
    return {
        name
        for flow in kit.flows(capture)
        for name, protocol in protocols.load().items()
        if isinstance(protocol.recognise(kit.peek(flow)), Claim)
        if name not in LATE or stands(protocol.session(flow.start), flow)
    }


def stands(session, flow):
    kit.decode(session, flow.steps)
    return session.standing is not Standing.REFUTED


@pytest.mark.parametrize("folder", OWN)
def test_what_is_in_the_examples_is_claimed(folder):
    captures = sorted((kit.EXAMPLES / folder).glob("*.pcap"))
    assert set().union(*map(claims, captures)) == OWN[folder]
