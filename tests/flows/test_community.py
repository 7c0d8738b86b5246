"""Rows and Community IDs. The vectors are those of the Community ID specification's baseline."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.frames import both, ethernet, ip, pcap, tcp, udp

from backchannel.flows.community import community_id, icmp_ports

LOW6 = "fe80:0001:0203:0405:0607:0809:0A0B:0C0D"
HIGH6 = "fe80:1011:1213:1415:1617:1819:1A1B:1C1D"
# protocol, source, target, two ports or ICMP type and code, Community ID
VECTORS = [
    (6, "1.2.3.4", "5.6.7.8", 1122, 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="),
    (6, "5.6.7.8", "1.2.3.4", 3344, 1122, "1:wCb3OG7yAFWelaUydu0D+125CLM="),
    (17, "1.2.3.4", "5.6.7.8", 1122, 3344, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
    (17, "5.6.7.8", "1.2.3.4", 3344, 1122, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
    (132, "1.2.3.4", "5.6.7.8", 1122, 3344, "1:EKt4MsxuyaE6mL+hmrEkQ9csDD8="),
    (1, "1.2.3.4", "5.6.7.8", 8, 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
    (1, "5.6.7.8", "1.2.3.4", 0, 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
    (1, "1.2.3.4", "5.6.7.8", 11, 0, "1:f/YiSyWqczrTgfUCZlBUnvHRcPk="),
    (1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (58, LOW6, HIGH6, 128, 0, "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
    (58, HIGH6, LOW6, 129, 0, "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
    (58, LOW6, HIGH6, 146, 0, "1:fYC8+pz24E+EhANP1EZhpX0Dw10="),
    (58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
    (58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
     "1:hLZd0XGWojozrvxqE0dWB1iM6R0="),
    (46, "1.2.3.4", "5.6.7.8", 0, 0, "1:ikv3kmf89luf73WPz1jOs49S768="),
    (46, LOW6, HIGH6, 0, 0, "1:wQ/2mwrnXP4lmJcHdGL5ePjR+e0="),
    (6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS)
def test_community_ids_of_packets(vector):
    """From bytes on the wire to the ID, through both cores."""
    protocol, source, target, a, b, expected = vector
    body = {
        6: lambda: tcp((a, b), 1, 1, 16),
        17: lambda: udp((a, b), b""),
        132: lambda: a.to_bytes(2) + b.to_bytes(2) + bytes(8),
        1: lambda: bytes((a, b)) + bytes(6),
        58: lambda: bytes((a, b)) + bytes(6),
        46: lambda: bytes(8),
    }[protocol]()
    told = both(pcap([(0, ethernet(ip(source, target, protocol, body)))]))
    assert told.columns["community_id"] == [expected]


def test_community_id_by_hand():
    assert community_id(17, b"\1\2\3\4", b"\5\6\7\x08", 1122, 3344) == VECTORS[2][5]
    assert icmp_ports(1, 8, 0) == (8, 0)
    assert icmp_ports(1, 3, 1) == (3, 1)


def test_columns_are_the_rows():
    frames = [ethernet(ip("1.2.3.4", "5.6.7.8", 17, udp((n, 53), b"x"))) for n in range(5)]
    told = both(pcap([(n, frame) for n, frame in enumerate(frames)]))
    columns = told.columns
    assert {len(column) for column in columns.values()} == {5}
    assert columns["client_port"] == [row.client.port for row in told.rows]
    assert columns["client_bytes"] == [29] * 5
    assert columns["first_frame"] == [1, 2, 3, 4, 5]


groups = st.sampled_from([b"\0\0", b"\0\0", b"\0\x0a", b"\x0b\xc0", b"\xff\xff"])


@given(st.binary(min_size=4, max_size=4) | st.lists(groups, min_size=8, max_size=8).map(b"".join))
def test_addresses_are_written_as_everywhere(packed):
    """Through both cores, as the standard library writes them."""
    text = str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))
    packet = ethernet(ip(text, text, 17, udp((1, 2), b"x")))
    (row,) = both(pcap([(1, packet)])).rows
    assert (row.client.address, row.server.address) == (text, text)
