"""Logins of newer clients: SASL2 with what is inside it, and tokens (XEP-0388, 0386, 0484)."""

import pytest
from tests.protocols.xmpp.talk import SASL, Wire, b64

from backchannel.effects import Tie
from backchannel.events import Credential, LoginOffer, SignOn, SignOnAnswer, Software

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


TLS = "urn:ietf:params:xml:ns:xmpp-tls"


def features(*words):
    return f"<stream:features>{''.join(words)}</stream:features>"


def mechanisms(*named, ns=SASL):
    return f"<mechanisms {ns}>{''.join(f'<mechanism>{n}</mechanism>' for n in named)}</mechanisms>"


@pytest.mark.parametrize(
    ("said", "methods", "tls"),
    [
        (features(f"<starttls xmlns='{TLS}'><required/></starttls>"), (), "required"),
        (features(f"<starttls xmlns='{TLS}'/>", mechanisms("PLAIN")), ("PLAIN",), "offered"),
        (features(mechanisms("SCRAM-SHA-1", " PLAIN\n")), ("SCRAM-SHA-1", "PLAIN"), ""),
        (
            features(
                f"<authentication {SASL2}><mechanism>PLAIN</mechanism></authentication>",
                mechanisms("PLAIN", "EXTERNAL"),
                "<register xmlns='http://jabber.org/features/iq-register'/>",
            ),
            ("PLAIN", "EXTERNAL", "jabber-register"),
            "",
        ),
    ],
)
def test_how_one_may_log_in(said, methods, tls):
    """RFC 6120 §5.3.1 and §6.3.3, XEP-0388 §2.3, XEP-0077 §8."""
    offer = LoginOffer(methods=tuple(sorted(methods)), realm="capulet.example", tls=tls)
    wire = Wire(bound=False)
    told = wire.s(said)
    assert [type(each) for each in told] == [LoginOffer]
    assert offer == LoginOffer(
        methods=tuple(sorted(told[0].methods)), realm=told[0].realm, tls=told[0].tls
    )
    assert wire.s(said) == []  # told once


def test_features_without_a_login_tell_none_and_of_many_some_are_told():
    wire = Wire(bound=False)
    assert wire.s(features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")) == []
    (offer,) = wire.s(features(mechanisms(*(f"M{number}" + "X" * 99 for number in range(99)))))
    assert len(offer.methods) == 32
    assert max(map(len, offer.methods)) == 40
