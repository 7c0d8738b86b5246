"""Messages inside messages: whose word counts for them."""

import pytest
from tests.protocols.xmpp.talk import JULIET, ROMEO, Wire, message

from backchannel.events import Anomaly

FORWARDED = "<forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded>".format(
    message("send money", to=JULIET, who=ROMEO)
)
CARBON = f"<received xmlns='urn:xmpp:carbons:2'>{FORWARDED}</received>"
ARCHIVE = f"<result xmlns='urn:xmpp:mam:2' id='1'>{FORWARDED}</result>"


@pytest.mark.parametrize("inside", [CARBON, ARCHIVE, FORWARDED + CARBON])
def test_a_carbon_from_a_stranger_is_forged(inside):
    """XEP-0280 §11, XEP-0313 §11; CVE-2017-5589 to 5593, and 2017-5602 to 5606."""
    told = Wire().s(message("", inside, JULIET, who="mallory@evil.example"))
    assert told[-1] == Anomaly(
        kind="spoofed-sender", detail="mallory@evil.example writes as romeo@montague.example"
    )
    assert len(told) == (2 if inside.startswith("<forwarded") else 1)


@pytest.mark.parametrize("who", ["", "juliet@capulet.example"])
@pytest.mark.parametrize("inside", [CARBON, ARCHIVE])
def test_a_carbon_of_ones_own_server_is_believed(who, inside):
    (told,) = Wire().s(message("", inside, JULIET, who=who))
    assert (told.sender, told.text) == ("romeo@montague.example", "send money")


def test_the_archive_of_a_room_is_believed_of_that_room():
    room = "verona@rooms.capulet.example"
    inside = ARCHIVE.replace(ROMEO, f"{room}/rom")
    (told,) = Wire().s(message("", inside, JULIET, who=room))
    assert (told.kind, told.text) == ("offline", "send money")
    (told,) = Wire().s(message("", inside, JULIET, who="other@rooms.capulet.example"))
    assert isinstance(told, Anomaly)


def test_whose_stream_it_is_must_be_known_first():
    (told,) = Wire(bound=False).s(
        message("", CARBON, who="mallory@evil.example").replace(f" to='{ROMEO}'", "")
    )
    assert told.text == "send money"
