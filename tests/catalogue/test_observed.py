"""A capture's packet filtering table beside the sheet's."""

import msgspec
import pytest

from backchannel.catalogue import observed
from backchannel.catalogue.load import load
from backchannel.catalogue.model import FilterRow
from backchannel.catalogue.observed import Flow, compare, networks
from backchannel.model import Capability, Endpoint

SHEET = (
    FilterRow(
        direction="out",
        source="inside",
        destination="server",
        transport="tcp",
        source_port="1024-65535",
        destination_port="5190",
        ack="first-no",
        what="sign-on",
        capability=Capability.LOGIN,
        changeable=True,
        sources=("x",),
    ),
    FilterRow(
        direction="in",
        source="server",
        destination="inside",
        transport="tcp",
        source_port="5190",
        destination_port="1024-65535",
        ack="yes",
        what="answers of the server",
        sources=("x",),
    ),
    FilterRow(
        direction="both",
        source="any",
        destination="any",
        transport="tcp",
        source_port="1024-65535",
        destination_port="6891-6900",
        ack="first-no",
        what="files",
        capability=Capability.FILE_TRANSFER,
        sources=("x",),
    ),
    FilterRow(
        direction="out",
        source="inside",
        destination="server",
        transport="udp",
        source_port="any",
        destination_port="4000",
        ack="none",
        what="old sign-on",
        sources=("x",),
    ),
)


def flow(client="10.0.0.2:40000", server="203.0.113.9:5190", transport="tcp", **more):
    ends = {}
    for name, text in (("client", client), ("server", server)):
        host, _, port = text.rpartition(":")
        ends[name] = Endpoint(host, int(port))
    return Flow(transport=transport, **ends, **more)


def states(rows):
    return [(row.state, row.direction, row.destination_port, row.ack) for row in rows]


def test_a_flow_gives_its_opening_and_its_answers_and_uses_both_rows_of_the_sheet():
    rows = compare([flow()], SHEET)
    assert states(rows) == [
        ("as-the-sheet", "out", "5190", "first-no"),
        ("as-the-sheet", "in", "40000", "yes"),
        ("not-seen", "both", "6891-6900", "first-no"),
        ("not-seen", "out", "4000", "none"),
    ]
    assert rows[0].what == "sign-on"


def test_another_port_is_not_in_the_sheet_and_the_sheet_may_have_said_so():
    used = frozenset({Capability.LOGIN})
    rows = compare([flow(server="203.0.113.9:443", capabilities=used)], SHEET)
    assert states(rows)[:2] == [
        ("not-in-sheet", "out", "443", "first-no"),
        ("not-in-sheet", "in", "40000", "yes"),
    ]
    assert rows[0].what == "login"
    assert "can be changed" in rows[0].note
    assert [row.state for row in rows[2:]] == ["not-seen"] * 4


def test_direction_counts_where_it_can_be_told():
    assert compare([flow("203.0.113.9:40000", "10.0.0.2:5190")], SHEET)[0].state == "not-in-sheet"
    assert compare([flow("203.0.113.9:40000", "10.0.0.2:6891")], SHEET)[0].state == "as-the-sheet"
    within = compare([flow("10.0.0.3:40000", "10.0.0.2:5190")], SHEET)
    assert (within[0].state, within[0].direction) == ("as-the-sheet", "inside")


def test_inside_is_what_the_user_says():
    (row, *_) = compare([flow("198.51.100.7:40000")], SHEET)
    assert row.direction == "outside"
    (row, *_) = compare([flow("198.51.100.7:40000")], SHEET, networks(["198.51.100.0/24"]))
    assert row.direction == "out"
    v6 = flow("2001:db8::1:40000", "2001:db9::1:5190")
    assert compare([v6], SHEET, networks(["2001:db8::/32"]))[0].direction == "out"


@pytest.mark.parametrize("bad", ["10.0.0.0/99", "inside", ""])
def test_what_is_no_network_is_refused(bad):
    with pytest.raises(ValueError, match=r"network|IPv"):
        networks([bad])


def test_transport_and_both_ports_count():
    assert compare([flow(transport="udp")], SHEET)[0].state == "not-in-sheet"
    assert compare([flow("10.0.0.2:80")], SHEET)[0].state == "not-in-sheet"


def test_a_flow_inside_a_proxy_is_never_what_the_sheet_says():
    rows = compare([flow(carrier="socks5")], SHEET)
    assert rows[0].state == "not-in-sheet"
    assert rows[0].note == "inside socks5"
    assert sum(row.state == "not-seen" for row in rows) == len(SHEET)


def test_without_an_opening_either_end_may_have_begun_and_the_row_says_so():
    turned = flow("203.0.113.9:5190", "10.0.0.2:40000", begun=False)
    rows = compare([turned], (*SHEET[:1],), networks(["203.0.113.0/24"]))
    assert (rows[0].state, rows[0].ack) == ("as-the-sheet", "yes")
    assert "not captured" in rows[0].note
    begun = flow("203.0.113.9:5190", "10.0.0.2:40000")
    assert compare([begun], SHEET[:1], networks(["203.0.113.0/24"]))[0].state == "not-in-sheet"


def test_a_row_of_answers_is_no_row_of_openings():
    assert compare([flow("203.0.113.9:5190", "10.0.0.2:40000")], SHEET)[0].state == "not-in-sheet"


def test_a_row_for_any_high_port_gives_way_to_one_that_names_the_port():
    wide = msgspec.structs.replace(SHEET[0], destination_port="1024-65535", what="anything")
    used = frozenset({Capability.LOGIN})
    (row, *_) = compare([flow(server="203.0.113.9:6891", capabilities=used)], (wide, *SHEET))
    assert row.what == "files"


def test_like_flows_are_one_row_with_their_hosts_and_range_of_ports():
    flows = [flow(f"10.0.0.{n}:{40000 + n}") for n in range(1, 8)]
    (row, *_) = compare(flows, SHEET)
    assert (row.flows, row.source_port) == (7, "40001-40007")
    assert row.source == "10.0.0.1, 10.0.0.2, 10.0.0.3 and 4 more"


def test_the_narrowest_row_wins_and_capability_decides_between_like_ones():
    wide = FilterRow(
        direction="both",
        source="any",
        destination="any",
        transport="tcp",
        source_port="any",
        destination_port="1024-65535",
        ack="first-no",
        what="anything",
        sources=("x",),
    )
    assert compare([flow()], (wide, *SHEET))[0].what == "sign-on"
    other = flow(server="203.0.113.9:7777")
    (row, *_) = compare([other], (wide, *SHEET))
    assert (row.what, row.note) == ("anything", "the sheet allows any such port here")


def test_protocols_without_ports_match_any():
    sheet = load()["ipsec"].filtering
    (row, *_) = compare([flow("10.0.0.2:0", "203.0.113.9:0", "esp")], sheet)
    assert (row.state, row.source_port, row.ack) == ("as-the-sheet", "any", "none")


def test_nothing_seen_is_the_whole_sheet():
    rows = compare([], SHEET)
    assert [row.state for row in rows] == ["not-seen"] * len(SHEET)
    made = observed.page("demo", "Demo", rows)
    assert [section.title for section in made.sections] == ["In the sheet, and not seen here"]
