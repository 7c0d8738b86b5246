"""A refusal as a finding, so that receivers of alerts get what they get from a watch."""

from hashlib import sha256
from typing import Literal, get_args

from backchannel.detect.model import Evidence, Finding
from backchannel.enforce.record import Action, Refusal
from backchannel.grades import Severity
from backchannel.text import escape

_Word = Literal["port", "name", "expected", "signature", "parsed"]
_WORDS: dict[str, _Word] = {word: word for word in get_args(_Word)}
RULE = "policy-refused"
SEVERITY: dict[Action, Severity] = {"observed": "low", "spared": "low", "alerted": "medium"}
"""Of what was not refused in earnest; all else is medium."""
_DONE: dict[Action, str] = {
    "observed": "would have been refused",
    "alerted": "is told of",
    "reset": "was refused, and its ends were reset",
    "dropped": "was refused silently",
    "declined": "was taken out of the conversation",
    "spared": "would have been refused, but for the never-block list",
    "unanswered": "is refused, but its ends could not be told",
}


def subject(refusal: Refusal) -> tuple[str, ...]:
    """Return what makes it the same thing again: who did what, and what came of it."""
    client, server = (end.rpartition(":")[0] for end in (refusal.client, refusal.server))
    return refusal.action, refusal.line, refusal.service, refusal.capability, client, server


def finding(refusal: Refusal, *, count: int, first: str, file: str = "") -> Finding:
    """Return what stands in an alert. *count*: times so far, the *first* one when; *file*: the
    name of its evidence.
    """
    use = " ".join(filter(None, (refusal.service, refusal.capability))) or "something unknown"
    client = refusal.client.rpartition(":")[0].strip("[]")
    return Finding(
        id=sha256("\0".join(subject(refusal)).encode()).hexdigest()[:16],
        rule=RULE,
        title="The policy refuses what was done",
        category="evasion",
        severity=SEVERITY.get(refusal.action, "medium"),
        confidence=_WORDS.get(refusal.confidence, "port"),
        service=refusal.service,
        capability=refusal.capability,
        hosts=(client,),
        accounts=(refusal.account,) if refusal.account else (),
        summary=escape(f"{use} of {client} {_DONE[refusal.action]}, line {refusal.line}"),
        count=count,
        first_seen=first,
        last_seen=refusal.time,
        evidence=(_evidence(refusal, file),),
        rationale=f"The policy says so: {refusal.place}.",
        false_positives="A line wider than its author meant; services that share a protocol.",
        disproof="The evidence, read by somebody who knows the service, shows another use.",
        countermeasure="Talk to whoever did it, or add an exemption with a reason and a last day.",
        attack=(),
        references=("docs/guard.md",),
    )


def _evidence(refusal: Refusal, file: str) -> Evidence:
    return Evidence(
        frame=0,
        path=file,
        path_frame=0,
        sha256="",
        time=refusal.time,
        flow=refusal.flow,
        community_id=refusal.community_id,
        client=refusal.client,
        server=refusal.server,
        transport=refusal.transport,
        stack=refusal.stack,
        excerpt=refusal.evidence,
    )
