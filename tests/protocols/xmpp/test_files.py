"""Files: several in a Jingle session, another way for the bytes, addresses with descriptions."""

import hashlib

import pytest
from tests.protocols.xmpp.talk import JULIET, ROMEO, Wire, b64, iq, message

from backchannel.effects import Expect, FileOpen
from backchannel.events import Message, Offer
from backchannel.model import Capability
from backchannel.protocols.xmpp.bytestreams import destination

ACCOUNTS = {"sender": "romeo@montague.example", "recipient": "juliet@capulet.example"}
USE = Capability.FILE_TRANSFER
FILE = "<file><name>{}</name><size>{}</size></file>"
IBB = "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='{}'/>"
S5B = "<transport xmlns='urn:xmpp:jingle:transports:s5b:1' sid='{}'>{}</transport>"


def jingle(action, *contents):
    inside = "".join(contents)
    return iq(
        f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='s1'>{inside}</jingle>",
        to=JULIET,
        who=ROMEO,
    )


def content(name, transport, file="", senders="initiator"):
    text = f"<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'>{file}</description>"
    head = f"<content creator='initiator' name='{name}' senders='{senders}'>"
    return f"{head}{text if file else ''}{transport}</content>"


def opened(wire, sid):
    text = f"<open xmlns='http://jabber.org/protocol/ibb' block-size='4096' sid='{sid}'/>"
    (told,) = wire.s(iq(text, to=JULIET, who=ROMEO))
    assert isinstance(told, FileOpen)
    return told.name, told.size, told.id


def test_several_files_in_one_session():
    wire = Wire()
    told = wire.s(
        jingle(
            "session-initiate",
            content("a", IBB.format("t1"), FILE.format("one.txt", 10)),
            content("b", IBB.format("t2"), FILE.format("two.txt", 20)),
        )
    )
    assert told == [
        Offer(use=USE, id="s1", name="one.txt", size=10, **ACCOUNTS),
        Offer(use=USE, id="s1", name="two.txt", size=20, **ACCOUNTS),
    ]
    assert opened(wire, "t2") == ("two.txt", 20, "s1")
    assert opened(wire, "t1") == ("one.txt", 10, "s1")


def test_a_file_that_goes_another_way_in_the_end():
    """XEP-0260 §2.4: where no host can be reached, the stream itself brings the bytes."""
    wire = Wire()
    begun = content("a", S5B.format("t1", ""), FILE.format("one.txt", 10))
    wire.s(jingle("session-initiate", begun))
    wire.s(jingle("transport-replace", content("a", IBB.format("t9"))))
    assert opened(wire, "t9") == ("one.txt", 10, "s1")


def test_each_bytestream_brings_its_own_file():
    host = f"<candidate cid='h' host='192.0.2.7' jid='{ROMEO}' port='5086'/>"
    told = Wire().s(
        jingle(
            "session-initiate",
            content("a", S5B.format("t1", host), FILE.format("one.txt", 10)),
            content("b", S5B.format("t2", host), FILE.format("two.txt", 20)),
        )
    )
    names = {e.address: e.context.name for e in told if isinstance(e, Expect) and e.context}
    assert names == {
        destination("t1", ROMEO, JULIET): "one.txt",
        destination("t2", ROMEO, JULIET): "two.txt",
    }


URL = "https://files.example/a/cat.jpg"
SHARING = (
    "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'>"
    "<name>cat.jpg</name><size>3032449</size><desc>a cat</desc></file><sources>"
    f"<url-data xmlns='http://jabber.org/protocol/url-data' target='{URL}?token=x'/></sources>"
    "</file-sharing>"
)
REFERENCE = (
    "<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>"
    "<file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><name>cat.jpg</name><size>3032449</size>"
    "<desc>a cat</desc></file><sources><reference xmlns='urn:xmpp:reference:0' type='data' "
    f"uri='{URL}?token=x'/></sources></media-sharing></reference>"
)
OOB = "<x xmlns='jabber:x:oob'><url>{}</url></x>"


@pytest.mark.parametrize("described", [SHARING, REFERENCE])
@pytest.mark.parametrize("more", ["", OOB.format(f"{URL}?token=x")])
def test_a_file_of_the_web_with_its_name(described, more):
    """XEP-0447 and XEP-0385; with the address of old beside it (XEP-0066) it is one file."""
    told = Wire().s(message("look", described + more, JULIET, who=ROMEO))
    (offer,) = [each for each in told if isinstance(each, Offer)]
    assert offer == Offer(
        use=USE, id="m1", name="cat.jpg", size=3032449, detail=URL, note="a cat", **ACCOUNTS
    )
    (said,) = [each for each in told if isinstance(each, Message)]
    assert said.text == "look"


def test_another_address_is_another_file():
    other = OOB.format("https://files.example/b/dog.jpg")
    told = Wire().s(message("look", SHARING + other, JULIET, who=ROMEO))
    assert [each.name for each in told if isinstance(each, Offer)] == ["cat.jpg", "dog.jpg"]


def test_a_description_without_a_file():
    assert Wire().s(message("", "<file-sharing xmlns='urn:xmpp:sfs:0'/>", JULIET, who=ROMEO)) == []


def test_the_declared_hash_of_each_file_is_checked():
    wire, data = Wire(), b"0123456789"
    hashed = "<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>{}</hash></file>"
    right, wrong = (b64(hashlib.sha256(each).digest()) for each in (data, b"other"))
    files = [
        FILE.format(n, 10).replace("</file>", hashed.format(h)) for n, h in ((1, right), (2, wrong))
    ]
    contents = [content(n, IBB.format(f"t{n}"), file) for n, file in enumerate(files)]
    wire.s(jingle("session-initiate", *contents))
    verdicts = []
    for sid in ("t0", "t1"):
        opened(wire, sid)
        block = (
            f"<data xmlns='http://jabber.org/protocol/ibb' seq='0' sid='{sid}'>{b64(data)}</data>"
        )
        wire.s(iq(block, to=JULIET, who=ROMEO))
        close = f"<close xmlns='http://jabber.org/protocol/ibb' sid='{sid}'/>"
        verdicts += [each.verified for each in wire.s(iq(close, to=JULIET, who=ROMEO))]
    assert verdicts == [True, False]
