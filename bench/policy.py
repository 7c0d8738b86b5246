"""Compile a large policy for every backend: seconds and bytes of text.

    python bench/policy.py [--rules 500] [--addresses 10000] [--rounds 3]

The policy is made here: groups of that many networks each of both IP versions, and rules that go
through the services of the catalogue, two of three of them a `deny` with best effort. Judging every
use of every rule is part of the time, as a user waits for it too. The best round is told.
"""

import argparse
import time
from ipaddress import ip_network
from itertools import cycle

from backchannel.catalogue.load import load
from backchannel.policy.compile import compile_policy, known
from backchannel.policy.model import Line, Networks, Party, Rules
from backchannel.policy.uses import uses

GROUPS = 4


def groups(size: int) -> list[Party]:
    """Return groups of *size* networks of each IP version; none inside another."""
    made = [Party("any")]
    for group in range(GROUPS):
        first = 10 + 10 * group
        four = tuple(ip_network((first << 24 | n << 9, 24)) for n in range(size))
        six = tuple(ip_network(((0x20010DB8 + group << 96) | n << 65, 64)) for n in range(size))
        made.append(Party(f"group-{group}", Networks(four, six)))
    return made


def policy(rules: int, addresses: int) -> Rules:
    """Return a policy of *rules* lines over groups of *addresses*."""
    services, parties = cycle(load().values()), cycle(groups(addresses))
    lines = []
    for number in range(rules):
        lines.append(
            Line(
                name=f"line-{number}",
                place=f"policy.yaml:{number}",
                action="allow" if number % 3 == 0 else "deny",
                uses=uses(next(services)),
                ours=next(parties),
                theirs=Party("any"),
                direction=("out", "in", "both")[number % 3],
                best_effort=True,
            )
        )
        if number % 7 == 0:
            next(parties)  # so that services and groups do not go in step
    known_uses = tuple(use for service in load().values() for use in uses(service))
    return Rules(
        name="bench",
        path="policy.yaml",
        digest="0" * 64,
        lines=tuple(lines),
        default="allow",
        today="2026-11-27",
        known=known_uses,
    )


def seconds(backend: str, rules: int, addresses: int) -> tuple[float, int]:
    """Return how long it takes to judge and write a policy never seen before, and its bytes."""
    made = policy(rules, addresses)
    began = time.process_time()
    compiled = compile_policy(made, known()[backend])
    return time.process_time() - began, sum(len(file.text) for file in compiled.files)


def main() -> None:
    """Measure every backend and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=int, default=500)
    parser.add_argument("--addresses", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.rules} rules, groups of {given.addresses} networks of each IP version")
    for name in known():
        rounds = [seconds(name, given.rules, given.addresses) for _ in range(given.rounds)]
        print(f"{name:12} {min(rounds)[0]:6.2f} s {rounds[0][1]:12,} bytes")


if __name__ == "__main__":
    main()
