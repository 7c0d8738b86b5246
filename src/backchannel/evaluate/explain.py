"""Which rule decides a flow: in the policy itself, and in each firewall's text made of it."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from backchannel.errors import InputError
from backchannel.evaluate.known import evaluator
from backchannel.evaluate.packet import Hook, Packet
from backchannel.listed import listed
from backchannel.policy.compile import Backend, compile_policy
from backchannel.policy.decide import Decision, Flow, decide, opens
from backchannel.policy.model import Line, Rules

Said = Literal["passes", "refused", "by content or name", "cannot be read"]


class Answer(msgspec.Struct, frozen=True):
    """What one of them does with the flow."""

    who: str
    """`policy`, or the backend's name."""
    said: Said
    by: str
    """The rule in the words of the text, or the default."""
    line: int = 0
    """Of the text; 0 where no rule of it decides."""
    label: str = ""
    """The policy's line, where the text names it."""
    way: tuple[str, ...] = ()
    why: str = ""


def explain(
    rules: Rules, flow: Flow, backends: Sequence[Backend], hook: Hook = "forward"
) -> list[Answer]:
    """Return the policy's answer, then each backend's, for the packet that opens *flow*."""
    decision = decide(rules, flow)
    return [
        _policy(rules, decision),
        *(_backend(rules, flow, each, hook, decision) for each in backends),
    ]


def _policy(rules: Rules, decision: Decision) -> Answer:
    by, use = decision.by, decision.use
    if isinstance(by, Line):
        words, label = f"{by.name}: {by.action}, if it is {use}", by.place
    elif by is not None:
        words, label = f"management: {by.ports}", by.place
    else:
        words, label = f"default: {rules.default}", ""
    told = ", ".join(line.name for line in decision.alerts)
    return Answer(
        "policy",
        "passes" if decision.verdict == "allow" else "refused",
        words,
        label=label,
        why=f"{'told of by ' + told + '; ' if told else ''}by the ports of the catalogue",
    )


def _backend(rules: Rules, flow: Flow, backend: Backend, hook: Hook, decision: Decision) -> Answer:
    made = compile_policy(rules, backend, best_effort=True)
    try:
        found = evaluator(backend.name, made.files)
    except InputError as error:
        return Answer(backend.name, "cannot be read", "", why=str(error))
    if found is None:
        return _by_content(rules, flow, backend)
    verdict = found.decide(_packet(flow), hook)
    named = verdict.label.split(" ")[0]
    gaps = {f"{gap.use}: {gap.judgement.why}" for gap in made.gaps if gap.line == named}
    if verdict.passes and decision.verdict == "deny" and isinstance(decision.by, Line):
        gaps = {
            f"{gap.use}: {gap.judgement.why}"
            for gap in made.gaps
            if (gap.line, gap.use) == (decision.by.name, str(decision.use))
        } or gaps
    return Answer(
        backend.name,
        "passes" if verdict.passes else "refused",
        verdict.rule,
        verdict.line,
        verdict.label,
        verdict.way,
        "; ".join(sorted(gaps)[:2]),
    )


def _by_content(rules: Rules, flow: Flow, backend: Backend) -> Answer:
    """Return which lines may decide where ports do not: those between these hosts."""
    lines = []
    for line in rules.lines:
        levels = {backend.judge(rules, line, use).level for use in line.uses}
        between = any(opens(flow, client, server) for client, server in line.openings())
        if line.action != "alert" and between and levels != {"cannot"}:
            services = listed(dict.fromkeys(use.service for use in line.uses))
            lines.append(f"{line.name} ({line.action} {services})")
    words = "; then ".join(lines) or "no line is about these hosts"
    return Answer(backend.name, "by content or name", words, why=f"else default {rules.default}")


def _packet(flow: Flow) -> Packet:
    return Packet(
        carrier=flow.carrier,
        source=flow.client,
        destination=flow.server,
        source_port=flow.client_port,
        destination_port=flow.server_port,
        arrives=flow.arrives,
        leaves=flow.leaves,
        flags=frozenset({"syn"}) if flow.carrier == "tcp" else frozenset(),
        at=flow.at,
    )
