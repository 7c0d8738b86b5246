"""Proofs of real rulesets in the real kernel: what holds, what evades, and who decided."""

import pytest
from tests.prove.labs import outcomes, promise, proved, shipped, table

from backchannel.errors import InputError
from backchannel.prove import proof
from backchannel.prove.enforcers import Text
from backchannel.prove.methods import METHODS

ESTABLISHED = "ct state established,related accept"
NO_5190 = 'tcp dport 5190 counter drop comment "no AIM"'


def cells(found):
    return {cell.method: cell for row in found.rows for cell in row.cells}


def test_aim_is_stopped_on_its_port_and_the_rule_is_named():
    found = proved(table(ESTABLISHED, NO_5190), promise("aim", "message"))
    cell = cells(found)["standard"]
    assert (cell.outcome, cell.kept, cell.octets, cell.ending) == ("blocked", "kept", 0, "silence")
    assert (cell.rule, cell.verdict) == ('tcp dport 5190 drop comment "no AIM"', "drop")
    assert cell.hits >= 2  # the SYN, and at least one more
    (counter,) = found.counters
    assert (counter.rule, counter.packets) == (cell.rule, counter.traced)


def test_a_port_rule_is_evaded_as_the_white_paper_says():
    """`This can be re-configured`: another port, or any proxy, and AIM passes."""
    ways = ("other-port", "port-80", "port-443", "port-53", "socks4", "socks5", "http-connect")
    found = proved(table(ESTABLISHED, NO_5190), promise("aim", "message"), methods=ways)
    for cell in cells(found).values():
        assert (cell.outcome, cell.kept) == ("passes", "broken"), cell
        assert cell.octets == cell.told > 0
        assert cell.verdict == "accept"


def test_images_are_stopped_on_4443_as_the_white_paper_says():
    found = proved(table("tcp dport 4443 drop"), promise("aim", "image"))
    (direct,) = [row for row in found.rows if row.way == "direct odc"]
    assert direct.cells[0].outcome == "blocked"
    assert direct.cells[0].before > 0  # the sign-on and the invitation went through


@pytest.mark.parametrize("method", ["one-byte", "disorder", "fragments", "ipv6"])
def test_how_the_packets_are_cut_hides_nothing_from_the_kernel(method):
    found = proved(table(ESTABLISHED, NO_5190), promise("aim", "message"), methods=[method])
    assert cells(found)[method].outcome == "blocked"


def test_the_router_really_meets_fragments():
    """Without connection tracking nothing puts fragments together: they reach the rules as such."""
    rules = table("ip frag-off & 0x1fff != 0 counter drop")
    found = proved(rules, promise("aim", "message"), methods=["standard", "fragments"])
    assert cells(found)["standard"].outcome == "passes"
    assert cells(found)["fragments"].outcome == "blocked"


def test_a_session_that_stood_before_goes_on_under_established():
    text = table(ESTABLISHED, NO_5190)
    found = proved(text, promise("aim", "message"), methods=["midstream"])
    assert cells(found)["midstream"].outcome == "passes"
    strict = table(NO_5190, "tcp sport 5190 drop", ESTABLISHED)
    assert cells(proved(strict, promise("aim", "message"), methods=["midstream"]))[
        "midstream"
    ].outcome in ("blocked", "leaks")


def test_sessions_from_before_were_tracked_as_on_any_router():
    """Had nobody tracked it, its next packet would be new without a SYN, and this would drop it."""
    no_syn = "ct state new tcp flags & (syn | ack) != syn drop"
    found = proved(table(no_syn, ESTABLISHED), promise("aim", "message"), methods=["midstream"])
    assert cells(found)["midstream"].outcome == "passes"


@pytest.mark.parametrize(
    ("action", "method", "outcome", "hopeless", "kept"),
    [
        ("deny", "standard", "blocked", False, "kept"),
        ("deny", "standard", "leaks", False, "broken"),
        ("deny", "standard", "passes", True, "gap"),
        ("deny", "socks5", "passes", False, "gap"),
        ("deny", "midstream", "passes", False, "broken"),
        ("allow", "standard", "passes", False, "kept"),
        ("allow", "one-byte", "leaks", False, "broken"),
        ("allow", "socks5", "blocked", False, "open"),
    ],
)
def test_what_best_effort_accepts(action, method, outcome, hopeless, kept):
    made = promise("aim", "message", action, best_effort=True)
    assert proof._kept(made, METHODS[method], outcome, hopeless=hopeless) == kept
    strict = promise("aim", "message", action)
    told = proof._kept(strict, METHODS[method], outcome, hopeless=hopeless)
    assert told == ("broken" if kept == "gap" else kept)


def test_a_rule_that_lets_the_first_packets_pass_leaks():
    text = table("tcp dport 5190 limit rate over 1/hour burst 6 packets drop")
    cell = cells(proved(text, promise("aim", "login")))["standard"]
    assert cell.outcome == "leaks"
    assert cell.kept == "broken"
    assert 0 < cell.octets < cell.told
    assert cell.packets >= 1


def test_a_hidden_hole_in_somebody_elses_ruleset_is_found():
    """Every second SYN passes: load it, try once, and it looks tight."""
    hole = "tcp dport 5190 tcp flags syn numgen inc mod 2 == 1 accept"
    text = table(ESTABLISHED, hole, "tcp dport 5190 drop")
    cell = cells(proved(text, promise("aim", "message")))["standard"]
    assert (cell.outcome, cell.kept) == ("passes", "broken")
    assert "numgen" in cell.rule or cell.rule.startswith("ct state")


