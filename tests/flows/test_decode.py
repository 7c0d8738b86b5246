"""Every link type, tag and tunnel, on packets that scapy made."""

import pytest
from scapy.all import (
    AH,
    GRE,
    GRE_PPTP,
    HDLC,
    IP,
    L2TP,
    LLC,
    PPI,
    PPP,
    SNAP,
    TCP,
    UDP,
    VXLAN,
    CookedLinux,
    CookedLinuxV2,
    Dot1AD,
    Dot1Q,
    Dot3,
    Dot11,
    Dot11QoS,
    Ether,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Loopback,
    PadN,
    PPPoE,
    RadioTap,
    Raw,
    load_contrib,
)
from tests.flows.frames import both, ethernet, ip, pcap, tcp, udp, vlan

from backchannel.flows import counters
from backchannel.flows.delivery import DATA
from backchannel.flows.settings import FlowSettings

for contribution in ("mpls", "geneve", "gtp", "erspan"):
    load_contrib(contribution)
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III  # noqa: E402 - only there once loaded
from scapy.contrib.geneve import GENEVE, GeneveOptions  # noqa: E402
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer  # noqa: E402
from scapy.contrib.mpls import MPLS, EoMCW  # noqa: E402

TEXT = b"some payload"
V4 = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1234, dport=5678) / TEXT
V6 = IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=1234, dport=5678) / TEXT
ENDS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}  # or scapy asks the network
OUTER = {"src": "192.0.2.1", "dst": "192.0.2.2"}
MAC = {"addr1": "00:00:00:00:00:01", "addr2": "00:00:00:00:00:02", "addr3": "00:00:00:00:00:03"}
DATA_FRAME = {"type": "Data", "subtype": 0, **MAC}
TAP = b"\0\0\x09\0\x02\0\0\0\0"  # radiotap with nothing but flags
IEEE = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800)


def told_of(link, frame, **settings):
    return both(pcap([(0, bytes(frame))], link), settings=FlowSettings(**settings))


def check(link, frame, *, vlans=(), tunnel="", source="10.0.0.1"):
    """The innermost datagram is found, whole, and with what was around it."""
    told = told_of(link, frame)
    assert [d[5] for d in told.deliveries if d[2] == DATA] == [TEXT]
    (row,) = told.rows
    assert (row.client.address, row.client.port, row.server.port) == (source, 1234, 5678)
    assert (row.vlans, row.tunnel) == (vlans, tunnel)
    assert told.counters == {}
    return row


def attribute(kind, value):
    """One of Linux's netlink attributes, padded to four bytes."""
    head = (len(value) + 4).to_bytes(2, "little") + kind.to_bytes(2, "little")
    return head + value + bytes(-len(value) % 4)


LINKS = {
    "nflog": (239, b"\2\0\0\5" + attribute(10, b"prefix\0") + attribute(9, bytes(V4))),
    "nflog-bridge": (
        239,
        b"\7\0\0\5" + attribute(1, b"\x08\0\1\0") + attribute(9, bytes(V4)),
    ),
    "ethernet": (1, Ether(**ENDS) / V4),
    "ethernet-padded": (1, bytes(Ether(**ENDS) / V4) + bytes(20)),
    "802.3-snap": (1, Dot3(**ENDS) / IEEE / V4),
    "raw-12": (12, V4),
    "raw-14": (14, V4),
    "raw-101": (101, V4),
    "ipv4-228": (228, V4),
    "null-little": (0, b"\2\0\0\0" + bytes(V4)),
    "null-big": (0, b"\0\0\0\2" + bytes(V4)),
    "null-scapy": (0, Loopback() / V4),
    "loop": (108, b"\0\0\0\2" + bytes(V4)),
    "ppp": (9, PPP() / V4),
    "ppp-plain": (9, b"\0\x21" + bytes(V4)),
    "ppp-short": (9, b"\x21" + bytes(V4)),
    "ppp-hdlc": (50, HDLC() / PPP(b"\0\x21" + bytes(V4))),
    "ppp-cisco": (50, b"\x0f\0\x08\0" + bytes(V4)),
    "cisco-hdlc": (104, b"\x0f\0\x08\0" + bytes(V4)),
    "pppoe-51": (51, PPPoE(sessionid=7) / PPP() / V4),
    "cooked": (113, CookedLinux(proto=0x0800) / V4),
    "cooked-2": (276, CookedLinuxV2(proto=0x0800) / V4),
    "wifi": (105, Dot11(**DATA_FRAME, FCfield="to_DS") / IEEE / V4),
    "wifi-four-addresses": (
        105,
        Dot11(**DATA_FRAME, FCfield="to_DS+from_DS", addr4="00:00:00:00:00:04") / IEEE / V4,
    ),
    "wifi-qos": (105, Dot11(type="Data", subtype=8, **MAC) / Dot11QoS() / IEEE / V4),
    "radiotap": (127, TAP + bytes(Dot11(**DATA_FRAME) / IEEE / V4)),
    "radiotap-scapy": (127, RadioTap() / Dot11(**DATA_FRAME) / IEEE / V4),
    "ppi": (192, PPI(dlt=105) / Dot11(**DATA_FRAME) / IEEE / V4),
    "ppi-ethernet": (192, PPI(dlt=1) / Ether(**ENDS) / V4),
}


