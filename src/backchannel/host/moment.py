"""The sockets of this moment as a record: for a flow of which nobody kept one.

A socket counts as held since its process began, which is the most that can be known.
"""

import time
from collections.abc import Iterator

from backchannel import __version__
from backchannel.host import ledger, networks, processes, sockets
from backchannel.host.describing import Describer
from backchannel.host.holders import Holders
from backchannel.host.lines import addressed, held
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
    tables = dict[str, list[sockets.Socket]]()
    for network, pid in apart.items():
        yield from addressed(network, networks.addresses(pid), now)
        tables[network] = [each for each in sockets.table(pid) if each.inode]
    describer = Describer()
    holders = Holders(describer)
    found = holders.of({each.inode for table in tables.values() for each in table})
    since, begun = {process.pid: process.started for process in running}, dict[int, int]()
    while (told := describer.next()) is not None:
        yield told
        if told.pid in since:
            begun[told.program] = since[told.pid]
    describer.close()
    number = 0
    for network, table in tables.items():
        for each in table:
            number += 1
            programs = found[each.inode]
            starts = [begun[one] for one in programs if one in begun]
            since_then = rfc3339(min(starts)) if starts else now
            yield held(number, network, each, programs, since_then)
    unseen = {"processes whose sockets could not be seen": holders.denied} if holders.denied else {}
    yield ledger.Finished(time=now, held=number, missed=0, unseen=unseen)
