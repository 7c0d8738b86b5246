"""Hosts that flood, crawl, reset, lie and never end: time, bytes and memory are bounded."""

import asyncio
import contextlib
import dataclasses
import itertools
import socket
import threading
import time

import pytest
from tests.probe.lab import (
    INDEX,
    JUDGE,
    KNOWN,
    NOTHING,
    QUICK,
    Server,
    asked,
    datagrams,
    fresh_host,
    recorded,
    replay,
    spoken,
)

from backchannel.model import Side
from backchannel.probe import run
from backchannel.probe.build import build
from backchannel.probe.exchange import End
from backchannel.probe.judge import MOST
from backchannel.probe.named import Target
from backchannel.probe.port import PortProbe, Wishes
from backchannel.probe.ports import Expected, Port
from backchannel.probe.result import State
from backchannel.probe.run import Prober
from backchannel.probe.show import render
from backchannel.probe.sockets import LEAST, TRIES
from backchannel.report.console import console

OSCAR = recorded("aim/aim_md5login_8im.pcap", 5190)[1]
HOST, OTHER = fresh_host(), fresh_host()
FAST = dataclasses.replace(QUICK, answer=0.2, longest=1, most=8192)


def document(prober):
    return build(
        prober,
        started=1,
        ended=2,
        interrupted=False,
        settings={},
        left_out=0,
        findings=(),
        untold=(),
    )


def flood(link):
    for _ in itertools.repeat(0):
        link.sendall(bytes(65536))


def crawl(link):
    for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\n"):
        link.sendall(bytes([byte]))
        time.sleep(0.02)


def reset(link):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.recv(10)


def redirect(link):
    link.recv(4096)
    link.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("serve", [flood, crawl, reset, redirect], ids=lambda each: each.__name__)
def test_an_exchange_is_bounded_in_time_and_bytes(serve):
    with Server(serve) as server:
        began = time.monotonic()
        prober = asked(server.host, server.port, limits=FAST)
        took = time.monotonic() - began
    (result,) = prober.hosts[0].results
    assert result.state in {State.OTHER, State.OPEN, State.MUTE}
    assert took < 40 * 1.5  # each exchange a second at most
    for talked in result.talked:
        exchange = talked.exchange
        assert (exchange.ended - exchange.began) / 1e9 < 1.6
        assert sum(len(step.data) for step in exchange.steps if step.side) <= FAST.most
    if serve is flood:
        assert result.talked[0].exchange.cut
        assert len(result.talked) == 1  # it greets with what nobody knows: no hello follows


def test_a_redirection_is_not_followed():
    with Server(redirect) as server:
        prober = asked(server.host, server.port, limits=FAST)
    assert {each.port.number for each in prober.hosts[0].results} == {server.port}
    assert ("http", False) in spoken(prober)


def test_crumbs_and_many_datagrams_make_no_work():
    def crumbs(link):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(3000):
            link.sendall(b"x")
            time.sleep(0)

    with Server(crumbs) as server:
        prober = asked(server.host, server.port, limits=FAST)
    exchange = prober.hosts[0].results[0].talked[0].exchange
    assert len(exchange.steps) <= FAST.most / LEAST
    assert 100 < len(exchange.bytes_of(Side.SERVER)) <= 3000

    place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def many():
        with contextlib.suppress(OSError):
            _, whom = place.recvfrom(4096)
            for _ in range(500):
                place.sendto(b"y" * 9, whom)

    with place:
        place.bind((OTHER, 0))
        threading.Thread(target=many, daemon=True).start()
        port = Port("udp", place.getsockname()[1])
        prober = asked(OTHER, port, limits=FAST, expected=Expected((), ("stun",)))
    exchange = prober.hosts[0].results[0].talked[0].exchange
    assert len(exchange.steps) <= TRIES + FAST.most / LEAST
    assert exchange.cut


def test_what_is_kept_is_bounded_and_counted():
    few = dataclasses.replace(FAST, kept=4000)
    with Server(lambda link: link.sendall(bytes(3000))) as one, Server(flood) as other:
        prober = asked(one.host, one.port, limits=few)
        assert prober.counters["exchanges not kept"] == 0
        prober = asked(other.host, other.port, limits=few)
    assert prober.counters["exchanges not kept"] == 1
    assert prober.exchanges == []
    assert document(prober).totals["bytes received"] == FAST.most