@pytest.mark.parametrize(("link", "frame"), LINKS.values(), ids=LINKS)
def test_link_types(link, frame):
    check(link, frame)


SIX = {
    "ethernet": (1, Ether(**ENDS) / V6),
    "raw": (101, V6),
    "ipv6-229": (229, V6),
    "cooked": (113, CookedLinux(proto=0x86DD) / V6),
    "ppp": (9, b"\xff\x03\0\x57" + bytes(V6)),
    **{f"null-{family}": (0, bytes((family, 0, 0, 0)) + bytes(V6)) for family in (10, 24, 28, 30)},
}


@pytest.mark.parametrize(("link", "frame"), SIX.values(), ids=SIX)
def test_link_types_with_ipv6(link, frame):
    check(link, frame, source="fd00::1")


def test_padded_radiotap_headers():
    """Some cards pad the 802.11 header to four bytes, and say so in the flags."""
    tap = b"\0\0\x09\0\x02\0\0\0\x20"
    wifi = bytes(Dot11(type="Data", subtype=8, **MAC) / Dot11QoS())
    check(127, tap + wifi + bytes(2) + bytes(IEEE / V4))


def test_radiotap_with_a_clock_and_more_words():
    tap = b"\0\0\x1a\0\x03\0\0\x80\0\0\0\0" + bytes(4) + bytes(8) + b"\0\0"
    assert len(tap) == 26
    check(127, tap + bytes(Dot11(**DATA_FRAME) / IEEE / V4))


TAGS = {
    "vlan": (Ether(**ENDS) / Dot1Q(vlan=42) / V4, (42,)),
    "qinq": (Ether(**ENDS) / Dot1AD(vlan=7) / Dot1Q(vlan=42) / V4, (7, 42)),
    "old-qinq": (ethernet(bytes(V4), vlan(7, 0x9100) + vlan(42)), (7, 42)),
    "mpls": (Ether(**ENDS, type=0x8847) / MPLS(label=3, s=0) / MPLS(label=4, s=1) / V4, ()),
    "mpls-ethernet": (
        Ether(**ENDS, type=0x8847) / MPLS(label=3, s=1) / Ether(**ENDS) / Dot1Q(vlan=8) / V4,
        (8,),
    ),
    "mpls-control-word": (
        Ether(**ENDS, type=0x8847) / MPLS(label=3, s=1) / EoMCW(seq=5) / Ether(**ENDS) / V4,
        (),
    ),
    "pppoe": (Ether(**ENDS) / PPPoE(sessionid=9) / PPP() / V4, ()),
    "vn-tag": (ethernet(bytes(V4), b"\x89\x26" + bytes(4) + vlan(11)), (11,)),
    "e-tag": (ethernet(bytes(V4), b"\x89\x3f\x10\0\0\xd3\0\0"), ()),
    "security-group": (ethernet(bytes(V4), b"\x89\x09\1\1\0\1\0\2"), ()),
    "vlan-backbone": (ethernet(bytes(V4), vlan(7) + b"\x88\xe7" + bytes(16) + vlan(8)), (7, 8)),
    "fabric-path": (ethernet(bytes(V4), b"\x89\x03\x40\x20" + bytes(12) + vlan(7)), (7,)),
    "vlan-pppoe": (Ether(**ENDS) / Dot1Q(vlan=5) / PPPoE(sessionid=9) / PPP() / V4, (5,)),
}


