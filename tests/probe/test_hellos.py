"""Every hello is what its protocol's clients say: our decoders know it, and so does tshark."""

import dataclasses
import shutil
import subprocess
import time

import pytest
from tests.probe.lab import JUDGE

from backchannel.model import Endpoint, Side
from backchannel.probe.exchange import End, Exchange, Step
from backchannel.probe.frames import header, packets
from backchannel.probe.hello import Asked
from backchannel.probe.order import HELLOS
from backchannel.protocols import load

NOW = 1_800_000_000 * 10**9
WITNESS = {
    "gnutella-0.6": "gnutella",
    "irc": "irc",
    "msnp": "msnms",
    "xmpp-client": "xmpp",
    "socks5": "socks",
    "socks4": "socks",
    "ymsg": "ymsg",
    "rdp": "rdp",
    "stun": "stun",
    "turn": "stun",
    "dht-ping": "bt-dht",
    "kad-ping": "edonkey",
    "edonkey": "edonkey",
    "openvpn": "openvpn",
    "ikev2": "isakmp",
    "ikev2-old": "isakmp",
    "ikev1-main": "isakmp",
    "ikev1-aggressive": "isakmp",
    "bittorrent": "bittorrent",
}
AT = {
    "irc": 6667,
    "msnp": 1863,
    "xmpp-client": 5222,
    "socks5": 1080,
    "socks4": 1080,
    "ymsg": 5050,
    "rdp": 3389,
    "stun": 3478,
    "turn": 3478,
    "dht-ping": 6881,
    "utp-syn": 6881,
    "kad-ping": 4672,
    "edonkey": 4662,
    "openvpn": 1194,
    "oscar": 5190,
    "gnutella-0.6": 6346,
    "ikev2": 4500,
    "ikev2-old": 500,
    "ikev1-main": 4500,
    "ikev1-aggressive": 500,
    "bittorrent": 6881,
}


def said(hello, port):
    server, client = Endpoint("10.0.0.1", port), Endpoint("10.0.0.2", 40000)
    through = Endpoint("10.0.0.3", 80)
    asked = Asked(server, client, "", through, bytes(range(20)), nonce=bytes(range(1, 33)))
    exchange = Exchange(hello.transport, client, server, hello.name, NOW, NOW + 10**9)
    exchange.steps = [Step(Side.CLIENT, hello.make(asked), NOW + 10**8)]
    exchange.end = End.SILENT
    return exchange


@pytest.mark.parametrize("hello", HELLOS, ids=lambda each: f"{each.name}-{each.transport}")
def test_our_decoders_know_what_we_say(hello):
    """Where they judge the client's words alone; others wait for an answer."""
    exchange = said(hello, AT.get(hello.name, 40001))
    claim, _ = JUDGE._read(exchange, exchange.steps)
    if claim is not None:
        assert claim.protocol in hello.protocols
    assert len(exchange.steps[0].data) < 1200  # a datagram that no path cuts
    assert all(name in load() for name in hello.protocols)


def test_tshark_knows_what_we_say(tmp_path):
    if shutil.which("tshark") is None:
        pytest.skip("no tshark")
    told = [
        dataclasses.replace(said(hello, AT[hello.name]), client=Endpoint("10.0.0.2", 40000 + at))
        for at, hello in enumerate(each for each in HELLOS if each.name in WITNESS)
    ]
    path = tmp_path / "said.pcapng"
    path.write_bytes(b"".join((header(), *packets(told))))
    fields = ("frame.comment", "frame.protocols", "_ws.malformed")
    done = subprocess.run(
        ["tshark", "-n", "-r", path, "-T", "fields", *(f"-e{each}" for each in fields)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    seen = {
        (comment.partition(": sent")[0], name)
        for comment, protocols, _ in rows
        for name in protocols.split(":")
        if comment.endswith(": sent")
    }
    assert set(WITNESS.items()) - seen == set()
    assert {malformed for _, _, malformed in rows} == {""}


def test_two_questions_have_different_ids():
    first = {hello.name: said(hello, 500).steps[0].data for hello in HELLOS}
    hello = next(each for each in HELLOS if each.name == "ikev2")
    other = hello.make(
        Asked(Endpoint("10.0.0.1", 500), Endpoint("10.0.0.2", 40000), nonce=bytes(range(9, 41)))
    )
    assert other != first["ikev2"]


@pytest.mark.parametrize(
    ("answer", "offered"),
    [
        (b":irc CAP * LS :sasl=PLAIN tls\r\n", True),
        (b":irc CAP * LS :tls\r\n:irc CAP * LS :sasl\r\n", True),
        (b":irc CAP * LS * :away\r\n:irc CAP * LS :tls sts=port=6697\r\n", True),
        (b":irc CAP * LS :sasl=PLAIN starttls\r\n", False),
        (b":irc CAP * LS :sasl\r\n:irc NOTICE * :no tls\r\n", False),
        (b" LS " * 8192, False),
    ],
)
def test_tls_of_irc_is_found_in_the_list_and_soon(answer, offered):
    (irc,) = (each for each in HELLOS if each.name == "irc")
    began = time.process_time()
    assert irc.upgrade.offered(answer) == offered
    assert time.process_time() - began < 0.2, "others' answers wait meanwhile"
