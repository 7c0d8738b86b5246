"""A large policy compiles in seconds on every backend. `bench/policy.py` tells how many."""

import time
from ipaddress import ip_network
from itertools import cycle, islice

import pytest
from tests.policy.examples import ANY, KNOWN, line, rules

from backchannel.policy.compile import compile_policy, known
from backchannel.policy.model import Networks, Party

CEILING = 8.0
"""Seconds of processor time: what shows a loop that grows with the square, on any machine."""


def large():
    """500 lines over two groups of 10,000 networks of each IP version."""
    groups = [
        Party(
            f"group-{group}",
            Networks(
                tuple(ip_network((10 + 10 * group << 24 | n << 9, 24)) for n in range(10_000)),
                tuple(ip_network((0x20010DB8 + group << 96 | n << 65, 64)) for n in range(10_000)),
            ),
        )
        for group in range(2)
    ]
    lines = [
        line(
            f"line-{number}",
            "allow" if number % 5 == 0 else "deny",
            *islice(cycle(KNOWN), number % 12, number % 12 + 3),
            ours=groups[number % 2],
            theirs=ANY,
            direction=("out", "in", "both")[number % 3],
            best_effort=True,
        )
        for number in range(500)
    ]
    return rules(*lines)


@pytest.mark.slow
@pytest.mark.parametrize("backend", known().values(), ids=lambda each: each.name)
def test_five_hundred_lines_and_ten_thousand_addresses(backend):
    policy = large()
    began = time.process_time()
    made = compile_policy(policy, backend, best_effort=True)
    assert time.process_time() - began < CEILING
    assert all(file.text for file in made.files)