@pytest.mark.parametrize(("frame", "vlans"), TAGS.values(), ids=TAGS)
def test_tags(frame, vlans):
    check(1, frame, vlans=vlans)


def capwap(frame, *, words=2, native=1, flags=0, preamble=0, swapped=False):
    """A datagram between an access point and its controller, with an 802.11 frame if *native*."""
    header = bytes((preamble, words << 3, 2 | native, flags)) + bytes(words * 4 - 4)
    data = bytes(frame)
    return (
        IP(**OUTER)
        / UDP(sport=5247, dport=50000)
        / Raw(header + (data[1::-1] + data[2:] if swapped else data))
    )


def wifi(packet=V4, subtype=0, **more):
    """An 802.11 frame with data from a client."""
    head = Dot11(type="Data", subtype=subtype, **MAC | {"FCfield": "to_DS"} | more)
    return head / (Dot11QoS() / IEEE if subtype else IEEE) / packet


TUNNELS = {
    "capwap": (capwap(wifi()), "capwap"),
    "capwap-long-header": (capwap(wifi(), words=4, flags=0x10), "capwap"),
    "capwap-swapped": (capwap(wifi(), swapped=True), "capwap"),
    "capwap-qos": (capwap(wifi(subtype=8)), "capwap"),
    "capwap-qos-swapped": (capwap(wifi(subtype=8, FCfield="from_DS"), swapped=True), "capwap"),
    "capwap-four-addresses": (
        capwap(wifi(FCfield="to_DS+from_DS", addr4="00:00:00:00:00:04")),
        "capwap",
    ),
    "capwap-ethernet": (capwap(Ether(**ENDS) / V4, native=0), "capwap"),
    "ipip": (IP(**OUTER) / V4, "ipip"),
    "gre": (IP(**OUTER) / GRE() / V4, "gre"),
    "gre-key": (IP(**OUTER) / GRE(key_present=1, key=42) / V4, "gre:42"),
    "gre-all": (
        IP(**OUTER) / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=42) / V4,
        "gre:42",
    ),
    "gre-ethernet": (IP(**OUTER) / GRE(proto=0x6558) / Ether(**ENDS) / V4, "gre"),
    "nvgre": (
        IP(**OUTER) / GRE(proto=0x6558, key_present=1, key=0x1234FF) / Ether(**ENDS) / V4,
        "gre:4660",
    ),
    "vxlan": (IP(**OUTER) / UDP(dport=4789) / VXLAN(vni=42) / Ether(**ENDS) / V4, "vxlan:42"),
    "gre-mpls": (IP(**OUTER) / GRE(proto=0x8848) / MPLS(label=3, s=1) / V4, "gre"),
    "eoip": (
        IP(**OUTER, proto=47) / Raw(b"\x20\1\x64\0" + b"\0\x36" + b"\x07\0") / Ether(**ENDS) / V4,
        "eoip:7",
    ),
    "erspan-1": (IP(**OUTER) / GRE(proto=0x88BE) / Ether(**ENDS) / V4, "erspan"),
    "erspan-2": (
        IP(**OUTER)
        / GRE(proto=0x88BE, seqnum_present=1)
        / ERSPAN_II(session_id=300)
        / Ether(**ENDS)
        / V4,
        "erspan:300",
    ),
    "erspan-3": (
        IP(**OUTER)
        / GRE(proto=0x22EB, seqnum_present=1)
        / ERSPAN_III(session_id=5, o=0)
        / Ether(**ENDS)
        / V4,
        "erspan:5",
    ),
    "erspan-3-platform": (
        IP(**OUTER)
        / GRE(proto=0x22EB, seqnum_present=1)
        / ERSPAN_III(session_id=5, o=1)
        / Raw(bytes(8))
        / Ether(**ENDS)
        / V4,
        "erspan:5",
    ),
    "pptp": (IP(**OUTER) / GRE_PPTP(seqnum_present=1, call_id=9) / PPP() / V4, "pptp"),
    "pptp-acknowledging": (
        IP(**OUTER) / GRE_PPTP(seqnum_present=1, acknum_present=1) / Raw(b"\x21") / V4,
        "pptp",
    ),
    "wccp": (IP(**OUTER) / GRE(proto=0x883E) / Raw(bytes(4)) / V4, "wccp"),
    "wccp-1": (IP(**OUTER) / GRE(proto=0x883E) / V4, "wccp"),
    "geneve": (
        IP(**OUTER)
        / UDP(dport=6081)
        / GENEVE(vni=0, options=[GeneveOptions(data=bytes(4))])
        / Ether(**ENDS)
        / V4,
        "geneve:0",
    ),
    "geneve-ip": (IP(**OUTER) / UDP(dport=6081) / GENEVE(vni=7, proto=0x0800) / V4, "geneve:7"),
    "vxlan-of-linux": (
        IP(**OUTER) / UDP(sport=8472, dport=50000) / VXLAN(vni=9) / Ether(**ENDS) / V4,
        "vxlan:9",
    ),
    "vxlan-gpe": (
        IP(**OUTER) / UDP(dport=4790) / VXLAN(flags=0x0C, vni=9, NextProtocol=1) / V4,
        "vxlan:9",
    ),
    "gtp": (IP(**OUTER) / UDP(dport=2152) / GTP_U_Header(teid=3) / V4, "gtp"),
    "gtp-extension": (
        IP(**OUTER)
        / UDP(dport=2152)
        / GTP_U_Header(teid=3, E=1, next_ex=0x85)
        / GTPPDUSessionContainer(type=0)
        / V4,
        "gtp",
    ),
    "l2tp": (
        IP(**OUTER)
        / UDP(sport=1701, dport=50000)
        / L2TP(hdr=["length", "sequence"], tunnel_id=1, session_id=2)
        / PPP()
        / V4,
        "l2tp",
    ),
    "over-ipv6": (IPv6(src="fd00::1", dst="fd00::2") / V4, "ipip"),
    "nested": (
        IP(**OUTER)
        / GRE()
        / IP(**OUTER)
        / UDP(dport=4789)
        / VXLAN(vni=1)
        / Ether(**ENDS)
        / IP(**OUTER)
        / V4,
        "gre/vxlan:1/ipip",
    ),
}


