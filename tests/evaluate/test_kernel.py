"""The evaluators of nftables and iptables agree with the kernel, packet by packet."""

import pytest
from msgspec.structs import replace
from tests.evaluate.kernel import passed
from tests.evaluate.packets import packets
from tests.policy import examples

from backchannel.evaluate.iptables import Iptables
from backchannel.evaluate.nftables import Nftables
from backchannel.policy.compile import compile_policy, known

POLICIES = sorted(examples.EXAMPLES)
COUNT = 6_000
"""Packets a policy and firewall; `bench/evaluate.py` shows a hundred thousand."""


def texts(rules, backend):
    files = compile_policy(rules, backend, best_effort=True).files
    return {file.name.rpartition(".")[2]: file.text for file in files}


def evaluator(name, made):
    if name == "nftables":
        return Nftables(made["nft"])
    return Iptables(made["v4"], made["v6"], made.get("ipset", ""))


def loads(name, made):
    if name == "nftables":
        return [(["nft", "-f", "-"], made["nft"])]
    sets = [(["ipset", "restore", "-exist"], made["ipset"])] if "ipset" in made else []
    v4, v6 = (
        (["iptables-restore", "--noflush"], made["v4"]),
        (["ip6tables-restore", "--noflush"], made["v6"]),
    )
    return [*sets, v4, v6]


def tracked(shown, through):
    """Return the packets as connection tracking sees them: some belong to flows that passed."""
    flows, seen = set(), []
    for number, packet in enumerate(shown):
        there = (packet.carrier, packet.source, packet.source_port)
        here = (packet.destination, packet.destination_port)
        back = (packet.carrier, *here, packet.source, packet.source_port)
        if packet.carrier == "ah" and packet.source.version == 6:
            seen.append(packet)  # a header between IPv6 and what it guards: not tracked by itself
            continue
        known = back in flows or (*there, *here) in flows
        if number in through and not known:
            flows.add((*there, *here))
        state = "established" if known else packet.state
        seen.append(replace(packet, reply=back in flows, state=state))
    return seen


@pytest.mark.parametrize("name", ["nftables", "iptables"])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_evaluator_says_what_the_kernel_does(policy, name):
    rules = examples.EXAMPLES[policy]
    made = texts(rules, known()[name])
    asked = evaluator(name, made)
    shown = list(packets(rules, COUNT, seed=f"{policy} {name}"))
    through = passed(shown, loads(name, made))
    seen = tracked(shown, through)
    said = [asked.decide(packet) for packet in seen]
    wrong = [n for n, verdict in enumerate(said) if verdict.passes != (n in through)]
    assert wrong == [], [(seen[n], said[n], n in through) for n in wrong[:5]]
    refused = len(shown) - len(through)
    assert min(refused, len(through)) > COUNT // 200, "the packets must meet both"
