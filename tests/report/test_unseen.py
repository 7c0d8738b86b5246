"""What could not be seen, as a person reads it: nothing is left out, and few rows say it."""

import io

import msgspec
from rich.console import Console
from tests.report.sample import HOSTILE, document

from backchannel.catalogue import index
from backchannel.report import html, terminal, unseen
from backchannel.report.document import Input, PassedOver

INDEX = index.load()
WHOLE = Input(path="a.pcap", packets=9, bytes=1, first_frame=1)
CUT = msgspec.structs.replace(WHOLE, path="b.pcap", damage="at byte 7: cut off")


def told(**changes):
    changes = {"inputs": (WHOLE,), "unseen": {}} | changes
    return msgspec.structs.replace(document(), **changes)


def plain(made):
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal.render(made, INDEX))
    return console.export_text()


def test_nothing_is_said_to_be_whole_where_a_capture_is_damaged():
    for made, whole in ((told(), True), (told(inputs=(WHOLE, CUT)), False)):
        for text in (plain(made), html.page(made, INDEX)):
            assert ("Nothing was damaged" in text) == whole
            assert ("b.pcap: at byte 7: cut off" in text) != whole


def test_kinds_that_only_a_number_tells_apart_are_one_row():
    counted = {f"ethertype 0x{number:04x}": 1 for number in range(100)}
    found = unseen.rows(told(unseen={**counted, "ethertype 0x0806": 40, "fragments": 3}))
    assert found == [
        ("ethertype 0x0806 (ARP), 0x0000, 0x0001, 0x0002 and 97 more", 140, False),
        ("fragments", 3, False),
    ]
    assert unseen.rows(told(unseen={"llc 0x42": 7})) == [("llc 0x42 (spanning tree)", 7, False)]


def test_files_that_were_passed_over_are_named_by_what_they_are():
    made = [PassedOver(path=f"notes{number}", reason="neither") for number in range(9)]
    made.append(PassedOver(path=HOSTILE, reason="empty file"))
    many, one = unseen.rows(told(passed_over=tuple(made)))
    assert many.text.startswith("not read, neither: notes0, notes1, ")
    assert many.text.endswith("notes5 and 3 more")
    assert (many.times, one.times) == (9, 1)
    assert not {"\x1b", "\u202e"} & set(one.text)
