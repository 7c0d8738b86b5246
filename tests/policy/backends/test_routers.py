"""Access lists of routers: well formed by their makers' grammars, nothing doubled."""

import re

import pytest
from tests.policy.backends import grammars
from tests.policy.examples import (
    ANY,
    CLOSED,
    DISCORD_VOICE,
    EXAMPLES,
    GNUTELLA,
    GNUTELLA_SEARCH,
    ICQ_LOGIN,
    STAFF,
    line,
    party,
    rules,
    use,
)

from backchannel.policy.backends import cisco_ios, junos
from backchannel.policy.compile import known

IOS, JUNOS = known()["cisco-ios"], known()["junos"]


def ios(policy):
    return grammars.ios(cisco_ios.emit(policy, ())[0].text)


def filters(policy):
    """Return the terms of the inet and the inet6 filter, and the prefix lists."""
    tree = grammars.junos(junos.emit(policy, ())[0].text)
    assert set(tree) == {"groups", "apply-groups backchannel"}
    group = tree["groups"]["replace: backchannel"]
    families = group["firewall"]
    return (
        families["family inet"]["filter backchannel"],
        families["family inet6"]["filter backchannel6"],
        group["policy-options"],
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_ios_reads_by_the_grammar(example):
    lists = ios(EXAMPLES[example])
    assert len([name for name in lists if "access-list" in name]) == 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_junos_reads_by_the_grammar(example):
    four, six, lists = filters(EXAMPLES[example])
    grammars.junos_filter(four, 4, lists)
    grammars.junos_filter(six, 6, lists)
    for name, rows in lists.items():
        grammars.networks(rows, int(name[-1]))


def test_the_grammars_can_fail():
    text = cisco_ios.emit(CLOSED, ())[0].text
    for wrong in (text.replace(" eq ", " equals "), text.replace("established", "state")):
        with pytest.raises(AssertionError):
            grammars.ios(wrong)
    text = junos.emit(CLOSED, ())[0].text
    with pytest.raises(AssertionError):
        grammars.junos(text.replace("}", "", 1))


def test_the_default_comes_last():
    for default, word in (("allow", "permit"), ("deny", "deny")):
        policy = rules(line("a", "deny", ICQ_LOGIN), default=default, known=())
        lists = ios(policy)
        assert [rows[-1] for name, rows in lists.items() if "access-list" in name] == [
            *(f"{word} ip any any", f"{word} ipv6 any any")
        ]
        for terms in filters(policy)[:2]:
            assert list(terms)[-1] == "term our_default"


def test_answers_of_what_is_allowed_come_back():
    rows = next(rows for name, rows in ios(CLOSED).items() if name.startswith("ip access"))
    assert "permit tcp any eq 5190 10.1.2.0 0.0.0.255 range 1024 65535 established" in rows
    assert "permit udp any eq 4000 10.1.2.0 0.0.0.255 range 1024 65535" in rows
    assert rows.index("permit tcp 10.1.2.0 0.0.0.255 host 10.0.0.1 eq 22") == 1, "after its remark"


def test_clients_ports_are_left_alone_and_said_to_be():
    """A packet to a high port may be an answer to a client; only a stateful filter knows."""
    policy = rules(line("voice", "deny", DISCORD_VOICE, ours=STAFF, best_effort=True))
    for backend in (IOS, JUNOS):
        judgement = backend.judge(policy, policy.lines[0], DISCORD_VOICE)
        assert judgement.level == "cannot"
        assert "answers to clients" in judgement.why
    assert "50000" not in cisco_ios.emit(policy, ())[0].text
    assert known()["nftables"].judge(policy, policy.lines[0], DISCORD_VOICE).level == "partly"


def test_more_than_one_network_is_an_object_group():
    many = party("many sites", "10.0.0.0/9", "10.192.0.1", "2001:db8::/32", "2001:db9::1")
    lists = ios(rules(line("a", "deny", GNUTELLA, ours=many), known=()))
    assert lists["object-group network many-sites-4-00000000"] == [
        *("10.0.0.0 255.128.0.0", "host 10.192.0.1")
    ]
    assert lists["object-group v6-network many-sites-6-00000000"] == [
        *("2001:db8::/32", "host 2001:db9::1")
    ]


def test_an_alert_goes_on_in_junos_and_is_refused_by_ios():
    policy = rules(line("tell", "alert", GNUTELLA_SEARCH, best_effort=True), known=())
    four = filters(policy)[0]
    assert list(four["term tell-1"]["then"]) == ["count tell", "log", "syslog", "next term"]
    assert IOS.judge(policy, policy.lines[0], GNUTELLA_SEARCH).level == "cannot"


def test_a_new_policy_is_a_new_list():
    """So that an interface goes from one to the other in one step."""
    one, two = (
        set(ios(rules(line("a", "deny", GNUTELLA), digest=digit * 64, known=()))) for digit in "12"
    )
    assert not one & two


def test_hostile_names_stay_inside_comments():
    evil = "x */ } ; \n!\nno ip access-list \x1b[2J\u202e"
    many = party(evil, "10.0.0.0/9", "10.192.0.1")
    policy = rules(
        line("a", "deny", use("x", "message", "tcp/1"), ours=many, theirs=ANY, reason=evil),
        name=evil,
        known=(),
    )
    assert ios(policy)
    assert filters(policy)
    assert not re.search(r"^no ip", cisco_ios.emit(policy, ())[0].text, re.MULTILINE)
