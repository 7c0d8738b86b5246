"""Being let in, by every kind of proof, and being sent on."""

from hashlib import md5

import pytest
from tests import kit
from tests.protocols.msnp.craft import ALICE, BOB, START, C, S, line, only, payload, said

from backchannel.effects import Expect, Tie
from backchannel.events import Credential, SignOff, SignOn, SignOnAnswer, Software
from backchannel.model import Endpoint, Side
from backchannel.protocols import Start
from backchannel.protocols.msnp.session import Session
from backchannel.protocols.msnp.state import Ticket

VERSION = [(C, line("VER 0 MSNP7 MSNP6 MSNP5 CVR0")), (S, line("VER 0 MSNP7"))]


def test_md5_is_kept_as_a_hash_that_opens_to_the_password():
    """Witness: draft-movva and hypothetic.org: MD5 of challenge and password, in hexadecimal."""
    challenge, password = "989048851.1851137130", "Q1P7W2E4J9R8U3S5"
    response = md5(f"{challenge}{password}".encode()).hexdigest()
    told = said(
        *VERSION,
        (C, line("INF 1")),
        (S, line("INF 1 MD5")),
        (C, line(f"USR 2 MD5 I {ALICE.upper()}")),
        (S, line(f"USR 2 MD5 S {challenge}")),
        (C, line(f"USR 3 MD5 S {response}")),
        (S, line(f"USR 3 OK {ALICE} Alice%20%C3%84")),
        (S, line("OUT OTH")),
    )
    signed = only(told, SignOn)
    assert (signed.account, signed.method) == (ALICE, "md5-challenge")
    credential = only(told, Credential)
    assert (credential.kind, credential.scheme) == ("hash", "msn-md5")
    assert credential.salt == challenge
    assert md5((credential.salt + password).encode()).hexdigest() == credential.secret
    assert only(told, SignOnAnswer) == SignOnAnswer(account=ALICE, accepted=True)
    assert only(told, SignOff) == SignOff(account=ALICE, reason="signed on elsewhere")


def test_the_white_papers_example_is_a_hash_of_something_else():
    """The seed text shows a challenge, a string and a hash that do not belong together."""
    text = "989048851.1851137130Q1P7W2E4J9R8U3S5"
    assert md5(text.encode()).hexdigest() != "0212eaad0876afb8505859ca75d21a78"


@pytest.mark.parametrize(
    ("command", "scheme", "secret"),
    [
        ("USR 4 TWN S t=abc&p=def", "msn-passport-ticket", "t=abc&p=def"),
        ("USR 4 SSO S t=abc&p= HAAAAAMAAAA {guid}", "msn-sso-ticket", "t=abc&p="),
        ("USR 4 SHA A PD94bWw=", "msn-circle-ticket", "PD94bWw="),
    ],
)
def test_tickets_are_tokens(command, scheme, secret):
    told = said(*VERSION, (C, line(f"USR 3 {command[6:9]} I {ALICE}")), (C, line(command)))
    credential = only(told, Credential)
    assert (credential.account, credential.kind) == (ALICE, "token")
    assert (credential.scheme, credential.secret) == (scheme, secret)


@pytest.mark.parametrize(("code", "reason"), [("911", "911 authentication failed"), ("604", "604")])
def test_a_refused_sign_on(code, reason):
    told = said(
        *VERSION,
        (C, line(f"USR 2 TWN I {ALICE}")),
        (S, line("USR 2 TWN S lc=1033")),
        (C, line("USR 3 TWN S ticket")),
        (S, line(f"{code} 3")),
        (S, line("201 99")),
    )
    assert only(told, SignOnAnswer) == SignOnAnswer(account=ALICE, accepted=False, reason=reason)


def test_no_common_version():
    told = said((C, line("VER 1 MSNP99 CVR0")), (S, line("VER 1 0")))
    assert not only(told, SignOnAnswer).accepted


