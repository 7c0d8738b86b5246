"""nftables: the kernel takes every text, and does to real flows what the policy says."""

import json
import time
from ipaddress import ip_network

import pytest
from tests.policy import examples
from tests.policy.examples import (
    ANY,
    EXAMPLES,
    GNUTELLA,
    GNUTELLA_SEARCH,
    ICQ_LOGIN,
    line,
    party,
    use,
)
from tests.policy.lab import inside, play

from backchannel.policy.backends import nftables
from backchannel.policy.compile import gaps, known
from backchannel.policy.model import Lifeline, Networks, Party, Ports

BACKEND = known()["nftables"]
CLIENTS = party("clients", "10.9.0.2", "fd00:9::2")
HOSTS = party("hosts", "10.9.0.1", "fd00:9::1")


def rules(*lines, **more):
    """A policy that knows of no other use of the same services."""
    return examples.rules(*lines, known=(), **more)


def text(policy):
    return nftables.emit(policy, gaps(policy, BACKEND))[0].text


def tried(policy, *steps):
    return play(list(steps), [(["nft", "-f", "-"], text(policy))])


def counters(listing):
    found = [item["counter"] for item in json.loads(listing)["nftables"] if "counter" in item]
    return {item["name"]: item["packets"] for item in found}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_kernel_takes_it_twice(example):
    """Twice: the second load replaces the first, it does not add to it."""
    script = (
        "set -e; cat > /dev/shm/$$; nft -c -f /dev/shm/$$; nft -f /dev/shm/$$; nft -f /dev/shm/$$;"
    )
    ran = inside(
        ["sh", "-c", f"{script} rm /dev/shm/$$; nft -j list ruleset"], text(EXAMPLES[example])
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    listed = json.loads(ran.stdout)["nftables"]
    lines = EXAMPLES[example].lines
    assert {f"line-{each.name}" for each in lines} <= set(counters(ran.stdout))
    spoken = {str(item["rule"].get("comment")) for item in listed if "rule" in item}
    assert {f"{each.name} {each.place}" for each in lines} <= spoken
    assert len([item for item in listed if "table" in item]) == 1


@pytest.mark.parametrize("family", [4, 6])
def test_a_denied_port_is_closed_and_another_is_not(family):
    policy = rules(line("icq", "deny", ICQ_LOGIN, ours=CLIENTS), line("p2p", "deny", GNUTELLA))
    told = tried(
        policy,
        ["load"],
        ["open", "icq", "tcp", 5190, family],
        ["open", "udp", "udp", 4000, family],
        ["open", "p2p", "tcp", 6346, family],
        ["open", "free", "tcp", 5191, family],
        ["say", "free", "opener"],
        ["say", "free", "answerer"],
        ["run", "nft", "-j", "list", "counters"],
    )
    assert told[1:7] == [False, False, False, True, True, True]
    moved = counters(told[7])
    assert moved["line-icq"] >= 2
    assert moved["line-p2p"] >= 1


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("first", ["opener", "answerer"])
@pytest.mark.parametrize(("carrier", "port"), [("tcp", 5190), ("udp", 4000)])
def test_flows_from_before_the_ruleset_are_cut_whoever_speaks_first(carrier, port, first, family):
    """No packet passes in either direction, where the kernel never saw the flow begin."""
    other = {"opener": "answerer", "answerer": "opener"}[first]
    told = tried(
        rules(line("icq", "deny", ICQ_LOGIN)),
        ["open", "old", carrier, port, family],
        ["say", "old", "opener"],
        ["say", "old", "answerer"],
        ["open", "free", carrier, port + 1, family],
        ["load"],
        ["say", "old", first],
        ["say", "old", other],
        ["say", "old", first],
        ["say", "free", first],
        ["say", "free", other],
    )
    assert told == [True, True, True, True, None, False, False, False, True, True]


def test_tracked_flows_from_before_the_ruleset_are_cut():
    """The same where the kernel has tracked the flow from its first packet."""
    track = "table inet t { chain c { type filter hook input priority 0; ct state new counter; }; }"
    told = tried(
        rules(line("icq", "deny", ICQ_LOGIN)),
        ["run", "nft", track],
        ["open", "old", "tcp", 5190],
        ["open", "older", "tcp", 5190 + 1],
        ["say", "old", "answerer"],
        ["load"],
        ["say", "old", "answerer"],
        ["say", "old", "opener"],
        ["say", "older", "answerer"],
    )
    assert told[1:] == [True, True, True, None, False, False, True]


def test_a_default_of_deny_lets_pass_what_is_allowed_both_ways_and_nothing_else():
    life = Lifeline("policy.yaml:3", CLIENTS, HOSTS, Ports("tcp", 22))
    told = tried(
        rules(
            line("icq", "allow", ICQ_LOGIN, ours=CLIENTS, theirs=HOSTS, direction="out"),
            default="deny",
            lifelines=(life,),
        ),
        ["open", "ssh", "tcp", 22],
        ["open", "web-before", "tcp", 80],
        ["load"],
        *(["say", "ssh", side] for side in ("opener", "answerer")),
        ["say", "web-before", "opener"],
        ["say", "web-before", "answerer"],
        ["open", "ssh6", "tcp", 22, 6],
        ["open", "icq", "tcp", 5190],
        ["say", "icq", "answerer"],
        ["say", "icq", "opener"],
        ["open", "icq6", "udp", 4000, 6],
        ["say", "icq6", "answerer"],
        ["open", "web", "tcp", 443],
        ["open-in", "in", "tcp", 5190],
        ["open-in", "ssh-in", "tcp", 22],
    )
    assert told == [
        *(True, True, None, True, True, False, False),
        *(True, True, True, True, True, True, False, False, False),
    ]


def test_the_first_line_that_fits_decides():
    names = [("free", "allow"), ("none", "deny")]
    policy = rules(*(line(name, action, GNUTELLA, ours=CLIENTS) for name, action in names))
    assert tried(policy, ["load"], ["open", "x", "tcp", 6346]) == [None, True]
    policy = rules(*(line(name, action, GNUTELLA, ours=CLIENTS) for name, action in names[::-1]))
    assert tried(policy, ["load"], ["open", "x", "tcp", 6346]) == [None, False]


def test_an_alert_counts_and_goes_on():
    policy = rules(
        line("tell", "alert", GNUTELLA_SEARCH), line("none", "deny", GNUTELLA_SEARCH, refuse="drop")
    )
    told = tried(
        policy, ["load"], ["open", "x", "udp", 6346], ["run", "nft", "-j", "list", "counters"]
    )
    moved = counters(told[2])
    assert told[1] is False
    assert moved["line-tell"] == moved["line-none"] == 1


def test_a_resolvers_query_from_a_denied_port_passes():
    """Source ports tell of a denied server only towards a client's port."""
    policy = rules(line("none", "deny", use("icq", "login", "udp/1024-32000", stated=True)))
    assert tried(policy, ["load"], ["open", "dns", "udp", 53], ["say", "dns", "answerer"]) == [
        *(None, True, True)
    ]


def test_ten_thousand_addresses_and_five_hundred_lines_load():
    nets = tuple(ip_network((10 << 24 | n << 9, 24)) for n in range(10_000))
    six = tuple(ip_network(((0x20010DB8 << 96) | n << 65, 64)) for n in range(10_000))
    staff = Party("staff", Networks(nets, six))
    lines = [
        line(f"line-{n}", "deny", use("x", "message", f"tcp/{2 * n + 1}"), ours=staff, theirs=ANY)
        for n in range(500)
    ]
    policy = rules(*lines)
    began = time.perf_counter()
    made = text(policy)
    assert time.perf_counter() - began < 2
    ran = inside(["nft", "-f", "-"], made)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_hostile_names_stay_inside_comments():
    evil = 'x"\n} \\ ; drop \x1b[2J\u202e'
    policy = rules(
        line("a", "deny", GNUTELLA, ours=Party(evil, CLIENTS.networks), reason=evil), name=evil
    )
    ran = inside(["nft", "-c", "-f", "-"], text(policy))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert text(policy).isascii()
