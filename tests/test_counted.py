"""Events that nobody reads are counted and not built: the document is the same, byte for byte."""

from pathlib import Path

import msgspec
import pytest

from backchannel.contract import Start, in_full
from backchannel.engine.observation import Observation
from backchannel.events import Event, Message, Offer, tag_of
from backchannel.model import Endpoint
from backchannel.pipeline import Scan
from backchannel.protocols.ike.events import IkeMessage, IkeStage

EXAMPLES = Path(__file__).parents[1] / "examples"
SOME = [
    *EXAMPLES.glob("ipsec/*.pcap*"),
    EXAMPLES / "aim" / "aim_presence.pcap",
    EXAMPLES / "aim" / "aim_oft.pcap",
    *EXAMPLES.glob("msn/*.pcap"),
    *EXAMPLES.glob("icq/*.pcap"),
]
ENDS = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 2)


def test_there_are_captures():
    assert len(SOME) > 5


@pytest.mark.parametrize("capture", SOME, ids=lambda path: path.stem)
@pytest.mark.parametrize("everything", [False, True], ids=["concerned", "all"])
def test_the_document_does_not_depend_on_who_reads(capture, everything):
    counted = Scan(capture, everything=everything)
    read = Scan(capture, everything=everything)
    told = sum(1 for _ in read)
    assert msgspec.json.encode(counted.document) == msgspec.json.encode(read.document)
    assert told >= sum(sum(row.events.values()) for row in counted.document.services)


def test_most_of_a_key_exchange_is_counted():
    """Else the saving is lost and nobody notices."""
    run, built = Scan(EXAMPLES / "ipsec" / "natt_client_side.pcap"), 0
    hear = run._hear

    def count():
        nonlocal built
        built += sum(isinstance(each, Observation) for each in run._heard)
        hear()

    run._hear = count
    told = sum(sum(row.events.values()) for row in run.document.services)
    assert 0 < built < told


@pytest.mark.parametrize("folder", ["aim", "bittorrent", "stun"])
def test_whatever_a_decoder_tells_what_nobody_reads_is_counted(folder):
    run, seen = Scan(EXAMPLES / folder), set()
    hear = run._hear

    def note():
        seen.update(type(each.event) for each in run._heard if isinstance(each, Observation))
        hear()

    run._hear = note
    told = {tag for row in run.document.services for tag in row.events}
    built = {tag_of(kind): kind for kind in seen}
    for tag, kind in built.items():
        assert run._reads(tag) or kind.capability is not Event.capability
    assert told - built.keys()


def test_a_session_is_asked_for_what_somebody_reads():
    everything = Start("udp", *ENDS)
    assert everything.reads(IkeMessage)
    few = Start("udp", *ENDS, read=lambda tag, **values: tag == "message" or "stage" in values)
    assert few.reads(Message)
    assert not few.reads(IkeMessage)
    assert few.reads(IkeStage, stage="initiated")
    assert few.reads(Offer), "an offer's capability is its own, so its class does not tell it"


def test_what_is_told_in_full_is_asked_once_a_run():
    asked = []

    def run(*wanted):
        def read(tag, **values):
            asked.append(tag)
            return tag in wanted

        return read

    first, second = run("message"), run("ike-message")
    for _ in range(2):
        assert in_full(Start("udp", *ENDS), Message, IkeMessage) == (True, True)
        assert in_full(Start("udp", *ENDS, read=first), Message, IkeMessage) == (True, False)
        assert in_full(Start("udp", *ENDS, read=first), IkeMessage) == (False,)
        assert in_full(Start("tcp", *ENDS, read=first), Message, IkeMessage) == (True, False)
    assert len(asked) == 3
    assert in_full(Start("udp", *ENDS, read=second), Message, IkeMessage) == (False, True)
