"""What the guard knows of a connection that it meets on its way, wherever that is."""

import pytest
from tests import craft
from tests.enforce.guarding import services
from tests.prove.labs import shipped

from backchannel import protocols
from backchannel.capture import records
from backchannel.catalogue import index
from backchannel.enforce import signs
from backchannel.engine.engine import Engine
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.model import Endpoint
from backchannel.pipeline import looks_for

PLACES = 24
"""Steps before which a conversation is met."""
LOOK = 12
KNOWN = [
    ("openvpn", "tunnel", "udp/1194", 8),
    ("openvpn", "tunnel", "tcp/443", 7),
    ("wireguard", "tunnel", "udp/51820", 5),
    ("ipsec", "tunnel", "udp/4500", 8),
    ("bittorrent", "file-sharing", "udp/6881", 5),
    ("bittorrent", "search", "direct bittorrent-dht", 1),
    ("edonkey", "message", "tcp/4661", 1),
    ("xmpp", "file-transfer", "tcp/5222", 2),
    ("irc", "file-transfer", "tcp/6660", 2),
    ("yahoo", "message", "tcp/5050", 1),
    ("icq", "message", "tcp/5190", 1),
]
"""Service, capability and way of conversations that are known from every place on, and how many
steps that takes.
"""


def met(flow, place):
    """Yield the engine after each step of *flow* from *place* on, the first packets it sees."""
    core = FlowCore(
        settings=FlowSettings(payloads=8), **looks_for(index.build(services()), everything=False)
    )
    engine = Engine(core, protocols.load())
    ends = Endpoint("10.9.0.2", flow.source or 40001), Endpoint("198.51.100.7", flow.port)
    sent = [1_000, 900_000]
    for number, step in enumerate(flow.steps[: place + LOOK]):
        mine, theirs = ends[step.side], ends[1 - step.side]
        packets = []
        if flow.transport == "udp":
            packets.append(craft.udp(mine, theirs, step.data))
        for at in range(0, len(step.data) if flow.transport == "tcp" else 0, craft.MTU):
            piece, flags = step.data[at : at + craft.MTU], craft.PSH | craft.ACK
            here, there = sent[step.side], sent[1 - step.side]
            packets.append(craft.segment(mine, theirs, here, there, flags, data=piece))
            sent[step.side] += len(piece)
        if number < place:
            continue
        data = craft.pcap(packets, start=1_700_000_000 + number)
        core.feed(records.Records(data[:24]).cut(memoryview(data), len(data)))
        while batch := core.take():
            engine.handle(batch)
        yield engine


def proved(engine):
    """The service that is proved, as far as the guard would act on it."""
    streams = (each for stream in engine.live() for each in signs.tree(stream))
    return {each.spoken for each in streams if signs.known(each)}


@pytest.mark.parametrize(("service", "capability", "way", "most"), KNOWN)
def test_a_conversation_is_known_wherever_it_is_met(service, capability, way, most):
    [conversation] = [each for each in shipped()[service, capability] if each.way == way]
    flow = max(
        (each for each in conversation.flows if any(step.told for step in each.steps)),
        key=lambda each: len(each.steps),
    )
    for place in range(min(PLACES, len(flow.steps) - most)):
        took = next((at for at, each in enumerate(met(flow, place), 1) if proved(each)), None)
        assert took is not None, place
        assert took <= most, place
