"""IPsec through the whole scan: from packets to observations, on any port."""

from pathlib import Path

import msgspec
import pytest
from tests import craft, kit
from tests.protocols.ike.craft import (
    MARKER,
    C,
    S,
    esp,
    nat_hash,
    notify,
    protected,
    sa_answer,
    sa_init,
    u16,
)

from backchannel.events import Anomaly, Event
from backchannel.model import Endpoint
from backchannel.pipeline import Scan
from backchannel.protocols.esp.events import EspTraffic
from backchannel.protocols.ike.events import IkeMessage, IkeStage, NatDetection

EXAMPLES = Path(__file__).parents[3] / "examples/ipsec"
INSIDE, OUTSIDE, GATEWAY = "10.0.0.2", "203.0.113.5", "198.51.100.9"
I_SRC, I_DST = (
    notify(16388 + n, nat_hash(a, 500, r=bytes(8))) for n, a in ((0, INSIDE), (1, GATEWAY))
)
R_SRC, R_DST = (notify(16388 + n, nat_hash(a, 500)) for n, a in ((0, GATEWAY), (1, INSIDE)))


def udp(source, target, payload):
    a, b = source, target
    data = u16(a.port) + u16(b.port) + u16(8 + len(payload)) + u16(0) + payload
    return craft.ip(a.address, b.address, 17, data)


def conversation(client, server, steps):
    ends = client, server
    return [udp(ends[side], ends[side.other], data) for side, data in steps]


def scan(path, packets):
    run = Scan(craft.write(path, packets))
    return list(run), run.document


def told(seen, kind: type[Event]):
    return [item for item in seen if isinstance(item.event, kind)]


def recorded(name):
    """What two strongSwan 5.9.8 said through a NAT, in namespaces of their own; nothing cut."""
    return list(Scan(Path(__file__).parent / "captures" / name))


def test_who_began_an_ikev1_sa_is_known_on_the_flow_it_moved_to():
    """IKEv1 has no flag for it: only the addresses tell. Hybrid authentication, in fragments."""
    seen = recorded("hybrid_nat.pcap")
    spoke = [
        (item.event.exchange, item.event.sender)
        for item in told(seen, IkeMessage)
        if item.flow.server.port == 4500 and item.event.framing != "reassembled"
    ]
    assert spoke[:4] == [("Main Mode", "initiator"), *[("Main Mode", "responder")] * 3]
    assert [sender for exchange, sender in spoke[4:10] if "Transaction" in exchange] == [
        "responder",
        "initiator",
        "responder",
        "initiator",
        "initiator",
        "responder",
    ]
    stages = [(item.event.stage, item.event.sender) for item in told(seen, IkeStage)]
    assert stages[2:4] == [
        ("authenticating", "initiator"),
        ("authentication-answered", "responder"),
    ]


def test_a_rekeying_in_three_fragments_is_one():
    """RFC 7383 §2.5: only the first fragment says what is inside."""
    seen = recorded("eap_rekey_nat.pcap")
    parts = [
        item.event.fragment
        for item in told(seen, IkeMessage)
        if item.event.exchange == "CREATE_CHILD_SA" and item.event.sender == "initiator"
    ]
    assert parts == [1, 2, 3]
    rekeying = [item.event for item in told(seen, IkeStage) if item.event.stage == "rekeying"]
    assert [event.detail for event in rekeying] == ["Security Association first"]


def findings(name):
    run = Scan(Path(__file__).parent / "captures" / name)
    list(run)
    return {each.rule for each in run.document.findings}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("wrong_key.pcap", "never-up"),  # its log: received AUTHENTICATION_FAILED notify error
        ("quick_mode_refused.pcap", "never-up"),  # received NO_PROPOSAL_CHOSEN error notify
        ("dead_gateway.pcap", "peer-silent"),  # giving up after 3 retransmits; it was killed
        ("forgotten_mapping.pcap", "mapping-changed"),  # a NAT that keeps a mapping for 2 seconds
    ],
)
def test_troubles_of_a_tunnel_are_findings(name, rule):
    """Between two strongSwan 5.9.8; nothing else is found but what their defaults offer."""
    assert findings(name) - {"tunnel-to-outside", "weak-proposal"} == {rule}


