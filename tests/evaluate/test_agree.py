"""For packets that open a flow, all packet filters that can say a line agree with each other."""

from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.evaluate.packets import addresses, ports
from tests.policy import examples

from backchannel.evaluate.known import evaluator
from backchannel.evaluate.packet import Packet
from backchannel.policy.compile import compile_policy, known
from backchannel.policy.decide import Flow, decide

STATELESS = ("cisco-ios", "junos")
EXAMPLES = sorted(examples.EXAMPLES)


@cache
def compiled(policy):
    """Return the evaluators of every packet filter, and the lines that some of them cannot say."""
    rules, asked, unsaid = examples.EXAMPLES[policy], {}, set()
    for name, backend in known().items():
        made = compile_policy(rules, backend, best_effort=True)
        found = evaluator(name, made.files)
        if found is not None:
            asked[name] = found
            unsaid |= {gap.line for gap in made.gaps if gap.judgement.level == "cannot"}
    return asked, unsaid


def test_there_are_filters_to_compare():
    assert set(compiled("office")[0]) >= {
        "nftables", "iptables", "cisco-ios", "junos", "pf", "windows"
    }  # fmt: skip


@pytest.mark.parametrize("policy", EXAMPLES)
@settings(max_examples=400)
@given(data=st.data())
def test_the_filters_agree_on_what_opens_a_flow(policy, data):
    rules = examples.EXAMPLES[policy]
    asked, unsaid = compiled(policy)
    known_addresses = addresses(rules)[data.draw(st.sampled_from((4, 6)))]
    carrier, port = data.draw(st.sampled_from(ports(rules)))
    client = data.draw(st.sampled_from(known_addresses))
    server = data.draw(st.sampled_from(known_addresses))
    high = 0 if carrier in ("esp", "ah") else 49_999  # no service's, so nobody's answer
    packet = Packet(
        carrier=carrier,
        source=client,
        destination=server,
        source_port=high,
        destination_port=port,
        arrives="eth1",
        leaves="ppp0",
    )
    flow = Flow(carrier=carrier, client=client, server=server, client_port=high, server_port=port)
    by = decide(rules, flow).by
    assume(getattr(by, "name", "") not in unsaid)
    portless = carrier in ("esp", "ah")  # there a list cannot tell an answer from an opening
    said = {
        name: each.decide(packet)
        for name, each in asked.items()
        if not (portless and name in STATELESS)
    }
    assert len({verdict.passes for verdict in said.values()}) == 1, said
