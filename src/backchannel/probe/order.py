"""Which hellos a port is told, and in what order.

1. Nothing is said at first: who greets is heard, and told no hello of another protocol.
2. The hellos of the services that the catalogue has at that port.
3. Text: what a server does not understand of it is an error, and it says so.
4. Binary ones; the port's own before.
"""

from collections.abc import Iterable, Sequence

from backchannel.model import Transport
from backchannel.probe.binary import BINARY
from backchannel.probe.datagrams import UDP
from backchannel.probe.hello import Hello
from backchannel.probe.words import TEXT

HELLOS: tuple[Hello, ...] = (*TEXT, *BINARY, *UDP)
NEVER = frozenset({*range(9100, 9108), 515, 631, 4712})
"""TCP ports of printers, which print whatever comes, and of aMule's remote control: version 2.3.3
ends, the whole program, at what is not its own protocol.
"""


def hellos(
    transport: Transport, port: int, expected: Iterable[str], given: Iterable[str]
) -> list[Hello]:
    """Return what to say to a port, first things first.

    *expected* are protocols that may be there; *given* the options that some hellos need. Over UDP
    only theirs are said, where there are any: whoever else listens there could take a datagram for
    something.
    """
    known, has = set(expected), set(given)
    fit = [
        hello
        for hello in HELLOS
        if hello.transport == transport
        and (not hello.only or port in hello.only)
        and (not hello.needs or hello.needs in has)
        and not hello.after
    ]
    own = [each for each in fit if port in each.ports or known & set(each.protocols[:1])]
    own.sort(key=lambda each: port not in each.ports)
    if transport == "udp" and own:
        return own
    return own + [each for each in fit if each not in own]


def following(
    protocol: str, said: Iterable[str], given: Iterable[str], transport: Transport = "tcp"
) -> list[Hello]:
    """Return what to say besides to a port that speaks *protocol*."""
    done, has = set(said), set(given)
    return [
        hello
        for hello in HELLOS
        if hello.transport == transport
        and hello.name not in done
        and (not hello.needs or hello.needs in has)
        and (
            protocol in (*hello.after, *hello.beside) or (not hello.after and _kin(protocol, hello))
        )
    ]


def _kin(protocol: str, hello: Hello) -> bool:
    """Whether a hello asks for another form of a protocol, as SOCKS4 beside SOCKS5."""
    return hello.protocols[:1] == (protocol,) and not hello.only


def inside(hellos: Sequence[Hello]) -> list[Hello]:
    """Return those that are said inside TLS as well."""
    return [hello for hello in hellos if hello.tls != "no"]
