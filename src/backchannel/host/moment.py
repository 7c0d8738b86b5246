"""The sockets of this moment as a record: for a flow of which nobody kept one.

A socket counts as held since its process began, which is the most that can be known.
"""

import time
from collections.abc import Iterator

from backchannel import __version__
from backchannel.host import ledger, networks, processes, sockets
from backchannel.host.holders import Holders
from backchannel.when import rfc3339


def moment() -> Iterator[ledger.Line]:
    """Yield the lines of a record of this moment, of all networks that processes are in."""
    now = rfc3339(time.time_ns())
    yield ledger.Began(tool=f"backchannel {__version__}", time=now, interval=0, openings=False)
    running, _ = processes.read()
    apart = dict[str, int]()
    for process in running:
        apart.setdefault(process.network, process.pid)
    apart.pop("", None)  # of others, without rights
    holders, number, begun = Holders(), 0, dict[int, processes.Process | None]()
    since = {process.pid: process for process in running}
    for network, pid in apart.items():
        addresses = tuple(sorted(networks.addresses(pid)))
        yield ledger.Network(network=network, time=now, addresses=addresses)
        table = [each for each in sockets.table(pid) if each.inode]
        found = holders.of({each.inode for each in table})
        described = list(_describe(holders))
        yield from described
        begun |= {each.program: since.get(each.pid) for each in described}
        for each in table:
            number += 1
            programs = found[each.inode]
            starts = [known.started for one in programs if (known := begun.get(one))]
            since_then = rfc3339(min(starts)) if starts else now
            yield _held(number, network, each, programs, since_then)
    unseen = {"processes whose sockets could not be seen": holders.denied} if holders.denied else {}
    yield ledger.Finished(time=now, held=number, missed=0, unseen=unseen)


def _describe(holders: Holders) -> Iterator[ledger.Program]:
    while holders.waiting:
        yield from holders.describe()


def _held(
    number: int,
    network: str,
    each: sockets.Socket,
    programs: tuple[int, ...],
    time: str,
) -> ledger.Held:
    remote = each.remote
    return ledger.Held(
        socket=number,
        network=network,
        transport=each.transport,
        local=each.local.address,
        local_port=each.local.port,
        remote=remote.address if remote else "",
        remote_port=remote.port if remote else 0,
        state=each.state,
        community_id=ledger.identity(each.protocol, each.local, remote),
        time=time,
        uid=each.uid,
        programs=programs,
    )
