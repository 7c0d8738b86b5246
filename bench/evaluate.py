"""Shows the evaluators and the kernel a hundred thousand packets, and says where they differ.

usage: bench/evaluate.py [--packets N]     from the project's folder; needs nft, iptables, ipset
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.evaluate.kernel import passed
from tests.evaluate.packets import packets
from tests.evaluate.test_kernel import evaluator, loads, texts, tracked
from tests.policy import examples

from backchannel.policy.compile import known


def main() -> int:
    """Print a row for each policy and firewall; end with 1 where anything differed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--packets", type=int, default=100_000)
    asked = parser.parse_args()
    cases = [(p, n) for p in sorted(examples.EXAMPLES) for n in ("nftables", "iptables")]
    each = -(-asked.packets // len(cases))
    total = wrong = 0
    print(
        f"{'policy':<10} {'firewall':<10} {'packets':>8} {'passed':>8} {'differ':>7} {'us each':>8}"
    )
    for policy, name in cases:
        rules = examples.EXAMPLES[policy]
        made = texts(rules, known()[name])
        asking = evaluator(name, made)
        shown = list(packets(rules, each, seed=f"bench {policy} {name}"))
        through = passed(shown, loads(name, made))
        seen = tracked(shown, through)
        begun = time.process_time()
        said = [asking.decide(packet).passes for packet in seen]
        spent = (time.process_time() - begun) / each * 1e6
        differ = sum(verdict != (n in through) for n, verdict in enumerate(said))
        print(f"{policy:<10} {name:<10} {each:>8} {len(through):>8} {differ:>7} {spent:>8.1f}")
        total, wrong = total + each, wrong + differ
    print(f"{total} packets, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
