"""A flow to an address that has a service's name is wanted before it speaks, and still decoded."""

import timeit
from pathlib import Path

import pytest
from scapy.all import wrpcap
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, TCP, UDP
from tests import craft
from tests.kit import flows

from backchannel import scan
from backchannel.catalogue import index
from backchannel.contract import PEEK_LIMIT
from backchannel.engine.candidates import _behind_empty_lines
from backchannel.events import Credential, NameLearned
from backchannel.model import Endpoint, Side

EXAMPLE = Path(__file__).parents[2] / "examples/gnutella/gtkg_handshake_query_download.pcap"
CLIENT, SERVER, RESOLVER = "10.0.0.1", "198.51.100.9", "192.0.2.53"


def test_its_name_does_not_hide_what_it_speaks(tmp_path):
    name = next(each for each in index.load().services["gnutella"].domains if "*" not in each)
    told = DNS(
        id=7,
        qr=1,
        qd=DNSQR(qname=name),
        an=DNSRR(rrname=name, type="A", rdata=SERVER, ttl=60),
    )
    packets = [
        IP(src=CLIENT, dst=RESOLVER) / UDP(sport=5000, dport=53) / DNS(id=7, qd=DNSQR(qname=name)),
        IP(src=RESOLVER, dst=CLIENT) / UDP(sport=53, dport=5000) / told,
        IP(src=CLIENT, dst=SERVER) / TCP(sport=6000, dport=6346, seq=0, flags="S"),
        IP(src=SERVER, dst=CLIENT) / TCP(sport=6346, dport=6000, seq=0, ack=1, flags="SA"),
    ]
    ends, counts = ((CLIENT, 6000), (SERVER, 6346)), [1, 1]
    for side, data in next(each for each in flows(EXAMPLE) if each.start.transport == "tcp").steps:
        (source, sport), (target, dport) = ends[side], ends[1 - side]
        head = TCP(sport=sport, dport=dport, seq=counts[side], ack=counts[1 - side], flags="PA")
        packets.append(IP(src=source, dst=target) / head / data)
        counts[side] += len(data)
    wrpcap(str(tmp_path / "named.pcap"), packets)
    assert "gnutella" in {seen.stack for seen in scan(tmp_path / "named.pcap")}


def test_its_name_does_not_hide_a_password_on_the_web(tmp_path):
    """Whether somebody asked DNS before changes nothing of what the connection itself tells."""
    name = next(each for each in index.load().services["yahoo"].domains if "*" not in each)
    told = DNS(id=7, qr=1, qd=DNSQR(qname=name), an=DNSRR(rrname=name, type="A", rdata=SERVER))
    asked = craft.udp(Endpoint(RESOLVER, 53), Endpoint(CLIENT, 5000), bytes(told))
    request = f"GET / HTTP/1.1\r\nHost: {name}\r\nAuthorization: Basic YWxpY2U6czNjcmV0\r\n\r\n"
    steps = [
        (Side.CLIENT, request.encode()),
        (Side.SERVER, b"HTTP/1.1 204 No Content\r\n\r\n"),
    ]
    spoken = craft.tcp(steps, client=Endpoint(CLIENT, 6000), server=Endpoint(SERVER, 80))
    found = [
        [type(seen.event) for seen in scan(craft.write(tmp_path / "web.pcap", packets))]
        for packets in (spoken, [asked, *spoken])
    ]
    assert Credential in found[0]
    assert found[1] == [NameLearned, *found[0]]


