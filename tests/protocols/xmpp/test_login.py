"""Logins of newer clients: SASL2 with what is inside it, and tokens (XEP-0388, 0386, 0484)."""

import pytest
from tests.protocols.xmpp.talk import SASL, Wire, b64

from backchannel.effects import Tie
from backchannel.events import Credential, SignOn, SignOnAnswer, Software

ACCOUNT, FULL = "juliet@capulet.example", "juliet@capulet.example/Balcony.4f3a"
SASL2 = "xmlns='urn:xmpp:sasl:2'"
DIGEST = bytes(range(32))


def authenticate(mechanism, said, more=""):
    text = f"<initial-response>{b64(said)}</initial-response>"
    return f"<authenticate {SASL2} mechanism='{mechanism}'>{text}{more}</authenticate>"


@pytest.mark.parametrize(
    ("mechanism", "kind"), [("HT-SHA-256-NONE", "token"), ("HT-SHA-256-EXPR", "hash")]
)
def test_a_login_with_a_token(mechanism, kind):
    """What is bound to no TLS connection is the same each time, and whoever saw it can use it."""
    told = Wire(bound=False).c(authenticate(mechanism, b"juliet\0" + DIGEST))
    scheme = f"sasl-{mechanism.lower()}"
    assert told == [
        SignOn(account=ACCOUNT, method=scheme),
        Credential(account=ACCOUNT, kind=kind, scheme=scheme, secret=DIGEST.hex()),
    ]


def test_the_program_that_signs_on():
    agent = (
        "<user-agent id='d4'><software>AwesomeXMPP</software><device>Phone</device></user-agent>"
    )
    told = Wire(bound=False).c(authenticate("PLAIN", "\0juliet\0r0m30", agent))
    assert told[-1] == Software(name="AwesomeXMPP", account=ACCOUNT)


def test_an_answer_that_binds_and_brings_a_token():
    wire = Wire(bound=False)
    wire.c(authenticate("PLAIN", "\0juliet\0r0m30"))
    told = wire.s(
        f"<success {SASL2}><authorization-identifier>{FULL}</authorization-identifier>"
        "<bound xmlns='urn:xmpp:bind:0'/>"
        "<token xmlns='urn:xmpp:fast:0' expiry='2020-03-12T14:36:15Z' token='s3cr3t'/></success>"
    )
    assert told == [
        SignOnAnswer(account=ACCOUNT, accepted=True),
        Tie(key=f"xmpp {FULL}", account=ACCOUNT),
        Credential(account=ACCOUNT, kind="token", scheme="xmpp-fast", secret="s3cr3t"),
    ]


def test_an_answer_that_binds_nothing_ties_nothing():
    wire = Wire(bound=False)
    wire.c(authenticate("PLAIN", "\0juliet\0r0m30"))
    bare = f"<authorization-identifier>{ACCOUNT}</authorization-identifier>"
    assert wire.s(f"<success {SASL2}>{bare}</success>") == [
        SignOnAnswer(account=ACCOUNT, accepted=True)
    ]


SM = "xmlns='urn:xmpp:sm:3'"


def test_a_stream_that_goes_on_over_another_connection():
    """XEP-0198 §5: the id that the server gave is shown again, behind a login."""
    first = Wire()
    (given,) = first.s(f"<enabled {SM} id='some-long-sm-id' resume='true'/>")
    then = Wire(bound=False)
    then.c(f"<auth {SASL} mechanism='PLAIN'>{b64(chr(0) + 'juliet' + chr(0) + 'r0m30')}</auth>")
    (shown,) = then.c(f"<resume {SM} h='4' previd='some-long-sm-id'/>")
    assert given == shown == Tie(key=given.key, account=ACCOUNT)
    assert "some-long-sm-id" in given.key
    assert then.s(f"<resumed {SM} h='7' previd='some-long-sm-id'/>") == []
    assert first.s(f"<enabled {SM}/>") == []


def test_the_same_inside_sasl2():
    """XEP-0388 with XEP-0386 and 0198."""
    wire = Wire(bound=False)
    resume = f"<resume {SM} h='4' previd='sm-1'/>"
    *_, shown = wire.c(authenticate("PLAIN", "\0juliet\0r0m30", resume))
    told = wire.s(
        f"<success {SASL2}><authorization-identifier>{FULL}</authorization-identifier>"
        f"<bound xmlns='urn:xmpp:bind:0'><enabled {SM} id='sm-1' resume='1'/></bound></success>"
    )
    assert shown == told[-1]
    assert isinstance(shown, Tie)
