"""What people publish and keep: nicknames, pictures, and the passwords of rooms."""

import hashlib

import pytest
from tests.protocols.xmpp.talk import JULIET, ROMEO, Wire, b64, iq, message

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Credential, Profile
from backchannel.model import Capability

PUBSUB = "xmlns='http://jabber.org/protocol/pubsub'"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)
SHA1 = hashlib.sha1(PICTURE).hexdigest()
ROOM = "verona@rooms.capulet.example"


def got(item, who=ROMEO):
    return iq(f"<pubsub {PUBSUB}><items>{item}</items></pubsub>", "result", JULIET, who)


def test_a_nickname_that_comes_in_a_message():
    """XEP-0172, example 8."""
    nick = "<item><nick xmlns='http://jabber.org/protocol/nick'>Ishmael</nick></item>"
    event = f"<event {PUBSUB[:-1]}#event'><items node='n'>{nick}</items></event>"
    wire = Wire()
    text = message(more=event, to=JULIET, kind="headline", who="romeo@montague.example")
    assert wire.s(text) == [Profile(account="romeo@montague.example", nickname="Ishmael")]
    assert wire.s(text) == []


def picture(name, sha1="", sender="romeo@montague.example", recipient="juliet@capulet.example"):
    key = f"picture:{SHA1}"
    return [
        FileOpen(
            key=key,
            use=Capability.IMAGE,
            name=name,
            size=len(PICTURE),
            sender=sender,
            recipient=recipient,
            sha1=sha1,
        ),
        FileData(key=key, offset=0, data=PICTURE),
        FileClose(key=key),
    ]


def test_pictures_of_people():
    wire = Wire()
    data = f"<item id='{SHA1}'><data xmlns='urn:xmpp:avatar:data'>{b64(PICTURE)}</data></item>"
    assert wire.s(got(data)) == picture("avatar", SHA1)
    assert wire.s(got(data)) == []  # told once
    photo = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{b64(PICTURE)}</BINVAL></PHOTO>"
    card = iq(f"<vCard xmlns='vcard-temp'><FN>Juliet</FN>{photo}</vCard>", to="")
    about, *rest = wire.c(card.replace(" to=''", ""))
    assert about == Profile(account="juliet@capulet.example", text="FN: Juliet")
    assert rest == picture("avatar", sender="juliet@capulet.example", recipient="")


def test_bits_of_binary():
    """XEP-0231: asked for by a name that holds the SHA-1, or along with a message."""
    cid = f"sha1+{SHA1}@bob.xmpp.org"
    data = f"<data xmlns='urn:xmpp:bob' cid='{cid}' type='image/png'>{b64(PICTURE)}</data>"
    assert Wire().s(iq(data, "result", JULIET, ROMEO)) == picture(cid, SHA1)
    *told, said = Wire().s(message("look", data, JULIET, who=ROMEO))
    assert (told, said.text) == (picture(cid, SHA1), "look")
    assert Wire().c(iq("<data xmlns='urn:xmpp:bob' cid='x'/>", "get")) == []


@pytest.mark.parametrize("text", ["", "A", "not base64!"])
def test_what_is_no_picture(text):
    data = f"<item id='x'><data xmlns='urn:xmpp:avatar:data'>{text}</data></item>"
    assert Wire().s(got(data)) == []


CONFERENCE = "<conference{} jid='{}'><nick>J</nick><password>s3cret</password></conference>"
STORAGE = f"<storage xmlns='storage:bookmarks'>{CONFERENCE.format('', ROOM)}</storage>"
INVITED = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='{}'/>{}</x>"


@pytest.mark.parametrize(
    "stanza",
    [
        iq(f"<query xmlns='jabber:iq:private'>{STORAGE}</query>", "result", JULIET),
        got(f"<item id='current'>{STORAGE}</item>", "juliet@capulet.example"),
        got(
            f"<item id='{ROOM}'>"
            f"{CONFERENCE.format(' xmlns=' + repr('urn:xmpp:bookmarks:1'), 'x')}</item>",
            "juliet@capulet.example",
        ),
        message(more=INVITED.format(ROMEO, "<password>s3cret</password>"), to=JULIET, who=ROOM),
        message(
            more=f"<x xmlns='jabber:x:conference' jid='{ROOM}' password='s3cret'/>",
            to=JULIET,
            who=ROMEO,
        ),
    ],
)
def test_passwords_of_rooms(stanza):
    wire = Wire()
    want = Credential(account=ROOM, kind="plain", scheme="muc-password", secret="s3cret")
    assert wire.s(stanza)[-1] == want
    assert want not in wire.s(stanza)  # told once
    assert not [e for e in Wire().s(stanza.replace("s3cret", "")) if isinstance(e, Credential)]
