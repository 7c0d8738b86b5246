"""What a person reads: who has nothing is told together, and names stay harmless."""

import msgspec
import pytest
from tests.probe.lab import INDEX

from backchannel.probe import document as doc
from backchannel.probe.show import render
from backchannel.report.console import console


def port(number, state, transport="tcp", **more):
    return doc.Port(port=number, transport=transport, state=state, expected=(), **more)


def shown(*hosts, **more):
    probe = doc.Probe(
        **{
            "tool": "x",
            "started": "",
            "ended": "",
            "interrupted": False,
            "settings": {},
            "totals": {},
            "hosts": hosts,
            "findings": (),
            "untold": (),
            **more,
        }
    )
    out = console()
    with out.capture() as told:
        out.print(render(probe, INDEX))
    return told.get()


def host(number, *ports, alive=True, **more):
    return doc.Host(address=f"10.0.0.{number}", alive=alive, complete=True, ports=ports, **more)


def test_hosts_with_nothing_are_told_together():
    closed, away, silent = port(1, "closed"), port(1, "unreachable"), port(1, "no answer")
    told = shown(
        host(1, port(5190, "open, says nothing"), closed),
        *(host(n, closed) for n in range(2, 14)),
        *(host(n, away, alive=False, remarks=("away: x",)) for n in (20, 21)),
        host(30, silent, alive=False),
    )
    assert "12 hosts answered, and nothing was found at the ports asked\n" in told
    assert (
        "2 hosts away: there is no way there, it is forbidden, or nobody has the address: "
        "10.0.0.20, 10.0.0.21" in told
    )
    assert "1 host answered nothing at all: 10.0.0.30" in told
    assert "10.0.0.5" not in told
    assert "open, says nothing" in told


@pytest.mark.parametrize(
    ("transport", "words"),
    [("tcp", "no answer (filtered, tcp)"), ("udp", "no answer (open or filtered, udp)")],
)
def test_silence_is_called_what_it_is(transport, words):
    told = shown(host(1, port(9, "other protocol"), port(1, "no answer", transport)))
    assert f"1 {words}" in told


def test_what_is_inside_tls_says_so_and_facts_are_few():
    spoken = doc.Spoken(
        service="xmpp",
        protocol="xmpp",
        confidence="parsed",
        evidence="root of an XMPP stream",
        tls=True,
        told=tuple(f"fact {n}" for n in range(9)),
    )
    told = shown(host(1, port(5223, "open", speaks=(spoken,))))
    assert "in TLS" in told
    assert "fact 3" in told
    assert "fact 4" not in told
    assert "and 5 more, which --json has" in told


def test_an_interrupted_run_says_so():
    told = shown(
        msgspec.structs.replace(host(1, port(1, "other protocol")), complete=False),
        interrupted=True,
    )
    assert "interrupted: this is what was found until then" in told
    assert "interrupted before its last port" in told