@pytest.mark.parametrize(("packet", "tunnel"), TUNNELS.values(), ids=TUNNELS)
def test_tunnels(packet, tunnel):
    check(1, Ether(**ENDS) / packet, tunnel=tunnel)


def test_six_in_four():
    check(1, Ether(**ENDS) / IP(**OUTER) / V6, tunnel="6in4", source="fd00::1")


def test_a_vlan_inside_a_tunnel():
    inner = Ether(**ENDS) / Dot1Q(vlan=9) / V4
    frame = Ether(**ENDS) / Dot1Q(vlan=3) / IP(**OUTER) / UDP(dport=4789) / VXLAN(vni=5) / inner
    check(1, frame, vlans=(3, 9), tunnel="vxlan:5")


def ah(inside, check=12):
    """Scapy works out neither the next header nor the length."""
    return AH(nh=inside, payloadlen=1 + check // 4, spi=7, seq=1, icv=bytes(check))


AUTHENTICATED = {
    "transport": (IP(**OUTER) / ah(17), "ah", V4[UDP]),
    "tunnel": (IP(**OUTER) / ah(4, 16), "ah/ipip", V4),
    "six-in-it": (IP(**OUTER) / ah(41), "ah/6in4", V6),
    "twice": (IP(**OUTER) / ah(51) / ah(17, 32), "ah/ah", V4[UDP]),
    "in-gre": (IP(**OUTER) / GRE() / IP(**OUTER) / ah(17), "gre/ah", V4[UDP]),
    "around-gre": (IP(**OUTER) / ah(47) / GRE(), "ah/gre", V4),
    "over-ipv6": (
        IPv6(src="fd00::1", dst="fd00::2")
        / IPv6ExtHdrHopByHop(options=PadN(optdata=b"1234"))
        / ah(60)
        / IPv6ExtHdrDestOpt(options=PadN(optdata=b"1234")),
        "ah",
        V6[UDP],
    ),
}


@pytest.mark.parametrize(("around", "tunnel", "inner"), AUTHENTICATED.values(), ids=AUTHENTICATED)
def test_what_ah_protects_is_a_flow_beside_that_of_ah(around, tunnel, inner):
    frame = bytes(Ether(**ENDS) / around / inner)
    told = told_of(1, frame)
    assert told.counters == {}
    assert [row.protocol for row in told.rows] == [51, 17]
    outer, within = told.rows
    assert (outer.tunnel, within.tunnel) == (tunnel.partition("ah")[0].rstrip("/"), tunnel)
    assert (within.client.port, within.server.port) == (1234, 5678)
    assert [row.first_frame for row in told.rows] == [1, 1]
    whole, payload = [delivery[5] for delivery in told.deliveries if delivery[2] == DATA]
    assert whole.endswith(TEXT)
    assert payload == TEXT
    assert told.totals["packets"] == 1
    (left,) = told_of(1, frame, ah=False).rows
    assert (left.protocol, left.tunnel) == (51, outer.tunnel)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (vlan(10), b""),  # a mirror port that tags one direction
        (vlan(10), vlan(20)),
        (vlan(10, 0x88A8) + vlan(30), vlan(10)),
    ],
)
@pytest.mark.parametrize("cut", [0, 16])
def test_vlans_tell_flows_apart_only_where_that_is_wanted(there, back, cut):
    frames = list[bytes]()
    for tags, ends, ports in (
        (there, ("10.0.0.1", "10.0.0.2"), (1234, 5678)),
        (back, ("10.0.0.2", "10.0.0.1"), (5678, 1234)),
        (there, ("10.0.0.1", "10.0.0.2"), (1234, 5678)),
    ):
        whole, name = udp(ports, TEXT * 8), len(frames)
        if cut:
            frames.append(ethernet(ip(*ends, 17, whole[:cut], name=name, place=0x2000), tags))
        rest = ip(*ends, 17, whole[cut:], name=name, place=cut // 8)
        frames.append(ethernet(rest, tags))
    capture = pcap(enumerate(frames))
    apart, together = both(capture), both(capture, settings=FlowSettings(vlans=False))
    assert [row.packets for row in apart.rows] == [(2, 0), (1, 0)]
    assert [(row.packets, row.vlans) for row in together.rows] == [((2, 1), ())]


def test_both_directions_in_ah_are_one_flow_and_not_that_outside():
    """Each direction has an SPI and a check value of its own, which are no part of the key."""
    there, back = V4[UDP], UDP(sport=5678, dport=1234) / TEXT
    ends, turned = {"src": "10.0.0.1", "dst": "10.0.0.2"}, {"src": "10.0.0.2", "dst": "10.0.0.1"}
    frames = [
        IP(**ends) / ah(17) / there,
        IP(**turned) / ah(17, 16) / back,
        IP(**ends) / there,
    ]
    told = both(pcap([(n, bytes(Ether(**ENDS) / frame)) for n, frame in enumerate(frames)]))
    assert [(row.protocol, row.tunnel, row.packets) for row in told.rows] == [
        (51, "", (1, 1)),
        (17, "ah", (1, 1)),
        (17, "", (1, 0)),
    ]


@pytest.mark.parametrize(
    ("body", "counters"),
    [
        (b"\x11\4\0\0" + bytes(7), {}),
        (b"\x11\x40\0\0" + bytes(40), {}),
        (b"\x06\4\0\0" + bytes(20) + b"short", {"truncated transport header": 1}),
        (b"\4\4\0\0" + bytes(20) + b"\x45", {"truncated ip header": 1}),
    ],
)
def test_ah_with_nothing_readable_in_it_is_a_flow_all_the_same(body, counters):
    told = told_of(1, ethernet(ip("1.1.1.1", "2.2.2.2", 51, body)))
    assert told.counters == counters
    assert [(row.protocol, row.tunnel) for row in told.rows] == [(51, "")]


EXTENSIONS = {
    "hop-by-hop": IPv6ExtHdrHopByHop(options=PadN(optdata=b"1234")),
    "routing": IPv6ExtHdrRouting(addresses=["fd00::9"]),
    "destination": IPv6ExtHdrDestOpt(options=PadN(optdata=b"12345678901234")),
}


@pytest.mark.parametrize("header", EXTENSIONS.values(), ids=EXTENSIONS)
def test_ipv6_extension_headers(header):
    start = Ether(**ENDS) / IPv6(src="fd00::1", dst="fd00::2") / header
    datagram = UDP(sport=1234, dport=5678) / TEXT
    check(1, start / datagram, source="fd00::1")
    check(1, start / header / datagram, source="fd00::1")


def test_vxlan_with_reserved_bits_and_without_its_own():
    """Receivers ignore reserved bits; without the one that is not reserved it is no VXLAN."""
    inner = bytes(Ether(**ENDS) / V4)
    for flags, tunnel in ((b"\x08\0\0\0", "vxlan:7"), (b"\x88\0\0\x12", "vxlan:7"), (bytes(4), "")):
        datagram = udp((9, 4789), flags + b"\0\0\7\0" + inner)
        (row,) = told_of(1, ethernet(ip("1.1.1.1", "2.2.2.2", 17, datagram))).rows
        assert row.tunnel == tunnel


def test_ipv4_options():
    packet = IP(src="10.0.0.1", dst="10.0.0.2", options=b"\x44\x08\x05\0\0\0\0\0")
    check(1, Ether(**ENDS) / packet / UDP(sport=1234, dport=5678) / TEXT)


def test_what_a_flow_is_keyed_by():
    """The same ends in other VLANs or tunnels are other flows; both directions are one."""
    back = ip("10.0.0.2", "10.0.0.1", 17, udp((5678, 1234), b"back"))
    frames = [
        ethernet(bytes(V4)),
        ethernet(bytes(V4), vlan(1)),
        ethernet(bytes(V4), vlan(2)),
        ethernet(back, vlan(2)),
        ethernet(ip("1.1.1.1", "2.2.2.2", 4, bytes(V4))),
        ethernet(ip("2.2.2.2", "1.1.1.1", 4, back)),
    ]
    told = both(pcap([(n, frame) for n, frame in enumerate(frames)]))
    assert [(row.vlans, row.tunnel, row.packets) for row in told.rows] == [
        ((), "", (1, 0)),
        ((1,), "", (1, 0)),
        ((2,), "", (1, 1)),
        ((), "ipip", (1, 1)),
    ]


NOT_UNDERSTOOD = {
    "link type 147": (147, b"anything"),
    "ethertype 0x0806": (1, Ether(**ENDS, type=0x0806) / Raw(bytes(28))),
    "ethertype 0x88cc": (1, Ether(**ENDS, type=0x88CC) / Raw(bytes(28))),
    "llc 0x42": (1, Dot3(**ENDS) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes(35))),
    "ppp protocol 0xc021": (9, b"\xff\x03\xc0\x21abcd"),
    "address family 7": (0, b"\7\0\0\0abcd"),
    "truncated link header": (1, b"too short"),
    "truncated ip header": (1, ethernet(bytes(V4)[:15])),
    "bad ip header": (1, ethernet(b"\x44" + bytes(V4)[1:])),
    "truncated transport header": (1, ethernet(bytes(V4)[:24])),
    "bad tcp header": (1, ethernet(ip("1.1.1.1", "2.2.2.2", 6, bytes(12) + b"\x10" + bytes(9)))),
    "802.11 protected": (105, Dot11(**DATA_FRAME, FCfield="protected") / Raw(bytes(30))),
    "802.11 management": (105, Dot11(type="Management", subtype=8, **MAC)),
    "802.11 fragments": (105, Dot11(**DATA_FRAME, FCfield="MF") / IEEE / V4),
    "802.11 aggregates": (105, Dot11(type=2, subtype=8, **MAC) / Raw(b"\x80\0") / Raw(bytes(40))),
}


