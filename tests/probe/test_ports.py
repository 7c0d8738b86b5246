"""Which ports, and what may be there."""

import dataclasses

import pytest
from tests.probe.lab import NOTHING, QUICK, Server, asked

from backchannel.catalogue.load import load
from backchannel.errors import UsageError
from backchannel.probe.order import HELLOS, NEVER, following, hellos
from backchannel.probe.plan import said_to, work
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Port, chosen, of_services, usual

SERVICES = load()
KNOWN = usual(SERVICES)


@pytest.mark.parametrize(
    ("port", "service"),
    [
        (Port("tcp", 5190), "aim"),
        (Port("tcp", 1863), "msn"),
        (Port("tcp", 5050), "yahoo"),
        (Port("tcp", 1214), "kazaa"),
        (Port("udp", 1214), "kazaa"),
        (Port("tcp", 6346), "gnutella"),
        (Port("udp", 4500), "ipsec"),
        (Port("udp", 500), "ipsec"),
        (Port("tcp", 1080), "socks"),
        (Port("tcp", 3128), "http-proxy"),
        (Port("tcp", 8118), "http-proxy"),
        (Port("tcp", 9050), "tor"),
        (Port("tcp", 9150), "tor"),
    ],
)
def test_the_ports_of_the_texts_are_asked(port, service):
    assert service in KNOWN[port].services


def test_ports_are_few_and_no_printer_is_among_them():
    assert 60 < len(KNOWN) < 250
    assert not {each.number for each in KNOWN if each.transport == "tcp"} & NEVER


def test_words_for_ports():
    assert list(chosen("1214", KNOWN)) == [Port("tcp", 1214), Port("udp", 1214)]
    assert list(chosen("12345", KNOWN)) == [Port("tcp", 12345)]
    assert list(chosen("tcp/1214, udp/500-501", KNOWN)) == [
        Port("tcp", 1214),
        Port("udp", 500),
        Port("udp", 501),
    ]
    assert len(chosen("tcp/1-65535", KNOWN)) == 65535 - len(NEVER)
    assert len(chosen("tcp/1-", KNOWN)) == 65535 - len(NEVER)
    assert list(chosen("T:1214,81,U:500-501,tcp/82,7", KNOWN)) == [  # as nmap(1), -p, has it
        *(Port("tcp", 1214), Port("tcp", 81), Port("udp", 500), Port("udp", 501)),
        *(Port("tcp", 82), Port("udp", 7)),
    ]


@pytest.mark.parametrize(
    "wrong",
    ["0", "65536", "x", "9-3", "sctp/1", "tcp/", "-5", "S:1", "T:", "T:udp/x", "1--", "70000-"],
)
def test_wrong_ports_are_told(wrong):
    with pytest.raises(UsageError, match="is not like"):
        chosen(wrong, KNOWN)


def test_printers_alone_leave_nothing_to_ask():
    with pytest.raises(UsageError, match="printers"):
        chosen("9100-9107,4712", KNOWN)


def test_services_are_suggested_where_one_is_misspelt():
    assert list(of_services(("icq,aim",), SERVICES)) == ["icq", "aim"]
    with pytest.raises(UsageError, match="gnutella"):
        of_services(("gnutela",), SERVICES)


def test_silent_services_are_passed_over_and_named():
    todo = work(
        ["127.0.0.1"],
        excluded=(),
        authorised=None,
        ports="",
        services=(),
        catalogue=SERVICES,
        suggestions=None,
    )
    assert todo.passed_over[Port("udp", 51820)] == ("wireguard",)
    ((_, plan),) = todo.hosts
    assert Port("udp", 51820) not in plan


def test_the_ports_own_hello_comes_first_and_options_are_needed():
    for port, protocols, first in (
        (5190, ("oscar",), "oscar"),
        (1863, ("msnp",), "msnp"),
        (80, ("gnutella",), "http"),
    ):
        assert hellos("tcp", port, protocols, ())[0].name == first
    names = {each.name for each in hellos("tcp", 1080, (), ())}
    assert not names & {"bittorrent", "socks5-through", "http-connect"}
    assert "bittorrent" in {each.name for each in hellos("tcp", 1080, (), ("torrent",))}
    assert "ikev1-aggressive" not in {each.name for each in hellos("udp", 500, ("ike",), ())}


def test_a_udp_port_is_told_its_own_hellos_only():
    assert {each.protocols[0] for each in hellos("udp", 500, ("ike",), ())} == {"ike"}


@pytest.mark.parametrize("port", [1080, 1194, 1503, 4662, 5190, 5223, 12345])
def test_a_dry_run_tells_the_order_in_which_it_is_said(port):
    """Against what a server hears that takes connections and never answers."""
    quick = dataclasses.replace(QUICK, rate=9999, host_rate=9999, greeting=0.01, answer=0.05)
    with Server(lambda link: link.recv(1), port=port) as server:
        (result,) = asked(server.host, port, limits=quick).hosts[0].results
    at = Port("tcp", port)
    told = said_to(at, KNOWN.get(at, NOTHING).protocols, Wishes())
    assert [each.exchange.hello for each in result.talked] == told


def test_what_follows_a_protocol():
    assert [each.name for each in following("socks", ["socks5"], ())] == ["socks4"]
    assert "socks5-through" in {each.name for each in following("socks", [], ("through",))}
    assert {"http-connect", "socks5"} <= {each.name for each in following("http", ["http"], ())}
    assert following("nmdc", [], ()) == []


def test_every_hello_has_a_name_of_its_own_and_a_source():
    names = [(each.transport, each.name) for each in HELLOS]
    assert len(set(names)) == len(names)
    assert all(each.source and each.protocols for each in HELLOS)
