"""Signing on: passwords, digests, cookies, redirects, refusals, and being thrown out."""

import hashlib

import msgspec
import pytest
from tests.protocols.oscar.craft import (
    AUTH_COOKIE,
    START,
    C,
    S,
    Talk,
    effects,
    events,
    flap,
    hello,
    info,
    name8,
    snac,
    text16,
    tlv,
    u16,
)

from backchannel.effects import Expect, Tie
from backchannel.events import (
    Anomaly,
    Credential,
    Malformed,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Warned,
)
from backchannel.model import Capability, Standing
from backchannel.protocols import Start
from backchannel.protocols.oscar import passwords
from backchannel.protocols.oscar.contexts import Ticket
from backchannel.protocols.oscar.events import RequestFailed, ServiceRedirect
from backchannel.protocols.oscar.session import Session
from backchannel.protocols.oscar.state import digest

PROGRAM = (
    tlv(3, b"ICQBasic"),
    tlv(0x17, u16(20)),
    tlv(0x18, u16(52)),
    tlv(0x19, u16(1)),
    tlv(0x1A, u16(3916)),
)
# iserverd cli_ident: the table, and what it makes of a password that is all zeros
TABLE = bytes.fromhex("f32681c43986db9271a3b9e6537a957c")


def roast(password: bytes, table: bytes = TABLE) -> bytes:
    return bytes(byte ^ table[at % 16] for at, byte in enumerate(password))


@pytest.mark.parametrize("password", ["sesame", "x", "sixteen and more letters", "пароль"])
def test_a_roasted_password_is_recovered(password):
    payload = hello(tlv(1, b"700100200"), tlv(2, roast(password.encode())), *PROGRAM)
    sign_on, secret, program = Talk("").frame(C, 1, payload)[0:3]
    assert sign_on == SignOn(
        account="700100200",
        method="roasted-password",
        client="ICQBasic",
        version="20.52.1 build 3916",
    )
    assert secret == Credential(
        account="700100200", kind="recoverable", scheme="oscar-roast", secret=password
    )
    assert program == Software(name="ICQBasic", version="20.52.1 build 3916", account="700100200")


def test_the_java_client_roasts_with_a_table_of_its_own():
    """open-oscar-server wire/user.go."""
    table = bytes.fromhex("f3b36c99953facb6c5fa6b63696cc39a")
    payload = hello(tlv(1, b"alice"), tlv(2, roast(b"opensesame", table)))
    (secret,) = events(Talk("").frame(C, 1, payload), Credential)
    assert (secret.scheme, secret.secret) == ("oscar-roast-java", "opensesame")


@pytest.mark.parametrize(
    ("extra", "scheme", "mixed"),
    [
        (b"", "oscar-md5", b"sesame"),
        (tlv(0x4C), "oscar-md5-twice", hashlib.md5(b"sesame").digest()),
    ],
)
def test_a_digest_is_kept_with_what_it_takes_to_test_a_guess(extra, scheme, mixed):
    answer = hashlib.md5(b"1234567890" + mixed + b"AOL Instant Messenger (SM)").digest()
    talk = Talk("")
    assert talk.c(0x17, 6, tlv(1, b"Alice Wonder")) == []
    assert talk.s(0x17, 7, text16(b"1234567890")) == []
    told = talk.c(0x17, 2, tlv(1, b"Alice Wonder") + tlv(0x25, answer) + extra + b"".join(PROGRAM))
    sign_on, secret, _ = events(told)
    assert (sign_on.account, sign_on.method) == ("Alice Wonder", "md5-challenge")
    assert (secret.kind, secret.scheme) == ("hash", scheme)
    assert (secret.secret, secret.salt) == (answer.hex(), "1234567890")
    assert passwords.response(secret.scheme, secret.salt, "sesame") == secret.secret
    assert passwords.response(secret.scheme, secret.salt, "sesam") != secret.secret


def test_a_number_of_securid_goes_in_the_clear():
    """joscar `SecuridResponse`."""
    talk = Talk("")
    talk.c(0x17, 2, tlv(1, b"alice") + tlv(0x25, bytes(16)))
    assert talk.s(0x17, 0x0A) == []
    (secret,) = talk.c(0x17, 0x0B, text16(b"159759"))
    assert (secret.account, secret.kind, secret.scheme) == ("alice", "plain", "oscar-securid")
    assert secret.secret == "159759"


def test_some_clients_roast_inside_the_login_message():
    (secret,) = events(Talk("").c(0x17, 2, tlv(1, b"alice") + tlv(2, roast(b"sesame"))), Credential)
    assert (secret.kind, secret.secret) == ("recoverable", "sesame")


