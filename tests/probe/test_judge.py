"""Noise is nobody's answer, whatever was asked."""

import gc
import random
import time

import pytest
from tests.probe.lab import JUDGE

from backchannel.flows.core import FlowCore
from backchannel.model import Endpoint, Side
from backchannel.probe.exchange import End, Exchange, Step
from backchannel.probe.hello import Asked
from backchannel.probe.order import HELLOS

NOW = time.time_ns()
SIZES = 2, 8, 28, 60, 200
LINES = (
    b"220 ready\r\n",
    b"+OK\r\n",
    b"-ERR\r\n",
    b"\0\0\0\5\xff\0\0\0\0",
    b"login: ",
)


def exchanged(hello, answer):
    asked = Asked(
        Endpoint("10.0.0.1", (hello.only or (4711,))[0]),
        Endpoint("10.0.0.2", 40000),
        through=Endpoint("10.0.0.3", 80),
        torrent=bytes(20),
        now=NOW // 10**9,
        nonce=bytes(range(3, 35)),
    )
    made = Exchange(hello.transport, asked.client, asked.server, hello.name, NOW, NOW + 10**9)
    made.end = End.ANSWERED
    said = Step(Side.CLIENT, hello.make(asked), NOW + 10)
    made.steps = [said, Step(Side.SERVER, answer, NOW + 20)]
    return made


@pytest.mark.parametrize("hello", HELLOS, ids=lambda each: f"{each.name}-{each.transport}")
def test_noise_is_no_answer(hello):
    """Neither random bytes, which could be something encrypted, nor another protocol's words."""
    noise = random.Random(hello.name)
    answers = [noise.randbytes(size) for size in SIZES]
    found = {}
    for answer in [*(each for each in answers if each[:1] != b"\5"), *LINES]:
        claim = JUDGE.judge(exchanged(hello, answer), hello).claim
        if claim is not None:
            found[answer] = claim.protocol
    assert found == {}


def engines():
    return sum(isinstance(each, FlowCore) for each in gc.get_objects())


def test_nothing_of_an_engine_stays():
    """The command has cycles looked for every 500,000 objects: a host that answers on its usual
    ports took 2.7 GB until then.
    """
    (http,) = (each for each in HELLOS if each.name == "http")
    gc.collect()
    gc.disable()
    try:
        before = engines()
        claim = JUDGE.judge(exchanged(http, b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"), http).claim
        after = engines()
    finally:
        gc.enable()
    assert claim is not None
    assert after == before
