"""Windows Defender Firewall: what a script of New-NetFirewallRule does with a flow's first packet.

The firewall protects one host: a packet between two hosts that both run the script meets the
outbound rules of one and the inbound rules of the other. A rule that blocks beats every rule that
allows; where none fits, the profile's default holds, or, where the script sets none, nothing is in
the way.
"""

import re
from typing import Literal, NamedTuple

from backchannel.evaluate.packet import Hook, Packet, Verdict, unknown
from backchannel.evaluate.values import Addresses, ports

PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "50": "esp", "51": "ah"}
Direction = Literal["Outbound", "Inbound"]
_RULE = re.compile(r"New-NetFirewallRule @Ours (.*) \| Out-Null\Z")
_OPTION = re.compile(r"-(\w+) ('(?:[^']|'')*'|\S+)")
_SET = re.compile(r"\$(\w+) = @\((.*)\)\Z")
_DEFAULTS = re.compile(r"-Default(Inbound|Outbound)Action (Allow|Block)")
_KNOWN = {
    "DisplayName",
    "Description",
    "Direction",
    "Action",
    "LocalAddress",
    "RemoteAddress",
    "Protocol",
    "LocalPort",
    "RemotePort",
}


class _Rule(NamedTuple):
    direction: Direction
    blocks: bool
    local: Addresses | None
    remote: Addresses | None
    carrier: str
    local_ports: tuple[range, ...]
    remote_ports: tuple[range, ...]
    line: int
    text: str
    label: str

    def fits(self, packet: Packet, direction: Direction) -> bool:
        """Say whether the rule is about *packet*, as the host at this end of it sees it."""
        leaving = direction == "Outbound"
        local, remote = packet.source, packet.destination
        own, other = packet.source_port, packet.destination_port
        if not leaving:
            local, remote, own, other = remote, local, other, own
        return (
            self.direction == direction
            and self.carrier in ("Any", packet.carrier)
            and (self.local is None or local in self.local)
            and (self.remote is None or remote in self.remote)
            and (not self.local_ports or any(own in span for span in self.local_ports))
            and (not self.remote_ports or any(other in span for span in self.remote_ports))
        )


class Windows:
    """One script, run on every host."""

    def __init__(self, text: str, path: str = "windows") -> None:
        """Read *text*. Raises InputError with the line that cannot be evaluated."""
        self._sets = dict[str, Addresses]()
        self._rules = list[_Rule]()
        self._defaults = dict[str, bool]()
        for number, line in _commands(text):
            try:
                self._command(number, line)
            except (ValueError, KeyError) as error:
                raise unknown(path, number, f"`{line[:200]}` ({error})") from error

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet* between its two hosts; at one of them only for others."""
        both: dict[Hook, tuple[Direction, ...]] = {
            "forward": ("Outbound", "Inbound"),
            "input": ("Inbound",),
            "output": ("Outbound",),
        }
        found = Verdict(passes=True, line=0, rule="no rule")
        for direction in both[hook]:
            found = self._at(packet, direction)
            if not found.passes:
                return found
        return found

    def _at(self, packet: Packet, direction: Direction) -> Verdict:
        fitting = [rule for rule in self._rules if rule.fits(packet, direction)]
        for rule in sorted(fitting, key=lambda each: not each.blocks):
            return Verdict(not rule.blocks, rule.line, rule.text, rule.label)
        passes = self._defaults.get(direction, True)
        said = "Allow" if passes else "Block"
        return Verdict(passes, 0, f"default of {direction.lower()}: {said}")

    def _command(self, number: int, line: str) -> None:
        if found := _SET.match(line):
            texts = [part.strip().strip("'") for part in found[2].split(",") if part.strip()]
            self._sets[found[1]] = Addresses(texts)
        elif found := _RULE.match(line):
            self._rules.append(self._rule(number, line, found[1]))
        elif line.startswith("Set-NetFirewallProfile -All "):
            for direction, action in _DEFAULTS.findall(line):
                self._defaults[direction] = action == "Allow"
        elif not line.startswith(("$ErrorActionPreference", "$Ours", "Get-NetFirewallRule")):
            raise ValueError("not known")

    def _rule(self, number: int, line: str, words: str) -> _Rule:
        options = {name: value.strip("'") for name, value in _OPTION.findall(words)}
        if set(options) - _KNOWN:
            raise ValueError(", ".join(sorted(set(options) - _KNOWN)))
        if options["Direction"] not in ("Outbound", "Inbound"):
            raise ValueError(options["Direction"])
        direction: Direction = "Outbound" if options["Direction"] == "Outbound" else "Inbound"
        protocol = options.get("Protocol", "Any")
        name = options["DisplayName"].removeprefix("backchannel ").rpartition(" ")[0]
        return _Rule(
            direction,
            {"Block": True, "Allow": False}[options["Action"]],
            self._addresses(options.get("LocalAddress", "Any")),
            self._addresses(options.get("RemoteAddress", "Any")),
            protocol if protocol == "Any" else PROTOCOLS[protocol],
            _ports(options.get("LocalPort", "Any")),
            _ports(options.get("RemotePort", "Any")),
            number,
            line.removesuffix(" | Out-Null"),
            name,
        )

    def _addresses(self, text: str) -> Addresses | None:
        if text == "Any":
            return None
        return self._sets[text[1:]] if text.startswith("$") else Addresses(text.split(","))


def _ports(text: str) -> tuple[range, ...]:
    return () if text == "Any" else tuple(ports(part.strip("'")) for part in text.split(","))


def _commands(text: str) -> list[tuple[int, str]]:
    """Return the commands with their first line; a pipe, a backtick or a bracket goes on."""
    found, whole, first = list[tuple[int, str]](), "", 0
    for number, line in enumerate(text.splitlines(), 1):
        part = line.strip()
        if not whole and (not part or part.startswith("#")):
            continue
        first = first if whole else number
        whole = f"{whole} {part.removesuffix('`').strip()}".strip()
        if not part.endswith(("|", "`")) and whole.count("(") <= whole.count(")"):
            found.append((first, whole))
            whole = ""
    if whole:
        found.append((first, whole))
    return found