def test_a_mapping_that_a_nat_forgot_is_three_flows_of_one_tunnel():
    """The NAT's ports as tshark lists them: 17935, 33840 and 1893."""
    seen = recorded("forgotten_mapping.pcap")
    first = {
        item.flow.client.port: (item.event.spi, item.event.first)
        for item in told(seen, EspTraffic)
        if item.event.packets <= 2 and item.side is C
    }
    assert first == {17935: ("76d7c21b", 1), 33840: ("76d7c21b", 11), 1893: ("76d7c21b", 21)}


def test_an_old_sa_is_found_on_port_4500(tmp_path):
    """No magic can know it: a random SPI, a large number, ciphertext."""
    client, server = Endpoint(INSIDE, 4500), Endpoint(GATEWAY, 4500)
    steps = [(C, esp(0xDEADBEEF, 3_000_000_000 + at)) for at in range(20)]
    seen, document = scan(tmp_path / "old.pcap", conversation(client, server, steps))
    (final,) = [item for item in told(seen, EspTraffic) if item.event.final]
    assert (final.event.packets, final.protocol, final.service) == (20, "esp", "ipsec")
    assert {(row.service, row.confidence) for row in document.services} == {("ipsec", "parsed")}


@pytest.mark.parametrize(
    ("port", "marker", "hashes"),
    [(500, b"", ((), ())), (4500, MARKER, ((I_SRC, I_DST), (R_SRC, R_DST)))],
)
def test_esp_beside_its_key_exchange_is_not_said_to_have_none(tmp_path, port, marker, hashes):
    """On port 4500, too: a client that may move goes on there although no NAT is on the way."""
    ends = Endpoint(INSIDE, 500), Endpoint(GATEWAY, 500)
    keys = conversation(*ends, [(C, sa_init(*hashes[0])), (S, sa_answer(*hashes[1]))])
    later = [(C, protected(8, 35, 35, 1)), (S, protected(0x20, 35, 36, 1))]
    ends = Endpoint(INSIDE, port), Endpoint(GATEWAY, port)
    keys += conversation(*ends, [(side, marker + data) for side, data in later])
    traffic = [craft.ip(INSIDE, GATEWAY, 50, esp(0xC0000001, at)) for at in (1, 2)]
    for name, packets, findings in (("keyed", keys + traffic, 0), ("bare", traffic, 1)):
        _, document = scan(tmp_path / f"{name}.pcap", packets)
        rules = [each.rule for each in document.findings]
        assert rules.count("esp-without-ike") == findings


def test_a_reserved_spi_is_foreign_only_where_it_is_on_a_port(tmp_path):
    """Keys set by hand come with any SPI, directly over IP."""
    packets = [craft.ip(INSIDE, GATEWAY, 50, esp(0x7B, at)) for at in (1, 2)]
    seen, document = scan(tmp_path / "manual.pcap", packets)
    assert [item.event.kind for item in told(seen, Anomaly)] == ["reserved-spi"]
    assert "foreign-on-4500" not in [each.rule for each in document.findings]


@pytest.mark.parametrize("port", [500, 4500, 9999])
@pytest.mark.parametrize(
    "before",
    [
        [(C, b"\0")],
        [(C, b"\0"), (S, b"\0"), (C, b"\r\n"), (S, b"\0")],  # both open a mapping, twice
        [(C, b"hello, world")],
        [(C, b"hello, world"), (C, b"hello, world")],
    ],
)
def test_a_few_bytes_before_it_hide_no_key_exchange(tmp_path, port, before):
    """Neither are they told of, where nothing follows."""
    ends = Endpoint(INSIDE, port), Endpoint(GATEWAY, port)
    keys = [(C, sa_init()), (S, sa_answer()), (C, protected(8, 35, 35, 1))]
    seen, _ = scan(tmp_path / "late.pcap", conversation(*ends, before + keys))
    names = [item.event.exchange for item in told(seen, IkeMessage)]
    assert names == ["IKE_SA_INIT", "IKE_SA_INIT", "IKE_AUTH"]
    nothing, document = scan(tmp_path / "none.pcap", conversation(*ends, before * 3))
    assert nothing == []
    assert not document.services