@pytest.mark.parametrize(
    ("name", "link", "frame"),
    [(name, *rest) for name, rest in NOT_UNDERSTOOD.items()],
    ids=NOT_UNDERSTOOD,
)
def test_what_is_not_understood_is_counted_by_name(name, link, frame):
    told = told_of(link, frame)
    assert told.counters == {name: 1}
    assert told.totals["packets"] == 1
    assert told.totals["flows"] == 0


def test_gre_that_is_not_taken_apart_is_a_flow_and_counted():
    for header, name in (
        (b"\0\2\x88\x0b" + bytes(8), "gre version 2"),
        (b"\0\0\x12\x34", "gre protocol 0x1234"),
    ):
        told = told_of(1, ethernet(ip("1.1.1.1", "2.2.2.2", 47, header)))
        assert told.counters == {name: 1}
        assert [row.protocol for row in told.rows] == [47]


STILL_THEMSELVES = {
    "capwap under dtls": (capwap(wifi(), preamble=1), 17),
    "capwap in fragments": (capwap(wifi(), flags=0x80), 17),
    "capwap that keeps alive": (capwap(wifi(), flags=0x08), 17),
    "capwap with a short header": (capwap(wifi(), words=1), 17),
    "capwap that says ipv4 of ipv6": (capwap(wifi(V6)), 17),
    "capwap of no data": (capwap(wifi(subtype=4)), 17),
    "capwap of management": (capwap(Dot11(type="Management", subtype=8, **MAC) / IEEE / V4), 17),
    "capwap of a frame that is cut": (capwap(bytes(wifi())[:23]), 17),
    "capwap of no snap": (capwap(Dot11(**DATA_FRAME) / Raw(bytes(60))), 17),
    "capwap of ethernet without ip": (
        capwap(Ether(**ENDS, type=0x0806) / Raw(bytes(28)), native=0),
        17,
    ),
    "erspan of another version": (IP(**OUTER) / GRE(proto=0x88BE, seqnum_present=1), 47),
    "acknowledgement": (IP(**OUTER) / GRE_PPTP(seqnum_present=0, acknum_present=1), 47),
    "geneve for the ends": (
        IP(**OUTER) / UDP(dport=6081) / GENEVE(oam=1, vni=7) / Ether(**ENDS) / V4,
        17,
    ),
    "geneve of something else": (
        IP(**OUTER) / UDP(dport=6081) / GENEVE(vni=7, proto=0x0806) / Raw(bytes(28)),
        17,
    ),
    "vxlan with no ip in it": (
        IP(**OUTER) / UDP(dport=4789) / VXLAN(vni=9) / Ether(**ENDS, type=0x0806) / Raw(bytes(28)),
        17,
    ),
    "vxlan that says ip of something else": (
        IP(**OUTER) / UDP(dport=4789) / VXLAN(vni=9) / Ether(**ENDS, type=0x0800) / Raw(bytes(28)),
        17,
    ),
    "geneve whose options end behind it": (
        IP(**OUTER) / UDP(dport=6081) / Raw(b"\x3f\0\x88\x47" + bytes(4)),
        17,
    ),
    "gtp echo": (IP(**OUTER) / UDP(dport=2152) / GTP_U_Header(gtp_type=1) / Raw(bytes(20)), 17),
    "gtp of no ip": (IP(**OUTER) / UDP(dport=2152) / GTP_U_Header(teid=3) / Raw(bytes(20)), 17),
    "l2tp control": (
        IP(**OUTER) / UDP(dport=1701) / L2TP(hdr=["control", "length", "sequence"]) / Raw(bytes(9)),
        17,
    ),
    "text on a port of ours": (IP(**OUTER) / UDP(dport=1701) / Raw(b"GET / HTTP/1.0\r\n\r\n"), 17),
}


