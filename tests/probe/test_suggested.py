"""What a capture suggests, and nothing else."""

from datetime import date
from ipaddress import ip_address

import msgspec
import pytest
from tests.probe.lab import EXAMPLES, INDEX

from backchannel.catalogue.load import load
from backchannel.errors import InputError, UsageError
from backchannel.pipeline import scan
from backchannel.probe.plan import work
from backchannel.probe.ports import Port
from backchannel.probe.suggested import suggestions
from backchannel.probe.targets import authority

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


@pytest.fixture
def forged(tmp_path):
    """Return how to make what a hostile scan's document suggests: any text as servers."""
    document = scan(EXAMPLES / "aim/aim_md5login_8im.pcap").document
    row = document.services[0]

    def make(*servers):
        hosts = msgspec.structs.replace(row.hosts, servers=servers)
        made = msgspec.structs.replace(
            document, services=(msgspec.structs.replace(row, hosts=hosts),)
        )
        path = tmp_path / "scan.json"
        path.write_bytes(msgspec.json.encode(made))
        return suggestions(path, INDEX, SERVICES).told

    return make


@pytest.mark.parametrize(
    "server",
    [
        "@/etc/hostname:80",
        "a.name.to.look.up:80",
        "10.0.0.0/24:80",
        "10.0.0.1-9:80",
        "10.0.0.1:70000",
        "10.0.0.1:0",
        "10.0.0.1:\u00b2",
        "10.0.0.1:" + "9" * 5000,
        "10.0.0.1",
        "",
    ],
)
def test_a_document_suggests_addresses_and_ports_only(forged, server):
    assert forged(server) == []


def test_a_printer_is_not_asked_because_a_capture_has_it(forged):
    told = forged("10.0.0.1:9100", "10.0.0.1:631", "10.0.0.1:515", "[fd00::1]:5190")
    assert [(each.address, each.port) for each in told] == [("fd00::1", Port("tcp", 5190))]


def todo(suggested, *words, excluded=(), authorised=None):
    return work(
        words,
        excluded=excluded,
        authorised=authorised,
        ports="",
        services=(),
        catalogue=SERVICES,
        suggestions=suggested,
    )


def test_a_capture_leads_to_nobody_whom_the_user_did_not_name(forged, tmp_path):
    """Ten thousand hosts, this one, public ones and those of many: of all, two are of the user."""
    servers = [f"10.{n >> 8}.{n & 255}.7:5190" for n in range(10_000)]
    servers += ["127.0.0.1:80", "8.8.8.8:80", "239.192.152.143:6771", "192.0.2.9:80", "[::1]:80"]
    suggested = forged(*servers)
    (tmp_path / "allowed").write_text("10.3.4.0/24 Jane\n192.0.2.0/24 Jane\n!192.0.2.9 no\n")
    allowed = authority(tmp_path / "allowed", date(2026, 11, 29))
    hosts = {str(ip_address(each.rpartition(":")[0].strip("[]"))) for each in servers}
    with pytest.raises(UsageError, match="names nobody"):
        todo(suggested)
    named = todo(suggested, "10.3.4.0/24")
    assert [host.address for host, _ in named.hosts] == ["10.3.4.7"]
    assert named.chosen.left_out == len(hosts) - 1
    by_file = todo(suggested, authorised=allowed)
    assert [host.address for host, _ in by_file.hosts] == ["10.3.4.7"]
    assert todo(suggested, "10.0.0.0/8", authorised=allowed).hosts == by_file.hosts
    with pytest.raises(UsageError, match="more than 256 hosts"):
        todo(suggested, "10.0.0.0/8")
    with pytest.raises(UsageError, match="suggests nobody"):
        todo(suggested, "10.3.4.0/24", excluded=["10.3.4.7"])
