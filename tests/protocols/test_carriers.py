"""The magics of what carries others: every flow that a recogniser claims passes its magic too."""

import random
from importlib import import_module

import pytest
from tests.kit import CORPUS, flows, peek
from tests.matcher import Matcher

from backchannel.model import Claim

NAMES = ("dns", "http", "http-proxy", "socks", "tls")
FOLDERS = {"dns": "negatives", "http": "negatives", "tls": "negatives", "socks": "socks"}
corpus = pytest.mark.skipif(not (CORPUS / "public").exists(), reason="no corpus of captures")


def protocol(name):
    return import_module(f"backchannel.protocols.{name.replace('-', '_')}").PROTOCOL


def matcher(name):
    return Matcher({name: protocol(name)})


@corpus
@pytest.mark.parametrize("name", NAMES)
def test_what_is_claimed_passes_the_magic(name):
    found, ours = matcher(name), protocol(name)
    claimed = 0
    folder = CORPUS / "public" / FOLDERS.get(name, "http-connect")
    for path in sorted(folder.glob("*.pcap*")):
        for flow in flows(path):
            look = peek(flow)
            if not isinstance(ours.recognise(look), Claim):
                continue
            claimed += 1
            sides = (look.client, look.server)
            fits = [found.candidates(look.transport, data, begun=look.begun) for data in sides]
            assert [name] in fits, (path, str(flow))
    assert claimed >= 10


@pytest.mark.parametrize("name", NAMES)
def test_noise_rarely_passes_the_magic(name):
    """What passes costs a call into Python; of random payloads fewer than one in fifty may."""
    found, noise = matcher(name), random.Random(7)
    for transport in ("tcp", "udp"):
        hits = sum(bool(found.candidates(transport, noise.randbytes(40))) for _ in range(5000))
        assert hits < 100
