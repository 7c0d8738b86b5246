"""The small wire formats of the lab: netlink traces, DNS, proxies. Read here by other means."""

import asyncio
import socket
import struct
from ipaddress import ip_address
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS
from tests.kit import decode

from backchannel.effects import Open
from backchannel.events import ProxyAnswer, ProxyRequest
from backchannel.model import Endpoint, Side
from backchannel.netlink import attribute
from backchannel.protocols import Start, load
from backchannel.prove import proxies, resolver, trace


def message(*attributes, family=1):
    body = bytes([family, 0, 0, 0]) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), 10 << 8 | 17, 0, 0, 0) + body


class Deaf(trace.Trace):
    def __init__(self):
        self.lost, self._pairs, self._met = 0, trace.OrderedDict(), {}


HEADER = bytes([0x45]) + bytes(11) + bytes([10, 9, 0, 1]) + bytes([93, 0, 0, 1])
NUMBER = attribute(6, struct.pack(">I", 77))


def rule(code, handle=5, table=b"filter\0"):
    verdict = attribute(5, attribute(1, struct.pack(">i", code)))
    place = attribute(1, table), attribute(2, b"forward\0"), attribute(3, struct.pack(">Q", handle))
    return [*place, attribute(4, struct.pack(">I", 3)), verdict, NUMBER]


def test_a_packets_addresses_come_once_and_its_verdicts_after():
    told = Deaf()
    told.hear(
        message(*rule(-3, 4), attribute(8, HEADER))
        + message(*rule(0))
        + message(*rule(1, 6), family=2)
    )
    met = told.between("93.0.0.1", "10.9.0.1")
    assert met == {
        trace.Met("inet", "filter", "forward", 4, "jump"): 1,
        trace.Met("inet", "filter", "forward", 5, "drop"): 1,
        trace.Met("ip", "filter", "forward", 6, "accept"): 1,
    }


def test_a_chains_policy_has_no_handle():
    told = Deaf()
    policy = attribute(4, struct.pack(">I", 1)), attribute(16, struct.pack(">I", 0))
    told.hear(
        message(attribute(1, b"t\0"), attribute(2, b"c\0"), *policy, NUMBER, attribute(8, HEADER))
    )
    assert told.between("10.9.0.1", "93.0.0.1") == {trace.Met("inet", "t", "c", 0, "drop"): 1}


def test_the_labs_own_table_tells_nothing():
    told = Deaf()
    told.hear(message(*rule(1, table=trace.TABLE.encode() + b"\0"), attribute(8, HEADER)))
    assert not told.totals()


@given(st.binary(max_size=300))
def test_any_bytes_from_netlink_are_survived(data):
    told = Deaf()
    told.hear(data)
    told.hear(message(data[:40]))


@pytest.mark.parametrize("name", ["login.oscar.aol.com", "a.b"])
def test_dns_as_scapy_reads_it(name):
    asked = resolver.question(name)
    answered = DNS(resolver.answer(asked, "93.0.0.7"))
    assert DNS(asked).qd[0].qname == f"{name}.".encode()
    assert (answered.an[0].rrname, answered.an[0].rdata) == (f"{name}.".encode(), "93.0.0.7")
    assert answered.id == DNS(asked).id


def test_a_proxy_in_use_when_its_lab_ends_makes_no_noise():
    lab = SimpleNamespace(server=None, socket=lambda *_: socket.socket())
    said = []

    async def used():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: said.append(what))
        proxy = proxies.Proxy(lab, "socks5", "127.0.0.1")
        proxy.port = 0  # any
        await proxy.open()
        place = proxy._server.sockets[0].getsockname()
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, place)
        await loop.sock_sendall(client, b"\5\1\0")
        assert await loop.sock_recv(client, 9) == b"\5\0"
        proxy.close()

    with socket.socket() as client:
        client.setblocking(False)
        asyncio.run(used())
    assert said == []


@pytest.mark.parametrize("kind", ["socks4", "socks5", "http-connect"])
def test_what_a_client_says_to_a_proxy_is_what_our_decoders_know(kind):
    """The dialogue as the product's decoders read it: who is asked for, and that it was granted."""
    protocol = load()["http-proxy" if kind == "http-connect" else "socks"]
    steps = [(Side(side), data) for side, data in proxies.dialogue(kind, ("93.0.0.7", 5190))]
    told = [
        value
        for _, value in decode(
            protocol.session(Start("tcp", Endpoint("10.9.0.1", 20000), Endpoint("93.0.0.1", 1080))),
            steps,
            ends=False,
        )
    ]
    (asked,) = [each for each in told if isinstance(each, ProxyRequest)]
    (granted,) = [each for each in told if isinstance(each, ProxyAnswer)]
    assert (asked.scheme, asked.host, asked.port) == (kind, "93.0.0.7", 5190)
    assert granted.accepted
    assert any(isinstance(each, Open) for each in told)
    assert ip_address("93.0.0.7").packed in b"".join(d for _, d in steps) or kind == "http-connect"
