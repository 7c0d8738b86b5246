"""What a run could not tell, and why. Silence is never made into an answer."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from backchannel.catalogue.index import Index
from backchannel.probe.plan import Work
from backchannel.probe.port import Wishes
from backchannel.probe.result import Result, State
from backchannel.probe.run import Prober
from backchannel.report.words import count

KEYED = {"wireguard": "answers nobody who has no key of it", "tailscale": "is WireGuard inside"}
"""Services that cannot be asked at all."""


def untold(prober: Prober, work: Work, wishes: Wishes, index: Index) -> Iterator[str]:
    """Yield sentences."""
    results = [(host, each) for host in prober.hosts for each in host.results]
    yield from _unasked(work, index)
    yield from _silent([each for _, each in results])
    proxies = sum(_speaks(each, "socks", "http-proxy") for _, each in results)
    if proxies and wishes.through is None:
        yield (
            f"Whether {count(proxies, 'proxy', 'proxies')} {'leads' if proxies == 1 else 'lead'} "
            "anybody anywhere was not tried: --through HOST:PORT names where to."
        )
    if not wishes.aggressive and any(_speaks(each, "ike") for _, each in results):
        yield "IKEv1's aggressive mode was not asked for: --aggressive does."
    if any(not host.target.name and _speaks(each, "xmpp") for host, each in results):
        yield (
            "XMPP servers tell how one logs in only to who calls them by their domain: name that "
            "as the target."
        )
    if faults := prober.counters["faults"]:
        yield f"{count(faults, 'port')} ended by a fault of ours, which their remarks name."
    if left := prober.counters["exchanges not kept"]:
        yield (
            f"{count(left, 'exchange')} had no room in memory: missing as evidence, and of what "
            "they told only whose they are is known."
        )


def _silent(results: Iterable[Result]) -> Iterator[str]:
    """Yield what silence may mean, and why ports could not be reached."""
    states, reasons = Counter[tuple[str, State]](), Counter[str]()
    for each in results:
        states[each.port.transport, each.state] += 1
        if each.talked and each.remark and each.state in {State.UNASKED, State.UNREACHED}:
            reasons[each.remark] += 1
    if silent := states["udp", State.SILENT]:
        yield (
            f"{count(silent, 'UDP port')} answered nothing: open or filtered. OpenVPN with a key "
            "for its handshake, and peers that obfuscate theirs, answer nobody else."
        )
    if silent := states["tcp", State.SILENT]:
        yield f"{count(silent, 'TCP port')} neither took nor refused a connection: filtered."
    if mute := states["tcp", State.MUTE]:
        yield (
            f"{count(mute, 'TCP port')} took connections and answered no hello. A BitTorrent peer "
            "is such a one, unless --torrent names a torrent that it has."
        )
    for why, number in sorted(reasons.items()):
        yield f"{count(number, 'port')} could not be reached: {why}."


def _unasked(work: Work, index: Index) -> Iterator[str]:
    by_service = defaultdict[str, list[str]](list)
    for port, services in work.passed_over.items():
        for each in services:
            by_service[each].append(str(port))
    others = []
    for service, ports in sorted(by_service.items()):
        if service in KEYED:
            yield f"{index.title(service)} ({', '.join(ports)}) {KEYED[service]}: nothing was sent."
        else:
            others.append(index.title(service))
    if others:
        yield f"Not asked over UDP, as we know no hello that is answered: {', '.join(others)}."


def _speaks(result: Result, *protocols: str) -> bool:
    told = (verdict.claim for verdict, _ in result.understood())
    return any(claim is not None and claim.protocol in protocols for claim in told)
