"""XMPP: logins, messages, presence, rooms, files and calls.

The goldens are of real programs (examples/xmpp, see the manifest there: what each printed is their
witness). What they do not do is made by hand, from the examples of the specifications.
"""

import hashlib
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft, kit
from tests.protocols.xmpp.talk import (
    JULIET,
    MIDWAY,
    ROMEO,
    SASL,
    START,
    C,
    S,
    Wire,
    b64,
    head,
    iq,
    message,
)

from backchannel.detect.guessing import SCHEMES
from backchannel.effects import Expect, FileClose, FileData, FileOpen, Inner, InnerEnd, Open, Tie
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Credential,
    Gap,
    Malformed,
    Message,
    Offer,
    PeerAddress,
    Presence,
    Profile,
    Room,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Transfer,
    Typing,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.tls.events import TlsHello
from backchannel.protocols.xmpp.bytestreams import Plan, destination
from backchannel.protocols.xmpp.session import FAULTS, TLS_LOOK, Session, recognise

HERE = Path(__file__).parent
PURPLE = kit.EXAMPLES / "xmpp/libpurple_socks5.pcap"
TALK, FILES = kit.EXAMPLES / "xmpp/prosody_talk.pcap", kit.EXAMPLES / "xmpp/prosody_ibb_socks5.pcap"
SHED = "shed@rooms.garden.example"
FILE_USE, CALL = Capability.FILE_TRANSFER, Capability.VOICE_VIDEO


# -- real programs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [TALK, FILES, PURPLE], ids=lambda path: path.stem)
def test_golden(path):
    told = []
    for flow in kit.claimed(path, recognise):
        session = Session(flow.start)
        told += kit.decode(session, flow.steps)
        assert session.standing is Standing.PARSED
    kit.check_golden(HERE / f"{path.stem}.jsonl", told)


def test_everything_that_was_said_was_heard_by_the_other_one():
    """Each program's own output, as it printed it."""
    seen = [s.event for s in Scan(TALK) if isinstance(s.event, Message) and s.side is S]
    assert [(m.sender, m.room, m.text) for m in seen if m.kind == "text"] == [
        ("alice@garden.example", "", "Are the tomatoes & <beans> ripe?"),
        ("bob@garden.example", "", "Nearly. Schöne Grüße"),
        (
            SHED,
            "",
            f"{SHED}/allie invited you to the room {SHED} (come in)",
        ),
        (f"{SHED}/allie", SHED, "welcome to the shed"),
        (f"{SHED}/bobby", SHED, "thank you"),
        ("alice@garden.example", "", "watered the beans"),
        ("alice@garden.example", "", "and the peas"),
    ]


def test_the_recorded_logins_fit_the_accounts_passwords():
    known = {"alice@garden.example": "tea4two!", "bob@garden.example": "fix1t-now"}
    seen = [s.event for s in Scan(TALK) if isinstance(s.event, Credential)]
    assert {each.scheme for each in seen} == {"sasl-plain", "sasl-scram-sha-1"}
    for each in seen:
        password = known[each.account]
        if each.kind == "plain":
            assert each.secret == password
        else:
            assert SCHEMES[each.scheme].test(each, password)
            assert not SCHEMES[each.scheme].test(each, password + "x")


def test_libpurple_sends_a_file_directly():
    """Facts: the file that the sender's program was given and the receiver's program wrote."""
    seen = list(Scan(PURPLE))
    (file,) = (s for s in seen if isinstance(s.event, Transfer))
    assert (file.stack, file.side) == ("socks5/xmpp", S)  # who is offered it connects
    assert (file.event.name, file.event.size, file.event.complete) == ("peas.txt", 19890, True)
    assert (file.event.sender, file.event.recipient) == (
        "alice@garden.example",
        "bob@garden.example",
    )
    assert file.event.sha256.startswith("81c9000e90412711")
    logins = [s.event for s in seen if isinstance(s.event, Credential)]
    assert {each.scheme for each in logins} == {"sasl-scram-sha-256"}
    known = {"alice@garden.example": "tea4two!", "bob@garden.example": "fix1t-now"}
    assert all(SCHEMES[each.scheme].test(each, known[each.account]) for each in logins)


def test_behind_starttls_is_tls():
    hello = next(s for s in Scan(TALK) if isinstance(s.event, TlsHello))
    assert hello.stack == "xmpp/tls"
    assert hello.event.name == "garden.example"


def test_a_file_comes_whole_in_band_and_through_socks5():
    seen = [s for s in Scan(FILES) if isinstance(s.event, Transfer)]
    assert {s.stack for s in seen} == {"xmpp", "socks5/xmpp"}
    for s in seen:
        assert s.event.complete
        assert s.event.verified
        assert s.event.sender == "alice@garden.example"
    assert [s.event.name for s in seen if s.stack != "xmpp"] == ["beans-socks.bin"]


@pytest.mark.skipif(not (kit.CORPUS / "public/xmpp").exists(), reason="no corpus of captures")
def test_pidgin_and_ejabberd():
    """Facts as tshark prints them."""
    seen = [s.event for s in Scan(kit.CORPUS / "public/xmpp/jabber.pcap")]
    plain = [e for e in seen if isinstance(e, Credential) and e.kind == "plain"]
    assert [(e.account, e.secret) for e in plain] == [("tom@cs-xmpp.lan", "cloudshark")]
    assert sum(isinstance(e, Credential) and e.scheme == "sasl-digest-md5" for e in seen) == 3
    assert [e.text for e in seen if isinstance(e, Message) and e.text] == ["hey", "hey"]
    refused = [e for e in seen if isinstance(e, SignOnAnswer) and not e.accepted]
    assert [e.reason for e in refused] == ["not-authorized: Invalid username or password"]


# -- logins ----------------------------------------------------------------------------------------


def auth(mechanism, text):
    return f"<auth {SASL} mechanism='{mechanism}'>{text}</auth>"


def test_plain():
    wire = Wire(bound=False)
    assert wire.c(auth("PLAIN", b64("\0juliet\0r0m30"))) == [
        SignOn(account="juliet@capulet.example", method="sasl-plain"),
        Credential(
            account="juliet@capulet.example", kind="plain", scheme="sasl-plain", secret="r0m30"
        ),
    ]
    assert wire.s(f"<success {SASL}/>") == [
        SignOnAnswer(account="juliet@capulet.example", accepted=True)
    ]
    (tie,) = Wire(bound=False).s(
        "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<jid>{JULIET}</jid></bind></iq>"
    )
    assert tie == Tie(key=f"xmpp {JULIET}", account="juliet@capulet.example")


def test_plain_in_a_response_of_its_own_and_refused():
    wire = Wire(bound=False)
    assert wire.c(auth("PLAIN", "")) == []
    assert wire.s(f"<challenge {SASL}/>") == []
    told = wire.c(
        f"<response {SASL}>{b64(chr(0).join(('admin@capulet.example', 'juliet', 'x')))}</response>"
    )
    assert told[1].secret == "x"
    (answer,) = wire.s(f"<failure {SASL}><not-authorized/></failure>")
    assert (answer.accepted, answer.reason) == (False, "not-authorized")


def test_digest_md5_of_the_rfc():
    """RFC 2831 §4: user chris, password secret (there for IMAP; the digest-uri is sent)."""
    challenge = (
        'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,'
        "charset=utf-8"
    )
    response = (
        'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",'
        'nc=00000001,cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",'
        "response=d388dad90d4bbd760a152321f2143af7,qop=auth"
    )
    wire = Wire(bound=False)
    assert wire.c(auth("DIGEST-MD5", "")) == []
    wire.s(f"<challenge {SASL}>{b64(challenge)}</challenge>")
    on, credential = wire.c(f"<response {SASL}>{b64(response)}</response>")
    assert on == SignOn(account="chris@elwood.innosoft.com", method="sasl-digest-md5")
    assert credential.secret == "d388dad90d4bbd760a152321f2143af7"
    assert "OA6MHXh6VqTrRk" in credential.salt
    assert SCHEMES[credential.scheme].test(credential, "secret")
    assert not SCHEMES[credential.scheme].test(credential, "Secret")


