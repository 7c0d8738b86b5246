"""The lines of a record that the recorder and a look at the moment both write."""

from collections.abc import Collection, Iterator
from itertools import islice

from backchannel.host import ledger
from backchannel.host.sockets import Socket

TOGETHER, SHARED = 1000, 50_000
"""Addresses, and processes that share a socket, of one line at most: a line has a bound."""


def addressed(network: str, addresses: Collection[str], time: str) -> Iterator[ledger.Network]:
    """Yield the lines that tell of a network's addresses: one at least, though it has none."""
    rest = iter(sorted(addresses))
    some = tuple(islice(rest, TOGETHER))
    while True:
        yield ledger.Network(network=network, time=time, addresses=some)
        some = tuple(islice(rest, TOGETHER))
        if not some:
            return


def held(
    number: int, network: str, each: Socket, programs: tuple[int, ...], time: str
) -> ledger.Held:
    """Return the line of a socket that is held."""
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
        programs=programs[:SHARED],
    )


def missed(network: str, each: Socket, time: str) -> ledger.Missed:
    """Return the line of a socket that nobody was seen to hold."""
    remote = each.remote
    return ledger.Missed(
        network=network,
        transport=each.transport,
        local=each.local.address,
        local_port=each.local.port,
        remote=remote.address if remote else "",
        remote_port=remote.port if remote else 0,
        community_id=ledger.identity(each.protocol, each.local, remote),
        time=time,
    )