def test_one_datagram_on_port_4500_is_nothing(tmp_path):
    client, server = Endpoint(INSIDE, 4500), Endpoint(GATEWAY, 4500)
    seen, document = scan(tmp_path / "one.pcap", conversation(client, server, [(C, esp(77777, 9))]))
    assert seen == []
    assert not document.services


@pytest.mark.parametrize("port", [4500, 500, 53, 123, 9999])
def test_other_traffic_on_any_port_is_not_ours(tmp_path, port):
    client, server = Endpoint(INSIDE, 4500), Endpoint(GATEWAY, port)
    stun = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(range(12))
    steps = [(C, stun), (S, b"\1" + stun[1:])] * 6
    seen, document = scan(tmp_path / "stun.pcap", conversation(client, server, steps))
    assert [item for item in seen if item.service == "ipsec"] == []
    assert [row.service for row in document.services if row.service == "ipsec"] == []


@pytest.mark.parametrize("ports", [(500, 4500), (10500, 14500), (848, 33333)])
def test_a_tunnel_on_any_ports(tmp_path, ports):
    first, second = (Endpoint(GATEWAY, port) for port in ports)
    steps = [(C, sa_init()), (S, sa_answer())]
    later = [(C, protected(8, 35, 35, 1)), (S, protected(0x20, 35, 36, 1))]
    later = [(side, MARKER + data) for side, data in later]
    later += [(side, esp(0xC0000001 + side, at)) for at in (1, 2, 3) for side in (C, S)]
    packets = conversation(Endpoint(INSIDE, 500), first, steps)
    packets += conversation(Endpoint(INSIDE, 4500), second, later)
    seen, _ = scan(tmp_path / "tunnel.pcap", packets)
    assert [item.event.stage for item in told(seen, IkeStage)] == [
        "initiated",
        "answered",
        "authenticating",
        "authentication-answered",
        "established",
    ]
    assert {item.confidence.word for item in seen} == {"parsed"}


def test_the_floats_of_the_recording_are_parsed_on_translated_ports():
    seen = list(Scan(EXAMPLES / "natt_public_side.pcap"))
    assert {item.flow.client.port for item in seen} == {40527, 40711, 40750}
    assert len(told(seen, IkeMessage)) == 16
    assert [item.event.behind_nat for item in told(seen, NatDetection)] == ["initiator"] * 2
    assert {item.confidence.word for item in seen} == {"parsed"}


def test_the_scan_and_the_session_tell_the_same():
    path = EXAMPLES / "natt_client_side.pcap"
    events = [item.event for item in Scan(path)]
    (largest,) = [e for e in events if isinstance(e, EspTraffic) and e.final and e.packets == 969]
    assert (largest.octets, largest.missing) == (1374088, 0)
    assert len(events) == len(msgspec.json.decode(b"[" + kit_lines(path) + b"]"))


def kit_lines(path):
    golden = Path(__file__).parent / "golden" / f"{path.stem}.jsonl"
    lines = [line for line in golden.read_bytes().splitlines() if b'"told":"Tie"' not in line]
    return b",".join(line for line in lines if b'"told":"Expect"' not in line)


def test_kit_reads_the_same_flows():
    """The kit's reader shares nothing with the product's."""
    flows = kit.flows(EXAMPLES / "natt_public_side.pcap")
    ours = {item.flow.client for item in Scan(EXAMPLES / "natt_public_side.pcap")}
    assert {flow.start.client for flow in flows} == ours