def test_a_trap_on_all_ports_is_noticed_and_told_little():
    """A tarpit: it takes every connection, and says nothing. After some ports it is told less."""
    brief = dataclasses.replace(FAST, answer=0.02, greeting=0.02, strange=3, at_once=1)
    servers = [Server(lambda link: time.sleep(3))]
    host = servers[0].host
    servers += [Server(lambda link: time.sleep(3), host=host) for _ in range(5)]
    try:
        prober = asked(host, *[each.port for each in servers], limits=brief)
    finally:
        for each in servers:
            each.__exit__()
    said = [len(each.talked) for each in prober.hosts[0].results]
    assert min(said[:3]) > 10
    assert max(said[3:]) <= 2  # a greeting is waited for, and TLS tried
    assert "a trap" in prober.hosts[0].remarks[0]


def test_a_host_that_stops_taking_connections_is_let_alone():
    class Once(Server):
        def _one(self, link):
            if self.connections == 3:
                self._socket.shutdown(socket.SHUT_RDWR)
                self._socket.close()
            time.sleep(0.3)
            link.close()

    server = Once(lambda link: None)
    prober = asked(server.host, server.port, limits=FAST)
    (result,) = prober.hosts[0].results
    assert len(result.talked) <= 6
    assert "no more connections" in result.remark


def test_names_from_the_wire_are_escaped():
    answer = b"HTTP/1.1 200 OK\r\nServer: ev\x1b[2Jil\xe2\x80\xae/1\r\nContent-Length: 0\r\n\r\n"

    def serve(link):
        link.recv(4096)
        link.sendall(answer)

    with Server(serve) as server, Server(lambda link: link.sendall(b"\x1b]0;x\x07hi\n")) as other:
        for each in (server, other):
            made = document(asked(each.host, each.port, limits=FAST))
            out = console()
            with out.capture() as told:
                out.print(render(made, INDEX))
            assert not set(told.get()) & {"\x1b", "\x07", "\u202e"}
            assert "\x1b" not in str(made)


def test_datagrams_that_are_not_for_us_are_no_answer():
    with datagrams(lambda data: b"") as silent, datagrams(lambda data: data) as echo:
        states = [
            asked(*place[:1], Port("udp", place[1]), limits=FAST).hosts[0].results[0].state
            for place in (silent.getsockname(), echo.getsockname())
        ]
    assert states == [State.SILENT, State.OTHER]


def test_silence_is_not_called_closed_and_icmp_is():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind((HOST, 0))
        port = place.getsockname()[1]
        silent = asked(HOST, Port("udp", port), limits=FAST)
    closed = asked(HOST, Port("udp", port), port, limits=FAST)
    assert [each.state for each in silent.hosts[0].results] == [State.SILENT]
    assert [each.state for each in closed.hosts[0].results] == [State.CLOSED, State.CLOSED]


def more(link):
    while data := link.recv(4096):
        link.sendall(data + b"x")


def test_an_echo_that_adds_something_is_no_answer():
    """As a terminal does: it is our own hello that would be understood."""
    with Server(more) as server:
        assert spoken(asked(server.host, server.port, limits=FAST)) == set()


def dribble(link):
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(40_000):
        link.sendall(b"\0")


def joins(link):
    link.recv(100)
    lines = [b":x NOTICE * :b", *(b":%x!a@b JOIN #c%d" % (each, each) for each in range(1500))]
    link.sendall(b"\r\n".join(lines) + b"\r\n")
    link.recv(10)


def test_what_is_kept_of_an_answer_does_not_depend_on_how_it_is_cut_or_filled():
    """A host with 65,535 ports could fill the memory otherwise."""
    whole = dataclasses.replace(QUICK, quiet=0.3)
    with Server(dribble) as one, Server(joins) as other:
        (cut,) = asked(one.host, one.port, limits=whole).hosts[0].results
        (filled,) = asked(other.host, other.port, limits=whole).hosts[0].results
    assert 0 < len(cut.talked[0].exchange.steps) <= whole.most / LEAST
    assert ("irc", 0) in {(each[0].claim.protocol, each[1]) for each in filled.understood()}
    assert max(len(each.verdict.events) for each in filled.talked) <= 2 * MOST


SLOW = dataclasses.replace(QUICK, answer=0.6, apart=0.15, greeting=0.1)


