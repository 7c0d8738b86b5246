"""Captures in, a diagnosis out."""

from collections.abc import Iterator, Sequence

import msgspec

from backchannel import __version__
from backchannel.diagnose import (
    both,
    carrying,
    crowd,
    keeping,
    ladder,
    notes,
    path,
    reach,
    sides,
    told,
)
from backchannel.diagnose.cases import Case, Found, cases, evidence, merged, twins, worded
from backchannel.diagnose.configured import fitting
from backchannel.diagnose.configured.connections import Connection
from backchannel.diagnose.configured.fitting import Fit
from backchannel.diagnose.document import Between, Diagnosis, Gateways
from backchannel.diagnose.reading import Read
from backchannel.when import rfc3339

TOOL = f"backchannel {__version__}"
_REASONS = {
    "answers-lost": frozenset({"no-child"}),
    "authentication-refused": frozenset({"no-child", "arrived-unanswered"}),
    "shared-mapping": frozenset({"no-answer", "answers-lost", "stopped-early"}),
    "half-open-flood": frozenset({"stopped-early", "no-answer"}),
    "nobody-listens": frozenset({"no-answer", "arrived-unanswered"}),
    "did-not-follow": frozenset({"esp-lost"}),
    "refused-by-filter": frozenset({"no-answer", "blocked-4500"}),
}
"""What is the reason of something else, which then need not be told."""


_BEGINNING = frozenset(
    {
        "no-answer",
        "nobody-listens",
        "refused-by-filter",
        "blocked-4500",
        "anew-unanswered",
        "auth-unanswered",
        "arrived-unanswered",
        "answers-lost",
        "fragments-lost",
        "ike-fragments-lost",
        "stopped-early",
        "proposals-refused",
        "refused",
        "authentication-refused",
    }
)
"""Conditions of an attempt, which are over where a later one comes farther."""


def diagnose(
    near: Read,
    far: Read | None = None,
    connections: Sequence[Connection] = (),
    *,
    others: bool = True,
) -> Diagnosis:
    """Return what is the matter with each pair of gateways. *others*: with those that were seen at
    the far side only.
    """
    here = cases(near.facts)
    place = Place(here, cases(far.facts) if far is not None else None)
    pairs = twins(here) if far is None else []
    seen = [_of_one(*pair, connections) for pair in pairs]
    known = {id(case) for pair in pairs for case in pair}
    seen += [gateways(case, place, connections) for case in here if id(case) not in known]
    if others:
        for case in place.alone():
            only, fits = gateways(case, Place(place.there or [], None), connections)
            seen.append((_only_far(only), fits))
    unseen = dict(sorted(near.counters.items()))
    if far is not None:
        unseen |= {f"far: {name}": number for name, number in sorted(far.counters.items())}
    return Diagnosis(
        tool=TOOL,
        near=near.inputs,
        far=far.inputs if far is not None else (),
        gateways=tuple(each for each, _ in seen),
        configured=told.states(connections, seen),
        unseen=unseen,
    )


class Place:
    """All cases of a place, and of the one beyond it, by their SPIs."""

    def __init__(self, here: Sequence[Case], there: Sequence[Case] | None) -> None:
        self.here, self.there = here, there
        self.known = frozenset[str]().union(*map(sides.spis, here))
        self._beyond: dict[str, list[Case]] = {}
        for case in there or ():
            for spi in sides.spis(case):
                self._beyond.setdefault(spi, []).append(case)

    def beyond(self, case: Case) -> list[Case]:
        """Return what a case is at the other place, in the order of that."""
        found = {id(each) for spi in sides.spis(case) for each in self._beyond.get(spi, ())}
        return [each for each in self.there or () if id(each) in found]

    def alone(self) -> list[Case]:
        """Return the cases of the other place that are none here."""
        return [case for case in self.there or () if not sides.spis(case) & self.known]


def found(case: Case, everybody: Sequence[Case]) -> Iterator[Found]:
    """Yield all conditions of a case."""
    yield from reach.find(case)
    yield from notes.find(case)
    yield from carrying.find(case)
    yield from keeping.find(case)
    yield from crowd.find(case, everybody)


