"""Promises, conversations and a ruleset in; a proof out."""

import hashlib
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network

import msgspec

from backchannel import __version__
from backchannel.prove import document as doc
from backchannel.prove import labs
from backchannel.prove.conversation import Conversation
from backchannel.prove.enforcers import Enforced, Text
from backchannel.prove.lab import Plan
from backchannel.prove.methods import METHODS, Method
from backchannel.prove.promise import Promise
from backchannel.prove.run import Cell, Job, Report, Result

Library = Mapping[tuple[str, str], Sequence[Conversation]]
LABS = 2
_SIDES = ("inside", "outside")
PATIENCE = 1.3
"""Seconds of silence after which a conversation is stopped: long enough for TCP to repeat its SYN
(after one second, RFC 6298), so that a rule which lets only the second one pass is noticed."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to prove."""

    methods: tuple[str, ...] = tuple(METHODS)
    patience: float = PATIENCE
    labs: int = LABS
    inside_interface: str = "lan0"
    outside_interface: str = "wan0"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is proved."""

    policy: str
    policy_sha256: str = ""
    promises: tuple[Promise, ...]
    enforced: Enforced
    gaps: frozenset[tuple[str, str, str]] = frozenset()
    """(line, service, capability) of which the firewall says that it cannot do anything at all."""


class _Try(msgspec.Struct, frozen=True):
    """A promise that can be tried."""

    promise: Promise
    conversation: Conversation


def prove(
    subject: Subject, library: Library, settings: Settings, tell: labs.Tell = lambda _: None
) -> doc.Proof:
    """Try every promise by every method. Raises what `labs.run` raises."""
    began = time.monotonic()
    tries, unproved = _sorted(subject.promises, library)
    jobs, numbers = _jobs(tries, subject.enforced, settings)
    reports = labs.run(jobs, tell)
    results = {
        numbers[place][result.cell]: result
        for place, report in enumerate(reports)
        for result in report.results
    }
    methods = [METHODS[name] for name in settings.methods]
    rows = tuple(
        _row(number, each, methods, results, subject.gaps) for number, each in enumerate(tries)
    )
    return doc.Proof(
        tool=f"backchannel {__version__}",
        policy=subject.policy,
        policy_sha256=subject.policy_sha256,
        ruleset=_ruleset(subject.enforced),
        kernel=f"{platform.system()} {platform.release()}",
        plays=2 * len(results),
        seconds=round(time.monotonic() - began, 1),
        methods=tuple(doc.Method(method.id, method.title) for method in methods),
        rows=rows,
        unproved=tuple(unproved),
        counters=_counters(reports),
        trace_overflows=sum(report.lost for report in reports),
        remarks=tuple(dict.fromkeys(each for report in reports for each in report.remarks)),
    )


def plays(subject: Subject, library: Library, settings: Settings) -> int:
    """Return how many plays a proof takes, for a progress bar."""
    tries, _ = _sorted(subject.promises, library)
    return 2 * sum(
        not _unfitting(each.promise, METHODS[name], each.conversation)
        for each in tries
        for name in settings.methods
    )


def _sorted(promises: Iterable[Promise], library: Library) -> tuple[list[_Try], list[doc.Unproved]]:
    tries, unproved = [], []
    for promise in promises:
        found, whys = [], []
        for each in library.get((promise.service, str(promise.capability)), ()):
            why = _unfit(promise, each)
            whys.append(why) if why else found.append(_Try(promise, each))
        tries += found if not promise.untried else []
        if promise.untried or not found:
            why = promise.untried or (whys or ["no recorded conversation shows it"])[0]
            unproved.append(doc.Unproved(promise.service, promise.capability, promise.line, why))
    return tries, unproved


def _unfit(promise: Promise, conversation: Conversation) -> str:
    told = [flow for flow in conversation.flows if any(step.told for step in flow.steps)]
    if promise.direction == "in" and not any(flow.inbound for flow in told):
        return "the recording was opened from inside, and the line speaks of the other way"
    if promise.direction == "out" and all(flow.inbound for flow in told):
        return "the recording was opened from outside, and the line speaks of the other way"
    return ""


# -- jobs --------------------------------------------------------------------------------------


def _jobs(
    tries: Sequence[_Try], enforced: Enforced, settings: Settings
) -> tuple[list[Job], list[dict[int, tuple[int, str]]]]:
    """Share the work among labs; one lab has one pair of interface names.

    Also returns, for each job, what its cells' numbers mean: (place in *tries*, method).
    """
    shares: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(tries):
        inner = each.promise.inside_interface or settings.inside_interface
        outer = each.promise.outside_interface or settings.outside_interface
        shares.setdefault((inner, outer), []).append(number)
    jobs, meaning = [], []
    for (inner, outer), members in shares.items():
        for share in range(min(settings.labs, len(members))):
            mine = members[share :: settings.labs]
            job, numbers = _job(tries, mine, enforced, settings)
            plan = Plan(inside_interface=inner, outside_interface=outer)
            jobs.append(msgspec.structs.replace(job, plan=plan))
            meaning.append(numbers)
    return jobs, meaning


def _job(
    tries: Sequence[_Try], mine: Sequence[int], enforced: Enforced, settings: Settings
) -> tuple[Job, dict[int, tuple[int, str]]]:
    cells: list[Cell] = []
    numbers: dict[int, tuple[int, str]] = {}
    for place, number in enumerate(mine):
        promise = tries[number].promise
        for name in settings.methods:
            if not _unfitting(promise, METHODS[name], tries[number].conversation):
                numbers[len(cells)] = number, name
                allowed = promise.action == "allow"
                cells.append(
                    Cell(
                        id=len(cells),
                        conversation=place,
                        method=name,
                        inside=promise.inside,
                        outside=promise.outside,
                        renews=allowed and promise.renews and enforced.kind == "guard",
                        timed=allowed and name == "standard",
                    )
                )
    job = Job(
        plan=Plan(),
        enforced=enforced,
        conversations=tuple(tries[number].conversation for number in mine),
        cells=tuple(cells),
        patience=settings.patience,
    )
    return job, numbers


# -- the document ------------------------------------------------------------------------------


def _row(
    number: int,
    tried: _Try,
    methods: Sequence[Method],
    results: Mapping[tuple[int, str], Result],
    gaps: frozenset[tuple[str, str, str]],
) -> doc.Row:
    promise = tried.promise
    hopeless = (promise.line, promise.service, str(promise.capability)) in gaps
    return doc.Row(
        service=promise.service,
        capability=promise.capability,
        action=promise.action,
        line=promise.line,
        place=promise.place,
        ours=promise.ours,
        theirs=promise.theirs,
        way=tried.conversation.way,
        source=tried.conversation.source,
        cells=tuple(
            _cell(tried, method, results.get((number, method.id)), hopeless=hopeless)
            for method in methods
        ),
    )


def _cell(tried: _Try, method: Method, result: Result | None, *, hopeless: bool) -> doc.Cell:
    promise = tried.promise
    if result is None:
        why = _unfitting(promise, method, tried.conversation)
        return doc.Cell(method=method.id, outcome="untried", kept="open", why=why)
    if result.control.ending is not None:
        why = f"does not get through without a ruleset either: {result.control.ending}"
        return doc.Cell(method=method.id, outcome="untried", kept="open", why=why)
    played = result.played
    outcome = _outcome(result)
    decided = result.decided[0] if result.decided else None
    if outcome == "passes":
        decided = next((each for each in result.decided if each.verdict == "accept"), decided)
    return doc.Cell(
        method=method.id,
        outcome=outcome,
        kept=_kept(promise, method, outcome, hopeless=hopeless),
        told=played.told,
        octets=played.passed,
        packets=played.packets,
        before=played.before,
        ending=played.ending or "",
        rule=decided.rule if decided else "",
        verdict=decided.verdict if decided else "",
        hits=decided.packets if decided else 0,
        slower=round(result.seconds[1] / result.seconds[0], 2) if result.seconds else None,
    )


def _unfitting(promise: Promise, method: Method, conversation: Conversation) -> str:
    """Return why the method does not fit; empty where it does."""
    nets = {side: {ip_network(net).version for net in getattr(promise, side)} for side in _SIDES}
    if nets["inside"] == {6} and method.version == 4:
        return "the line leaves no IPv4 address to try it from"
    if nets["outside"] and method.version not in nets["outside"]:
        return f"the line names no IPv{method.version} address of the far side"
    if method.fits(conversation):
        return ""
    if method.resolves:
        return "the catalogue knows no name that would be looked up"
    return "only for UDP" if method.moves else "only for TCP"


def _outcome(result: Result) -> doc.Outcome:
    played = result.played
    if played.told and played.passed >= played.told:
        return "passes"
    if result.renewed:
        return "renewed"
    return "leaks" if played.passed else "blocked"


def _kept(promise: Promise, method: Method, outcome: doc.Outcome, *, hopeless: bool) -> doc.Kept:
    if promise.action == "allow":
        if method.evades:
            return "open"
        good = outcome in ("passes", "renewed")
    else:
        good = outcome == "blocked"
    if good:
        return "kept"
    return "gap" if promise.best_effort and (method.evades or hopeless) else "broken"


def _counters(reports: Iterable[Report]) -> tuple[doc.Counter, ...]:
    packets: dict[str, list[int]] = {}
    for report in reports:
        for each in report.counters:
            total = packets.setdefault(each.rule, [0, 0])
            total[0] += each.packets
            total[1] += each.traced
    return tuple(doc.Counter(rule, *counts) for rule, counts in sorted(packets.items()))


def _ruleset(enforced: Enforced) -> doc.Ruleset:
    if isinstance(enforced, Text):
        text = (enforced.v4 + enforced.v6).encode()
        return doc.Ruleset(
            name=enforced.name, kind=enforced.kind, sha256=hashlib.sha256(text).hexdigest()
        )
    return doc.Ruleset(name=enforced.name, kind="guard")
