"""Messages inside messages: whose word counts for them."""

import pytest
from tests.protocols.xmpp.talk import JULIET, ROMEO, Wire, iq, message

from backchannel.events import Anomaly, Message, Offer

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


@pytest.mark.parametrize("kind", ["chat", "groupchat"])
@pytest.mark.parametrize("inner", ["chat", "groupchat"])
def test_what_is_only_forwarded_is_the_word_of_who_forwards_it(kind, inner):
    """XEP-0297 §5: nobody but the forwarder says who wrote it."""
    inside = FORWARDED.replace("type='chat'", f"type='{inner}'")
    room = "verona@rooms.capulet.example"
    who = f"{room}/mallory" if kind == "groupchat" else "mallory@evil.example"
    own, other = Wire().s(message("see", inside, JULIET, kind, who))[::-1]
    assert (other.sender, other.text, other.kind) == (own.sender, "send money", "forwarded")
    assert (other.recipient, other.room) == (own.recipient, own.room)
    assert "romeo@montague.example" not in (other.sender, other.recipient)


def test_what_is_forwarded_offers_and_invites_only_for_its_forwarder():
    oob = "<x xmlns='jabber:x:oob'><url>https://files.example/cat.jpg</url></x>"
    invite = "<x xmlns='jabber:x:conference' jid='verona@rooms.capulet.example'/>"
    sealed = "<encrypted xmlns='urn:xmpp:omemo:2'/>"
    inner = message("a cat", oob + invite, to=JULIET, who=ROMEO)
    forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>"
    told = Wire().s(message("", forwarded, JULIET, who="mallory@evil.example"))
    assert [type(each) for each in told] == [Offer, Message]
    assert {each.sender for each in told} == {"mallory@evil.example"}
    forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{message('', sealed)}</forwarded>"
    (told,) = Wire().s(message("", forwarded, JULIET, who="mallory@evil.example"))
    assert (told.kind, told.text, told.sender) == ("encrypted", "", "mallory@evil.example")


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


AUTH, REGISTER = (
    f"<query xmlns='jabber:iq:{name}'><username>victim</username><password>x</password></query>"
    for name in ("auth", "register")
)
BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>evil@evil.example/r</jid></bind>"
ROSTER = "<query xmlns='jabber:iq:roster'><item jid='boss@evil.example'/></query>"
BLOCKED = "<blocklist xmlns='urn:xmpp:blocking'><item jid='boss@evil.example'/></blocklist>"
KEPT = (
    "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference "
    "jid='a@b.example'><password>p</password></conference></storage></query>"
)


@pytest.mark.parametrize("inside", [BIND, ROSTER, BLOCKED, KEPT])
def test_nobody_but_the_server_speaks_for_the_server(inside):
    """Servers pass on what strangers send to a full address; CVE-2015-8688, CVE-2013-6483."""
    wire = Wire()
    (told,) = wire.s(iq(inside, "result", to=JULIET, who="mallory@evil.example/x"))
    assert (told.kind, told.detail[:20]) == ("spoofed-sender", "mallory@evil.example")
    (said,) = wire.s(message("hi", to=JULIET, who=ROMEO))
    assert said.recipient == "juliet@capulet.example"
    for who in ("", "capulet.example", "juliet@capulet.example"):
        assert not isinstance(Wire().s(iq(inside, "result", to=JULIET, who=who))[0], Anomaly)


@pytest.mark.parametrize(("inside", "told"), [(AUTH, 1), (REGISTER, 0)])
def test_nobody_signs_a_client_on_but_itself(inside, told):
    for who in ("mallory@evil.example/x", ""):
        wire = Wire()
        seen = wire.s(iq(inside, "set", to=JULIET, who=who))
        assert [type(each) for each in seen] == [Anomaly] * (told if who else 0)
        (said,) = wire.s(message("hi", to=JULIET, who=ROMEO))
        assert said.recipient == "juliet@capulet.example"


def test_who_was_not_asked_answers_nothing():
    wire = Wire()
    offer = (
        "<si xmlns='http://jabber.org/protocol/si' id='s' profile='http://jabber.org/protocol/si/"
        "profile/file-transfer'><file name='a' size='1' xmlns='http://jabber.org/protocol/si/"
        "profile/file-transfer'/></si>"
    )
    assert wire.c(iq(offer))
    assert wire.s(iq("", "result", to=JULIET, who="mallory@evil.example/x")) == []
    (answer,) = wire.s(iq("", "error", to=JULIET, who=ROMEO))
    assert (answer.sender, answer.accepted) == ("romeo@montague.example", False)


def archived(inner):
    forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>"
    return message("", f"<result xmlns='urn:xmpp:mam:2' id='1'>{forwarded}</result>", JULIET)


def test_an_archive_does_not_tell_again_what_was_told():
    """Prosody 0.12 with slixmpp 1.17: an archive that is read holds what was just said, too."""
    wire = Wire()
    sent, heard = message("mine"), message("yours", to=JULIET, who=ROMEO)
    assert [each.text for each in wire.c(sent) + wire.s(heard)] == ["mine", "yours"]
    stored = sent.replace("<message ", f"<message from='{JULIET}' ")
    assert wire.s(archived(stored)) == wire.s(archived(heard)) == []
    (other,) = wire.s(archived(heard.replace("yours", "another of that id")))
    assert (other.kind, other.text) == ("offline", "another of that id")
    assert [each.text for each in wire.s(heard)] == ["yours"]  # nobody hides by an id


def test_an_archive_invites_nobody_and_calls_nobody():
    wire = Wire()
    invite = "<x xmlns='jabber:x:conference' jid='verona@rooms.capulet.example'/>"
    call = (
        "<propose xmlns='urn:xmpp:jingle-message:0' id='a'><description media='audio' "
        "xmlns='urn:xmpp:jingle:apps:rtp:1'/></propose>"
    )
    typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    oob = "<x xmlns='jabber:x:oob'><url>https://files.example/cat.jpg</url></x>"
    for more in (invite, call, typing):
        assert Wire().s(archived(message("", more, JULIET, who=ROMEO))) == []
        assert Wire().s(message("", more, JULIET, who=ROMEO))
    told = wire.s(archived(message("a cat", oob, JULIET, who=ROMEO)))
    assert [type(each) for each in told] == [Offer, Message]
