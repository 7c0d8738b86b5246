"""Announcements of flows to come, as far as no conversation of a capture makes them."""

from collections import Counter

import pytest

from backchannel.effects import Expect
from backchannel.engine.announcements import PLACE, Announcements
from backchannel.model import Capability, Endpoint


@pytest.mark.parametrize("port", [-1, 65_536, 1 << 64])
def test_a_port_that_cannot_be_is_counted_and_the_core_not_told(port):
    counted, told = Counter(), []
    made = Announcements(
        lambda *each: told.append(each), told.append, lambda what: counted.update([what])
    )
    for each in (port, 65_535):
        expect = Expect(protocol="oft", purpose=Capability.FILE_TRANSFER, port=each)
        made.add(expect, address="192.0.2.1", now=1, frame=1, service="aim", stack="oscar")
    assert len(made) == 1
    assert [each[3] for each in told] == [65_535]
    assert counted == {"announcements of ports that cannot be": 1}


def test_one_place_has_room_for_so_many_and_the_oldest_gives_way():
    """Each flow to a place is held against all that stand for it, here and in the core."""
    counted, told = Counter(), {}
    made = Announcements(
        lambda token, *_: told.update({token: _}), told.pop, lambda what: counted.update([what])
    )
    for each in range(PLACE + 3):
        expect = Expect(
            protocol="oft", purpose=Capability.FILE_TRANSFER, port=5190, accounts=(str(each),)
        )
        made.add(expect, address="192.0.2.1", now=1, frame=1, service="aim", stack="oscar")
    assert len(made) == len(told) == PLACE
    assert counted == {"announcements of one place dropped to bound time": 3}
    ends = Endpoint("192.0.2.9", 1025), Endpoint("192.0.2.1", 5190)
    latest = made.match("tcp", *ends, 2, opened=True)
    assert latest is not None
    assert latest.expect.accounts == (str(PLACE + 2),)


@pytest.mark.parametrize(("comes", "left"), [("192.0.2.9", 0), ("198.51.100.7", 1)])
def test_what_both_ends_were_told_of_one_connection_is_used_up_with_it(comes, left):
    """Who waits says that anybody may come, who was told says who comes: by that address, or behind
    a proxy by another.
    """
    made = Announcements(lambda *_: None, lambda _: None, lambda _: None)
    for source in ("", "192.0.2.9"):
        expect = Expect(
            protocol="oft", purpose=Capability.FILE_TRANSFER, port=5190, source=source, context=7
        )
        made.add(expect, address="192.0.2.1", now=1, frame=1, service="aim", stack="oscar")
    there = Endpoint("192.0.2.1", 5190)
    found = made.match("tcp", Endpoint(comes, 1025), there, 2, opened=True)
    assert found is not None
    assert found.expect.context == 7
    assert len(made) == left
    assert made.match("tcp", Endpoint("203.0.113.1", 1026), there, 3, opened=True) is None


def test_flows_that_come_in_another_order_still_find_what_they_were_announced_with():
    """One redirect after the other to one host: the second connection may be the first one's."""
    made = Announcements(lambda *_: None, lambda _: None, lambda _: None)
    for context, source, until in (
        ("buddy icons", "192.0.2.9", 300),
        ("somebody else's", "192.0.2.7", 300),
        ("over by then", "192.0.2.9", 1),
        ("a room", "192.0.2.9", 300),
    ):
        expect = Expect(
            protocol="oscar",
            purpose=Capability.LOGIN,
            port=5190,
            source=source,
            context=context,
            lifetime=until,
        )
        made.add(expect, address="192.0.2.1", now=1, frame=1, service="aim", stack="oscar")
    ends, now = (Endpoint("192.0.2.9", 1025), Endpoint("192.0.2.1", 5190)), 5_000_000_000
    first = made.match("tcp", *ends, now, opened=True)
    assert first is not None
    assert (first.expect.context, made.beside(first, now)) == ("a room", ("buddy icons",))
    second = made.match("tcp", *ends, now, opened=True)
    assert second is not None
    assert (second.expect.context, made.beside(second, now)) == ("buddy icons", ("a room",))
    assert made.match("tcp", *ends, now, opened=True) is None


def test_a_name_is_waited_for_inside_proxies_and_the_core_not_told():
    told = []
    made = Announcements(lambda *each: told.append(each), told.append, lambda _: None)
    expect = Expect(protocol="xmpp", purpose=Capability.FILE_TRANSFER, address="files.example")
    made.add(expect, address="files.example", now=1, frame=1, service="xmpp", stack="xmpp")
    assert told == []
    client = Endpoint("192.0.2.9", 1025)
    assert made.match("tcp", client, Endpoint("192.0.2.1", 0), 2, opened=True) is None
    found = made.match("tcp", client, Endpoint("Files.Example", 0), 2, opened=True)
    assert found is not None
    assert found.expect is expect
