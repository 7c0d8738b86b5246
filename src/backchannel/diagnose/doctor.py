"""Captures in, a diagnosis out."""

from collections import Counter, defaultdict
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
    refused,
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
BEYOND = 16
"""Cases of the far side that one of the near side is compared with: those that have most in common.
A tunnel that moved is a few; SPIs that all share are invented.
"""
_REASONS = {
    "answers-lost": frozenset({"no-child"}),
    "fragments-lost": frozenset({"no-child"}),
    "authentication-refused": frozenset({"no-child", "arrived-unanswered"}),
    "shared-mapping": frozenset({"no-answer", "answers-lost", "stopped-early"}),
    "half-open-flood": frozenset({"stopped-early", "no-answer"}),
    "nobody-listens": frozenset({"no-answer", "arrived-unanswered"}),
    "did-not-follow": frozenset({"esp-lost", "esp-dropped", "esp-ceased"}),
    "esp-dropped": frozenset({"esp-ceased"}),
    "peer-dead": frozenset({"esp-ceased"}),
    "arrived-unanswered": frozenset({"esp-ceased"}),
    "state-timed-out": frozenset({"esp-ceased"}),
    "replaced": frozenset({"esp-ceased", "peer-dead", "arrived-unanswered", "state-timed-out"}),
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
        beyond = Place(place.there or [], None)
        for case in place.alone():
            only, fits = gateways(case, beyond, connections)
            seen.append((_only_far(only), fits))
    unseen = dict(sorted(near.counters.items()))
    if far is not None:
        unseen |= {f"far: {name}": number for name, number in sorted(far.counters.items())}
    if place.left:
        unseen["gateways of the far side not compared: too many with the same SPIs"] = place.left
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
        self.crowd, self.crowd_there = crowd.Crowd(here), crowd.Crowd(there or ())
        self.known = Counter(spi for case in here for spi in sides.spis(case))
        """SPIs, and of how many cases each is."""
        self.left = 0
        """Cases of the other place that were not compared: of one here there were too many."""
        self._beyond: dict[str, list[int]] = defaultdict(list)
        for at, case in enumerate(there or ()):
            for spi in sides.spis(case):
                self._beyond[spi].append(at)

    def beyond(self, case: Case) -> list[Case]:
        """Return what a case is at the other place, in the order of that: without what other cases
        of this place are there, as behind a NAT all have one address.
        """
        if self.there is None:
            return []
        mine = sides.spis(case)
        shared = Counter(at for spi in mine for at in self._beyond.get(spi, ()))
        order = sorted(at for at, _ in shared.most_common(BEYOND))
        self.left += max(0, len(shared) - BEYOND)
        return [
            each.without({spi for spi in sides.spis(each) - mine if spi in self.known})
            for each in (self.there[at] for at in order)
        ]

    def alone(self) -> list[Case]:
        """Return the cases of the other place that are none here."""
        return [case for case in self.there or () if not sides.spis(case) & self.known.keys()]


def found(case: Case, everybody: crowd.Crowd) -> Iterator[Found]:
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
    conditions, between = list(found(case, place.crowd)), None
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
    beyond = [(each, condition) for each in far for condition in found(each, place.crowd_there)]
    return list(both.find(met, conditions, beyond)), path.between(met)


def _weighed(case: Case, conditions: list[Found]) -> list[Found]:
    """Leave out what something else explains, and let what passed be a note."""
    explained = frozenset[str]().union(*(_REASONS.get(each.id, ()) for each in conditions))
    stood = [
        seen.frame
        for spi, attempt in case.attempts.items()
        if case.stands(spi) and not _in_vain(case, spi)
        for seen in attempt.stages
        if refused.stage(seen).stage == "authentication-answered"
    ]
    kept = [each for each in conditions if each.id not in explained]
    dead = any(each.id in _REASONS["replaced"] - {"esp-ceased"} for each in conditions)
    for each in kept:
        if each.id == "replaced" and dead:
            each.certainty, each.weight = "likely", "problem"
        later = next((frame for frame in stood if frame > each.when), 0)
        if each.id in _BEGINNING and later:
            each.weight = "note"
            each.because.append(evidence("a later attempt was authenticated", (later,)))
        elif each.id in _BEGINNING and stood:
            each.weight = "warning"
            each.because.append(evidence("an earlier attempt was authenticated", (stood[-1],)))
    return kept


def _in_vain(case: Case, spi: str) -> bool:
    """Say whether an IKE SA was granted by an answer that did not arrive."""
    asked = case.asked[spi]
    return any(
        question.unheard() and not question.went_on(asked[number + 1 :])
        for number, question in enumerate(asked)
    )


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
