"""Windows Defender Firewall: New-NetFirewallRule commands for PowerShell.

To Windows a rule that blocks beats every rule that allows; there is no order. So a `deny` is cut
down by the lines before it (`_regions`) and nothing is allowed under a default of `allow`. The
firewall protects one host: each region is a rule for the host that opens and one for the host that
is called, and rules whose local addresses are not the host's do nothing there.
"""

from collections.abc import Iterator

from backchannel.policy.backends import _judging
from backchannel.policy.backends._judging import Speaks, silent
from backchannel.policy.backends._regions import Addresses, Region, Regions, texts
from backchannel.policy.backends._words import about, heading, plain, slug, unused
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.model import Carrier, Line, Rules, Use
from backchannel.policy.spans import Spans

NAME = "windows"
TITLE = "Windows Defender Firewall (PowerShell)"
SPEAKS = Speaks(closes=False)
CLOSES = Judgement(
    "partly",
    "what other rules of the host allow, Windows' own among them, stays allowed",
    "both defaults are set to Block",
)
GROUP = "backchannel"
LOAD = (
    "Load:    powershell -ExecutionPolicy Bypass -File backchannel-windows.ps1    (elevated)",
    f"Remove:  Remove-NetFirewallRule -Group {GROUP}; and, where the policy denies by default,",
    "         Set-NetFirewallProfile -All -DefaultOutboundAction Allow",
    f"Watch:   Get-NetFirewallRule -Group {GROUP}",
)
PROTOCOLS: dict[Carrier, str] = {"tcp": "TCP", "udp": "UDP", "esp": "50", "ah": "51"}


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what the host's firewall can do for *use* of *line*."""
    return _judging.judge(rules, line, use, SPEAKS)


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the script."""
    text = [
        *heading(rules, gaps, LOAD, silent=silent(rules, SPEAKS)),
        "",
        *_Script(rules).lines(),
        "",
    ]
    return (File("backchannel-windows.ps1", "\n".join(text)),)


class _Script:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._names = dict[int, str]()
        self._sets = dict[str, Addresses]()

    def lines(self) -> Iterator[str]:
        commands = list(self._commands())
        yield "$ErrorActionPreference = 'Stop'"
        yield f"$Ours = @{{ Group = '{GROUP}'; Enabled = 'True'; Profile = 'Any' }}"
        for name, addresses in self._sets.items():
            yield f"${name} = @("
            rows = [f"'{text}'" for text in texts(addresses)]
            for at in range(0, len(rows), 6):
                yield f"    {', '.join(rows[at : at + 6])}{',' if at + 6 < len(rows) else ''}"
            yield ")"
        yield f"Get-NetFirewallRule -Group '{GROUP}' -ErrorAction SilentlyContinue |"
        yield "    Remove-NetFirewallRule"
        yield from commands
        if self._rules.default == "deny":
            yield "# default: deny"
            yield "Set-NetFirewallProfile -All -DefaultInboundAction Block `"
            yield "    -DefaultOutboundAction Block"

    def _commands(self) -> Iterator[str]:
        said, number = "", 0
        for region, left in Regions(self._rules, SPEAKS).all():
            name = region.line.name if region.line else "management"
            if name != said:
                said, number = name, 0
                yield from about(region.line) if region.line else ["# management, never cut off"]
            denies = region.line is not None and region.line.action == "deny"
            if not denies and self._rules.default == "allow":
                continue  # nothing of ours refuses it
            for part in left if denies else [region]:
                for outward in (True, False):
                    number += 1
                    yield self._rule(f"{name} {number}", part, denies=denies, outward=outward)

    def _rule(self, name: str, part: Region, *, denies: bool, outward: bool) -> str:
        local, remote = (part.opener, part.called) if outward else (part.called, part.opener)
        told = [
            "New-NetFirewallRule @Ours",
            f"-DisplayName '{GROUP} {plain(name).replace(chr(39), '')}'",
            f"-Direction {'Outbound' if outward else 'Inbound'}",
            f"-Action {'Block' if denies else 'Allow'}",
            f"-LocalAddress {self._address(local)}",
            f"-RemoteAddress {self._address(remote)}",
            f"-Protocol {PROTOCOLS[part.carrier]}",
        ]
        if part.ports:
            told.append(f"-{'RemotePort' if outward else 'LocalPort'} {_ports(part.ports)}")
        return f"{' '.join(told)} | Out-Null"

    def _address(self, addresses: Addresses) -> str:
        if addresses.everyone:
            return "Any"
        if id(addresses) not in self._names:
            taken = {name.lower() for name in self._sets}
            made = unused(f"Set_{slug(addresses.label, 60)}", taken, fold=str.lower)
            self._names[id(addresses)] = made
            self._sets[made] = addresses
        return f"${self._names[id(addresses)]}"


def _ports(spans: Spans) -> str:
    return ",".join(f"'{low}-{high}'" if high > low else str(low) for low, high in spans)
