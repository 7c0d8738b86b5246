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
    line,
    party,
    use,
)
from tests.policy.lab import inside, play

from backchannel.policy.backends import nftables
from backchannel.policy.compile import gaps, known
from backchannel.policy.model import Networks, Party

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


def test_ten_thousand_addresses_and_five_hundred_lines_load():
    nets = tuple(ip_network((10 << 24 | n << 9, 24)) for n in range(10_000))
    six = tuple(ip_network(((0x20010DB8 << 96) | n << 65, 64)) for n in range(10_000))
    staff = Party("staff", Networks(nets, six))
    lines = [
        line(f"line-{n}", "deny", use("x", "message", f"tcp/{2 * n + 1}"), ours=staff, theirs=ANY)
        for n in range(500)
    ]
    policy = rules(*lines)
    began = time.process_time()
    made = text(policy)
    assert time.process_time() - began < 2
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