@pytest.mark.parametrize(("packet", "protocol"), STILL_THEMSELVES.values(), ids=STILL_THEMSELVES)
def test_what_carries_no_packet_is_a_flow_itself(packet, protocol):
    (row,) = told_of(1, bytes(Ether(**ENDS) / packet)).rows
    assert (row.protocol, row.tunnel, row.packets) == (protocol, "", (1, 0))


def test_encrypted_ppp_is_a_flow_of_gre_and_counted():
    packet = IP(**OUTER) / GRE_PPTP(seqnum_present=1) / Raw(b"\0\xfd" + bytes(40))
    told = told_of(1, bytes(Ether(**ENDS) / packet))
    assert told.counters == {"ppp protocol 0x00fd": 1}
    assert [row.protocol for row in told.rows] == [47]


def test_teredo_stays_udp():
    packet = IP(**OUTER) / UDP(sport=1234, dport=3544) / V6
    (row,) = told_of(1, Ether(**ENDS) / packet).rows
    assert (row.transport, row.server.port, row.tunnel) == ("udp", 3544, "")


def test_lengths_that_lie():
    """Claims reach neither beyond the frame nor before it."""
    long = bytearray(ethernet(ip("1.1.1.1", "2.2.2.2", 6, tcp((1, 2), 1, 1, 16, TEXT))))
    long[16:18] = b"\xff\xff"
    told = told_of(1, bytes(long))
    assert told.counters == {"truncated payloads": 1}
    assert told.deliveries[0][5] == TEXT
    short = bytearray(ethernet(bytes(V4)))
    short[38:40] = b"\0\4"  # a UDP length that is less than its header
    told = told_of(1, bytes(short))
    assert told.counters == {"bad udp length": 1}
    assert told.deliveries[0][5] == TEXT


