"""Hand-written texts whose meaning the firewalls' own manuals state."""

from datetime import date
from ipaddress import ip_address
from pathlib import Path

import pytest

from backchannel import protocols
from backchannel.catalogue.load import load as services
from backchannel.errors import InputError
from backchannel.evaluate.cisco_ios import CiscoIos
from backchannel.evaluate.iptables import Iptables
from backchannel.evaluate.junos import Junos
from backchannel.evaluate.known import evaluator
from backchannel.evaluate.nftables import Nftables
from backchannel.evaluate.packet import Packet
from backchannel.evaluate.pf import Pf
from backchannel.evaluate.windows import Windows
from backchannel.policy.compile import compile_policy, known
from backchannel.policy.load import load

POLICIES = Path(__file__).parents[2] / "examples/policies"


def packet(port=80, carrier="tcp", source="10.0.0.1", target="192.0.2.1", **more):
    return Packet(
        carrier=carrier,
        source=ip_address(source),
        destination=ip_address(target),
        source_port=50_000,
        destination_port=port,
        **more,
    )


def test_nftables_every_base_chain_must_accept_and_drop_ends_it():
    text = """
table inet one { chain f { type filter hook forward priority 0; policy accept;
    tcp dport 80 accept
    tcp dport { 81, 90-99 } drop comment "no" } }
table ip two {
    set far { type ipv4_addr; flags interval; elements = { 192.0.2.0/24,
        198.51.100.0-198.51.100.9 } }
    chain f { type filter hook forward priority filter + 10; policy drop;
        ip daddr @far tcp dport 80-81 accept }
}
"""
    rules = Nftables(text)
    assert rules.decide(packet(80)).passes
    assert rules.decide(packet(81)).label == "no"
    assert not rules.decide(packet(80, target="198.51.100.10")).passes
    assert rules.decide(packet(80, source="2001:db8::1", target="2001:db8::2")).passes
    assert rules.decide(packet(82)).rule == "policy drop of chain f"
    assert rules.decide(packet(95), "input").passes


def test_nftables_a_table_that_is_deleted_is_gone():
    text = "table ip t { chain f { type filter hook forward priority 0; policy drop; } }\n"
    assert not Nftables(text).decide(packet()).passes
    assert Nftables(text + "delete table ip t\n").decide(packet()).passes
    assert Nftables(text + "flush ruleset\n").decide(packet()).passes


def test_iptables_first_verdict_counts_and_return_goes_back():
    text = """*filter
:FORWARD DROP [0:0]
:mine - [0:0]
-A FORWARD ! -s 10.0.0.0/8 -j ACCEPT
-A FORWARD -p tcp -j mine
-A FORWARD -p tcp --dport 80 -m comment --comment "a -j b" -j ACCEPT
-A mine -p tcp -m multiport --dports 80,90:95 -j RETURN
-A mine -p tcp --dport 81 -j REJECT --reject-with tcp-reset
COMMIT
"""
    rules = Iptables(text)
    assert rules.decide(packet(80)).label == "a -j b"
    assert not rules.decide(packet(81)).passes
    assert rules.decide(packet(91)).rule == "policy DROP of chain FORWARD"
    assert rules.decide(packet(81, source="172.16.0.1")).passes


def test_cisco_lists_end_with_deny_and_established_means_ack_or_rst():
    text = """object-group network desk
 host 10.0.0.1
 10.0.1.0 255.255.255.0
ip access-list extended X
 remark answers
 permit tcp any any established
 remark the desk
 permit tcp object-group desk any range 80 81
 permit udp 10.0.0.0 0.255.255.255 any gt 1023
"""
    rules = CiscoIos(text)
    assert rules.decide(packet(80)).label == "the desk"
    assert not rules.decide(packet(80, source="10.0.2.1")).passes
    assert rules.decide(packet(443, flags=frozenset({"ack"}))).label == "answers"
    assert rules.decide(packet(2000, "udp")).passes
    assert rules.decide(packet(443)).rule == "the end of the list: deny"


def test_pf_the_last_match_wins_unless_quick():
    text = """block in proto tcp from any to any port { 80, 81 } label "all"
pass proto tcp from 10.0.0.0/8 to any port 80
block return quick proto tcp from any to any port 82
pass proto tcp from any to any port 82
"""
    rules = Pf(text)
    assert rules.decide(packet(80)).passes
    assert rules.decide(packet(81)).label == "all"
    assert not rules.decide(packet(82)).passes
    assert not rules.decide(packet(80, flags=frozenset({"ack"}))).passes, "pass means flags S/SA"
    assert rules.decide(packet(81, state="established", flags=frozenset({"ack"}))).passes


