"""The diagnosis as a person reads it: what is wrong first, then why, what else, and what to do."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.diagnose.document import (
    Between,
    Conclusion,
    Configured,
    Diagnosis,
    Evidence,
    Gateways,
    Input,
)
from backchannel.report.listing import Listing
from backchannel.report.unseen import counted
from backchannel.report.words import count, harmless, short
from backchannel.text import escape

GATEWAYS = 24
"""Pairs that are shown; the JSON document has all."""
DRIFTS = 1.0
"""Millionths of drift from which on it is told."""
_STYLE = {"problem": "bold red", "warning": "yellow", "note": "dim"}
_STATE = {"up": "green", "down": "bold red", "never seen": "bold red"}


def render(told: Diagnosis) -> RenderableType:
    """Return the whole diagnosis, ready to print."""
    parts: list[RenderableType] = [_headline(told), Text()]
    ordered = sorted(told.gateways, key=_gravity)
    for each in ordered[:GATEWAYS]:
        parts += [_gateways(each), Text()]
    if len(ordered) > GATEWAYS:
        more = count(len(ordered) - GATEWAYS, "pair")
        parts += [
            Text(f"{more} of gateways more: --json has all, --between picks one", style="dim"),
            Text(),
        ]
    if not ordered:
        parts += [
            Text("No IKE, no ESP and no keep-alive of NAT traversal is in the captures."),
            Text(),
        ]
    if told.configured:
        parts += [_configured(told.configured), Text()]
    if (unseen := _unseen(told.unseen)) is not None:
        parts += [unseen, Text()]
    return Group(*parts[:-1])


def _gravity(each: Gateways) -> int:
    """Return where a pair stands: what was never answered, as of a flood, behind what was."""
    weights = [conclusion.weight for conclusion in each.conclusions]
    silent = not any(step.reached == "yes" for step in each.steps[1:])
    rank = 0 if "problem" in weights else 1 if "warning" in weights else 3
    return max(rank, 2) if silent else rank


def _headline(told: Diagnosis) -> Text:
    text = Text(told.tool, style="bold")
    sides = [("near ", told.near), ("far ", told.far)] if told.far else [("", told.near)]
    for name, inputs in sides:
        text.append(f"  {name}{_captures(inputs)}", style="not bold")
    return text


def _captures(inputs: Sequence[Input]) -> str:
    packets = sum(each.packets for each in inputs)
    return f"{count(len(inputs), 'capture')}, {count(packets, 'packet')}"


def _gateways(each: Gateways) -> Group:
    title = Text()
    title.append(f"{each.initiator} → {each.responder}", style="bold")
    if each.connection:
        title.append(f"  {escape(each.connection)}", style="cyan")
    versions = " and ".join(f"IKEv{number}" for number in each.versions) or "no IKE"
    title.append(f"  {versions}")
    if each.behind_nat:
        title.append(f", behind a NAT: {each.behind_nat}")
    title.append(f", {short(each.first_seen)} UTC", style="dim")
    problem = any(conclusion.weight == "problem" for conclusion in each.conclusions)
    parts: list[RenderableType] = [title, _rungs(each)]
    if each.between is not None:
        parts.append(_between(each.between))
    if not problem:
        parts.append(
            Text(f"  {harmless(each.verdict)}", style="green" if not each.conclusions else "")
        )
    for conclusion in each.conclusions:
        parts += [Text(), _conclusion(conclusion)]
    return Group(*parts)


def _rungs(each: Gateways) -> Text:
    text = Text("  ")
    for step in each.steps:
        if len(text) > 2:
            text.append(" → ", style="dim")
        way = {"sends": "ESP there", "receives": "ESP back"}.get(step.stage, step.stage)
        if step.reached == "yes":
            text.append(way, style="green")
            text.append(f" {step.frame}", style="dim")
        else:
            text.append(
                f"{way}: {'no' if step.reached == 'no' else 'not seen'}",
                style="red" if step.reached == "no" else "dim",
            )
    return text


def _conclusion(each: Conclusion) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=9, no_wrap=True)
    table.add_column(overflow="fold")
    title = Text(harmless(each.title), style="bold")
    title.append(f"  {each.certainty}, {each.id}", style="not bold dim")
    table.add_row(Text(f"  {each.weight}", style=_STYLE[each.weight]), title)
    table.add_row("", Text(harmless(each.means)))
    for label, line in _lines(each):
        table.add_row(Text(f"  {label}", style="dim"), line)
    return table


def _lines(each: Conclusion) -> Iterator[tuple[str, Text]]:
    for number, evidence in enumerate(each.because):
        yield "because" if not number else "", _evidence(evidence)
    for number, other in enumerate(each.otherwise):
        line = Text(harmless(other.cause))
        line.append(f" - to tell: {harmless(other.tell)}", style="dim")
        yield "or" if not number else "", line
    for number, what in enumerate(each.next):
        yield "to do" if not number else "", Text(f"{number + 1}. {harmless(what)}")


def _evidence(each: Evidence) -> Text:
    text = Text(harmless(each.text))
    if each.frames:
        some = each.frames[:6]
        more = "..." if len(each.frames) > len(some) else ""
        side = " of the far side" if each.of == "far" else ""
        word = "frame" if len(each.frames) == 1 else "frames"
        text.append(f"  {word} {', '.join(map(str, some))}{more}{side}", style="dim")
    return text


def _between(each: Between) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=12, no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    if each.clock_offset_ms is not None:
        sure = "" if each.clock_certain else ", from one direction only"
        delay = f"; {each.delay_ms:.3f} ms from side to side" if each.delay_ms is not None else ""
        ahead = "ahead" if each.clock_offset_ms >= 0 else "behind"
        if abs(each.clock_drift_ppm or 0) >= DRIFTS:
            ahead += f", and gains {each.clock_drift_ppm:g} ppm"
        table.add_row(
            "  clocks",
            Text(
                f"the far one is {abs(each.clock_offset_ms):.3f} ms {ahead}{sure}{delay}; "
                f"{count(each.matched, 'packet')} matched"
            ),
        )
    for number, translation in enumerate(each.translations):
        changed = translation.near != translation.far
        if changed:
            table.add_row(
                "  translated" if not number else "",
                Text(
                    f"{translation.near} → {translation.far}, "
                    f"{count(translation.packets, 'packet')}"
                ),
            )
    if each.mapping_kept_s is not None or each.mapping_lost_s is not None:
        kept = f"kept over {each.mapping_kept_s:g} s" if each.mapping_kept_s is not None else ""
        lost = f"gone after {each.mapping_lost_s:g} s" if each.mapping_lost_s is not None else ""
        table.add_row("  mapping", Text(f"{', '.join(filter(None, (kept, lost)))} of silence"))
    for number, missing in enumerate(each.lost):
        part = f"{missing.sent - missing.arrived:,} of {missing.sent:,}"
        told = f"{missing.what} of {missing.sender}: {part} did not arrive"
        table.add_row("  lost" if not number else "", Text(told, style="red"))
    return table


def _configured(told: Sequence[Configured]) -> RenderableType:
    listing = Listing("Configured", ("connection", "state", "local", "remote", "seen", "where"))
    for each in told:
        listing.add(
            escape(each.name),
            Text(each.state, style=_STATE[each.state]),
            escape(each.local),
            escape(each.remote),
            escape(each.seen),
            escape(f"{each.file}:{each.line}"),
        )
    return listing


def _unseen(unseen: dict[str, int]) -> Text | None:
    """Return what weakens the answer; what is no IP does not."""
    concerned = {name: number for name, number in unseen.items() if not name.startswith(_ELSE)}
    told = ", ".join(f"{row.text}: {row.times:,}" for row in counted(concerned))
    return Text(f"counted: {told}", style="dim") if told else None


_ELSE = "ethertype ", "llc ", "far: ethertype ", "far: llc "
