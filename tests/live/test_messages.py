"""Messages between the halves: what is said comes over as it was, and nothing else comes over."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.world import EXAMPLES

from backchannel import scan
from backchannel.flows.table import arrow
from backchannel.live import framing, messages
from backchannel.live.framing import Broken
from backchannel.live.messages import Heard, Inbox, packed

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


def test_columns_come_over():
    run = scan(EXAMPLES / "aim/aim_oft.pcap", collect_flows=True)
    assert run.document
    columns = run._core.columns()
    (told,) = Inbox("report").feed(packed(messages.Flows(messages.from_columns(columns), {})))
    assert arrow(messages.to_columns(told.columns), {}) == arrow(columns, {})


@pytest.mark.parametrize(
    "column",
    [
        messages.Numbers("Q", b"1"),
        messages.Numbers("?", b""),
        messages.Picks(b"\1\0\0\0", ("a",)),
        messages.Strings(b"\0\0\0\0\5\0\0\0", b"abc"),
        messages.Strings(b"\0\0\0\0\3\0\0\0\1\0\0\0\3\0\0\0", b"abc"),
        messages.Strings(b"", b""),
    ],
)
def test_columns_that_do_not_fit_are_refused(column):
    with pytest.raises(Broken, match="column x"):
        messages.to_columns({"x": column})


def test_columns_of_different_length_are_refused():
    one, two = messages.Numbers("B", b"a"), messages.Numbers("B", b"ab")
    with pytest.raises(Broken, match="different length"):
        messages.to_columns({"x": one, "y": two})


def test_a_length_beyond_reason_is_refused_before_anything_is_kept():
    with pytest.raises(Broken, match="bytes"):
        list(Inbox("report").feed(framing.HEAD.pack(framing.LARGEST + 1)))


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_broken(body):
    try:
        list(Inbox("report").feed(framing.HEAD.pack(len(body)) + body))
    except Broken:
        return


def test_a_command_is_no_report():
    with pytest.raises(Broken):
        list(Inbox("report").feed(packed(messages.Stop())))
