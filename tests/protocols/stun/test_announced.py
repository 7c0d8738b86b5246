"""A call that a messenger announced, and whose flow opens with STUN, is that messenger's."""

from tests import craft
from tests.protocols.stun.test_session import BINDING, BOUND, rtp

from backchannel.capture.sources import sources
from backchannel.catalogue import index as catalogue
from backchannel.effects import Expect
from backchannel.engine.engine import Engine
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.model import Capability, Claim, Confidence, Endpoint, Side, Standing
from backchannel.pipeline import looks_for
from backchannel.protocols import Magic, load
from backchannel.protocols.rtp.events import MediaStream

SIGNAL = b"\xf7call me"
PLACE = Endpoint("198.51.100.7", 30_000)
CALL = Expect(
    protocol="rtp",
    purpose=Capability.VOICE_VIDEO,
    address=PLACE.address,
    port=PLACE.port,
    transport="udp",
    accounts=("ann", "bob"),
)


class Session:
    """A messenger's, which announces the call with all it says."""

    service, standing, done = "msn", Standing.PARSED, False

    def __init__(self, _start):
        pass

    def feed(self, _side, _data):
        return [CALL]

    def end(self, _side):
        return []


class Messenger:
    """Its protocol."""

    name, service, magic, ports = "messenger", "msn", (), ()
    context = sealed = alone = False
    session = Session

    @staticmethod
    def recognise(_peek):
        return Claim("messenger")


def heard(path):
    """What is told of a capture, by all protocols and the messenger's."""
    looks = looks_for(catalogue.load(), everything=False)
    looks["magics"] = [*looks["magics"], (len(load()), Magic("udp", pattern=SIGNAL))]
    core = FlowCore(settings=FlowSettings(), **looks)
    engine = Engine(core, {**load(), "messenger": Messenger})
    told = []
    for source in sources([str(path)]):
        for chunk in source.chunks():
            core.feed(chunk)
            while batch := core.take():
                told += engine.handle(batch)
    core.finish()
    while batch := core.take():
        told += engine.handle(batch)
    return [seen for seen in told if isinstance(seen.event, MediaStream)]


def test_the_announcement_holds_though_stun_comes_first(tmp_path):
    steps = [(Side.CLIENT, BINDING), (Side.SERVER, BOUND), (Side.CLIENT, BINDING)]
    steps += [(Side.CLIENT, rtp(number)) for number in range(9)]
    call = craft.datagrams(steps, server=PLACE)
    signal = craft.datagrams([(Side.CLIENT, SIGNAL)], client=Endpoint("10.9.0.2", 5000))
    media = heard(craft.write(tmp_path / "call.pcap", signal + call))
    assert {(seen.service, seen.confidence) for seen in media} == {("msn", Confidence.PARSED)}
    assert {seen.event.accounts for seen in media} == {("ann", "bob")}
    alone = heard(craft.write(tmp_path / "alone.pcap", call))
    assert {(seen.service, seen.event.accounts) for seen in alone} == {("stun-turn", ())}
