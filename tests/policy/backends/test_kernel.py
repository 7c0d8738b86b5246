"""nftables and iptables in the kernel: real flows are treated as the policy says, by both alike."""

import pytest
from tests.policy import examples
from tests.policy.examples import GNUTELLA, ICQ_LOGIN, line, party, use
from tests.policy.lab import need, play

from backchannel.policy.backends import iptables, nftables
from backchannel.policy.model import Lifeline, Ports

CLIENTS = party("clients", "10.9.0.2", "10.9.0.9", "fd00:9::2")
HOSTS = party("hosts", "10.9.0.1", "fd00:9::1")
both = pytest.mark.parametrize("backend", ["nftables", "iptables"])


def rules(*lines, **more):
    """A policy that knows of no other use of the same services."""
    return examples.rules(*lines, known=(), **more)


def loads(backend, policy):
    if backend == "nftables":
        return [(["nft", "-f", "-"], nftables.emit(policy, ())[0].text)]
    need("ipset", "iptables-restore", "ip6tables-restore")
    commands = {
        "backchannel.ipset": ["ipset", "restore", "-exist"],
        "backchannel.v4": ["iptables-restore", "--noflush"],
        "backchannel.v6": ["ip6tables-restore", "--noflush"],
    }
    return [(commands[file.name], file.text) for file in iptables.emit(policy, ())]


def tried(backend, policy, *steps):
    return play(list(steps), loads(backend, policy))


@both
def test_a_denied_port_is_closed_and_another_is_not(backend):
    policy = rules(line("icq", "deny", ICQ_LOGIN, ours=CLIENTS), line("p2p", "deny", GNUTELLA))
    flows = [("tcp", 5190, False), ("udp", 4000, False), ("tcp", 6346, False), ("tcp", 5191, True)]
    told = tried(
        backend,
        policy,
        ["load"],
        *(
            ["open", f"{family}{port}", kind, port, family]
            for family in (4, 6)
            for kind, port, _ in flows
        ),
        *(["say", f"{family}5191", side] for family in (4, 6) for side in ("opener", "answerer")),
    )
    assert told == [None, *[free for _, _, free in flows] * 2, *[True] * 4]


@both
@pytest.mark.parametrize("default", ["allow", "deny"])
def test_a_refused_client_is_told_at_once_unless_the_line_says_drop(backend, default):
    """The host's own chain for what it sends must not eat the reset."""
    policy = rules(
        line("icq", "deny", ICQ_LOGIN),
        line("p2p", "deny", GNUTELLA, refuse="drop"),
        default=default,
    )
    steps = [["how", "tcp", port, family] for port in (5190, 6346) for family in (4, 6)]
    told = tried(backend, policy, ["load"], *steps)
    assert told[1:] == [*["ConnectionRefusedError"] * 2, *["TimeoutError"] * 2]


@both
@pytest.mark.parametrize("first", ["opener", "answerer"])
def test_flows_from_before_the_ruleset_are_cut_whoever_speaks_first(backend, first):
    """No packet passes in either direction, where the kernel never saw the flow begin."""
    other = {"opener": "answerer", "answerer": "opener"}[first]
    denied = [(kind, port, v) for kind, port in (("tcp", 5190), ("udp", 4000)) for v in (4, 6)]
    flows = [*denied, *((kind, port + 1, family) for kind, port, family in denied)]
    names = [f"{kind}{port}v{family}" for kind, port, family in flows]
    told = tried(
        backend,
        rules(line("icq", "deny", ICQ_LOGIN)),
        *(["open", name, *flow] for name, flow in zip(names, flows, strict=True)),
        *(["say", name, "answerer"] for name in names),
        ["load"],
        *(["say", name, side] for side in (first, other, first) for name in names),
    )
    assert told == [*[True] * 16, None, *[*[False] * 4, *[True] * 4] * 3]


@both
def test_tracked_flows_from_before_the_ruleset_are_cut(backend):
    """The same where the kernel has tracked the flow from its first packet."""
    track = "table inet t { chain c { type filter hook input priority 0; ct state new counter; }; }"
    told = tried(
        backend,
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


@both
def test_a_default_of_deny_lets_pass_what_is_allowed_both_ways_and_nothing_else(backend):
    life = Lifeline("policy.yaml:3", CLIENTS, HOSTS, Ports("tcp", 22, 22))
    told = tried(
        backend,
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


@both
def test_the_first_line_that_fits_decides(backend):
    names = [("free", "allow"), ("none", "deny")]
    policy = rules(*(line(name, action, GNUTELLA, ours=CLIENTS) for name, action in names))
    assert tried(backend, policy, ["load"], ["open", "x", "tcp", 6346]) == [None, True]
    policy = rules(*(line(name, action, GNUTELLA, ours=CLIENTS) for name, action in names[::-1]))
    assert tried(backend, policy, ["load"], ["open", "x", "tcp", 6346]) == [None, False]


@both
def test_a_resolvers_query_from_a_denied_port_passes(backend):
    """Source ports tell of a denied server only towards a client's port."""
    policy = rules(line("none", "deny", use("icq", "login", "udp/1024-32000", stated=True)))
    assert tried(
        backend, policy, ["load"], ["open", "dns", "udp", 53, 4, 4000], ["say", "dns", "answerer"]
    ) == [*(None, True, True)]