def test_the_answer_redirects_and_announces_the_connection_to_come():
    talk = Talk("")
    talk.c(0x17, 6, tlv(1, b"alice"))
    told = talk.s(0x17, 3, tlv(1, b"alice") + tlv(5, b"203.0.113.9:443") + tlv(6, AUTH_COOKIE))
    key = hashlib.sha256(AUTH_COOKIE).hexdigest()[:32]
    assert events(told) == [
        SignOnAnswer(account="alice", accepted=True),
        ServiceRedirect(account="alice", service="messaging", host="203.0.113.9", port=443),
    ]
    tie, expect = effects(told)
    assert tie == Tie(key=key, account="alice")
    assert expect == Expect(
        protocol="oscar",
        purpose=Capability.LOGIN,
        address="203.0.113.9",
        port=443,
        source="192.0.2.10",
        accounts=("alice",),
        context=Ticket(key, key, "alice"),
    )


@pytest.mark.parametrize("shown", [b"first", b"second"])
def test_of_two_redirects_to_one_host_the_cookie_says_which_it_is(shown):
    tickets = [
        Ticket(digest(cookie), "session", "alice", cookie.decode())
        for cookie in (b"first", b"second")
    ]
    start = msgspec.structs.replace(START, context=tickets[1], others=(tickets[0],))
    told = Session(start).feed(C, flap(1, hello(tlv(6, shown))))
    assert [each.account for each in events(told, Credential)] == ["alice"]
    assert Tie(key=digest(shown), account="alice") in effects(told)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        (b"bos.example.com", ("bos.example.com", 5190)),
        (b"bos.example.com:443", ("bos.example.com", 443)),
        (b"[2001:db8::1]:443", ("2001:db8::1", 443)),
        (b"bos.example.com:99999999999", ("bos.example.com:99999999999", 5190)),
        (b"", ("", 5190)),
    ],
)
def test_a_redirect_without_a_port_means_the_same_port(host, place):
    told = Talk("").frame(S, 4, tlv(1, b"1") + tlv(5, host) + tlv(6, AUTH_COOKIE))
    (expect,) = effects(told, Expect)
    assert (expect.address, expect.port) == place


def test_a_refusal_says_why():
    (answer,) = Talk("").frame(S, 4, tlv(1, b"alice") + tlv(8, u16(5)) + tlv(4, b"http://x"))[-1:]
    assert answer == SignOnAnswer(
        account="alice", accepted=False, reason="name and password do not match"
    )
    (answer,) = events(Talk("").s(0x17, 3, tlv(8, u16(0x18))))
    assert (answer.accepted, answer.reason) == (False, "connecting too often")


def test_a_cookie_opens_the_session_whose_account_comes_later():
    session = Session(START)
    told = session.feed(C, flap(1, hello(tlv(6, AUTH_COOKIE), *PROGRAM)))
    key = digest(AUTH_COOKIE)
    assert effects(told) == [Tie(key=key)]
    sign_on, secret, _ = events(told)
    assert (sign_on.account, sign_on.method, sign_on.client) == ("", "cookie", "ICQBasic")
    assert (secret.kind, secret.scheme, secret.secret) == (
        "token",
        "oscar-cookie",
        AUTH_COOKIE.hex(),
    )
    assert session.standing is Standing.PARSED
    assert session.service == ""  # AIM or ICQ: nothing has told yet
    told = session.feed(S, flap(2, snac(1, 0x0F, info("700100200"))))
    assert told == [
        Tie(key=key, account="700100200"),
        SignOnAnswer(account="700100200", accepted=True),
    ]
    assert session.service == "icq"
    assert session.feed(S, flap(2, snac(1, 0x0F, info("700100200")), 1)) == []


def test_an_announced_connection_knows_its_account_from_the_first_frame():
    ticket = Ticket(digest(AUTH_COOKIE), "first", "alice", "knitting")
    start = Start("tcp", START.client, START.server, accounts=("alice",), context=ticket)
    told = Session(start).feed(C, flap(1, hello(tlv(6, AUTH_COOKIE))))
    assert effects(told, Tie) == [
        Tie(key=digest(AUTH_COOKIE), account="alice"),
        Tie(key="first", account="alice"),
    ]
    assert events(told)[0].account == "alice"


def test_another_cookie_than_announced_is_another_session():
    """Two clients behind one address may arrive in any order."""
    ticket = Ticket(digest(b"another cookie"), "first", "alice", "knitting")
    start = Start("tcp", START.client, START.server, accounts=("alice",), context=ticket)
    told = Session(start).feed(C, flap(1, hello(tlv(6, AUTH_COOKIE))))
    assert effects(told) == [Tie(key=digest(AUTH_COOKIE))]
    assert events(told)[0].account == ""