def test_a_hole_for_one_group_is_found_from_that_group():
    text = table("ip saddr 10.7.0.0/16 accept", "tcp dport 5190 drop")
    inside = promise("aim", "message", inside=("10.7.0.0/16",))
    other = promise("aim", "message", inside=("10.8.0.0/16",))
    found = proved(text, inside, other)
    assert [row.cells[0].outcome for row in found.rows] == ["passes", "blocked"]


def test_a_named_server_is_the_one_that_is_played():
    text = table(ESTABLISHED, "ip daddr 198.51.100.7 accept", "udp dport { 500, 4500 } drop")
    to_gateway = promise("ipsec", "tunnel", "allow", outside=("198.51.100.7/32",))
    found = proved(text, to_gateway, promise("ipsec", "tunnel"))
    assert [row.cells[0].kept for row in found.rows] == ["kept", "kept"]


def test_what_is_allowed_passes_and_is_timed():
    methods = [name for name, method in METHODS.items() if not method.evades]
    found = proved(
        table(ESTABLISHED, NO_5190), promise("yahoo", "message", "allow"), methods=methods
    )
    assert {cell.outcome for cell in cells(found).values()} == {"passes"}
    assert {cell.kept for cell in cells(found).values()} == {"kept"}
    assert cells(found)["standard"].slower > 0
    assert cells(found)["one-byte"].packets > cells(found)["one-byte"].octets / 3
    assert cells(found)["standard"].packets < cells(found)["standard"].octets / 50


def test_a_refusal_is_told_from_silence():
    text = table("tcp dport 5190 reject with tcp reset", "tcp dport 5050 reject")
    found = proved(text, promise("aim", "login"), promise("yahoo", "login"))
    assert [row.cells[0].ending for row in found.rows] == ["refused", "refused"]
    assert found.seconds < 30


def test_udp_from_another_port_and_in_the_middle():
    text = table("udp sport 500 udp dport 500 drop")
    found = proved(text, promise("ipsec", "login"), methods=["standard", "source-port"])
    assert cells(found)["standard"].outcome == "blocked"
    found = proved(table("udp dport 4000 udp sport 1024-65535 drop"), promise("icq", "message"))
    assert outcomes(found)["message", "udp/4000"] == {"standard": "blocked"}


def test_the_resolver_method_asks_a_real_question():
    text = table("udp dport 53 drop")
    found = proved(text, promise("aim", "message"), methods=["resolver", "standard"])
    cell = cells(found)["resolver"]
    assert (cell.outcome, cell.ending, cell.rule) == ("blocked", "unresolved", "udp dport 53 drop")
    assert cells(found)["standard"].outcome == "passes"


def test_iptables_says_which_of_its_lines_decided():
    rules = (
        "*filter\n:FORWARD ACCEPT [0:0]\n"
        "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        '-A FORWARD -p tcp -m tcp --dport 5190 -m comment --comment "no AIM" -j DROP\nCOMMIT\n'
    )
    ruleset = Text("iptables", "rules.v4", rules)
    found = proved(ruleset, promise("aim", "message"), methods=["standard", "other-port", "ipv6"])
    by = cells(found)
    assert (by["standard"].outcome, by["other-port"].outcome) == ("blocked", "passes")
    assert by["standard"].rule == (
        '-A FORWARD -p tcp -m tcp --dport 5190 -m comment --comment "no AIM" -j DROP'
    )
    assert by["ipv6"].outcome == "passes"  # nobody wrote rules for ip6tables
    assert [each.packets for each in found.counters if "5190" in each.rule] == [by["standard"].hits]


def test_a_ruleset_that_does_not_load_is_an_error_with_its_name():
    with pytest.raises(InputError, match=r"ruleset\.nft: nft rejects it: .*syntax error"):
        proved("table inet x { nonsense }", promise("aim", "login"))


def test_a_conversation_of_one_server_at_a_time_where_the_policy_names_one():
    """Cells that must share both addresses take turns, and are still told apart."""
    text = table("tcp dport 5190 drop")
    one = promise("aim", "message", inside=("10.7.0.9/32",), outside=("198.51.100.7/32",))
    found = proved(text, one, methods=["standard", "port-80", "one-byte"])
    assert {m: c.outcome for m, c in cells(found).items()} == {
        "standard": "blocked",
        "port-80": "passes",
        "one-byte": "blocked",
    }


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(3))
def test_everything_passes_where_nothing_stands_in_the_way(turn):
    """Conversations of every service by every method, through a ruleset that drops nothing: the
    lab itself loses nothing, and every cell that can be tried is.

    All by all would be a thousand plays, so each conversation takes one turn of three.
    """
    every = [promise(service, capability, "allow") for service, capability in shipped()]
    found = proved(table("accept"), *every[turn::3], methods=tuple(METHODS)[turn::3])
    for row in found.rows:
        for cell in row.cells:
            what = f"{row.service} {row.capability} {row.way} {cell}"
            assert cell.outcome == "passes" or cell.why.startswith(("only for", "the catalogue")), (
                what
            )
    assert found.trace_overflows == 0


def test_conversations_that_share_one_address_take_turns():
    """A policy that names one gateway leaves no choice: what is joined midway holds its port until
    the ruleset stands, and a second such play has to wait for a lab of its own.
    """
    found = proved(
        table(),
        promise("aim", "message", "allow", outside=("198.51.100.7/32",)),
        promise("aim", "presence", "allow", outside=("198.51.100.7/32",)),
        methods=["standard", "one-byte", "midstream"],
    )
    said = outcomes(found)
    assert len(said) == 2
    for methods in said.values():
        assert methods == dict.fromkeys(("standard", "one-byte", "midstream"), "passes")
