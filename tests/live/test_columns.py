"""Columns of flows come over as they were, and nothing but columns of flows comes over."""

from array import array

import pytest
from tests.live.world import EXAMPLES

from backchannel import scan
from backchannel.flows.table import arrow
from backchannel.live import columns
from backchannel.live.columns import Numbers, Picks, Strings
from backchannel.live.config import Output
from backchannel.live.framing import Broken
from backchannel.live.messages import Flows, Inbox, packed
from backchannel.live.outputs import Outputs
from backchannel.privacy import Disclosure


@pytest.fixture(scope="module")
def rows():
    run = scan(EXAMPLES / "aim/aim_oft.pcap", collect_flows=True)
    assert run.document
    return run._core.columns()


def test_columns_come_over(rows):
    (told,) = Inbox("report").feed(packed(Flows(columns.pack(rows), {})))
    assert arrow(columns.unpack(told.columns), {}) == arrow(rows, {})


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("serial", Numbers("Q", b"1")),
        ("serial", Numbers("q", bytes(8))),
        ("serial", Numbers("?", b"")),
        ("serial", Strings(bytes(4), b"")),
        ("state", Picks(b"\1\0\0\0", ("a",))),
        ("state", Picks(b"", ((1, 2),))),
        ("state", Numbers("Q", bytes(8))),
        ("vlans", Picks(b"", ("a",))),
        ("vlans", Picks(b"", ((1 << 16,),))),
        ("client_address", Strings(b"\0\0\0\0\5\0\0\0", b"abc")),
        ("client_address", Strings(b"\0\0\0\0\3\0\0\0\1\0\0\0\3\0\0\0", b"abc")),
        ("client_address", Strings(b"", b"")),
        ("client_address", Picks(b"", ("a",))),
    ],
)
def test_columns_that_do_not_fit_are_refused(rows, name, column):
    with pytest.raises(Broken, match=f"column {name}"):
        columns.unpack(columns.pack(rows) | {name: column})


def test_columns_of_different_length_are_refused(rows):
    with pytest.raises(Broken, match="different length"):
        columns.unpack(columns.pack(rows) | {"hits": Numbers("Q", bytes(8 * 99))})


def test_what_is_missing_or_too_much_is_refused(tmp_path, rows):
    """A parser that was taken over must not end the watch with it."""
    out = Outputs(Output(flows=tmp_path / "f"), Disclosure(), 2, print)
    sent = columns.pack(rows)
    with pytest.raises(Broken, match="columns"):
        out.flows(0, Flows({}, {}))
    with pytest.raises(Broken, match="columns"):
        out.flows(0, Flows(sent | {"more": Numbers("B", b"")}, {}))
    with pytest.raises(Broken, match="numbers"):
        out.flows(0, Flows(sent | {"serial": Numbers("Q", b"\xff" * len(sent["serial"].data))}, {}))


def test_numbers_are_changed_in_their_place():
    assert columns.changed(array("Q", [1, 2]), lambda number: 2 * number) == array("Q", [2, 4])