def gateways(
    case: Case, place: Place, connections: Sequence[Connection]
) -> tuple[Gateways, list[Fit]]:
    """Return one case as it stands in the document, with what it is at the far side, where there is
    one, and the connections that it may be.
    """
    far = place.beyond(case)
    conditions, between = list(found(case, place.here)), None
    if place.there is not None:
        conditions, between = _compared(case, far, conditions, place)
    fits = fitting.fits(connections, [each.ends for each in (case, *far)])
    conditions = _weighed(case, conditions)
    if fits:
        conditions = list(told.explain(case, conditions, fits))
    conclusions = tuple(
        worded(case, each, compared=between is not None) for each in merged(conditions)
    )
    initiator, responder = case.ends
    made = Gateways(
        initiator=initiator,
        responder=responder,
        far_initiator=far[0].ends[0] if far else "",
        far_responder=far[0].ends[1] if far else "",
        versions=tuple(sorted({attempt.version for attempt in case.attempts.values()})),
        behind_nat=ladder.nat(case),
        first_seen=rfc3339(case.pair.first),
        last_seen=rfc3339(max(pair.last for pair in case.pairs)),
        steps=ladder.steps(case),
        verdict=ladder.verdict(case, conclusions),
        conclusions=conclusions,
        between=between,
        connection=fits[0].connection.name if fits else "",
    )
    return made, fits


def _of_one(near: Case, far: Case, connections: Sequence[Connection]) -> tuple[Gateways, list[Fit]]:
    """Return a tunnel of which one capture has both sides, as that of a NAT itself has."""
    made, fits = gateways(near, Place([near], [far]), connections)
    because = [evidence(f"{' and '.join(case.ends)}", (case.pair.frame,)) for case in (near, far)]
    note = worded(near, Found("both-sides", "certain", because), compared=True)
    conclusions = tuple(
        msgspec.structs.replace(
            each, because=tuple(msgspec.structs.replace(e, of="near") for e in each.because)
        )
        for each in (*made.conclusions, note)
    )
    return msgspec.structs.replace(made, conclusions=conclusions), fits


def _compared(
    case: Case, far: Sequence[Case], conditions: list[Found], place: Place
) -> tuple[list[Found], Between | None]:
    """Return the conditions with what the far side adds, and what lies between the two."""
    met = sides.meet(case, far, place.known)
    if not met.met and case.answered:
        return [*conditions, Found("far-elsewhere", "certain", [], when=case.pair.frame)], None
    there = place.there or ()
    beyond = [(each, condition) for each in far for condition in found(each, there)]
    return list(both.find(met, conditions, beyond)), path.between(met)


def _weighed(case: Case, conditions: list[Found]) -> list[Found]:
    """Leave out what something else explains, and let what passed be a note."""
    explained = frozenset[str]().union(*(_REASONS.get(each.id, ()) for each in conditions))
    stood = [
        seen.frame
        for spi, attempt in case.attempts.items()
        if case.stands(spi)
        for seen in attempt.stages
        if reach.stage(seen).stage == "authentication-answered"
    ]
    kept = [each for each in conditions if each.id not in explained]
    for each in kept:
        later = next((frame for frame in stood if frame > each.when), 0)
        if each.id in _BEGINNING and later:
            each.weight = "note"
            each.because.append(evidence("a later attempt was authenticated", (later,)))
        elif each.id in _BEGINNING and stood:
            each.weight = "warning"
            each.because.append(evidence("an earlier attempt was authenticated", (stood[-1],)))
    return kept


def _only_far(each: Gateways) -> Gateways:
    """Say that these were seen at the far side only."""
    conclusions = tuple(
        msgspec.structs.replace(
            conclusion,
            because=tuple(msgspec.structs.replace(e, of="far") for e in conclusion.because),
        )
        for conclusion in each.conclusions
    )
    return msgspec.structs.replace(each, conclusions=conclusions)
