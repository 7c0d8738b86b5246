"""Announcements of flows to come, as far as no conversation of a capture makes them."""

from collections import Counter

import pytest

from backchannel.effects import Expect
from backchannel.engine.announcements import Announcements
from backchannel.model import Capability


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
