"""Makes the document of a run from what the hosts answered."""

from collections.abc import Iterable, Mapping

from backchannel import __version__
from backchannel.detect.model import Finding
from backchannel.model import Side
from backchannel.probe import document as doc
from backchannel.probe.judge import Verdict
from backchannel.probe.result import Result, State, Talked
from backchannel.probe.run import Host, Prober
from backchannel.probe.told import software, told
from backchannel.text import escape
from backchannel.when import rfc3339

HEX = 64
"""Bytes of a message that are shown in hexadecimal."""
GREETING = 80
"""Characters of an answer that nobody understands."""


def build(
    prober: Prober,
    *,
    started: int,
    ended: int,
    interrupted: bool,
    settings: Mapping[str, str],
    left_out: int,
    findings: Iterable[Finding],
    untold: Iterable[str],
) -> doc.Probe:
    """Return the document. *started* and *ended* are nanoseconds since 1970."""
    hosts = tuple(_host(each) for each in prober.hosts)
    totals = {name: prober.counters[name] for name in sorted(prober.counters)}
    totals |= {"hosts asked": len(hosts), "hosts left out": left_out}
    return doc.Probe(
        tool=f"backchannel {__version__}",
        started=rfc3339(started),
        ended=rfc3339(ended),
        interrupted=interrupted,
        settings=dict(settings),
        totals=totals,
        hosts=hosts,
        findings=tuple(findings),
        untold=tuple(untold),
    )


def _host(host: Host) -> doc.Host:
    return doc.Host(
        address=host.target.address,
        name=escape(host.target.name),
        alive=host.alive,
        complete=host.done,
        ports=tuple(map(_port, host.results)),
        remarks=tuple(host.remarks),
    )


def _port(result: Result) -> doc.Port:
    return doc.Port(
        port=result.port.number,
        transport=result.port.transport,
        state=str(result.state),
        expected=result.expected.services,
        speaks=_spoken(result),
        greeting=_greeting(result),
        said=tuple(map(_said, result.talked)),
        remark=result.remark,
    )


def _spoken(result: Result) -> tuple[doc.Spoken, ...]:
    """Return the protocols of a port, each once with all that its answers told."""
    grouped = dict[tuple[str, bool], list[Verdict]]()
    for verdict, inner in result.understood():
        assert verdict.claim is not None
        grouped.setdefault((verdict.claim.protocol, inner), []).append(verdict)
    rows = []
    for (protocol, inner), verdicts in grouped.items():
        claims = [each.claim for each in verdicts if each.claim is not None]
        best = max(claims, key=lambda each: each.confidence)
        events = [seen for each in verdicts for seen in each.events]
        rows.append(
            doc.Spoken(
                service=best.service,
                protocol=protocol,
                confidence=best.confidence.word,
                evidence=escape("; ".join(dict.fromkeys(each.evidence for each in claims))),
                tls=inner,
                software=software(events),
                told=told(events),
            )
        )
    return tuple(rows)


def _greeting(result: Result) -> str:
    if result.state is not State.OTHER:
        return ""
    answers = (each.exchange.bytes_of(Side.SERVER) for each in result.talked)
    first = next((each for each in answers if each), b"")
    return escape(first[:GREETING].decode("latin-1").strip("\r\n"))


def _said(talked: Talked) -> doc.Said:
    exchange = talked.exchange
    sent, got = exchange.bytes_of(Side.CLIENT), exchange.bytes_of(Side.SERVER)
    return doc.Said(
        hello=exchange.hello,
        time=rfc3339(exchange.began),
        end=str(exchange.end),
        sent=len(sent),
        received=len(got),
        first_sent=sent[:HEX].hex(),
        first_received=got[:HEX].hex(),
        cut=exchange.cut,
        detail=escape(exchange.detail),
    )
