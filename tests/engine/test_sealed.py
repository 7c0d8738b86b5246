"""A protocol with enciphered names is looked into, and told of only where it names a service."""

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from tests import craft
from tests.protocols.quic.build import (
    ANSWER,
    GREETING,
    HELLO,
    TALK,
    C,
    S,
    crypto,
    greeting,
    initial,
)

from backchannel import scan
from backchannel.model import Endpoint

CLIENT, SERVER = "10.0.0.1", Endpoint("198.51.100.9", 443)
STRANGE = initial(crypto(greeting(b"www.example.org")))
HALF = initial(crypto(GREETING[:40]))


def datagrams(steps, server=SERVER, port=6000):
    return craft.datagrams(steps, client=Endpoint(CLIENT, port), server=server)


def written(path, packets):
    return craft.write(path / "made.pcap", packets)


def told(path, **options):
    run = scan(path, **options)
    seen = [(each.service, each.confidence.word, type(each.event).__name__) for each in run]
    return seen, [(row.service, row.stack, row.confidence) for row in run.document.services]


@pytest.mark.parametrize("port", [443, 50_123])
def test_a_name_tells_the_service(tmp_path, port):
    seen, rows = told(written(tmp_path, datagrams(TALK, Endpoint(SERVER.address, port))))
    assert rows == [("telegram", "quic", "name")]
    assert [kind for *_, kind in seen] == ["NameLearned", "QuicStep", "TlsHello", "TlsAnswer"]
    assert {each[:2] for each in seen} == {("telegram", "name")}


def test_of_all_else_nothing_is_told(tmp_path):
    parts = [STRANGE, HALF, initial(crypto(greeting(b""))), HELLO[:900] + bytes(300)]
    flows = [datagrams([(C, part)] * 3, port=7000 + at) for at, part in enumerate(parts)]
    path = written(tmp_path, [packet for flow in flows for packet in flow])
    assert told(path) == ([], [])
    seen, _ = told(path, everything=True)
    assert [kind for *_, kind in seen].count("TlsHello") == 2
    assert {each[:2] for each in seen} == {("", "parsed")}


def test_what_waits_for_the_name_is_told_before_it(tmp_path):
    half = len(GREETING) // 2
    steps = [
        (C, HALF),
        (S, initial(b"\x1e", role=S)),
        (C, initial(crypto(GREETING[half:], half), number=1)),
        (C, initial(crypto(GREETING[:half]), number=2)),
    ]
    seen, _ = told(written(tmp_path, datagrams(steps)))
    assert [kind for *_, kind in seen] == ["Malformed", "NameLearned", "QuicStep", "TlsHello"]


def test_an_address_with_a_name_tells_the_service(tmp_path):
    name, resolver = "web.telegram.org", Endpoint("192.0.2.53", 53)
    answer = DNSRR(rrname=name, type="A", rdata=SERVER.address, ttl=60)
    talk = [
        (C, bytes(DNS(id=7, qd=DNSQR(qname=name)))),
        (S, bytes(DNS(id=7, qr=1, qd=DNSQR(qname=name), an=answer))),
    ]
    nameless = datagrams([(C, initial(crypto(greeting(b""))))])
    _, rows = told(written(tmp_path, datagrams(talk, resolver, 5000) + nameless))
    assert ("telegram", "quic", "name") in rows


def test_inside_a_proxy_all_is_told(tmp_path):
    """As of every protocol that is decoded for its names: the core gates nothing there."""
    steps = [(C, STRANGE), (S, ANSWER)]
    run = scan(written(tmp_path, craft.associated(steps, SERVER)))
    assert ("socks5/quic", "TlsHello") in {(each.stack, type(each.event).__name__) for each in run}