@pytest.mark.parametrize(("everything", "told"), [(False, []), (True, ["dns"])])
def test_what_only_a_port_made_wanted_must_name_a_service(everything, told, tmp_path):
    """IKE's port has every flow delivered; a name that is nobody's stays unsaid there, too."""
    name = "nobody.example"
    answer = DNS(id=7, qr=1, qd=DNSQR(qname=name), an=DNSRR(rrname=name, type="A", rdata=SERVER))
    steps = [(Side.CLIENT, bytes(DNS(id=7, qd=DNSQR(qname=name)))), (Side.SERVER, bytes(answer))]
    packets = craft.datagrams(steps, client=Endpoint(CLIENT, 500), server=Endpoint(RESOLVER, 53))
    capture = craft.write(tmp_path / "port.pcap", packets)
    assert [seen.stack for seen in scan(capture, everything=everything)] == told


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_who_waits_for_more_hides_nothing_from_those_asked_last(end, tmp_path):
    """Whether a whole URI is for a proxy, and a POST of XMPP, shows later or never: the web on the
    connection is told of where it does not.
    """
    head = ["POST http://web.example/http-bind HTTP/1.1", "Host: web.example", "User-Agent: x/1"]
    request = end.join([*head, "Content-Length: 2", "", "hi"]).encode()
    steps = [(Side.CLIENT, request), (Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    packets = craft.tcp(steps, server=Endpoint("93.184.216.34", 80))
    seen = list(scan(craft.write(tmp_path / "uri.pcap", packets), everything=True))
    assert [one.stack for one in seen] == ["http", "http"]
    assert "web.example" in [getattr(one.event, "name", "") for one in seen]


HASH = "%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f%10%11%12%13%14"
BODY = (
    "<body xmlns='http://jabber.org/protocol/httpbind' to='x.example' rid='1' wait='60' hold='1' "
    "xml:lang='en' content='text/xml; charset=utf-8'/>"
)
REQUESTS = {  # of what HTTP may carry, first requests
    "msn-gateway": "POST /gateway/gateway.dll?Action=open&Server=NS&IP=messenger.hotmail.com "
    "HTTP/1.1\r\nHost: gateway.messenger.hotmail.com\r\nContent-Length: 18\r\n\r\n"
    "VER 1 MSNP9 CVR0\r\n",
    "oscar-http": "GET /hello HTTP/1.1\r\nHost: http.proxy.icq.com\r\n\r\n",
    "bittorrent-tracker": f"GET /announce?info_hash={HASH}&peer_id=-TR3000-abcdefghijkl&port=51413"
    "&uploaded=0&downloaded=0&left=1 HTTP/1.1\r\nHost: tracker.example\r\n\r\n",
    "xmpp-bosh": "POST /http-bind HTTP/1.1\r\nHost: x.example\r\nContent-Type: text/xml\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}",
    "tor-directory": "GET /tor/status-vote/current/consensus HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n",
    "icq-web": "GET /.html/............/config.sys HTTP/1.0\r\n\r\n",
    "yahoo-http": "GET /config/ncclogin?login=alice&passwd=x HTTP/1.0\r\nHost: x.example\r\n\r\n",
}


@pytest.mark.parametrize("before", ["", "\r\n", "\n", "\r\n\r\n"])
@pytest.mark.parametrize("protocol", REQUESTS)
def test_an_empty_line_hides_nothing_that_http_carries(protocol, before, tmp_path):
    """Servers pass over any number of them before a request, wherever TCP cuts them off."""
    steps = [
        (Side.CLIENT, (before + REQUESTS[protocol]).encode()),
        (Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ]
    capture = craft.write(tmp_path / "one.pcap", craft.tcp(steps, server=Endpoint(SERVER, 8008)))
    single = [(side, data[at : at + 1]) for side, data in steps for at in range(len(data))]
    assert protocol in stacks(capture)
    assert protocol in stacks(craft.write(tmp_path / "single.pcap", craft.tcp(single)))


def test_empty_lines_cost_no_more_the_more_they_are():
    """They may come one by one, and are looked through each time."""
    lines = b"\n" * PEEK_LIMIT
    took = min(timeit.repeat(lambda: _behind_empty_lines(lines), number=100, repeat=5))
    assert took < 0.004  # seconds
    assert _behind_empty_lines(lines + b"GET /") == b"GET /"
    assert _behind_empty_lines(b"\r" + lines + b"GET /") == b"GET /"
    assert _behind_empty_lines(lines + b"\rGET /") == lines + b"\rGET /"


def stacks(capture):
    run = scan(capture)
    list(run)
    return {row.stack for row in run.document.services}


@pytest.mark.parametrize("before", ["", "\r\n"])
def test_an_empty_line_hides_no_host(before, tmp_path):
    """Servers pass over it (RFC 9112 section 2.2), as Node does."""
    name = next(each for each in index.load().services["yahoo"].domains if "*" not in each)
    request = f"{before}GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
    steps = [(Side.CLIENT, request), (Side.SERVER, b"HTTP/1.1 204 No Content\r\n\r\n")]
    capture = craft.write(tmp_path / "one.pcap", craft.tcp(steps))
    assert [seen.event for seen in scan(capture)] == [NameLearned(name=name, how="host")]
