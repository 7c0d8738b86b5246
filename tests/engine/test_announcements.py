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