def test_a_further_service_joins_the_session():
    talk = Talk("")
    talk.frame(C, 1, hello(tlv(6, AUTH_COOKIE)))
    talk.s(1, 0x0F, info("alice"))
    first, second = digest(AUTH_COOKIE), digest(b"second cookie")
    assert talk.c(1, 4, u16(0x10), request=7) == []
    told = talk.s(1, 5, tlv(5, b"203.0.113.9:5192") + tlv(6, b"second cookie"), request=7)
    assert effects(told, Tie) == [Tie(key=second, account="alice"), Tie(key=first, account="alice")]
    assert events(told) == [
        ServiceRedirect(account="alice", service="buddy icons", host="203.0.113.9", port=5192)
    ]
    (expect,) = effects(told, Expect)
    assert expect.context == Ticket(second, first, "alice")


def test_the_family_in_the_redirect_counts_before_the_one_asked_for():
    told = Talk().s(1, 5, tlv(0x0D, u16(0x0D)) + tlv(5, b"x") + tlv(6, b"c"), request=99)
    assert events(told)[0].service == "chat directory"


def test_a_migration_is_a_redirect_too():
    body = u16(2) + u16(2) + u16(4) + tlv(5, b"203.0.113.9") + tlv(6, b"cookie")
    told = Talk().s(1, 0x12, body)
    assert events(told)[0].host == "203.0.113.9"
    assert effects(told, Expect)[0].context.cookie == digest(b"cookie")


def test_a_chat_room_s_name_goes_with_the_redirect_to_it():
    talk = Talk()
    room = u16(4) + name8("!aol://2719:10-4-knit%20wear") + u16(0)
    talk.c(1, 4, u16(0x0E) + tlv(1, room), request=3)
    told = talk.s(1, 5, tlv(0x0D, u16(0x0E)) + tlv(5, b"x:1") + tlv(6, b"c"), request=3)
    assert effects(told, Expect)[0].context.room == "knit wear"


@pytest.mark.parametrize(
    ("side", "payload", "reason"),
    [
        (C, b"", ""),
        (S, b"", "closed by the service"),
        (S, tlv(9, u16(1)) + tlv(0x0B, b"http://x"), "signed on elsewhere"),
        (S, tlv(9, b"\1"), "signed on elsewhere"),
        (S, tlv(9, u16(0x77)), "reason 0x0077"),
    ],
)
def test_the_end_is_told_once(side, payload, reason):
    talk = Talk()
    assert talk.frame(side, 4, payload) == [SignOff(account="alice", reason=reason)]
    assert talk.frame(side, 4, payload) == []


def test_warnings():
    talk = Talk()
    (told,) = talk.s(1, 0x10, u16(200) + info("bob"))
    assert told == Warned(account="alice", level=20, by="bob")
    (told,) = talk.s(1, 0x10, u16(300))
    assert told == Warned(account="alice", level=30)
    (told,) = talk.c(4, 8, u16(0) + name8("bob"), request=5)
    assert told == Warned(account="bob", by="alice")
    (told,) = talk.s(4, 9, u16(200) + u16(250), request=5)
    assert told == Warned(account="bob", level=25, by="alice")


def test_errors_name_the_service_and_whom_it_was_about():
    talk = Talk()
    talk.c(4, 6, b"1234567\0" + u16(1) + name8("bob") + tlv(2, b"\1\1\0\4\0\0\0\0"), request=8)
    (told,) = talk.s(4, 1, u16(4), request=8)
    assert told == RequestFailed(
        service="messaging", code=4, reason="recipient is not signed on", about="bob"
    )
    (told,) = talk.s(0x13, 1, u16(0x99))
    assert (told.service, told.reason) == ("contact list", "error 0x0099")


def test_missed_messages():
    body = u16(1) + info("bob") + u16(3) + u16(2)
    (told,) = Talk().s(4, 0x0A, body)
    assert (told.about, told.reason) == ("bob", "3 missed: sent too fast")


@pytest.mark.parametrize("version", [b"", b"\0\0\0\2", b"\0\0\0"])
def test_another_flap_version_is_malformed(version):
    (told,) = Session(START).feed(C, flap(1, version))
    assert isinstance(told, Malformed)


def test_the_service_s_own_greeting_tells_nothing():
    assert Session(START).feed(S, flap(1, hello())) == []
    assert Session(START).feed(C, flap(1, hello())) == []


def test_nothing_here_is_an_anomaly():
    talk = Talk()
    told = talk.c(1, 0x17, u16(1) + u16(4)) + talk.s(1, 0x18, u16(1) + u16(4)) + talk.c(1, 2)
    assert events(told, Anomaly) == []