def test_total_length_zero_is_left_by_offloading_cards():
    frame = bytearray(ethernet(ip("1.1.1.1", "2.2.2.2", 6, tcp((1, 2), 1, 1, 16, TEXT))))
    frame[16:18] = b"\0\0"
    assert told_of(1, bytes(frame)).deliveries[0][5] == TEXT


@pytest.mark.parametrize("wrap", ["ipip", "vlan", "gre", "ah"])
def test_nesting_without_end(wrap):
    packet = bytes(V4)
    for _ in range(200):
        if wrap == "ipip":
            packet = ip("1.1.1.1", "2.2.2.2", 4, packet)
        elif wrap == "gre":
            packet = ip("1.1.1.1", "2.2.2.2", 47, b"\0\0\x08\0" + packet)
        elif wrap == "ah":
            packet = ip("1.1.1.1", "2.2.2.2", 51, b"\4\4\0\0" + bytes(20) + packet)
    frame = ethernet(packet, vlan(1) * 200 if wrap == "vlan" else b"")
    told = told_of(1, frame)
    assert told.counters == {"too many tags or tunnels": 1}
    assert told_of(1, frame, tunnel_depth=1).counters == told.counters


def test_snap_inside_snap_is_not_taken_apart_twice():
    inner = b"\xaa\xaa\x03\0\0\0\0\x10" * 1000
    assert told_of(1, bytes(12) + b"\0\x10" + inner).counters == {"ethertype 0x0010": 1}


