"""Chains of rules that jump to each other, as nftables and iptables have them."""

from typing import Literal

import msgspec

from backchannel.evaluate.packet import Packet, Test, Verdict

Ends = Literal["accept", "drop", "return", "jump", "goto", "continue"]
MOST_JUMPS = 64
"""The kernel allows fewer; a text that goes in circles ends here."""


class Rule(msgspec.Struct, frozen=True):
    """One rule: all its tests must hold."""

    tests: tuple[Test, ...]
    ends: Ends
    target: str
    line: int
    text: str
    label: str = ""

    def fits(self, packet: Packet) -> bool:
        """Say whether the packet meets this rule."""
        return all(test(packet) for test in self.tests)


Chains = dict[str, list[Rule]]


def walk(chains: Chains, name: str, packet: Packet, way: list[Rule]) -> Verdict | None:
    """Return the verdict that *packet* meets in the chain; None where it comes back from it.

    The rules that send it somewhere are added to *way*.
    """
    if len(way) > MOST_JUMPS:
        raise ValueError(f"chain {name}: jumps in a circle")
    for rule in chains.get(name, ()):
        if rule.ends == "continue" or not rule.fits(packet):
            continue
        if rule.ends in ("accept", "drop"):
            return Verdict(rule.ends == "accept", rule.line, rule.text, rule.label, words(way))
        way.append(rule)
        if rule.ends == "return":
            return None
        found = walk(chains, rule.target, packet, way)
        if found is not None or rule.ends == "goto":
            return found
    return None


def words(way: list[Rule]) -> tuple[str, ...]:
    """Return the rules of a way as they stand in the text."""
    return tuple(f"{rule.line}: {rule.text}" for rule in way)
