"""A flow to an address that has a service's name is wanted before it speaks, and still decoded."""

from pathlib import Path

from scapy.all import wrpcap
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, TCP, UDP
from tests.kit import flows

from backchannel import scan
from backchannel.catalogue import index

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