@pytest.mark.parametrize(
    ("mechanism", "password", "first", "challenge", "final"),
    [
        (  # RFC 5802 §5
            "SCRAM-SHA-1",
            "pencil",
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        ),
        (  # RFC 7677 §3
            "SCRAM-SHA-256",
            "pencil",
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        ),
    ],
)
def test_scram_of_the_rfcs(mechanism, password, first, challenge, final):
    wire = Wire(bound=False)
    (on,) = wire.c(auth(mechanism, b64(first)))
    assert on.account == "user@capulet.example"
    wire.s(f"<challenge {SASL}>{b64(challenge)}</challenge>")
    (credential,) = wire.c(f"<response {SASL}>{b64(final)}</response>")
    assert credential.kind == "hash"
    assert SCHEMES[credential.scheme].test(credential, password)
    assert not SCHEMES[credential.scheme].test(credential, "Pencil")


def test_scram_of_which_a_part_is_missing_has_no_salt():
    wire = Wire(bound=False)
    wire.c(auth("SCRAM-SHA-1", b64("n,,n=user,r=abc")))
    (credential,) = wire.c(f"<response {SASL}>{b64('c=biws,r=abcd,p=AAAA')}</response>")
    assert credential.salt == ""


def test_cram_md5_of_the_rfc():
    """RFC 2195 §2: user tim, secret tanstaaftanstaaf."""
    wire = Wire(bound=False)
    wire.c(auth("CRAM-MD5", ""))
    wire.s(f"<challenge {SASL}>{b64('<1896.697170952@postoffice.reston.mci.net>')}</challenge>")
    on, credential = wire.c(
        f"<response {SASL}>{b64('tim b913a602c7eda7a495b4e6e7334d3890')}</response>"
    )
    assert on.account == "tim@capulet.example"
    assert SCHEMES[credential.scheme].test(credential, "tanstaaftanstaaf")
    assert not SCHEMES[credential.scheme].test(credential, "tanstaaf")


@pytest.mark.parametrize(
    ("mechanism", "text", "account", "secret"),
    [
        ("X-OAUTH2", "\0juliet\0ya29.token", "juliet@capulet.example", "ya29.token"),
        ("X-GOOGLE-TOKEN", "\0juliet@gmail.com\0tok", "juliet@gmail.com", "tok"),
        (
            "OAUTHBEARER",
            "n,a=juliet@capulet.example,\x01host=capulet.example\x01auth=Bearer vF9dft4qmT\x01\x01",
            "juliet@capulet.example",
            "vF9dft4qmT",
        ),
    ],
)
def test_tokens(mechanism, text, account, secret):
    on, credential = Wire(bound=False).c(auth(mechanism, b64(text)))
    assert on.account == account
    assert (credential.kind, credential.secret) == ("token", secret)


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "EXTERNAL", "GSSAPI"])
def test_logins_without_a_secret(mechanism):
    told = Wire(bound=False).c(auth(mechanism, b64("juliet@capulet.example")))
    assert [type(each) for each in told] == [SignOn]
    assert told[0].method == f"sasl-{mechanism.lower()}"
    assert told[0].account == ("juliet@capulet.example" if mechanism == "EXTERNAL" else "")


def test_an_empty_answer_says_nothing_yet():
    wire = Wire(bound=False)
    assert wire.c(auth("PLAIN", "=")) == []
    assert wire.c(f"<response {SASL}>=</response>") == []


def test_sasl2():
    wire = Wire(bound=False)
    told = wire.c(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>"
        f"<initial-response>{b64(chr(0) + 'juliet' + chr(0) + 'pw')}</initial-response>"
        "</authenticate>"
    )
    assert told[1].secret == "pw"
    (answer,) = wire.s(
        "<success xmlns='urn:xmpp:sasl:2'>"
        f"<authorization-identifier>{JULIET}</authorization-identifier></success>"
    )
    assert answer.account == "juliet@capulet.example"


@pytest.mark.parametrize("text", ["!!!", b64("only one part"), "A" * 70_000])
def test_logins_that_are_broken_cost_one_stanza(text):
    wire = Wire(bound=False)
    (broken,) = wire.c(auth("PLAIN", text))
    assert isinstance(broken, Malformed)
    assert wire.c(message("still here"))[0].text == "still here"