def test_programs_and_their_versions():
    told = said(
        *VERSION,
        (C, line(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 6.0.0602 MSMSGS {ALICE}")),
        (S, line("CVR 2 6.0.0602 6.0.0602 1.0.0 http://download.example/ http://messenger/")),
        (C, line(f"USR 3 TWN I {ALICE}")),
    )
    assert kit.events(told, Software) == [
        Software(name="MSNP", version="7", role="server"),
        Software(name="MSNMSGR", version="6.0.0602", account=ALICE),
    ]
    assert (only(told, SignOn).client, only(told, SignOn).version) == ("MSNMSGR", "6.0.0602")


def test_the_answer_to_a_challenge_names_the_product():
    told = said(
        *VERSION,
        (S, line("CHL 0 15570131571988941333")),
        (C, payload("QRY 9 PROD0090YUAUV{2B", "8f2f5a91b72102cd28355e9fc9000d6e")),
        (S, line("QRY 9")),
        (C, payload("QRY 10 PROD0090YUAUV{2B", "8f2f5a91b72102cd28355e9fc9000d6e")),
    )
    assert kit.events(told, Software)[1:] == [Software(name="PROD0090YUAUV{2B")]


def test_a_dispatch_server_announces_the_notification_server():
    told = said(
        *VERSION,
        (C, line(f"USR 2 MD5 I {ALICE}")),
        (S, line("XFR 2 NS 198.51.100.7:1863 0 198.51.100.1:1863")),
    )
    (expect,) = kit.effects(told, Expect)
    assert (expect.protocol, expect.purpose) == ("msnp", "login")
    assert (expect.address, expect.port) == ("198.51.100.7", 1863)
    assert expect.source == START.client.address
    assert expect.accounts == (ALICE,)


def test_switchboards_are_announced_by_both_ways_to_them():
    told = said(
        *VERSION,
        (S, line(f"USR 3 OK {ALICE} 1 0")),
        (C, line("XFR 4 SB")),
        (S, line("XFR 4 SB 198.51.100.8:1863 CKI 17262740.1050826919.32308")),
        (S, line(f"RNG 11752099 198.51.100.9:1863 CKI 849102291.520491932 {BOB} Bob")),
        (S, line(f"RNG 11752099 switchboard.example:1863 CKI 8491 {BOB} Bob U x 1")),
        (S, line("XFR 5 SB nonsense CKI 1")),
    )
    found = [(e.address, e.port, e.purpose) for e in kit.effects(told, Expect)]
    assert found == [("198.51.100.8", 1863, "message"), ("198.51.100.9", 1863, "message")]


def ties(start, *steps):
    return {(tie.account, tie.key) for tie in kit.effects(kit.decode(Session(start), steps), Tie)}


def test_all_servers_of_one_login_are_one_session():
    dispatch = Start("tcp", Endpoint("192.0.2.10", 1), Endpoint("198.51.100.1", 1863))
    board = Start("tcp", Endpoint("192.0.2.10", 2), Endpoint("198.51.100.9", 1863))
    other = Start("tcp", Endpoint("192.0.2.11", 2), Endpoint("198.51.100.9", 1863))
    one = ties(dispatch, *VERSION, (C, line(f"USR 2 SSO I {ALICE}")))
    assert one == ties(board, (C, line(f"USR 1 {ALICE};{{{'0' * 8}}} cookie")))
    assert one == ties(board, (C, line(f"ANS 1 {ALICE} cookie 1234")))
    assert one.isdisjoint(ties(other, (C, line(f"ANS 1 {ALICE} cookie 1234"))))
    assert one.isdisjoint(ties(board, (C, line(f"ANS 1 {BOB} cookie 1234"))))


def test_a_switchboard_cookie_is_a_token():
    told = said(
        (C, line(f"ANS 1 {ALICE} 849102291.520491113 11752013")),
        (S, line(f"IRO 1 1 1 {BOB} Bob")),
        (S, line("ANS 1 OK")),
    )
    assert only(told, Credential).secret == "849102291.520491113"
    assert only(told, SignOnAnswer).accepted


def test_an_announced_connection_knows_its_account():
    start = Start("tcp", START.client, START.server, context=Ticket(ALICE))
    told = kit.decode(Session(start), [(S, line("VER 1 0"))])
    assert only(told, SignOnAnswer).account == ALICE


def test_leaving_a_switchboard_is_no_sign_off():
    told = said(
        (C, line(f"USR 1 {ALICE} cookie")), (S, line(f"USR 1 OK {ALICE} A")), (C, b"OUT\r\n")
    )
    assert not kit.events(told, SignOff)
    told = said(*VERSION, (C, b"OUT\r\n"))
    assert len(kit.events(told, SignOff)) == 1


def test_nothing_is_said_for_the_side_that_does_not_speak_so():
    for side, text in (
        (Side.CLIENT, f"NLN NLN {BOB} Bob 0"),
        (Side.SERVER, "CVR 1 0x1 a b c d 1 x"),
    ):
        assert not kit.events(said((side, line(text))))
