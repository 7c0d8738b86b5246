"""Proxies inside proxies: each layer hands the next one's bytes on, in either order of layers."""

import pytest
from tests.kit import decode, effects, events, recut

from backchannel.effects import Inner, Open
from backchannel.events import ProxyRequest
from backchannel.model import Claim, Endpoint, Side
from backchannel.protocols import Peek, Start
from backchannel.protocols.http_proxy import session as http_proxy
from backchannel.protocols.socks import session as socks

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.5", 40000), Endpoint("10.0.0.1", 1080))
LAYERS = {
    "socks4a": (
        [(C, b"\4\1\x14\x46\0\0\0\1\0one.example\0"), (S, b"\0\x5a" + bytes(6))],
        "one.example",
    ),
    "http-connect": (
        [(C, b"CONNECT two.example:80 HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\n\r\n")],
        "two.example",
    ),
    "socks5": (
        [
            (C, b"\5\1\0"),
            (S, b"\5\0"),
            (C, b"\5\1\0\3\x0dthree.example\0\x50"),
            (S, b"\5\0\0\1" + bytes(6)),
        ],
        "three.example",
    ),
}
TALK = [(S, b"220 ready\r\n"), (C, b"HELO\r\n")]


def unwrap(steps):
    """Follow every layer; return the labels, the hosts asked for, and what is innermost."""
    labels, hosts = [], []
    while True:
        seen = {side: b"".join(data for at, data in steps if at is side) for side in Side}
        look = Peek("tcp", seen[C][:4096], seen[S][:4096], True, START)
        claimed = [it for it in (socks, http_proxy) if isinstance(it.recognise(look), Claim)]
        if not claimed:
            return labels, hosts, steps
        (protocol,) = claimed
        told = decode(protocol.Session(START), steps, ends=False)
        labels += [opened.label for opened in effects(told, Open)]
        hosts += [request.host for request in events(told, ProxyRequest)]
        steps = [(inner.side, inner.data) for inner in effects(told, Inner)]


@pytest.mark.parametrize("size", [1, 6, 1000])
@pytest.mark.parametrize(
    "order",
    [
        ("socks5", "http-connect", "socks4a"),
        ("http-connect", "http-connect", "socks5", "socks5"),
        ("socks4a", "socks5", "http-connect") * 2,
    ],
)
def test_layers_come_off_one_by_one(order, size):
    steps = [step for label in order for step in LAYERS[label][0]] + TALK
    labels, hosts, inner = unwrap(recut(steps, size))
    assert labels == list(order)
    assert hosts == [LAYERS[label][1] for label in order]
    assert recut(inner, 1000) == TALK
