"""What a capture suggests, and nothing else."""

import pytest
from tests.probe.lab import EXAMPLES, INDEX

from backchannel.catalogue.load import load
from backchannel.errors import InputError
from backchannel.probe.ports import Port
from backchannel.probe.suggested import suggestions

SERVICES = load()


def ports(name):
    return {
        (each.address, str(each.port))
        for each in suggestions(EXAMPLES / name, INDEX, SERVICES).told
    }


def test_a_server_is_asked_where_it_was_seen():
    assert ports("msn/msn_msnp8_libpurple243.pcap") == {("10.99.0.1", "1863/tcp")}


def test_file_sharers_are_asked_at_the_usual_ports():
    told = ports("gnutella/gtkg_handshake_query_download.pcap")
    hosts = {address for address, _ in told}
    assert len(hosts) >= 2  # the one that connected, too
    assert all((address, "6346/tcp") in told for address in hosts)
    assert "80/tcp" not in {port for _, port in told}


def test_a_gateway_is_asked_over_udp():
    told = suggestions(EXAMPLES / "ipsec/natt_public_side.pcap", INDEX, SERVICES).told
    assert {each.port for each in told} == {
        Port("udp", 500),
        Port("udp", 4500),
        Port("tcp", 4500),  # RFC 9329
    }
    assert all("ike" in each.expected.protocols for each in told)


def test_what_is_inside_a_tunnel_is_another_network():
    """The target of a SOCKS connection is not asked: the proxy is."""
    assert ports("aim/aim_socks5.pcap") == {
        ("10.61.0.50", "1080/tcp"),
        ("10.61.0.1", "5190/tcp"),  # two of the three connections to it were direct
        ("10.61.0.1", "5191/tcp"),
    }


@pytest.mark.parametrize("text", ["", "{}", '{"services": 3}', "neither"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError):
        suggestions(path, INDEX, SERVICES)
