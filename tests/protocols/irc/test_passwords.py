"""Passwords: of servers, services, operators, gateways, and SASL; and what XDCC bots are asked.

SCRAM is the example of RFC 7677 §3, PLAIN that of IRCv3's SASL specification.
"""

from base64 import b64decode, b64encode

import pytest
from tests import kit
from tests.protocols.irc.talk import HELLO, START, WELCOME, C, S, heard, lines, said, spoken

from backchannel.events import (
    Credential,
    Download,
    Message,
    PeerAddress,
    Search,
    Share,
    SharedFile,
    SignOn,
    SignOnAnswer,
)
from backchannel.protocols.irc.session import Session
from backchannel.protocols.xmpp import proof


def plain(account, scheme, secret):
    return Credential(account=account, kind="plain", scheme=scheme, secret=secret)


def test_the_servers_password_is_told_with_the_name():
    told = kit.events(kit.decode(Session(START), [(C, lines("PASS secret")), HELLO, WELCOME]))
    assert told[0] == SignOn(account="ann", method="plain")
    assert told[1] == plain("ann", "irc-pass", "secret")


def test_a_password_whose_name_never_comes():
    assert kit.events(kit.decode(Session(START), [(C, lines("PASS secret"))])) == [
        plain("", "irc-pass", "secret")
    ]


def test_a_token_as_password():
    told = kit.events(kit.decode(Session(START), [(C, lines("PASS oauth:abc")), HELLO]))
    assert told[1].kind == "token"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("PRIVMSG NickServ :IDENTIFY secret", ("ann", "irc-nickserv", "secret")),
        ("PRIVMSG nickserv :identify anna secret", ("anna", "irc-nickserv", "secret")),
        ("PRIVMSG NickServ@services.x :ID secret", ("ann", "irc-nickserv", "secret")),
        ("NICKSERV IDENTIFY secret", ("ann", "irc-nickserv", "secret")),
        ("NS :IDENTIFY anna secret", ("anna", "irc-nickserv", "secret")),
        ("PRIVMSG NickServ :REGISTER secret a@b.example", ("ann", "irc-nickserv", "secret")),
        ("PRIVMSG NickServ :GHOST anna secret", ("anna", "irc-nickserv", "secret")),
        ("PRIVMSG NickServ :SET PASSWORD secret", ("ann", "irc-nickserv", "secret")),
        ("PRIVMSG ChanServ :IDENTIFY #lab secret", ("#lab", "irc-chanserv", "secret")),
        ("PRIVMSG Q@CServe.quakenet.org :AUTH anna secret", ("anna", "irc-q", "secret")),
        ("PRIVMSG x@channels.undernet.org :login anna secret", ("anna", "irc-x", "secret")),
        ("OPER root secret", ("root", "irc-oper", "secret")),
    ],
)
def test_passwords_for_services_are_no_messages(line, told):
    assert spoken(line) == [plain(*told)]


@pytest.mark.parametrize(
    "line",
    [
        "PRIVMSG NickServ :HELP IDENTIFY",
        "PRIVMSG ChanServ :REGISTER #lab",
        "PRIVMSG bob :IDENTIFY yourself",
        "PRIVMSG NickServ :IDENTIFY",
        "PRIVMSG NickServ :IDENTIFY is a word that people use too",
        "PRIVMSG #nickserv :IDENTIFY secret",
        "PRIVMSG Nick :link the pages",
        "PRIVMSG x :login to it",
    ],
)
def test_other_messages_stay_messages(line):
    assert [type(each) for each in spoken(line)] == [Message]


def test_an_operator_is_let_in_or_not():
    told = kit.events(said((C, "OPER root secret"), (S, ":s.example 381 ann :You are operator")))
    assert told[1].accepted
    assert told[1].account == "root"
    told = kit.events(said((C, "OPER root secret"), (S, ":s.example 464 ann :Password incorrect")))
    assert (told[1].account, told[1].accepted) == ("root", False)


def test_a_gateway_tells_for_whom_it_connects():
    step = C, lines("WEBIRC secret gate host.example 203.0.113.8")
    credential, address = kit.events(kit.decode(Session(START), [step]))
    assert credential == plain("gate", "irc-webirc", "secret")
    assert isinstance(address, PeerAddress)
    assert (address.address, address.how) == ("203.0.113.8", "webirc")


# -- SASL --------------------------------------------------------------------------------------


def sasl(mechanism, *messages, size=400):
    """An exchange: what the client sends, and what the server (bytes behind a `>`) answers."""
    steps = [HELLO, (C, lines(f"AUTHENTICATE {mechanism}")), (S, lines("AUTHENTICATE +"))]
    for message in messages:
        side = S if message.startswith(b">") else C
        text = b64encode(message.removeprefix(b">")).decode()
        parts = [text[at : at + size] for at in range(0, len(text), size)]
        if len(parts[-1]) == size:
            parts.append("+")
        steps += [(side, lines(*(f"AUTHENTICATE {part}" for part in parts)))]
    return steps


def test_sasl_plain():
    steps = sasl("PLAIN", b"jilles\0jilles\0sesame")
    steps += [(S, lines(":s.example 900 ann ann!a@h jilles :You are now logged in as jilles"))]
    told = kit.events(kit.decode(Session(START), steps))
    assert told[1:] == [
        SignOn(account="jilles", method="sasl-plain"),
        plain("jilles", "sasl-plain", "sesame"),
        SignOnAnswer(account="jilles", accepted=True, reason="900 You are now logged in as jilles"),
    ]