def test_the_old_login_in_the_clear_and_hashed():
    """XEP-0078 §3.2: stream 3EE948B0, password Calli0pe."""
    query = (
        "<query xmlns='jabber:iq:auth'><username>bill</username>{}"
        "<resource>globe</resource></query>"
    )
    wire = Wire(bound=False)
    assert (
        wire.c(iq("<query xmlns='jabber:iq:auth'><username>bill</username></query>", "get")) == []
    )
    on, credential = wire.c(iq(query.format("<password>Calli0pe</password>"), to="shakespeare.lit"))
    assert on == SignOn(account="bill@capulet.example", method="jabber-plain")
    assert (credential.kind, credential.secret) == ("plain", "Calli0pe")
    assert wire.s("<iq type='result' id='q1'/>") == [
        SignOnAnswer(account="bill@capulet.example", accepted=True)
    ]
    digest = "48fc78be9ec8f86d8ce1c39c320c97c21d62334d"
    _, credential = wire.c(iq(query.format(f"<digest>{digest}</digest>")))
    assert credential == Credential(
        account="bill@capulet.example",
        kind="hash",
        scheme="jabber-digest",
        secret=digest,
        salt="3EE948B0",
    )
    assert SCHEMES["jabber-digest"].test(credential, "Calli0pe")
    (refused,) = wire.s(
        "<iq type='error' id='q1'><error code='401' type='auth'>"
        "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    assert refused.reason == "not-authorized"


def test_the_jabber_of_old_has_no_version_and_no_features():
    wire = Wire(bound=False)
    assert wire.session.standing is Standing.PARSED
    told = wire.c("<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>a</username>"
                  "<password>b</password></query></iq>")  # fmt: skip
    assert told[1].secret == "b"


def test_registration_and_change_of_password():
    query = "<query xmlns='jabber:iq:register'>{}</query>"
    fields = "<username>juliet</username><password>R0m30</password>"
    (told,) = Wire(bound=False).c(iq(query.format(fields), to="capulet.example"))
    assert told == Credential(
        account="juliet@capulet.example", kind="plain", scheme="jabber-register", secret="R0m30"
    )
    (told,) = Wire().c(iq(query.format(fields), to="capulet.example"))
    assert told.scheme == "jabber-password-change"
    form = (
        "<x xmlns='jabber:x:data' type='submit'><field var='username'><value>bill</value></field>"
        "<field var='password'><value>Calliope</value></field></x>"
    )
    (told,) = Wire(bound=False).c(iq(query.format(form), to="capulet.example"))
    assert (told.account, told.secret) == ("bill@capulet.example", "Calliope")


def test_servers_dial_back():
    wire = Wire(content="jabber:server", bound=False)
    wire.c(head(C, "jabber:server", **{"xmlns:db": "jabber:server:dialback"}))
    on, key = wire.c("<db:result from='montague.example' to='capulet.example'>37c69b1c</db:result>")
    assert on == SignOn(account="montague.example", method="dialback")
    assert (key.kind, key.scheme, key.secret) == ("token", "xmpp-dialback", "37c69b1c")
    wire.s(head(S, "jabber:server", **{"xmlns:db": "jabber:server:dialback"}))
    (answer,) = wire.s("<db:result from='capulet.example' to='montague.example' type='valid'/>")
    assert (answer.account, answer.accepted) == ("montague.example", True)


def test_components_show_a_hash():
    """XEP-0114 §3 has the form; the secret is ours."""
    wire = Wire(content="jabber:component:accept", bound=False)
    secret = hashlib.sha1(b"3EE948B0" + b"plays").hexdigest()
    on, credential = wire.c(f"<handshake>{secret}</handshake>")
    assert on == SignOn(account="capulet.example", method="component")
    assert SCHEMES["xmpp-component"].test(credential, "plays")
    assert wire.s("<handshake/>") == [SignOnAnswer(account="capulet.example", accepted=True)]


# -- layers ----------------------------------------------------------------------------------------

TLS = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"


def test_starttls_hands_on_what_follows():
    wire = Wire(bound=False)
    assert wire.c(f"<starttls {TLS}/>") == []
    assert wire.s(f"<proceed {TLS}/>") == [Open(host="10.0.0.5", port=15222)]
    assert wire.c(b"\x16\x03\x01") == [Inner(side=C, data=b"\x16\x03\x01")]
    assert wire.session.partial(C) is False
    assert wire.session.gap(S, 9)[0] == Gap(size=9)
    told = wire.s(b"x" * (TLS_LOOK + 1))
    assert told[-1] == InnerEnd()
    assert wire.session.done
    assert wire.c(b"more") == []


def test_starttls_is_seen_by_the_client_alone():
    session = Session(START)
    session.feed(C, (head(C) + f"<starttls {TLS}/>").encode())
    told = session.feed(C, b"\x16\x03\x01\x02")
    assert told == [Open(host="10.0.0.5", port=15222), Inner(side=C, data=b"\x16\x03\x01\x02")]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_how_tls_is_cut_changes_nothing(size):
    """White space before it, and the last byte that is handed on."""
    steps = [
        (C, (head(C) + f"<starttls {TLS}/>\n").encode() + b"\x16\x03\x01"),
        (S, (head(S) + f"<proceed {TLS}/>").encode()),
        (S, bytes(2 * TLS_LOOK)),
    ]
    kit.check_segmentation(lambda: Session(START), steps, size)


def test_without_proceed_xml_goes_on():
    wire = Wire(bound=False)
    wire.c(f"<starttls {TLS}/>")
    wire.s(f"<failure {TLS}/></stream:stream>")
    assert wire.c("</stream:stream>") == []


def test_compressed_streams_are_undone():
    wire = Wire()
    wire.c("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>")
    wire.s("<compressed xmlns='http://jabber.org/protocol/compress'/>")
    packer = zlib.compressobj()
    data = packer.compress(message("first").encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert [each.text for each in wire.c(data)] == ["first"]
    data = packer.compress(message("second").encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert [each.text for at in range(len(data)) for each in wire.c(data[at : at + 1])] == [
        "second"
    ]


def test_what_compressed_data_told_before_it_broke_is_told():
    data = zlib.compress((message("first") + " " * 40).encode())[:-6] + b"\xff" * 20
    for size in (1, 1000):
        wire = Wire()
        wire.s("<compressed xmlns='http://jabber.org/protocol/compress'/>")
        told = [e for at in range(0, len(data), size) for e in wire.c(data[at : at + size])]
        assert [type(each) for each in told] == [Message, Malformed]


def test_a_compression_bomb_ends_its_side():
    wire = Wire()
    wire.s("<compressed xmlns='http://jabber.org/protocol/compress'/>")
    told = wire.c(zlib.compress(b"<a/>" * 4_000_000))
    assert told[0].kind == "compression-bomb"
    assert isinstance(told[1], Malformed)
    assert wire.c(b"more") == []


# -- messages --------------------------------------------------------------------------------------


def test_messages_of_all_kinds():
    wire = Wire()
    (told,) = wire.c(message("Wherefore art thou?"))
    assert told == Message(
        sender="juliet@capulet.example",
        recipient="romeo@montague.example",
        text="Wherefore art thou?",
        size=19,
    )
    for kind, body, more, expected in (
        ("normal", "b", "<subject>s</subject>", ("text", "s\nb")),
        ("headline", "news", "", ("headline", "news")),
        ("chat", "late", "<delay xmlns='urn:xmpp:delay' stamp='x'/>", ("offline", "late")),
        ("chat", "late", "<x xmlns='jabber:x:delay' stamp='x'/>", ("offline", "late")),
        ("chat", "?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAAA.", "", ("encrypted", "")),
        ("chat", "?OTRv23?", "", ("encrypted", "")),
        (
            "chat",
            "I sent you an OMEMO encrypted message",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>",
            ("encrypted", ""),
        ),
        ("chat", "", "<x xmlns='jabber:x:encrypted'>hQEM</x>", ("encrypted", "")),
        ("groupchat", "", "<subject>Verona</subject>", ("subject", "Verona")),
    ):
        (told,) = wire.s(message(body, more, to=JULIET, kind=kind, who=ROMEO))
        assert (told.kind, told.text) == expected
    (told,) = wire.s(
        message("hi", "<error type='cancel'><item-not-found/></error>", JULIET, "error", ROMEO)
    )
    assert (told.kind, told.text) == ("error", "item-not-found")
    assert wire.c(message(more="<active xmlns='http://jabber.org/protocol/chatstates'/>")) == []


def test_carbons_and_archives_hold_a_message():
    inner = message("hey", who=JULIET)
    forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>"
    wire = Wire()
    (told,) = wire.s(
        message(more=f"<sent xmlns='urn:xmpp:carbons:2'>{forwarded}</sent>", to=JULIET)
    )
    assert (told.sender, told.text, told.kind) == ("juliet@capulet.example", "hey", "text")
    forwarded = forwarded.replace("id='m1'", "id='m2'")
    (told,) = wire.s(
        message(more=f"<result xmlns='urn:xmpp:mam:2' id='x'>{forwarded}</result>", to=JULIET)
    )
    assert (told.text, told.kind) == ("hey", "offline")
    own, other = wire.c(message("see what he says", forwarded))[::-1]
    assert (own.text, other.text) == ("see what he says", "hey")
    deep = inner
    for _ in range(8):
        deep = f"<message><forwarded xmlns='urn:xmpp:forward:0'>{deep}</forwarded></message>"
    assert wire.s(deep) == []


def test_typing():
    wire = Wire()
    states = "xmlns='http://jabber.org/protocol/chatstates'"
    typing = Typing(sender="juliet@capulet.example", recipient="romeo@montague.example")
    assert wire.c(message(more=f"<composing {states}/>")) == [typing]
    assert wire.c(message(more=f"<composing {states}/>")) == []
    (told,) = wire.c(message(more=f"<paused {states}/>"))
    assert not told.active
    (told,) = wire.c(message(more="<x xmlns='jabber:x:event'><composing/><id>m1</id></x>"))
    assert told.active
    (told,) = wire.c(message("asks", "<x xmlns='jabber:x:event'><composing/></x>"))
    assert told.text == "asks"


# -- presence, contacts ----------------------------------------------------------------------------


def test_presence():
    wire = Wire()
    caps = (
        "<c xmlns='http://jabber.org/protocol/caps' node='http://pidgin.im/' hash='sha-1' ver='x'/>"
    )
    assert wire.c(f"<presence><show>dnd</show><status>wooing</status>{caps}</presence>") == [
        Software(name="http://pidgin.im/", role="client", account="juliet@capulet.example"),
        Presence(account="juliet@capulet.example", status="busy", text="wooing"),
    ]
    assert wire.s(f"<presence from='{ROMEO}' to='{JULIET}'><show>xa</show></presence>") == [
        Presence(account="romeo@montague.example", status="extended-away")
    ]
    assert wire.s(f"<presence from='{ROMEO}'><show>xa</show></presence>") == []
    assert wire.s("<presence from='romeo@montague.example/phone'/>")[0].status == "online"
    assert wire.s(f"<presence from='{ROMEO}' type='unavailable'/>") == []
    (told,) = wire.s("<presence from='romeo@montague.example/phone' type='unavailable'/>")
    assert told.status == "offline"
    (asked,) = wire.c("<presence to='romeo@montague.example' type='subscribe'/>")
    assert (asked.kind, asked.recipient) == ("authorization", "romeo@montague.example")


def test_last_activity():
    wire = Wire()
    answer = "<query xmlns='jabber:iq:last' seconds='903'>Heading Home</query>"
    (told,) = wire.s(iq(answer, "result", JULIET, ROMEO))
    assert (told.status, told.idle, told.text) == ("idle", 903, "Heading Home")
    assert wire.s(iq(answer, "result", JULIET, "capulet.example")) == []


def test_contact_lists():
    wire = Wire()
    item = (
        "<item jid='Romeo@montague.example' name='Romeo' subscription='both'>"
        "<group>F</group></item>"
    )
    (told,) = wire.s(iq(f"<query xmlns='jabber:iq:roster'>{item}</query>", "result", JULIET))
    contact = Contact(
        account="romeo@montague.example",
        nickname="Romeo",
        group="F",
        lists=("forward", "reverse"),
    )
    assert told == Contacts(owner="juliet@capulet.example", entries=(contact,))
    (told,) = wire.c(iq(f"<query xmlns='jabber:iq:roster'>{item}</query>"))
    assert told.change == "add"
    assert wire.s(iq(f"<query xmlns='jabber:iq:roster'>{item}</query>", to=JULIET)) == []
    gone = "<item jid='romeo@montague.example' subscription='remove'/>"
    assert wire.c(iq(f"<query xmlns='jabber:iq:roster'>{gone}</query>"))[0].change == "remove"
    blocked = "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@capulet.example'/></block>"
    (told,) = wire.c(iq(blocked))
    assert (told.change, told.entries[0].blocked) == ("add", True)
    assert wire.s(iq(blocked, to=JULIET)) == []  # the server repeats it to all programs
    (told,) = wire.c(
        iq(blocked.replace("block xmlns", "unblock xmlns").replace("/block", "/unblock"))
    )
    assert (told.change, told.entries[0].blocked) == ("remove", False)
    listed = blocked.replace("<block ", "<blocklist ").replace("</block>", "</blocklist>")
    assert wire.c(iq(listed, "get")) == []
    (told,) = wire.s(iq(listed, "result", JULIET))
    assert (told.change, told.entries[0].account) == ("list", "tybalt@capulet.example")


def test_who_may_not_enter_a_room_is_not_in_it():
    wire = Wire()
    refused = (
        f"<presence type='error' from='{SHED}/jules' to='{JULIET}'>"
        "<x xmlns='http://jabber.org/protocol/muc#user'/><error type='auth'/></presence>"
    )
    assert wire.s(refused) == []


def test_profiles_and_programs():
    wire = Wire()
    card = (
        "<vCard xmlns='vcard-temp'><FN>Romeo M.</FN><NICKNAME>rom</NICKNAME>"
        "<EMAIL><USERID>r@m.example</USERID></EMAIL><PHOTO><BINVAL>AAAA</BINVAL></PHOTO></vCard>"
    )
    told, *_ = wire.s(iq(card, "result", JULIET, ROMEO))
    assert told == Profile(
        account="romeo@montague.example",
        nickname="rom",
        text="FN: Romeo M.\nNICKNAME: rom\nEMAIL: r@m.example",
    )
    assert wire.s(iq(card, "result", JULIET, ROMEO)) == []
    version = "<query xmlns='jabber:iq:version'><name>Psi</name><version>1.5</version></query>"
    assert wire.s(iq(version, "result", JULIET, ROMEO)) == [
        Software(name="Psi", version="1.5", role="peer", account="romeo@montague.example")
    ]
    disco = (
        "<query xmlns='http://jabber.org/protocol/disco#info'>"
        "<identity category='server' type='im' name='Openfire'/></query>"
    )
    (told,) = wire.s(iq(disco, "result", JULIET, "capulet.example"))
    assert (told.name, told.role) == ("Openfire", "server")
    nick = "<nick xmlns='http://jabber.org/protocol/nick'>Jule</nick>"
    (told,) = wire.c(
        iq(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
            f"<publish node='n'><item>{nick}</item></publish></pubsub>"
        )
    )
    assert told == Profile(account="juliet@capulet.example", nickname="Jule")
    other = nick.replace("Jule", "Julia")
    refused = f"<items><item>{other}</item></items>"
    refused = f"<pubsub xmlns='http://jabber.org/protocol/pubsub'>{refused}</pubsub>"
    assert wire.s(iq(refused, "error", JULIET, "capulet.example")) == []


# -- rooms -----------------------------------------------------------------------------------------

ROOM = "verona@rooms.capulet.example"
USER = "xmlns='http://jabber.org/protocol/muc#user'"


def test_rooms():
    wire = Wire()
    join = f"<presence to='{ROOM}/jule'><x xmlns='http://jabber.org/protocol/muc'><password>s3</password></x></presence>"
    joined, password = wire.c(join)
    assert joined == Room(room=ROOM, action="join", account="juliet@capulet.example")
    assert password == Credential(account=ROOM, kind="plain", scheme="muc-password", secret="s3")
    other = f"<presence from='{ROOM}/rom'><x {USER}><item jid='{ROMEO}'/></x></presence>"
    assert wire.s(other) == [Room(room=ROOM, action="join", account="romeo@montague.example")]
    caps = (
        "<c xmlns='http://jabber.org/protocol/caps' node='http://gajim.org' hash='sha-1' ver='x'/>"
    )
    told = wire.s(f"<presence from='{ROOM}/eve'><x {USER}><item/></x>{caps}</presence>")
    assert [each.account for each in told] == [f"{ROOM}/eve"] * 2
    created = "<status code='201'/><status code='110'/>"
    assert wire.s(f"<presence from='{ROOM}/jule'><x {USER}>{created}</x></presence>") == [
        Room(room=ROOM, action="create", account="juliet@capulet.example")
    ]
    (said,) = wire.c(message("hello all", to=ROOM, kind="groupchat"))
    assert (said.sender, said.recipient, said.room) == ("juliet@capulet.example", "", ROOM)
    assert wire.s(message("hello all", to=JULIET, kind="groupchat", who=f"{ROOM}/jule")) == []
    (said,) = wire.s(message("hello", to=JULIET, kind="groupchat", who=f"{ROOM}/rom"))
    assert (said.sender, said.room) == (f"{ROOM}/rom", ROOM)
    left = f"<presence from='{ROOM}/rom' type='unavailable'><x {USER}><item/></x></presence>"
    assert wire.s(left) == [Room(room=ROOM, action="leave", account=f"{ROOM}/rom")]
    assert wire.c(f"<presence to='{ROOM}/jule' type='unavailable'/>") == [
        Room(room=ROOM, action="leave", account="juliet@capulet.example")
    ]


def test_invitations_to_rooms():
    wire = Wire()
    through = f"<message to='{ROOM}'><x {USER}><invite to='romeo@montague.example'/></x></message>"
    expected = Room(
        room=ROOM,
        action="invite",
        account="juliet@capulet.example",
        others=("romeo@montague.example",),
    )
    assert wire.c(through) == [expected]
    direct = message(more=f"<x xmlns='jabber:x:conference' jid='{ROOM}' reason='r'/>")
    assert wire.c(direct) == [expected]
    got = f"<message from='{ROOM}' to='{JULIET}'><x {USER}><invite from='{ROMEO}'/></x></message>"
    (told,) = wire.s(got)
    assert (told.account, told.others) == ("romeo@montague.example", ("juliet@capulet.example",))
    (told,) = wire.c(f"<message to='{ROOM}'><x {USER}><decline to='{ROMEO}'/></x></message>")
    assert (told.action, told.room) == ("decline", ROOM)


# -- files -----------------------------------------------------------------------------------------

DATA = bytes(range(256)) * 4
SI = (
    "<si xmlns='http://jabber.org/protocol/si' id='a0'"
    " profile='http://jabber.org/protocol/si/profile/file-transfer'>"
    "<file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='test.txt' size='1024'"
    f" hash='{hashlib.md5(DATA).hexdigest()}'><desc>take it</desc></file></si>"
)
PARTIES = {"sender": "juliet@capulet.example", "recipient": "romeo@montague.example"}
IBB = "xmlns='http://jabber.org/protocol/ibb' sid='{}'"


def test_a_file_is_offered_and_answered():
    wire = Wire()
    assert wire.c(iq(SI)) == [
        Offer(use=FILE_USE, id="a0", name="test.txt", size=1024, note="take it", **PARTIES)
    ]
    (told,) = wire.s(iq("<si xmlns='http://jabber.org/protocol/si'/>", "result", JULIET, ROMEO))
    assert (told.accepted, told.sender, told.id) == (True, "romeo@montague.example", "a0")
    wire.c(iq(SI))
    (told,) = wire.s(iq("<error code='403'><forbidden/></error>", "error", JULIET, ROMEO))
    assert (told.accepted, told.reason) == (False, "forbidden")
    wire.c(iq(SI))
    (told,) = wire.s(iq(f"{SI}<error code='503'/>", "error", JULIET, ROMEO))
    assert (told.accepted, told.reason) == (False, "503")  # what it repeats is no offer
    evil = SI.replace("test.txt", "..\\..\\autoexec.bat")
    assert [type(each) for each in wire.c(iq(evil))] == [Anomaly, Offer]


def blocks(sid, numbers, kind="iq", size=256):
    made = []
    for number in numbers:
        part = DATA[number * size : (number + 1) * size]
        data = f"<data {IBB.format(sid)} seq='{number}'>{b64(part)}</data>"
        made.append(iq(data) if kind == "iq" else message(more=data))
    return made


@pytest.mark.parametrize("kind", ["iq", "message"])
def test_bytes_in_the_stream(kind):
    wire = Wire()
    wire.c(iq(SI))
    (opened,) = wire.c(iq(f"<open {IBB.format('a0')} block-size='256' stanza='{kind}'/>"))
    assert opened == FileOpen(
        key="ibb:a0",
        name="test.txt",
        size=1024,
        id="a0",
        md5=hashlib.md5(DATA).hexdigest(),
        **PARTIES,
    )
    told = [each for text in blocks("a0", range(4), kind) for each in wire.c(text)]
    assert told == [
        FileData(key="ibb:a0", offset=at, data=DATA[at : at + 256]) for at in range(0, 1024, 256)
    ]
    assert wire.c(iq(f"<close {IBB.format('a0')}/>")) == [FileClose(key="ibb:a0", verified=None)]
    assert not wire.session.amid


def test_blocks_that_are_missing_late_or_sent_again():
    wire = Wire()
    wire.c(iq(f"<open {IBB.format('x')} block-size='256'/>"))
    told = [each for text in blocks("x", (0, 0, 2, 3)) for each in wire.c(text)]
    assert [each.offset for each in told] == [0, 512, 768]
    (broken,) = wire.c(iq(f"<data {IBB.format('x')} seq='4'>!!!!!</data>"))
    assert isinstance(broken, Malformed)
    assert wire.session.end(C) == []
    assert wire.session.end(S) == [FileClose(key="ibb:x")]


def test_blocks_of_a_file_that_began_unseen():
    wire = Wire(start=MIDWAY)
    opened, data = wire.c(blocks("y", [2])[0])
    assert opened.key == "ibb:y"
    assert data.offset == 512
    assert wire.session.amid


def test_a_block_number_begins_again_at_zero():
    wire = Wire()
    wire.c(iq(f"<open {IBB.format('w')} block-size='4'/>"))
    for number in (0x7FFF, 0xFFFE, 0xFFFF, 0):
        (data,) = wire.c(iq(f"<data {IBB.format('w')} seq='{number}'>QUJDRA==</data>"))
    assert data.offset == 0x10000 * 4


STREAMS = "xmlns='http://jabber.org/protocol/bytestreams'"
HOST = "<streamhost jid='{}' host='{}' port='{}'/>"


def test_hosts_of_a_bytestream_are_told_and_expected():
    wire = Wire()
    wire.c(iq(SI))
    hosts = HOST.format(JULIET, "192.168.4.1", 5086) + HOST.format("proxy.x", "proxy.x", 7777)
    told = wire.c(iq(f"<query {STREAMS} sid='a0' mode='tcp'>{hosts}</query>"))
    assert [(e.account, e.address, e.port) for e in told if isinstance(e, PeerAddress)] == [
        ("juliet@capulet.example", "192.168.4.1", 5086),
        ("proxy.x", "proxy.x", 7777),
    ]
    first, second, inside = (e for e in told if isinstance(e, Expect))
    assert (first.protocol, first.address, first.port) == ("socks", "192.168.4.1", 5086)
    assert (second.address, second.port) == ("proxy.x", 7777)
    host = hashlib.sha1(f"a0{JULIET}{ROMEO}".encode()).hexdigest()
    assert (inside.protocol, inside.address, inside.port) == ("xmpp", host, 0)
    assert (inside.context.name, inside.context.size) == ("test.txt", 1024)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("[2001:db8::1]", "5086", ("2001:db8::1", 5086)),
        ("Files.Example", "70000", ("files.example", 0)),
        ("files.example", "-1", ("files.example", 0)),
        ("no host", "5086", None),
        ("", "5086", None),
    ],
)
def test_what_a_host_may_be(host, port, expected):
    told = Wire().c(iq(f"<query {STREAMS} sid='a0'>{HOST.format(JULIET, host, port)}</query>"))
    addresses = [(e.address, e.port) for e in told if isinstance(e, PeerAddress)]
    assert addresses == ([expected] if expected else [])
    assert len([e for e in told if isinstance(e, Expect) and e.protocol == "socks"]) == bool(
        expected and expected[1]
    )


def test_the_destination_of_the_specification():
    """XEP-0065 §5.3.2 has the form: SHA-1 of session, requester and target, in hexadecimal."""
    made = destination("vxf9n471bn46", "requester@example.com/foo", "target@example.org/bar")
    assert (
        made
        == hashlib.sha1(b"vxf9n471bn46requester@example.com/footarget@example.org/bar").hexdigest()
    )


def socks(host):
    name = host.encode()
    asked = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\0\0"
    return [
        (C, b"\x05\x01\x00"),
        (S, b"\x05\x00"),
        (C, asked),
        (S, b"\x05\x00" + asked[2:]),
        (S, DATA[:500]),
        (S, DATA[500:]),
    ]


def announcing(more=""):
    hosts = HOST.format(JULIET, "10.7.0.7", 5086)
    query = f"<query {STREAMS} sid='a0' mode='tcp'>{hosts}</query>"
    bind = (
        "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<jid>{JULIET}</jid></bind></iq>"
    )
    return [
        (C, head(C).encode()),
        (S, (head(S) + bind).encode()),
        (C, (iq(SI) + iq(query) + more).encode()),
    ]


def test_a_direct_bytestream_is_known_by_its_announcement(tmp_path):
    """The one who is offered the file connects; the file comes the other way."""
    host = destination("a0", JULIET, ROMEO)
    listening = Endpoint("10.7.0.7", 5086)
    packets = craft.tcp(announcing()) + craft.tcp(
        socks(host), client=Endpoint("10.8.0.8", 41_000), server=listening
    )
    run = Scan(craft.write(tmp_path / "s5b.pcap", packets))
    (seen,) = (s for s in run if isinstance(s.event, Transfer))
    assert seen.stack == "socks5/xmpp"
    assert (seen.event.name, seen.event.sha256) == ("test.txt", hashlib.sha256(DATA).hexdigest())
    assert seen.event.verified
    rows = {row.stack: row for row in run.document.services}
    assert rows["socks5/xmpp"].service == "xmpp"


def test_a_bytestream_is_known_by_its_host_alone(tmp_path):
    """As where the stream that arranged it was encrypted."""
    packets = craft.tcp(socks(destination("a0", JULIET, ROMEO)))
    run = Scan(craft.write(tmp_path / "alone.pcap", packets))
    (seen,) = (s.event for s in run if isinstance(s.event, Transfer))
    assert (seen.name, seen.seen, seen.complete) == ("", 1024, True)
    assert seen.sha256 == hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("host", ["a" * 39, "a" * 41, "G" * 40, "example.com"])
def test_other_hosts_are_no_bytestream(host, tmp_path):
    run = Scan(craft.write(tmp_path / "other.pcap", craft.tcp(socks(host))))
    assert not [s for s in run if "xmpp" in s.stack]


def test_both_legs_of_a_relay_are_one_file(tmp_path):
    host = destination("a0", JULIET, ROMEO)
    legs = [
        craft.tcp(
            socks(host), client=Endpoint("10.8.0.8", 41_000), server=Endpoint("10.7.0.7", 5086)
        ),
        craft.tcp(
            [
                (C if side is S and data in (DATA[:500], DATA[500:]) else side, data)
                for side, data in socks(host)
            ],
            client=Endpoint("10.8.0.9", 41_001),
            server=Endpoint("10.7.0.7", 5086),
        ),
    ]
    woven = [packet for pair in zip(*legs, strict=True) for packet in pair]
    run = Scan(craft.write(tmp_path / "relay.pcap", craft.tcp(announcing()) + woven))
    (seen,) = (s.event for s in run if isinstance(s.event, Transfer))
    assert (seen.complete, seen.seen) == (True, 1024)


def test_gaps_and_the_wrong_side_inside_a_bytestream():
    start = Start(
        "tcp",
        Endpoint("10.0.0.2", 1),
        Endpoint(destination("a", "b", "c"), 0),
        context=Plan(name="f", size=6, hash=("sha-256", hashlib.sha256(b"abcdef").hexdigest())),
    )
    session = Session(start)
    told = session.feed(C, b"abc") + session.feed(S, b"zzz") + session.feed(C, b"def")
    assert [type(e).__name__ for e in told] == ["FileOpen", "FileData", "FileData"]
    assert session.end(S) == []
    (closed,) = session.end(C)
    assert closed.verified is True
    session = Session(start)
    session.feed(C, b"abc")
    session.gap(C, 1)
    (data,) = session.feed(C, b"ef")
    assert data.offset == 4
    assert session.end(C)[0].verified is None


def test_addresses_of_files():
    wire = Wire()
    oob = "<x xmlns='jabber:x:oob'><url>https://up.example/abc/cat%20pic.png?x=1</url></x>"
    offer, said = wire.c(message("https://up.example/abc/cat%20pic.png?x=1", oob))
    assert (offer.use, offer.name) == (FILE_USE, "cat pic.png")
    assert offer.detail == "https://up.example/abc/cat%20pic.png"  # a query may let somebody in
    assert said.kind == "url"
    sealed = "<x xmlns='jabber:x:oob'><url>aesgcm://up.example/a.jpg#0123456789ab</url></x>"
    assert wire.c(message("x", sealed))[0].detail == "aesgcm://up.example/a.jpg"  # not the key
    query = "<query xmlns='jabber:iq:oob'><url>http://a.example/b.zip</url><desc>d</desc></query>"
    (offer,) = wire.c(iq(query))
    assert (offer.name, offer.detail, offer.note) == ("b.zip", "http://a.example/b.zip", "d")
    (answer,) = wire.s(iq("", "result", JULIET, ROMEO))
    assert answer.accepted


def test_a_place_to_upload_to():
    wire = Wire()
    upload = "xmlns='urn:xmpp:http:upload:0'"
    asked = f"<request {upload} filename='très cool.jpg' size='23456' content-type='image/jpeg'/>"
    assert wire.c(iq(asked, "get", "upload.capulet.example")) == []
    slot = f"<slot {upload}><put url='https://u.example/p?v=1f'/><get url='https://d.example/g'/></slot>"
    (offer,) = wire.s(iq(slot, "result", JULIET, "upload.capulet.example"))
    assert (offer.name, offer.size) == ("très cool.jpg", 23456)
    assert offer.detail == "https://u.example/p https://d.example/g"
    wire.c(iq(asked, "get", "upload.capulet.example"))
    (answer,) = wire.s(
        iq("<error><not-acceptable/></error>", "error", JULIET, "upload.capulet.example")
    )
    assert not answer.accepted


# -- Jingle ----------------------------------------------------------------------------------------

JINGLE = "xmlns='urn:xmpp:jingle:1' sid='j1'"


def jingle(action, content="", more=""):
    inner = f"<content creator='initiator' name='c'>{content}</content>" if content else ""
    return f"<jingle {JINGLE} action='{action}'>{inner}{more}</jingle>"


RTP = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"
ICE = (
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='p' ufrag='u'>"
    "<candidate component='1' foundation='1' generation='0' id='e' ip='10.0.1.1' network='1'"
    " port='8998' priority='2130706431' protocol='udp' type='host'/>"
    "<candidate component='1' ip='192.0.2.3' port='45664' protocol='udp' type='srflx'/></transport>"
)


@pytest.mark.parametrize(
    ("side", "content", "host", "source"),
    [
        (S, "jabber:client", "203.0.113.9", "10.0.0.2"),
        (S, "jabber:client", "2001:db8::9", ""),
        (S, "jabber:server", "203.0.113.9", ""),
        (C, "jabber:client", "203.0.113.9", ""),
    ],
)
def test_what_somebody_else_announces_only_our_own_client_can_open(side, content, host, source):
    """Else a stranger's call to a name server's address would have a guard cut everybody's."""
    wire = Wire(content=content)
    say, to, who = (wire.s, JULIET, ROMEO) if side is S else (wire.c, ROMEO, JULIET)
    candidate = f"<candidate ip='{host}' port='53' protocol='udp' type='host'/>"
    transport = f"<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'>{candidate}</transport>"
    calls = say(iq(jingle("session-initiate", RTP + transport), to=to, who=who))
    query = f"<query {STREAMS} sid='a0'>{HOST.format(who, host, 443)}</query>"
    files = say(iq(query, "set", to, who))
    expected = [e for e in (*calls, *files) if isinstance(e, Expect) and e.port]
    assert [(e.protocol, e.port, e.source) for e in expected] == [
        ("rtp", 53, source),
        ("socks", 443, source),
    ]


def test_a_call():
    wire = Wire()
    offer, *addresses = wire.c(iq(jingle("session-initiate", RTP + ICE)))
    assert offer == Offer(use=CALL, id="j1", detail="audio", **PARTIES)
    assert [(e.address, e.port, e.how) for e in addresses if isinstance(e, PeerAddress)] == [
        ("10.0.1.1", 8998, "host-candidate"),
        ("192.0.2.3", 45664, "srflx-candidate"),
    ]
    expected = [e for e in addresses if isinstance(e, Expect)]
    assert {(e.protocol, e.transport, e.port) for e in expected} == {
        ("rtp", "udp", 8998),
        ("rtp", "udp", 45664),
    }
    (answer,) = wire.s(iq(jingle("session-accept", RTP), to=JULIET, who=ROMEO))
    assert (answer.accepted, answer.sender) == (True, "romeo@montague.example")
    assert wire.c(iq(jingle("session-terminate", more="<reason><success/></reason>"))) == []


def test_a_call_declined_and_one_proposed():
    wire = Wire()
    wire.c(iq(jingle("session-initiate", RTP)))
    busy = jingle("session-terminate", more="<reason><busy/></reason>")
    (answer,) = wire.s(iq(busy, to=JULIET, who=ROMEO))
    assert (answer.accepted, answer.reason) == (False, "busy")
    proposed = (
        "<propose xmlns='urn:xmpp:jingle-message:0' id='j2'>"
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>"
    )
    (offer,) = wire.c(message(more=proposed))
    assert (offer.use, offer.id, offer.detail) == (CALL, "j2", "audio")
    (answer,) = wire.s(
        message(more="<reject xmlns='urn:xmpp:jingle-message:0' id='j2'/>", to=JULIET, who=ROMEO)
    )
    assert (answer.accepted, answer.reason) == (False, "reject")


def test_actions_of_a_session_that_began_unseen():
    wire = Wire(start=MIDWAY)
    assert wire.s(iq(jingle("session-accept", RTP), to=JULIET, who=ROMEO)) == []
    assert wire.session.amid


def file_content(version, digest, transport):
    return (
        f"<description xmlns='urn:xmpp:jingle:apps:file-transfer:{version}'>"
        + ("<offer>" if version == 3 else "")
        + "<file><name>a.txt</name><size>1024</size><desc>d</desc>"
        f"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>{digest}</hash></file>"
        + ("</offer>" if version == 3 else "")
        + f"</description>{transport}"
    )


@pytest.mark.parametrize("version", [3, 5])
def test_a_file_by_jingle_and_in_band(version):
    wire = Wire()
    made = hashlib.sha256(DATA)
    digest = made.hexdigest() if version == 3 else b64(made.digest())
    transport = (
        "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='256' sid='ch3d9s71'/>"
    )
    (offer,) = wire.c(iq(jingle("session-initiate", file_content(version, digest, transport))))
    assert offer == Offer(use=FILE_USE, id="j1", name="a.txt", size=1024, note="d", **PARTIES)
    (opened,) = wire.c(iq(f"<open {IBB.format('ch3d9s71')} block-size='256'/>"))
    assert (opened.name, opened.size) == ("a.txt", 1024)
    for text in blocks("ch3d9s71", range(4)):
        wire.c(text)
    assert wire.s(iq(f"<close {IBB.format('ch3d9s71')}/>", to=JULIET, who=ROMEO)) == [
        FileClose(key="ibb:ch3d9s71", verified=True)
    ]


def test_a_stranger_with_the_same_id_changes_nothing():
    """Ids are chosen by who begins a session, and known to nobody else only by chance."""
    stranger = "mallory@evil.example/x"
    wire = Wire()
    digest = b64(hashlib.sha256(DATA).digest())
    transport = "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='256' sid='t'/>"
    wire.c(iq(jingle("session-initiate", file_content(5, digest, transport))))
    other = file_content(5, b64(bytes(32)), transport).replace("a.txt", "b.txt")
    wire.s(iq(jingle("session-initiate", other), to=JULIET, who=stranger))
    (answer,) = wire.s(iq(jingle("session-accept", ""), to=JULIET, who=ROMEO))
    assert (answer.sender, answer.accepted) == ("romeo@montague.example", True)
    (opened,) = wire.c(iq(f"<open {IBB.format('t')} block-size='256'/>"))
    (theirs,) = wire.s(iq(f"<open {IBB.format('t')} block-size='256'/>", to=JULIET, who=stranger))
    assert (opened.name, theirs.name) == ("a.txt", "b.txt")
    for text in blocks("t", range(4)):
        wire.c(text)
    assert wire.s(iq(f"<close {IBB.format('t')}/>", to=JULIET, who=stranger)) == [
        FileClose(key=theirs.key)
    ]
    assert wire.s(iq(f"<close {IBB.format('t')}/>", to=JULIET, who=ROMEO)) == [
        FileClose(key="ibb:t", verified=True)
    ]


def test_a_file_that_is_not_what_was_declared():
    wire = Wire()
    transport = "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='256' sid='t'/>"
    content = file_content(5, b64(hashlib.sha256(b"other").digest()), transport)
    wire.c(iq(jingle("session-initiate", content)))
    wire.c(iq(f"<open {IBB.format('t')} block-size='256'/>"))
    for text in blocks("t", range(4)):
        wire.c(text)
    (closed,) = wire.c(iq(f"<close {IBB.format('t')}/>"))
    assert closed.verified is False


def test_a_file_of_which_a_block_is_missing_is_not_judged():
    wire = Wire()
    transport = "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='256' sid='t'/>"
    content = file_content(5, b64(hashlib.sha256(DATA).digest()), transport)
    wire.c(iq(jingle("session-initiate", content)))
    wire.c(iq(f"<open {IBB.format('t')} block-size='256'/>"))
    for text in blocks("t", (0, 1, 3)):
        wire.c(text)
    (closed,) = wire.c(iq(f"<close {IBB.format('t')}/>"))
    assert closed.verified is None


def test_a_file_that_is_asked_for():
    wire = Wire()
    content = file_content(5, "", "<transport xmlns='urn:xmpp:jingle:transports:ibb:1' sid='t'/>")
    asked = jingle("session-initiate", content).replace("name='c'", "name='c' senders='responder'")
    wire.c(iq(asked))
    (opened,) = wire.s(iq(f"<open {IBB.format('t')} block-size='256'/>", to=JULIET, who=ROMEO))
    assert (opened.sender, opened.recipient) == ("romeo@montague.example", "juliet@capulet.example")


def test_candidates_of_a_jingle_bytestream():
    wire = Wire()
    named = "972b7bf47291ca609517f67f86b5081086052dad"
    transport = (
        f"<transport xmlns='urn:xmpp:jingle:transports:s5b:1' dstaddr='{named}' sid='vj3hs98y'>"
        f"<candidate cid='h' host='192.168.4.1' jid='{JULIET}' port='5086'/></transport>"
    )
    told = wire.c(iq(jingle("session-initiate", file_content(5, "", transport))))
    expected = [e for e in told if isinstance(e, Expect)]
    assert [e.protocol for e in expected] == ["socks", "xmpp", "xmpp"]
    assert {e.address for e in expected[1:]} == {named, destination("vj3hs98y", JULIET, ROMEO)}
    assert expected[1].context.name == "a.txt"


def test_google_talk():
    wire = Wire()
    session = "<session xmlns='http://www.google.com/session' type='{}' id='g1'>{}</session>"
    voice = "<description xmlns='http://www.google.com/session/phone'/>"
    (offer,) = wire.c(iq(session.format("initiate", voice)))
    assert (offer.use, offer.id, offer.detail) == (CALL, "g1", "phone")
    candidate = (
        "<candidate name='rtp' address='192.0.2.9' port='1234' protocol='udp' type='local'/>"
    )
    told = wire.c(iq(session.format("candidates", candidate)))
    assert (told[0].address, told[0].port) == ("192.0.2.9", 1234)
    (answer,) = wire.s(iq(session.format("reject", ""), to=JULIET, who=ROMEO))
    assert not answer.accepted


# -- whose bytes these are -------------------------------------------------------------------------


def look(client=b"", server=b"", *, begun=True, start=START):
    return recognise(Peek("tcp", client, server, begun, start))


def test_the_root_is_claimed_and_its_beginning_waited_for():
    data = b"\n" + head(C).encode()
    for size in range(1, len(data)):
        assert look(data[:size]) is MORE, data[:size]
    assert isinstance(look(data), Claim)
    assert isinstance(
        look(b"<flash:stream to='a' xmlns:flash='http://www.jabber.com/streams/flash'/>"), Claim
    )


@pytest.mark.parametrize(
    "data",
    [
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'>",
        b"<?xml version='1.0'?><rss version='2.0'>",
        b"<?xml version='1.0'?><methodCall>",
        b"<?xml version='1.0'?><soap:Envelope xmlns:soap='http://www.w3.org/2003/05/soap-envelope'>",
        b"<?xml version='1.0'?><!DOCTYPE html>",
        b"<stream:stream xmlns:stream='urn:other'>",
        b"<streamer xmlns:stream='http://etherx.jabber.org/streams'>",
        b"<stream>",
        b"GET / HTTP/1.1\r\n\r\n<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
        b"WA\x06\x03",
        b"<?xml version='1.0'?>" + b" " * 3000,
        b"<iq type='get' id='1'/>",
    ],
)
def test_other_xml_is_not_claimed(data):
    assert look(data) is None
    assert look(b"", data) is None


@pytest.mark.parametrize(
    ("client", "server", "flipped"),
    [
        (b"<message to='a@b.c/d' type='chat'><body>x</body></message>", b"", False),
        (b"<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", b"", False),
        (b"<presence><c xmlns='http://jabber.org/protocol/caps' node='x'/></presence>", b"", False),
        (
            b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>",
            b"",
            False,
        ),
        (b"<iq from='a' type='result' id='1'/>", b"", True),
        (b"<stream:features/>", b"", True),
        (b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b"", True),
        (b"<presence from='a@b.c/d' to='e@f.g'/>", b"<presence to='x@y.z'/>", True),
        (b"</stream:stream>", b"", False),
        (b"half a body</body></message>", b"<iq from='a@b' type='result' id='7'/>", False),
    ],
)
def test_stanzas_are_claimed_amid_a_stream(client, server, flipped):
    claim = look(client, server, begun=False)
    assert isinstance(claim, Claim)
    assert claim.flipped is flipped
    assert not isinstance(look(client, server), Claim)


@pytest.mark.parametrize(
    "data",
    [
        b"<message type='x'>" + b"<text>hello</text>" * 30,
        b"<iq>" + b"x" * 300,
        b"<presence>" + b"y" * 1100,
        b"<iqs type='get' id='1'/>",
        b"<message from='a'/>",
    ],
)
def test_words_like_stanzas_are_not_claimed(data):
    assert look(data, begun=False) is None


# -- what is broken or missing ---------------------------------------------------------------------


def test_a_root_that_turns_out_to_be_another_refutes():
    session = Session(START)
    told = session.feed(C, b"<html xmlns='http://www.w3.org/1999/xhtml'>")
    assert isinstance(told[0], Malformed)
    assert session.standing is Standing.REFUTED


BROKEN = [
    "<message></iq>",
    "<message",
    "<message <",
    "<message to=>",
    "<message to='a' to='b'>",
    "text",
    "</message>",
    "<!DOCTYPE x>",
    "<!--" + "x" * 5000,
    "<message to='" + "x" * 67_000,
    "<x:stream xmlns:x='urn:other'>",
    "<x a='" + "<iq " * 17_000,
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda text: text[:20])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_behind_broken_xml_the_next_stanza_is_read(broken, size):
    """Where the stream is sure to be one: or a client and a server that are of one mind would send
    a guard something broken, and then what they like.
    """
    wire, text = Wire(), f"{broken}{message('still heard')}".encode()
    told = [each for at in range(0, len(text), size) for each in wire.c(text[at : at + size])]
    assert [each.text for each in told if isinstance(each, Message)] == ["still heard"]
    assert 1 <= sum(isinstance(each, Malformed) for each in told) <= FAULTS
    assert wire.session.standing is Standing.PARSED
    assert wire.s(message("heard", to=JULIET, who=ROMEO))[0].text == "heard"


def test_broken_places_are_told_of_a_few_times():
    wire = Wire()
    told = [each for _ in range(100) for each in wire.c("<iq <iq </message >")]
    assert len(told) == FAULTS


def test_a_gap_leads_to_the_next_stanza():
    wire = Wire()
    assert wire.c("<message><body>lo") == []
    assert wire.session.gap(C, 10) == [Gap(size=10)]
    assert wire.c("rest</body></message>" + message("again"))[0].text == "again"


def test_a_stanza_too_large_is_told():
    wire = Wire()
    (told,) = wire.c(message("x" * 600_000))
    assert told == Anomaly(kind="oversized-stanza", detail="message")
    assert wire.c(message("ok"))[0].text == "ok"


def test_a_stream_joined_midway_learns_whose_it_is():
    wire = Wire(start=MIDWAY, bound=False)
    wire.s(message("hi", to=JULIET, who=ROMEO))
    assert wire.session.aligned
    (told,) = wire.c(message("hello"))
    assert told.sender == "juliet@capulet.example"
    assert wire.session.standing is Standing.PARSED


def test_partial_amid_and_aligned():
    wire = Wire()
    assert not wire.session.partial(C)
    wire.c("<iq type='set'")
    assert wire.session.partial(C)
    wire.c(" id='1'/>")
    assert not wire.session.partial(C)
    assert wire.session.aligned
    wire.s("<unheard-of/>")
    assert not wire.session.aligned


def test_the_end_of_a_stream():
    wire = Wire()
    assert wire.c("</stream:stream>") == [SignOff(account="juliet@capulet.example")]
    assert wire.s("</stream:stream>") == []
    wire = Wire()
    error = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    assert wire.s(error + "</stream:stream>") == [
        SignOff(account="juliet@capulet.example", reason="conflict")
    ]


# -- the laws --------------------------------------------------------------------------------------

ALL = [flow for path in (TALK, FILES, PURPLE) for flow in kit.claimed(path, recognise)]


@pytest.mark.parametrize("size", [1, 5, 64, 700])
def test_law_1_cuts_change_nothing(size):
    for flow in ALL:
        kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([C, S]), st.binary(max_size=400)), max_size=12),
    st.booleans(),
)
def test_law_2_any_bytes(chunks, begun):
    kit.check_garbage(lambda: Session(START if begun else MIDWAY), chunks)


