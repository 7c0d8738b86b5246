"""Messages between the halves: what is said comes over as it was, and nothing else comes over."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft
from tests.live.world import EXAMPLES

from backchannel import scan
from backchannel.capture.sources import sources
from backchannel.catalogue import index
from backchannel.events import Search
from backchannel.flows.settings import FlowSettings
from backchannel.live import framing, messages
from backchannel.live.framing import Broken
from backchannel.live.messages import Heard, Inbox, packed
from backchannel.live.parser import Parser
from backchannel.model import Side
from backchannel.protocols import bencode
from backchannel.protocols.bittorrent_dht.events import DhtItem

CAPTURES = sorted(EXAMPLES.glob("*/*.pcap"))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_every_event_of_the_examples_comes_over(capture):
    seen = list(scan(capture))
    inbox = Inbox("report")
    (told,) = inbox.feed(packed(Heard(seen, ())))
    assert len(told.seen) == len(seen)
    for came, sent in zip(told.seen, seen, strict=True):
        assert msgspec.structs.asdict(came) == msgspec.structs.asdict(sent)
        assert type(came.event) is type(sent.event)


def test_messages_come_over_however_they_are_cut():
    data = packed(messages.Gone("eth0")) + packed(messages.Done())
    for size in (1, 2, 3, 7, len(data)):
        inbox = Inbox("report")
        told = [m for at in range(0, len(data), size) for m in inbox.feed(data[at : at + size])]
        assert told == [messages.Gone("eth0"), messages.Done()]


def test_each_parser_counts_in_numbers_of_its_own():
    own = {(n, w): messages.numbered(n, 3, w) for n in range(1, 50) for w in range(3)}
    assert sorted(own.values()) == list(range(1, 148))
    assert messages.numbered(0, 3, 2) == 0


def test_a_length_beyond_reason_is_refused_before_anything_is_kept():
    with pytest.raises(Broken, match="bytes"):
        list(Inbox("report").feed(framing.HEAD.pack(framing.LARGEST + 1)))


def test_what_would_be_refused_is_not_sent(monkeypatch):
    monkeypatch.setattr(framing, "LARGEST", 3)
    assert framing.framed(b"abc")[4:] == b"abc"
    with pytest.raises(OverflowError, match="4 bytes"):
        framing.framed(b"abcd")


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_broken(body):
    try:
        list(Inbox("report").feed(framing.HEAD.pack(len(body)) + body))
    except Broken:
        return


def test_a_command_is_no_report():
    with pytest.raises(Broken):
        list(Inbox("report").feed(packed(messages.Stop())))


def events_told(parser, told, tmp_path, payloads):
    """What comes over of datagrams that a parser reads."""
    steps = [(Side.CLIENT, payload) for payload in payloads]
    path = craft.write(tmp_path / "x.pcap", craft.datagrams(steps))
    for source in sources([str(path)]):
        for chunk in source.chunks():
            parser.read(chunk)
    parser.finish()
    inbox = Inbox("report")
    heard = [message for sent in told for message in inbox.feed(sent)]
    return [seen.event for each in heard for seen in each.seen], heard


def searched(number):
    """A question of BitTorrent's hash table, for an info hash of its own."""
    found = b"%020d" % number
    return b"d1:ad2:id20:%b9:info_hash20:%be1:q9:get_peers1:t2:aa1:y1:qe" % (b"n" * 20, found)


def parser_of(told):
    task = messages.Task(captures=(), settings=FlowSettings(), index=index.load())
    return Parser(task, lambda report: told.append(packed(report)))


def test_what_cannot_be_said_is_lost_alone(tmp_path, monkeypatch, capsys):
    """A decoder that tells a number of more than 64 bits is at fault; the watch goes on."""
    told = []
    parser = parser_of(told)
    count = bencode.number
    monkeypatch.setattr(bencode, "number", lambda *given: count(*given) + (1 << 64))
    put = b"d1:ad2:id20:%b1:v3:abce1:q3:put1:t2:aa1:y1:qe" % (b"n" * 20)
    events, _ = events_told(parser, told, tmp_path, [searched(1), put, searched(2)])
    assert [event.text for event in events if isinstance(event, Search)] == [
        (b"%020d" % number).hex() for number in (1, 2)
    ]
    assert not any(isinstance(event, DhtItem) for event in events)
    assert parser.status({}).counters["faults in a decoder: bittorrent-dht"] == 1
    assert "serialize" in capsys.readouterr().err


def test_what_is_too_much_for_one_message_is_said_in_several(tmp_path, monkeypatch):
    monkeypatch.setattr(framing, "LARGEST", 700)
    told = []
    events, heard = events_told(parser_of(told), told, tmp_path, map(searched, range(8)))
    assert sum(isinstance(event, Search) for event in events) == 8
    assert len(heard) > 8
    assert sum(len(each.ended) for each in heard) == 1
