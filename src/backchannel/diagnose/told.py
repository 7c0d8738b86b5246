"""What a configuration adds to a diagnosis: causes, and connections that are not up."""

from collections.abc import Iterator, Sequence

from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.configured import comparing
from backchannel.diagnose.configured.connections import Connection
from backchannel.diagnose.configured.fitting import Fit
from backchannel.diagnose.document import Configured, Evidence, Gateways
from backchannel.diagnose.refused import offer

_SILENT = frozenset({"peer-dead", "arrived-unanswered", "stale-association"})


def explain(case: Case, found: Sequence[Found], fits: Sequence[Fit]) -> Iterator[Found]:
    """Yield conditions with what the configuration says of them, and where it is not followed."""
    causes = list(_causes(case, fits))
    for each in found:
        reasons = [text for name, text in causes if name == each.id]
        if reasons:
            each.because = [*map(_configured, reasons), *each.because]
            each.certainty = "certain"
            each.weight = None
        each.because += map(_configured, _settings(each, fits))
        yield each
    told = {each.id for each in found}
    for name, text in causes:
        if name not in told:
            words = {"what": text}
            yield Found("ends-differ", "certain", [_configured(text)], words, case.pair.frame)
    yield from _otherwise(case, fits)


def _configured(text: str) -> Evidence:
    return evidence(f"configured: {text}")


def _causes(case: Case, fits: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    """Yield what keeps the ends apart: of two configurations, or of one and what was offered."""
    ends = list(dict.fromkeys(fit.here for fit in fits))
    mine = [fit for fit in fits if fit.here == ends[0]] if ends else []
    others = [fit for fit in fits if fit.here != ends[0]] if ends else []
    if mine and others:
        pairs = [list(comparing.ends(a.seen, b.seen)) for a in mine for b in others]
        yield from min(pairs, key=len)
        return
    for fit in fits:
        if fit.here != case.ends[0]:
            yield from _refuses(case, fit.connection)


def _refuses(case: Case, connection: Connection) -> Iterator[tuple[str, str]]:
    for attempt in case.attempts.values():
        for seen in attempt.proposals:
            if not offer(seen).chosen and (lacks := comparing.against(offer(seen), connection)):
                yield "proposals-refused", f"{lacks} (offered, {connection.where('proposals')})"
                return


def _settings(found: Found, fits: Sequence[Fit]) -> Iterator[str]:
    """Yield settings that have to do with a condition."""
    for fit in fits:
        connection = fit.connection
        if found.id == "fragments-lost" and connection.fragmentation == "no":
            yield f"fragmentation is off at {connection.where('fragmentation')}"
        if found.id == "did-not-follow" and connection.mobike is False:
            yield f"MOBIKE is off at {connection.where('mobike')}"
        if found.id in _SILENT and not connection.dpd_seconds:
            yield f"no liveness checks at {connection.where('dpd')}"
        if found.id == "plain-esp-dropped" and connection.encap is False:
            yield f"encapsulation in UDP is off at {connection.where('encap')}"


def _otherwise(case: Case, fits: Sequence[Fit]) -> Iterator[Found]:
    """Yield what was seen of an end and is not what its connection says."""
    for fit in fits:
        connection = fit.connection
        if fit.here == case.ends[0]:
            for what in _offers(case, connection):
                words = {"end": fit.here, "what": what}
                yield Found(
                    "not-as-configured", "likely", [_configured(what)], words, case.pair.frame
                )
        plain = [each for each in case.streams if each.carrier == "ip"]
        if plain and connection.encap:
            what = f"ESP is to go in UDP by {connection.where('encap')}, and goes by itself"
            words = {"end": fit.here, "what": what}
            yield Found(
                "not-as-configured", "likely", [_configured(what)], words, plain[0].first_frame
            )


def _offers(case: Case, connection: Connection) -> Iterator[str]:
    seen = {attempt.version for attempt in case.attempts.values()}
    if connection.versions and seen and not seen & set(connection.versions):
        wanted = f"IKEv{connection.versions[0]} at {connection.where('')}"
        yield f"{wanted}, and IKEv{min(seen)} is spoken"
    for attempt in case.attempts.values():
        for told in attempt.proposals:
            if not offer(told).chosen and (lacks := comparing.against(offer(told), connection)):
                yield f"{lacks} (offered, {connection.where('proposals')})"
                return


def states(
    connections: Sequence[Connection], seen: Sequence[tuple[Gateways, Sequence[Fit]]]
) -> tuple[Configured, ...]:
    """Return how each connection is: nobody that is configured goes missing."""
    return tuple(_state(connection, seen) for connection in connections)


def _state(connection: Connection, seen: Sequence[tuple[Gateways, Sequence[Fit]]]) -> Configured:
    mine = [
        gateways for gateways, fits in seen if any(fit.connection is connection for fit in fits)
    ]
    standing = [each for each in mine if up(each)]
    shown = (standing or mine)[:1]
    return Configured(
        name=connection.name,
        file=connection.file,
        line=connection.line,
        local=", ".join(connection.local) or "any",
        remote=", ".join(connection.remote) or "any",
        state="up" if standing else "down" if mine else "never seen",
        seen=" ".join((shown[0].initiator, shown[0].responder)) if shown else "",
    )


def up(gateways: Gateways) -> bool:
    """Whether a tunnel carries in both directions, and nothing is wrong with it."""
    carries = all(
        step.reached == "yes" for step in gateways.steps if step.stage in {"sends", "receives"}
    )
    return carries and not any(each.weight == "problem" for each in gateways.conclusions)
