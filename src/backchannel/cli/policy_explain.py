"""`backchannel policy explain`: which rule decides a flow, on each firewall, and why."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backchannel.cli import options
from backchannel.cli.policy import firewalls, rules
from backchannel.cli.streams import put_json
from backchannel.errors import UsageError

if TYPE_CHECKING:
    from backchannel.evaluate.explain import Answer
    from backchannel.policy.decide import Flow

_FLOW = re.compile(
    r"\s*(?P<carrier>tcp|udp|esp|ah)\s+(?P<client>\S+?)\s*(?:->|→|to)\s*(?P<server>\S+)\s*\Z"
)
_END = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>\d{1,5}))?\Z")


def explain(
    path: options.Policy,
    captures: tuple[Path, ...] = (),
    *,
    flow: options.Flows = (),
    arrives: options.At = "",
    leaves: options.At = "",
    hook: Literal["forward", "input", "output"] = "forward",
    to: options.Firewalls = (),
    on: options.Day = "",
    json: bool = False,
    catalogue: options.Folders = (),
) -> int:
    """Show which rule decides a flow, on each firewall, and why.

    Parameters
    ----------
    path
        The policy.
    captures
        Captures whose flows are asked about.
    flow
        A flow, such as "tcp 10.1.2.3:41000 -> 64.12.1.1:5190"; IPv6 addresses in brackets.
    arrives
        The interface it comes in by, for rules that name interfaces.
    leaves
        The interface it leaves by.
    hook
        Whether the firewall forwards it, receives it or sends it.
    to
        Ask these firewalls only.
    on
        The day for which expiry is decided; by default today.
    json
        Write the answers as JSON.
    catalogue
        Folders with your own service files.
    """
    from backchannel.evaluate.explain import explain as ask  # noqa: PLC0415 - only where called

    asked = list(firewalls(to).values())
    flows = [_parse(text, arrives, leaves) for text in flow] + list(_seen(captures))
    if not flows:
        raise UsageError('name a flow: --flow "tcp 10.1.2.3:41000 -> 64.12.1.1:5190", or a capture')
    made = rules(path, on, catalogue)
    answers = {_words(each): ask(made, each, asked, hook) for each in flows}
    if json:
        put_json(answers)
    else:
        _show(answers)
    return 0


def _parse(text: str, arrives: str, leaves: str) -> "Flow":
    from backchannel.policy.decide import Flow  # noqa: PLC0415 - only where called

    wrong = UsageError(f"--flow: {text!r} is not like  tcp 10.1.2.3:41000 -> 64.12.1.1:5190")
    found = _FLOW.match(text)
    ends = [_END.match(found[name]) for name in ("client", "server")] if found else []
    try:
        addresses = [ip_address(end["six"] or end["four"]) for end in ends if end]
    except ValueError as error:
        raise wrong from error
    ports = [int(end["port"] or 0) for end in ends if end]
    if found is None or len({each.version for each in addresses}) != 1 or len(addresses) != 2:
        raise wrong
    if max(ports) > 65_535:
        raise wrong
    return Flow(
        carrier=found["carrier"],  # type: ignore[arg-type]  # one of four, says the expression
        client=addresses[0],
        server=addresses[1],
        client_port=ports[0],
        server_port=ports[1],
        arrives=arrives,
        leaves=leaves,
    )


def _seen(captures: tuple[Path, ...]) -> "Iterator[Flow]":
    """Yield the different flows of captures, client ports left out."""
    if not captures:
        return
    from backchannel.pipeline import Scan  # noqa: PLC0415 - only where asked
    from backchannel.policy.decide import Flow  # noqa: PLC0415 - only where asked

    run, told = Scan(*captures, summarise=False), set[Flow]()
    for seen in run:
        transport = seen.flow.transport
        carrier = seen.protocol if transport == "ip" else transport
        if carrier not in ("tcp", "udp", "esp", "ah"):
            continue
        made = Flow(
            carrier=carrier,  # type: ignore[arg-type]  # one of four, says the line before
            client=ip_address(seen.flow.client.address),
            server=ip_address(seen.flow.server.address),
            server_port=seen.flow.server.port,
        )
        if made not in told:
            told.add(made)
            yield made


def _words(flow: "Flow") -> str:
    def end(address: object, port: int) -> str:
        text = f"[{address}]" if ":" in str(address) else str(address)
        return f"{text}:{port}" if port else text

    client, server = end(flow.client, flow.client_port), end(flow.server, flow.server_port)
    return f"{flow.carrier} {client} -> {server}"


def _show(answers: "dict[str, list[Answer]]") -> None:
    from rich.console import Group  # noqa: PLC0415 - only where shown
    from rich.table import Table  # noqa: PLC0415 - only where shown
    from rich.text import Text  # noqa: PLC0415 - only where shown

    from backchannel.report.console import show  # noqa: PLC0415 - only where shown

    styles = {"passes": "green", "refused": "red"}
    for flow, found in answers.items():
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("who", "the flow", "by", "why"):
            table.add_column(column, overflow="fold", no_wrap=column in ("who", "the flow"))
        for each in found:
            place = f"line {each.line}: " if each.line else ""
            label = f" ({each.label})" if each.label and each.label not in each.by else ""
            way = f"; on its way {each.way[-1]}" if each.way and not each.line else ""
            table.add_row(
                Text(each.who),
                Text(each.said, style=styles.get(each.said, "")),
                Text(f"{place}{each.by}{label}{way}"),
                Text(each.why),
            )
        show(Group(Text(flow, style="bold"), table, Text()))