def test_a_mute_port_is_soon_done_with():
    """Guesses are said while the ones before may yet be answered; TLS and what is usual, alone."""
    with Server(lambda link: link.recv(10) and time.sleep(3)) as server:
        began = time.monotonic()
        (result,) = asked(server.host, server.port, limits=SLOW).hosts[0].results
        took = time.monotonic() - began
    exchanges = [each.exchange for each in result.talked]
    assert result.state is State.MUTE
    assert len(exchanges) > 18
    assert took < len(exchanges) * SLOW.answer / 2
    assert [each.hello for each in exchanges[:3]] == ["greeting", "http", "tls"]
    alone = exchanges[:4]
    assert all(one.ended <= other.began for one, other in itertools.pairwise(alone))
    assert all((each.ended - each.began) / 1e9 >= SLOW.answer - 0.1 for each in exchanges[1:])
    for one in exchanges:
        assert sum(o.began <= one.began < o.ended for o in exchanges) <= SLOW.at_once


def test_an_answer_that_comes_late_is_not_lost_and_ends_the_guesses():
    def late(link):
        if link.recv(100)[:1] == b"\x05":
            time.sleep(SLOW.answer * 0.8)
            link.sendall(b"\x05\x00")
        link.recv(100)

    with Server(late) as server:
        prober = asked(server.host, server.port, limits=SLOW)
    assert spoken(prober) == {("socks", False)}
    said = [each.exchange.hello for each in prober.hosts[0].results[0].talked]
    assert {"rdp", "edonkey", "soulseek", "mtproto"} & set(said) <= {"rdp"}
    assert len(said) == len(set(said))


def test_a_fault_of_ours_in_a_guess_costs_one_port(monkeypatch):
    async def faulty(self, talked, hello, tls):
        if hello and hello.name == "irc":
            raise ZeroDivisionError("made up")

    monkeypatch.setattr(PortProbe, "_understand", faulty)
    with Server(lambda link: link.recv(10) and time.sleep(3)) as server:
        (result,) = (
            asked(server.host, server.port, limits=dataclasses.replace(FAST, apart=0.05))
            .hosts[0]
            .results
        )
    assert "a fault of ours: ZeroDivisionError: made up" in result.remark


def test_an_answer_that_takes_long_to_read_makes_no_other_come_late(monkeypatch):
    """Whoever owns a host makes us work for some tenths of a second, as often as we ask him."""
    read = JUDGE.judge

    def slow(exchange, *words, **named):
        until = time.monotonic() + (1 if exchange.server.port == bad.port else 0)
        while time.monotonic() < until:
            pass
        return read(exchange, *words, **named)

    def late(link):
        link.recv(100)
        time.sleep(0.5)
        link.sendall(b"\x05\x00")
        link.recv(100)

    monkeypatch.setattr(JUDGE, "judge", slow)
    limits = dataclasses.replace(QUICK, answer=0.9, greeting=0.3)
    with Server(replay(OSCAR, True)) as bad, Server(late, port=1080) as good:
        prober = Prober(JUDGE, limits, Wishes())
        plans = [
            (Target(each.host), {place: KNOWN.get(place, NOTHING)})
            for each in (bad, good)
            for place in [Port("tcp", each.port)]
        ]
        asyncio.run(prober.run(plans))
    (result,) = prober.hosts[1].results
    assert [each.exchange.end for each in result.talked[1:]] == [End.ANSWERED] * 2


def test_no_host_takes_all_the_memory_and_whose_an_answer_is_stays_known(monkeypatch):
    """Events of a 32 KiB answer take more room than it does: 12 GB for 65,535 ports of a host."""
    monkeypatch.setattr(run, "SHARE", 100_000)
    limits = dataclasses.replace(QUICK, kept=200_000)
    with Server(joins) as bad, Server(replay(OSCAR, True)) as good:
        others = [Server(joins, host=bad.host) for _ in range(3)]
        prober = Prober(JUDGE, limits, Wishes())
        plans = [
            (Target(host), {Port("tcp", each): NOTHING for each in ports})
            for host, ports in (
                (bad.host, [bad.port, *(each.port for each in others)]),
                (good.host, [good.port]),
            )
        ]
        asyncio.run(prober.run(plans))
        for each in others:
            each.__exit__()
    theirs, ours = prober.hosts
    assert theirs.kept <= 100_000
    assert prober.counters["exchanges not kept"] >= 4
    assert {v.claim.protocol for each in theirs.results for v, _ in each.understood()} == {"irc"}
    assert sum(len(v.events) > 0 for each in theirs.results for v, _ in each.understood()) <= 2
    assert ours.kept > 0
    assert good.port in {each.server.port for each in prober.exchanges}