def test_mpls_labels_without_end():
    frame = bytes(12) + b"\x88\x47" + b"\0\0\0\0" * 50
    assert told_of(1, frame).counters == {"too many tags or tunnels": 1}


def test_ipv6_extension_headers_without_end():
    body = b"\x3c\0" + bytes(6)
    frame = ethernet(ip("fd00::1", "fd00::2", 60, body * 50))
    assert told_of(1, frame).counters == {"ipv6 extension headers too long": 1}


def test_names_with_numbers_are_bounded():
    frames = [(0, bytes(12) + kind.to_bytes(2) + bytes(46)) for kind in range(0x600, 0x600 + 300)]
    told = both(pcap(frames))
    assert told.counters["ethertype other"] == 300 - counters.MAX_NAMED
    assert len(told.counters) == counters.MAX_NAMED + 1


def test_contexts_are_bounded():
    frames = [(n, ethernet(bytes(V4), vlan(n))) for n in range(10)]
    told = both(pcap(frames), settings=FlowSettings(contexts=4))
    assert told.counters == {"contexts merged to bound memory": 6}
    assert [row.vlans for row in told.rows] == [(n,) for n in range(4)] + [()]
    assert told.rows[-1].tunnel == "other"


ICMP = b"\x08\0\0\0\0\1\0\1ping"


def test_icmp_and_others_are_flows_of_packets():
    ask = ip("10.0.0.1", "10.0.0.2", 1, ICMP)
    answer = ip("10.0.0.2", "10.0.0.1", 1, b"\0" + ICMP[1:])
    esp = ip("10.0.0.1", "10.0.0.2", 50, bytes(20))
    told = both(pcap([(n, ethernet(p)) for n, p in enumerate((ask, answer, esp))]))
    assert [(r.transport, r.protocol, r.packets, r.types) for r in told.rows] == [
        ("ip", 1, (1, 1), (8, 0)),
        ("ip", 50, (1, 0), (0, 0)),
    ]
    assert [d[5] for d in told.deliveries if d[2] == DATA] == [ICMP, b"\0" + ICMP[1:], bytes(20)]
    assert told.rows[0].client.port == 0


def test_scapy_agrees_about_a_segment():
    """A witness for the TCP fields, beside our own builder."""
    packet = IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=5, dport=6, flags="PA", window=0) / TEXT
    (row,) = told_of(1, Ether(**ENDS) / packet).rows
    assert (row.tcp_flags, row.zero_windows, row.bytes) == ((0x18, 0), 1, (len(packet), 0))