def test_long_names_fill_no_tables():
    """Thousands of accounts, rooms, questions and files, each with names as long as they can be."""
    wire = Wire()
    for number in range(2500):
        who = f"{number}{'a' * 3000}@x/{number}{'b' * 3000}"
        wire.s(f"<presence from='{who}'><status>{'c' * 900}</status></presence>")
        wire.c(
            iq(SI.replace("id='a0'", f"id='{number}'").replace("test.txt", who), to=who, name=who)
        )
        wire.c(iq(jingle("session-initiate", RTP).replace("j1", who), to=who))
        wire.c(iq(f"<open {IBB.format(who)} block-size='9'/>", to=who))
    assert kit.footprint(wire.session) < 1 << 20


INSIDE = (
    *(SI, f"<open {IBB.format('a')} block-size='9'/>", f"<data {IBB.format('a')}>QUJD</data>"),
    *(jingle("session-initiate", RTP + ICE), "<query xmlns='jabber:iq:auth'><password/></query>"),
    *(f"<query {STREAMS} sid='x'><streamhost host='::1' port='70000'/></query>", "<x/>", "text"),
    *("<forwarded xmlns='urn:xmpp:forward:0'><message/></forwarded>", f"<x {USER}><item/></x>"),
    *("<vCard xmlns='vcard-temp'><EMAIL/></vCard>", "<slot xmlns='urn:xmpp:http:upload:0'/>"),
    *("<query xmlns='jabber:iq:roster'><item/></query>", "<error/>"),
    "<c xmlns='http://jabber.org/protocol/caps'/>",
)
STANZA = st.builds(
    lambda name, kind, inner: f"<{name} type='{kind}' id='1'>{''.join(inner)}</{name}>",
    st.sampled_from(["iq", "message", "presence", "auth", "response", "db:result", "handshake"]),
    st.sampled_from(["set", "get", "result", "error", "groupchat", "unavailable", ""]),
    st.lists(st.sampled_from(INSIDE), max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([C, S]), STANZA), max_size=8))
def test_law_2_well_framed_and_badly_filled(stanzas):
    steps = [(C, head(C).encode()), (S, head(S).encode())]
    steps += [(side, text.encode()) for side, text in stanzas]
    kit.check_garbage(lambda: Session(START), steps)
    kit.check_segmentation(lambda: Session(START), steps, 7)


def test_any_gap_is_survived():
    for flow in ALL:
        for cut in range(1, min(len(flow.steps), 40)):
            side, data = flow.steps[cut]
            steps = [*flow.steps[:cut], (side, len(data)), *flow.steps[cut + 1 :]]
            session = Session(flow.start)
            assert kit.events(kit.decode(session, steps), Gap)
            assert session.standing is not Standing.REFUTED