def test_windows_what_blocks_beats_what_allows():
    rule = "New-NetFirewallRule @Ours -DisplayName 'backchannel {} 1' -Direction {} -Action {} "
    rest = "-LocalAddress {} -RemoteAddress Any -Protocol TCP -{} 80 | Out-Null\n"
    allow = rule.format("yes", "Outbound", "Allow") + rest.format("Any", "RemotePort")
    block = rule.format("no", "Outbound", "Block") + rest.format("10.0.0.0/8", "RemotePort")
    assert Windows(allow + block).decide(packet(80)).label == "no"
    assert Windows(block + allow).decide(packet(80)).label == "no"
    assert Windows(allow + block).decide(packet(80, source="172.16.0.1")).passes
    shut = "Set-NetFirewallProfile -All -DefaultInboundAction Block -DefaultOutboundAction Allow\n"
    assert Windows(shut).decide(packet(80)).rule == "default of inbound: Block"
    assert Windows(shut).decide(packet(80), "output").passes


def test_junos_a_term_without_a_word_accepts_and_the_end_discards():
    text = """firewall { family inet { filter f {
    /* only the web */
    term web { from { source-address { 10.0.0.0/8; } protocol tcp; destination-port [ 80 443 ]; } }
    term log { then { syslog; next term; } }
} } }
"""
    rules = Junos(text)
    assert rules.decide(packet(443)).label == "only the web"
    assert not rules.decide(packet(22)).passes
    assert rules.decide(packet(22)).rule == "the end of the filter: discard"


@pytest.mark.parametrize(
    ("read", "text", "line"),
    [
        (Nftables, "table ip t {\n chain c {\n  meta mark 1 drop\n }\n}", 3),
        (Nftables, "table ip t {\n chain c {\n  tcp dport 80 queue\n }\n}", 3),
        (Nftables, "table ip t {\n chain c {\n  ip saddr @gone drop\n }\n}", 3),
        (Nftables, "table ip t {\n set s {\n  type mark\n }\n}", 3),
        (Nftables, "table bridge t {\n}", 1),
        (Nftables, "table ip t {\n chain c {", 2),
        (Nftables, "table ip t {\n chain c {\n  tcp dport 80 accept\n", 3),
        (Nftables, "table ip t {\n chain c {\n  tcp dport > ssh accept\n }\n}", 3),
        (Nftables, "table ip t {\n chain c {\n  ip saddr { } accept\n }\n}", 3),
        (Iptables, "*filter\n:FORWARD", 2),
        (Iptables, "*filter\n-A", 2),
        (lambda text: Iptables(sets=text), "create far hash:net\nadd far away", 2),
        (Pf, "pass flags S", 1),
        (Iptables, "*filter\n-A FORWARD -m owner --uid-owner 1 -j DROP", 2),
        (Iptables, "*filter\n-A FORWARD --dport", 2),
        (Iptables, "*filter\n-A FORWARD -m set --match-set gone src -j DROP", 2),
        (CiscoIos, "ip access-list extended X\n permit tcp any any reflect Y", 2),
        (CiscoIos, "ip access-list extended X\n permit ip 10.0.0.0 0.255.0.255 any", 2),
        (CiscoIos, "route-map x", 1),
        (Pf, "pass quick\nblock in on em0 route-to x", 2),
        (Pf, "block from <gone> to any", 1),
        (Junos, "firewall { family inet { filter f { term x {\n from { dscp 1; } } } } }", 2),
        (Junos, "firewall {\n", 1),
        (Windows, "\nRemove-Item C:\\", 2),
    ],
)
def test_what_is_not_known_is_refused_with_its_line(read, text, line):
    with pytest.raises(InputError, match=f"line {line}: cannot be evaluated"):
        read(text)


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_text_of_the_shipped_policies_can_be_read(path):
    rules = load(path, services(protocols=protocols.load()), date(2026, 11, 28))
    read = {
        name
        for name, backend in known().items()
        if evaluator(name, compile_policy(rules, backend, best_effort=True).files) is not None
    }
    assert read >= {"nftables", "iptables", "cisco-ios", "junos", "pf", "windows"}
