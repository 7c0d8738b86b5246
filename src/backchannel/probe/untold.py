"""What a run could not tell, and why. Silence is never made into an answer."""

from collections import Counter, defaultdict
from collections.abc import Iterator

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
    yield from _unasked(work, index)
    states = Counter(
        (each.port.transport, each.state) for host in prober.hosts for each in host.results
    )
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
    reasons = Counter(
        each.remark
        for host in prober.hosts
        for each in host.results
        if each.talked and each.remark and each.state in {State.UNASKED, State.UNREACHED}
    )
    for why, number in sorted(reasons.items()):
        yield f"{count(number, 'port')} could not be reached: {why}."
    proxies = sum(_is_proxy(each) for host in prober.hosts for each in host.results)
    if proxies and wishes.through is None:
        yield (
            f"Whether {count(proxies, 'proxy', 'proxies')} {'leads' if proxies == 1 else 'lead'} "
            "anybody anywhere was not tried: --through HOST:PORT names where to."
        )
    if not wishes.aggressive and any(
        _is_ike(each) for host in prober.hosts for each in host.results
    ):
        yield "IKEv1's aggressive mode was not asked for: --aggressive does."
    if faults := prober.counters["faults"]:
        yield f"{count(faults, 'port')} ended by a fault of ours, which their remarks name."
    if left := prober.counters["exchanges not kept"]:
        yield (
            f"{count(left, 'exchange')} had no room in memory: missing as evidence, and of what "
            "they told only whose they are is known."
        )


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


def _is_proxy(result: Result) -> bool:
    return bool({"socks", "http-proxy"} & _protocols(result))


def _is_ike(result: Result) -> bool:
    return "ike" in _protocols(result)


def _protocols(result: Result) -> set[str]:
    told = result.understood()
    return {verdict.claim.protocol for verdict, _ in told if verdict.claim is not None}