def test_the_account_of_sasl_counts_where_the_name_comes_later():
    hello, *steps = sasl("PLAIN", b"\0jilles\0sesame")
    told = kit.events(kit.decode(Session(START), [*steps, hello, WELCOME]))
    assert [each.account for each in told if isinstance(each, SignOn)] == ["jilles"]


@pytest.mark.parametrize("size", [200, 296, 297, 600])
def test_long_passwords_are_put_together(size):
    secret = b"x" * size
    told = kit.events(kit.decode(Session(START), sasl("PLAIN", b"\0jilles\0" + secret)), Credential)
    assert [each.secret for each in told] == [secret.decode()[:512]]


def test_sasl_that_fails():
    steps = [*sasl("PLAIN", b"\0jilles\0wrong"), (S, lines(":s.example 904 ann :SASL failed"))]
    told = kit.events(kit.decode(Session(START), steps), SignOnAnswer)
    assert told == [SignOnAnswer(account="jilles", accepted=False, reason="904 SASL failed")]


def test_scram_can_be_guessed_at():
    nonce = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    steps = sasl(
        "SCRAM-SHA-256",
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b">" + nonce + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws," + nonce + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    )
    told = kit.events(kit.decode(Session(START), steps))
    assert told[1] == SignOn(account="user", method="sasl-scram-sha-256")
    (credential,) = [each for each in told if isinstance(each, Credential)]
    assert (credential.account, credential.kind) == ("user", "hash")
    assert credential.secret == b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").hex()
    text = nonce.decode()
    assert credential.salt == (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,{text},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,{text}"
    )


def test_a_proof_of_scram_is_what_the_audit_reads():
    """The exchange of RFC 7677 §3, whose password is "pencil"."""
    nonce = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    steps = sasl(
        "SCRAM-SHA-256",
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b">" + nonce + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws," + nonce + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    )
    (credential,) = kit.events(kit.decode(Session(START), steps), Credential)
    assert proof.scram(credential, "pencil")
    assert not proof.scram(credential, "eraser")


def test_scram_bound_to_the_channel():
    steps = sasl("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,n=user,r=abc", b">r=abcd,s=QQ==,i=4096")
    steps += sasl("X", b"c=biws,r=abcd,p=AAAA")[3:]
    on, told = kit.events(kit.decode(Session(START), steps))[1:]
    assert on == SignOn(account="user", method="sasl-scram-sha-256-plus")
    assert (told.scheme, told.secret) == ("sasl-scram-sha-256-plus", "000000")
    assert told.salt == "n=user,r=abc,r=abcd,s=QQ==,i=4096,c=biws,r=abcd"


def test_sasl_login():
    steps = sasl("LOGIN", b"jilles", b">Password:", b"sesame")
    assert kit.events(kit.decode(Session(START), steps))[1:] == [
        SignOn(account="jilles", method="sasl-login"),
        plain("jilles", "sasl-login", "sesame"),
    ]


@pytest.mark.parametrize(
    ("line", "account", "scheme"),
    [
        ("REGISTER jilles jilles@host.example sesame", "jilles", "irc-register"),
        ("REGISTER * * :sesame", "ann", "irc-register"),
        ("VHOST jilles sesame", "jilles", "irc-vhost"),
    ],
)
def test_passwords_in_commands(line, account, scheme):
    assert spoken(line) == [plain(account, scheme, "sesame")]
    assert spoken(line.rpartition(" ")[0]) == []


@pytest.mark.parametrize("mechanism", ["EXTERNAL", "ECDSA-NIST256P-CHALLENGE"])
def test_keys_leave_nothing_to_use_again(mechanism):
    told = kit.events(kit.decode(Session(START), sasl(mechanism, b"jilles")))
    assert told[1:] == [SignOn(account="jilles", method=f"sasl-{mechanism.lower()}")]


def test_a_bearers_token():
    steps = sasl("OAUTHBEARER", b"n,a=jilles,\x01auth=Bearer abc\x01\x01")
    (told,) = kit.events(kit.decode(Session(START), steps), Credential)
    assert (told.account, told.kind, told.secret) == ("jilles", "token", "abc")


@pytest.mark.parametrize("word", ["*", "!!!!", "+", "x" * 400])
def test_sasl_that_is_none(word):
    steps = [HELLO, (C, lines("AUTHENTICATE PLAIN", f"AUTHENTICATE {word}"))]
    assert not kit.events(kit.decode(Session(START), steps), Credential)


# -- XDCC --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["xdcc send #7", "XDCC SEND 7", "\x01XDCC SEND #7\x01"])
def test_a_file_that_is_asked_for(text):
    assert spoken(f"PRIVMSG bot :{text}") == [Download(name="#7", account="ann")]


def test_a_search():
    assert spoken("PRIVMSG bot :xdcc search some book") == [Search(text="some book", account="ann")]


@pytest.mark.parametrize(
    ("text", "size"), [("[1.5K]", 1536), ("[ <1K]", 1024), ("[700M]", 700 << 20)]
)
def test_files_that_a_bot_lists(text, size):
    line = f":bot!b@h PRIVMSG #files :\x02#3\x02  12x {text} some book.pdf"
    entry = SharedFile(name="some book.pdf", size=size, detail="#3, size rounded")
    assert heard(line) == [Share(owner="bot", files=(entry,))]


def test_a_number_in_a_text_is_no_list():
    assert isinstance(heard(":bob!b@h PRIVMSG #lab :#3 is what I want")[0], Message)
