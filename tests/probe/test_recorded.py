"""Services that nobody runs: their recorded servers' answers, given to whoever speaks like their
clients. The witness is the recording: who captured it knew what it was.
"""

import pytest
from tests.probe.lab import Server, asked, recorded, spoken

from backchannel.probe.port import State

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
