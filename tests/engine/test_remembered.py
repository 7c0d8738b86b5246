"""What a session remembers is recalled by others, inside proxies too, and bounded."""

from tests.engine.test_loop import Core, Fake

from backchannel.effects import Inner, Open, Remember
from backchannel.engine.engine import Engine
from backchannel.engine.reach import REMEMBERED
from backchannel.events import Anomaly
from backchannel.flows.core import DATA
from backchannel.model import Standing


class Session:
    """Remembers what `=` comes before, recalls what `?` does, and opens a stream for `>`."""

    service, done, standing = "aim", False, Standing.PARSED

    def __init__(self, start):
        self._recall = start.recall

    def feed(self, side, data):
        kind, word = data[:1], data[1:].decode()
        if kind == b"=":
            return [Remember(key=word, value=word.upper())]
        if kind == b">":
            return [Open(), Inner(side=side, data=data[1:])]
        return [Anomaly(kind="recalled", detail=str(self._recall(word)))]

    def end(self, _side):
        return []


class Protocol(Fake):
    session = Session


def told(*data):
    """What is told of payloads, each of a flow of its own."""
    made = Engine(Core(), {"fake": Protocol()})
    batch = [(slot, 0, DATA, slot, slot, each) for slot, each in enumerate(data)]
    return [seen.event.detail for seen in made.handle(batch)], made.counters


def test_another_flow_recalls_it_and_what_is_inside_one():
    found, _ = told(b"?one", b"=one", b"?one", b">?one", b"?two")
    assert found == ["None", "ONE", "ONE", "None"]


def test_the_latest_are_kept():
    many = [b"=%d" % number for number in range(REMEMBERED + 1)]
    found, counters = told(*many, b"?0", b"?1")
    assert found == ["None", "1"]
    assert counters["values that flows share forgotten to bound memory"] == 1
