"""YMSG features by hand: bytes as the public descriptions say, for what no capture shows."""

import struct

import pytest
from tests import craft, kit

from backchannel.effects import Expect, Tie
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Credential,
    Message,
    Offer,
    OfferAnswer,
    PeerAddress,
    Presence,
    Profile,
    Room,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Typing,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Side
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.ymsg import cookies, crypt
from backchannel.protocols.ymsg.markup import plain
from backchannel.protocols.ymsg.session import Session, recognise

START = Start("tcp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 5050))
FAILED = 0xFFFFFFFF


def pack(service, *pairs, status=0, session=7, version=16):
    body = b"".join(
        b"%d\xc0\x80%s\xc0\x80" % (k, v if isinstance(v, bytes) else str(v).encode())
        for k, v in pairs
    )
    return struct.pack(">4sHHHHII", b"YMSG", version, 0, len(body), service, status, session) + body


def client(service, *pairs, **head):
    return Side.CLIENT, pack(service, *pairs, **head)


def server(service, *pairs, **head):
    return Side.SERVER, pack(service, *pairs, version=0, **head)


SIGNED_ON = [client(0x57, (1, "ann")), server(0x55, (3, "ann"))]


def said(*steps, kind=None):
    """What *steps* tell after ann signed on."""
    session = Session(START)
    kit.decode(session, SIGNED_ON, ends=False)
    told = kit.decode(session, steps, ends=False)
    return kit.events(told, kind) if kind else [value for _, value in told]


# -- signing on --------------------------------------------------------------------------------


def test_versions_5_to_8_send_a_crypt_hash():
    told = kit.decode(
        Session(START),
        [
            client(
                0x01,
                (0, "ann"),
                (1, "ann"),
                (6, "$1$_2S43d5f$abcdefghijklmnopqrstu1"),
                version=0x0500,
            )
        ],
    )
    assert kit.events(told) == [
        SignOn(account="ann", method="md5-crypt", client="Yahoo! Messenger", version="YMSG 5"),
        Credential(account="ann", kind="hash", scheme="md5-crypt",
                   secret="$1$_2S43d5f$abcdefghijklmnopqrstu1", salt="$1$_2S43d5f$"),
    ]  # fmt: skip


def test_a_plain_password_is_a_plain_credential():
    told = kit.decode(Session(START), [client(0x01, (0, "ann"), (6, "secret"))])
    (credential,) = kit.events(told, Credential)
    assert (credential.kind, credential.secret) == ("plain", "secret")


def test_web_login_sends_cookies():
    told = kit.decode(
        Session(START), [client(0x226, (0, "ann"), (6, "Y=v=1&l=0dd; T=z=zz; C=1"), version=0x65)]
    )
    (sign_on,), (credential,) = kit.events(told, SignOn), kit.events(told, Credential)
    assert sign_on.method == "cookie"
    assert credential.secret == "Y=v=1&l=0dd; T=z=zz"
    assert len(kit.effects(told, Tie)) == 1


@pytest.mark.parametrize(
    ("method", "word", "schemes"),
    [
        ("0", "md5-challenge", ("yahoo-md5", "yahoo-md5crypt")),
        ("1", "sha1-challenge", ("yahoo-sha1", "yahoo-sha1crypt")),
        ("7", "method-7", ("yahoo-response", "yahoo-response-crypt")),
    ],
)
def test_challenge_and_responses(method, word, schemes):
    told = kit.decode(Session(START), [
        client(0x57, (1, "ann")),
        server(0x57, (1, "ann"), (94, "seedseedseedseed"), (13, method)),
        client(0x54, (6, "six"), (96, "ninety-six"), (0, "ann"), (2, "ann"), (135, "6,0,0,1710"),
               status=12),
    ])  # fmt: skip
    (sign_on,) = kit.events(told, SignOn)
    assert (sign_on.account, sign_on.method, sign_on.version) == ("ann", word, "6,0,0,1710")
    assert kit.events(told, Software)[0].version == "6,0,0,1710"
    credentials = kit.events(told, Credential)
    assert tuple(c.scheme for c in credentials) == schemes
    assert [c.secret for c in credentials] == ["six", "ninety-six"]
    assert {c.salt for c in credentials} == {"seedseedseedseed"}
    assert kit.events(told, Presence) == [Presence(account="ann", status="invisible")]


def test_token_login():
    told = kit.decode(Session(START), [
        client(0x57, (1, "ann")),
        server(0x57, (1, "ann"), (94, "seed"), (13, 2)),
        client(0x54, (1, "ann"), (0, "ann"), (277, "v=1&l=0dd/o"), (278, "z=1"), (307, "proof"),
               (2, "ann")),
    ])  # fmt: skip
    (sign_on,) = kit.events(told, SignOn)
    assert sign_on.method == "token"
    assert {c.scheme: c.secret for c in kit.events(told, Credential)} == {
        "yahoo-cookie": "Y=v=1&l=0dd/o; T=z=1",
        "yahoo-token": "proof",
    }
    assert kit.effects(told, Tie)[0].account == "ann"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(3, "unknown account"), (13, "wrong password"), (14, "account locked"), (9, "error 9")],
)
def test_refusals(code, reason):
    told = said(server(0x54, (66, code), status=FAILED), kind=SignOnAnswer)
    assert told == [SignOnAnswer(account="ann", accepted=False, reason=reason)]


def test_a_sign_on_that_gets_no_challenge_is_told_at_the_end():
    told = kit.decode(Session(START), [client(0x57, (1, "ann"))])
    assert [e.account for e in kit.events(told, SignOn)] == ["ann"]


def test_the_first_list_says_that_the_server_accepted():
    told = kit.decode(Session(START), [*SIGNED_ON, server(0x55, (3, "ann"))])
    assert kit.events(told, SignOnAnswer) == [SignOnAnswer(account="ann", accepted=True)]


def test_sign_off_and_disconnect():
    assert said(client(0x02, (0, "ann"))) == [SignOff(account="ann")]
    elsewhere = [SignOff(account="ann", reason="signed on elsewhere")]
    assert said(server(0x02, status=FAILED)) == elsewhere
    assert said(server(0x7D1, (66, 42))) == elsewhere


def test_a_keep_alive_names_the_account_of_a_flow_joined_in_the_middle(tmp_path):
    packets = craft.tcp([client(0x8A, (0, "ann"))] * 2, handshake=False, close=False)
    (row,) = Scan(craft.write(tmp_path / "alive.pcap", packets)).document.services
    assert (row.service, row.accounts) == ("yahoo", ("ann",))
    assert not said(client(0x8A, (0, "bob")), kind=SignOn)


def test_other_names_are_switched_on_and_off():
    assert said(client(0x07, (3, "ann_work"))) == [Presence(account="ann_work", status="online")]
    assert said(client(0x08, (3, "ann_work"))) == [Presence(account="ann_work", status="offline")]


def test_response_of_the_first_challenge_needs_a_whole_challenge():
    assert crypt.response("ann", "short", "x") == ""
    assert not crypt.verify("ann", "short", "", "x")


def test_the_y_cookie_names_its_login():
    """Witness: venkydude.com (2001) shows the first, the recorded server made the others."""
    assert cookies.login("v=1&n=abc&l=l4dao_3k34/o&p=m2") == "venky_dude"
    assert cookies.login("v=1&n=&l=0b824_m&p=") == "alice_w"
    assert cookies.login("v=1&n=&l=1e1_1&p=") == "bob_b"
    assert cookies.login("v=1&n=&p=") == ""


# -- lists -------------------------------------------------------------------------------------


def test_a_contact_list_in_pieces():
    told = said(
        server(0x55, (87, "Pals:bob,e"), status=1),
        server(0x55, (87, "ve\nWork:joe\n"), (88, "mal,moe"), (89, "ann,ann_work"),
               (59, "Y\tv=1&l=0dd; expires=x"), (59, "T\tz=1; expires=x")),
    )  # fmt: skip
    (contacts,) = [value for value in told if isinstance(value, Contacts)]
    assert contacts == Contacts(owner="ann", entries=(
        Contact(account="bob", group="Pals"),
        Contact(account="eve", group="Pals"),
        Contact(account="joe", group="Work"),
        Contact(account="mal", blocked=True),
        Contact(account="moe", blocked=True),
    ))  # fmt: skip
    assert Profile(account="ann", nickname="ann_work") in told
    (credential,) = [value for value in told if isinstance(value, Credential)]
    assert credential.secret == "Y=v=1&l=0dd; T=z=1"


def test_a_contact_list_of_version_15():
    told = said(
        server(0xF1, (302, 318), (300, 318), (65, "Pals"), (302, 319), (300, 319), (7, "bob"),
               (301, 319), (300, 319), (7, "eve@live.example"), (241, 2), (301, 319), (303, 319),
               (301, 318), (303, 318), (302, 320), (300, 320), (7, "mal"), (301, 320), (303, 320)),
        kind=Contacts,
    )  # fmt: skip
    assert told[0].entries == (
        Contact(account="bob", group="Pals"),
        Contact(account="msn/eve@live.example", group="Pals"),
        Contact(account="mal", blocked=True),
    )


def test_changes_are_told_once():
    add = ((1, "ann"), (7, "bob"), (65, "Pals"))
    told = said(client(0x83, *add, (14, "let me in")), server(0x83, *add, (66, 0)), kind=Contacts)
    assert told == [
        Contacts(owner="ann", change="add", entries=(Contact(account="bob", group="Pals"),))
    ]
    gone = said(client(0x84, *add), kind=Contacts)
    assert gone[0].change == "remove"
    assert said(server(0x83, (1, "ann"), (7, "bob"), (66, 3)), kind=Contacts) == []


def test_ignoring_somebody():
    told = said(client(0x85, (1, "ann"), (7, "mal"), (13, 1)), kind=Contacts)
    assert told[0].entries == (Contact(account="mal", blocked=True),)
    assert told[0].change == "add"
    again = said(client(0x85, (1, "ann"), (7, "mal"), (13, 2)), kind=Contacts)
    assert again[0].change == "remove"


def test_asking_to_be_listed_and_answers():
    ask = said(client(0x83, (1, "ann"), (7, "bob"), (65, "P"), (14, "let me in")), kind=Message)
    assert [(m.kind, m.text) for m in ask] == [("authorization", "let me in")]
    told = said(
        server(0x0F, (3, "eve"), (1, "ann"), (14, "hi")),
        server(0xD6, (4, "eve"), (5, "ann"), (13, 1)),
        client(0xD6, (1, "ann"), (5, "eve"), (13, 2), (14, "no")),
        client(0x86, (1, "ann"), (7, "eve"), (14, "never")),
        kind=Message,
    )
    assert [(m.sender, m.recipient, m.kind, m.text) for m in told] == [
        ("eve", "ann", "authorization", "hi"),
        ("eve", "ann", "authorization-granted", ""),
        ("ann", "eve", "authorization-denied", "no"),
        ("ann", "eve", "authorization-denied", "never"),
    ]


# -- status ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (((10, 0),), "online"),
        (((10, 2),), "busy"),
        (((10, 6),), "on-phone"),
        (((10, 12),), "invisible"),
        (((10, 99), (47, 1), (19, "tea")), "away"),
        (((10, 99), (47, 0), (19, "here")), "online"),
        (((10, 999), (47, 2), (137, 300)), "idle"),
        (((10, 77),), "status-77"),
        (((10, 0), (13, 0)), "offline"),
    ],
)
def test_status_of_contacts(fields, status):
    (told,) = said(server(0x03, (7, "bob"), *fields), kind=Presence)
    assert (told.account, told.status) == ("bob", status)
    assert told.idle == (300 if status == "idle" else 0)


def test_several_contacts_in_one_packet_and_one_that_logs_off():
    told = said(
        server(0x01, (0, "ann"), (1, "ann"), (8, 2), (7, "bob"), (10, 0), (13, 1),
               (7, "eve"), (10, 99), (19, "out"), (47, 1)),
        server(0x02, (7, "bob"), (10, 0)),
        kind=Presence,
    )  # fmt: skip
    assert [(p.account, p.status, p.text) for p in told] == [
        ("bob", "online", ""),
        ("eve", "away", "out"),
        ("bob", "offline", ""),
    ]


def test_version_15_entries_go_on_in_the_next_packet():
    told = said(
        server(0xF0, (302, 315), (300, 315), (7, "bob"), (10, 99), status=1),
        server(0xF0, (19, "tea"), (47, 1), (301, 315), (303, 315)),
        server(0xF0, (302, 315), (300, 315), (7, "eve"), (10, 0), (301, 315)),
        kind=Presence,
    )
    assert told == [
        Presence(account="bob", status="away", text="tea"),
        Presence(account="eve", status="online"),
    ]


def test_own_status():
    told = said(
        client(0xC6, (10, 99), (19, "at tea"), (47, 1)),
        client(0xC5, (13, 2)),
        client(0x04, (10, 0)),
        kind=Presence,
    )
    assert [(p.account, p.status, p.text) for p in told] == [
        ("ann", "away", "at tea"),
        ("ann", "invisible", ""),
        ("ann", "online", ""),
    ]


# -- messages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\x1b[1mbold\x1b[x1m", "bold"),
        ("\x1b[#ff00ffmpink \x1b[38mred", "pink red"),
        ('<font face="Arial" size="12">text</font>', "text"),
        ("<FADE #ff0000,#0000ff>faded</FADE> <ALT #1,#2>alt</ALT>", "faded alt"),
        ("<b>x</b> <red>y <#00ff00>z", "x y z"),
        ("a < b > c", "a < b > c"),
        ("<ding dong>", "<ding dong>"),
        (":) ;-) smileys stay", ":) ;-) smileys stay"),
        ("\x1b[unfinished", "\x1b[unfinished"),
    ],
)
def test_formatting(written, read):
    assert plain(written) == read


def test_a_message_to_several():
    told = said(client(0x06, (0, "ann"), (5, "bob"), (5, "eve"), (14, "hi")), kind=Message)
    assert [(m.sender, m.recipient) for m in told] == [("ann", "bob"), ("ann", "eve")]


REAL = [
    (
        (
            b"YMSG\x00\x00\x00\x02\x00S\x00\x01\x00\x00\x00\x00\xa8.\xee\x860\xc0\x80bacardi"
            b"bart\xc0\x801\xc0\x80bacardibart\xc0\x808\xc0\x801\xc0\x807\xc0\x80bennyva2002"
            b"\xc0\x8010\xc0\x800\xc0\x8011\xc0\x800\xc0\x8017\xc0\x800\xc0\x8013\xc0\x801"
            b"\xc0\x80\x00"
        ),
        Presence(account="bennyva2002", status="online"),
    ),
    (
        (
            b"YMSG\x00\x00\x00\x00\x00g\x00\x06\x00\x00\x00\x05b9\x09\x1031\xc0\x806\xc0\x80"
            b"32\xc0\x806\xc0\x805\xc0\x80bacardibart\xc0\x804\xc0\x80bennyva2002\xc0\x8015"
            b'\xc0\x801051027156\xc0\x8014\xc0\x80<font face="helvetica" size="10">:D'
            b"\xc0\x80"
        ),
        Message(
            sender="bennyva2002",
            recipient="bacardibart",
            text=":D",
            kind="offline",
            size=2,
            markup='<font face="helvetica" size="10">:D',
        ),
    ),
    (
        (
            b"YMSG\x00\x00\x00\x00\x00$\x00\x06\x00\x00\x00\x04\xcf#^%5\xc0\x80bennyva2002"
            b"\xc0\x8010\xc0\x80999\x021051029439\xc0\x80"
        ),
        Presence(account="bennyva2002", status="idle"),
    ),
    (
        (
            b"YMSG\x00\x00\x00\x00\x003\x00\x02\x00\x00\x00\x01\xc95^\xe97\xc0\x80bennyva200"
            b"2\xc0\x8010\xc0\x800\xc0\x8011\xc0\x80BF2C7CD8\xc0\x8017\xc0\x800\xc0\x8013"
            b"\xc0\x800\xc0\x80"
        ),
        Presence(account="bennyva2002", status="offline"),
    ),
]
"""Packets of Yahoo's server (2003) in the tests of Anastacia, which say what they mean."""


def test_rooms_alone():
    """MODChat2Pcks.bas `LoginChat2`, and the dumps beside it: services 1e, 1f and what answers."""
    session = Session(START)
    login = (0, "ann"), (1, "ann"), (6, "Y=v=1&n=abc&l=0dd/o&p=x; T=z=def&sk=1")
    told = kit.decode(
        session,
        [
            client(0x1E, *login, status=0x5A55AA55, version=10),
            server(0x1E, (0, "ann"), (1, "ann"), (8, "")),
            client(0x1F, (0, "ann"), (1, "ann"), version=10),
        ],
    )
    assert [(e.account, e.method) for e in kit.events(told, SignOn)] == [("ann", "cookie")]
    assert [e.scheme for e in kit.events(told, Credential)] == ["yahoo-cookie"]
    assert kit.events(told, SignOnAnswer) == [SignOnAnswer(account="ann", accepted=True)]
    assert kit.events(told, SignOff) == [SignOff(account="ann")]


LEAVES = bytes.fromhex(
    "59 4d 53 47 6c 79 31 33 00 5e 00 9b 00 00 00 01 94 95 c4 a0 31 30 34 c0 80 51 51 27 73 20 52"
    "6f 6f 6d 3a 31 c0 80 31 30 35 c0 80 57 65 6c 63 6f 6d 65 20 74 6f 20 4d 79 20 52 6f 6f 6d c0"
    "80 31 30 38 c0 80 31 c0 80 31 30 39 c0 80 71 71 2e 37 38 39 c0 80 31 31 32 c0 80 30 c0 80 31"
    "31 33 c0 80 33 33 37 39 32 c0 80 31 34 31 c0 80 51 51 c0 80 00"
)
SAYS = bytes.fromhex(
    "59 4d 53 47 37 00 00 00 00 4f 00 a8 00 00 00 01 00 00 00 00 31 30 34 c0 80 47 65 6e 65 72 61"
    "74 69 6f 6e 20 58 3a 32 34 c0 80 31 30 39 c0 80 6e 73 74 79 5f 62 72 6f 6f 6b 65 31 33 c0 80"
    "31 31 37 c0 80 74 65 6c 6c 20 6d 65 20 77 68 61 74 20 79 6f 75 20 6c 69 6b 65 c0 80 31 32 34"
    "c0 80 31 c0 80 00"
)


def test_servers_of_rooms_leave_anything_in_the_version():
    """MODHandles.bas, dumps of services 9b and a8 (2004)."""
    told = said((Side.SERVER, LEAVES), (Side.SERVER, SAYS))
    assert [(type(event), event.room) for event in told] == [
        (Room, "QQ's Room:1"),
        (Message, "Generation X:24"),
    ]
    assert (told[0].action, told[0].account) == ("leave", "qq.789")
    assert (told[1].sender, told[1].text) == ("nsty_brooke13", "tell me what you like")
    for data in (LEAVES, SAYS):
        claim = recognise(Peek("tcp", data, b"", begun=False, start=START))
        assert isinstance(claim, Claim)
        assert claim.flipped
        assert recognise(Peek("tcp", data[:22], b"", begun=False, start=START)) is MORE


def test_a_status_that_is_told_for_a_message_may_have_a_text():
    """MODHandles.bas, comment in `WebMessengerHandle`."""
    told = said(server(0x06, (5, "bob"), (10, 99), (19, "Broken"), status=1))
    assert told == [Presence(account="bob", status="away", text="Broken")]


def test_a_separator_alone_is_no_field():
    """MODChat2Pcks.bas, dump above `WebMsgVisible`."""
    empty = bytes.fromhex("59 4d 53 47 00 65 00 00 00 02 00 04 00 00 00 00 f2 d1 fc ef c0 80")
    assert said((Side.CLIENT, empty)) == []


@pytest.mark.parametrize(("packet", "told"), REAL)
def test_real_packets(packet, told):
    assert said((Side.SERVER, packet)) == [told]


def test_offline_messages_share_a_packet():
    told = said(
        server(0x06, (31, 6), (32, 6), (5, "ann"), (4, "bob"), (15, 1e9), (14, "one"),
               (31, 6), (32, 6), (5, "ann"), (4, "eve"), (15, 1e9), (14, "two"), status=5),
        kind=Message,
    )  # fmt: skip
    assert [(m.sender, m.recipient, m.text, m.kind) for m in told] == [
        ("bob", "ann", "one", "offline"),
        ("eve", "ann", "two", "offline"),
    ]


def test_a_message_that_was_not_delivered_is_not_told():
    assert said(server(0x06, (4, "bob"), (5, "ann"), (14, "x"), status=2), kind=Message) == []


def test_old_windows_text_and_federated_accounts():
    told = said(
        server(0x06, (4, "bob"), (5, "ann"), (14, b"na\xefve \x80"), (241, 2)), kind=Message
    )
    assert (told[0].sender, told[0].text) == ("msn/bob", "naïve €")


def test_buzz_typing_audible_sms_mail_and_system():
    told = said(
        client(0x06, (1, "ann"), (5, "bob"), (14, "<ding>")),
        server(0xD0, (4, "bob"), (5, "ann"), (230, "base.tmp"), (231, "Look out!")),
        client(0x2EA, (1, "ann"), (69, "Ann"), (5, "15551234"), (68, "carrier"), (14, "sms out")),
        server(0x2EA, (4, "15551234"), (5, "ann"), (14, "sms in")),
        server(0x14, (14, "maintenance")),
        kind=Message,
    )
    assert [(m.sender, m.recipient, m.text, m.kind) for m in told] == [
        ("ann", "bob", "", "nudge"),
        ("bob", "ann", "Look out!", "audible"),
        ("ann", "+15551234", "sms out", "sms"),
        ("+15551234", "ann", "sms in", "sms"),
        ("", "ann", "maintenance", "system"),
    ]
    (typing,) = said(server(0x4B, (4, "bob"), (5, "ann"), (49, "TYPING"), (13, 1), (14, " ")))
    assert typing == Typing(sender="bob", recipient="ann", active=True)
    (stopped,) = said(client(0x4B, (1, "ann"), (5, "bob"), (49, "TYPING"), (13, 0), (14, " ")))
    assert not stopped.active


def test_new_mail_names_sender_and_subject():
    (told,) = said(server(0x0B, (9, 1), (42, "x@example.com"), (43, "X"), (18, "Re: tea")))
    assert (told.sender, told.text, told.kind) == ("x@example.com", "Re: tea", "mail")


def test_games_webcams_and_voice_are_offered_and_answered():
    told = said(
        client(0x4B, (1, "ann"), (5, "bob"), (49, "WEBCAMINVITE"), (13, 0), (14, " ")),
        server(0x4B, (4, "bob"), (5, "ann"), (49, "WEBCAMINVITE"), (13, 0), (14, "-1")),
        server(0x4B, (4, "bob"), (5, "ann"), (49, "GAME"), (13, 1), (14, "ck"), (16, "chess")),
        server(0xB7, (4, "bob"), (5, "ann"), (180, "pool")),
        server(0x4A, (4, "bob"), (5, "ann"), (57, "ann-123"), (13, 1)),
        client(0x4A, (1, "ann"), (5, "bob"), (57, "ann-123"), (13, "3")),
    )
    uses = [(type(v).__name__, v.use, v.sender, v.recipient) for v in told]
    assert uses == [
        ("Offer", "voice-video", "ann", "bob"),
        ("OfferAnswer", "voice-video", "bob", "ann"),
        ("Offer", "game", "bob", "ann"),
        ("Offer", "game", "bob", "ann"),
        ("Offer", "voice-video", "bob", "ann"),
        ("OfferAnswer", "voice-video", "ann", "bob"),
    ]
    assert told[1].accepted is False


def test_drawing_together():
    told = said(
        server(0x4D, (4, "bob"), (5, "ann"), (49, "IMVIRONMENT"), (1, "ann"), (63, "doodle;106"))
    )
    assert told == [
        Offer(use=Capability.WHITEBOARD, sender="bob", recipient="ann", name="doodle",
              detail="imvironment"),
    ]  # fmt: skip


# -- conferences and rooms ---------------------------------------------------------------------


def test_a_conference_from_invitation_to_end():
    room = (57, "ann-42")
    told = said(
        client(0x18, (1, "ann"), (50, "ann"), room, (58, "join us"), (97, 1), (52, "bob"),
               (52, "eve"), (13, 256)),
        server(0x1C, (1, "ann"), (50, "ann"), room, (51, "joe"), (58, "come"), status=1),
        server(0x19, (1, "ann"), room, (53, "bob")),
        server(0x1A, (1, "ann"), room, (54, "eve"), (14, "busy")),
        server(0x1D, (1, "ann"), room, (3, "bob"), (14, "hello all")),
        client(0x1D, (1, "ann"), (53, "bob"), room, (14, "hi")),
        server(0x1B, (1, "ann"), room, (56, "bob")),
        client(0x1B, (1, "ann"), room, (3, "bob")),
    )  # fmt: skip
    rooms = [(r.action, r.account, r.others) for r in told if isinstance(r, Room)]
    assert rooms == [
        ("create", "ann", ("bob", "eve")),
        ("invite", "ann", ("joe",)),
        ("join", "bob", ()),
        ("decline", "eve", ()),
        ("leave", "bob", ()),
        ("leave", "ann", ()),
    ]
    assert [(m.sender, m.text, m.kind) for m in told if isinstance(m, Message)] == [
        ("ann", "join us", "invitation"),
        ("ann", "come", "invitation"),
        ("eve", "busy", "text"),
        ("bob", "hello all", "text"),
        ("ann", "hi", "text"),
    ]
    assert {m.room for m in told if isinstance(m, Room | Message)} == {"ann-42"}
    (voice,) = [v for v in told if isinstance(v, Offer)]
    assert (voice.use, voice.id) == ("voice-video", "ann-42")


def test_an_invitation_that_arrives():
    told = said(
        server(0x18, (1, "ann"), room := (57, "bob-1"), (50, "bob"), (52, "eve"), (58, "hey")),
        kind=Room,
    )
    assert told == [Room(room=room[1], action="invite", account="bob", others=("ann", "eve"))]


def test_a_public_room():
    told = said(
        client(0x98, (1, "ann"), (104, "Tea:1"), (129, 1), (62, 2)),
        server(0x98, (104, "Tea:1"), (105, "all about tea"), (108, 2), (109, "ann"), (109, "bob")),
        server(0x98, (104, "Tea:1"), (108, 1), (109, "eve")),
        client(0xA8, (1, "ann"), (104, "Tea:1"), (117, "hello"), (124, 1)),
        server(0xA8, (104, "Tea:1"), (109, "bob"), (117, "waves"), (124, 2)),
        client(0x9D, (1, "ann"), (104, "Tea:1"), (117, "join"), (118, "joe")),
        server(0x9B, (104, "Tea:1"), (109, "bob")),
        client(0xA0, (1, "ann")),
    )
    assert [(r.action, r.account, r.others) for r in told if isinstance(r, Room)] == [
        ("join", "ann", ()),
        ("join", "ann", ("bob",)),
        ("join", "eve", ()),
        ("invite", "ann", ("joe",)),
        ("leave", "bob", ()),
        ("leave", "ann", ()),
    ]
    assert [(m.sender, m.text, m.kind) for m in told if isinstance(m, Message)] == [
        ("ann", "hello", "text"),
        ("bob", "waves", "emote"),
        ("ann", "join", "invitation"),
    ]


# -- files, pictures, addresses ----------------------------------------------------------------


def test_a_file_that_waits_at_yahoo():
    url = "http://filetransfer.msg.yahoo.com:80/2a4d/tea.txt?abc"
    told = said(server(0x46, (1, "ann"), (4, "bob"), (5, "ann"), (20, url), (27, "tea.txt"),
                       (28, 42)))  # fmt: skip
    offer, expect = told
    assert (offer.sender, offer.recipient, offer.name, offer.size) == ("bob", "ann", "tea.txt", 42)
    assert (expect.address, expect.port) == ("filetransfer.msg.yahoo.com", 80)
    assert (expect.context.path, expect.context.size) == ("/2a4d/tea.txt?abc", 42)


def test_a_file_from_computer_to_computer():
    url = "http://192.0.2.9:80/Messenger.bob.1067540190000tea.txt?AppID=Messenger&UserID=ann&K=l"
    told = said(
        server(0x4D, (4, "bob"), (5, "ann"), (49, "FILEXFER"), (13, 1), (27, "tea.txt"), (28, 42),
               (20, url), (53, "tea.txt"), status=1),
        client(0x4D, (1, "ann"), (5, "bob"), (49, "FILEXFER"), (13, 3), (27, "tea.txt"), (53, "x")),
        client(0x4D, (1, "ann"), (5, "bob"), (49, "FILEXFER"), (13, 2), (27, "tea.txt"), (53, "x")),
    )  # fmt: skip
    offer, address, expect, reroute, declined = told
    assert (offer.name, offer.size, offer.sender) == ("tea.txt", 42, "bob")
    assert address == PeerAddress(use=Capability.FILE_TRANSFER, account="bob", address="192.0.2.9",
                                  port=80, how="file-offer")  # fmt: skip
    assert (expect.address, expect.port, expect.protocol) == ("192.0.2.9", 80, "yahoo-http")
    assert not reroute.accepted
    assert "server" in reroute.reason
    assert declined == OfferAnswer(use=Capability.FILE_TRANSFER, sender="ann", recipient="bob",
                                   accepted=False, reason="declined")  # fmt: skip


def test_browsing_shared_files():
    url = "http://192.0.2.9:80/Messenger.bob.1067540190000list?AppID=Messenger"
    told = said(
        client(0x4D, (1, "ann"), (5, "bob"), (49, "FILEXFER"), (13, 2)),
        server(0x4D, (4, "bob"), (5, "ann"), (49, "FILEXFER"), (13, 6), (20, url)),
        client(0x4D, (1, "ann"), (5, "bob"), (49, "FILEXFER"), (13, 9)),
    )
    assert {v.use for v in told if not isinstance(v, Expect)} == {Capability.FILE_SHARING}
    (expect,) = [v for v in told if isinstance(v, Expect)]
    assert expect.purpose is Capability.FILE_SHARING


def test_a_path_into_the_message_archive_is_an_anomaly():
    path = r"C:\Program Files\Yahoo!\Messenger\Profiles\bob\Archive\Messages\ann\20040304-bob.dat"
    url = "http://192.0.2.9/Messenger.x?AppID=Messenger"
    offer = ((4, "bob"), (5, "ann"), (49, "FILEXFER"), (13, 1), (53, path), (20, url))
    told = said(server(0x4D, *offer), kind=Anomaly)
    assert [a.kind for a in told] == ["message-archive"]


def test_direct_connections_disclose_the_address():
    """Witness: libpurple writes the address as a decimal number, low byte first, in base 64."""
    told = said(server(0x4F, (5, "ann"), (4, "bob"), (12, "MTUxMTI2MjA4"), (61, 0), (2, ""),
                       (13, 1), (49, "PEERTOPEER")))  # fmt: skip
    address, expect = told
    assert (address.account, address.address, address.port) == ("bob", "192.0.2.9", 5101)
    assert (expect.protocol, expect.address, expect.port) == ("ymsg", "192.0.2.9", 5101)
    assert expect.source == START.client.address
    for bad in (b"!!!", b"AAAA", b"", b"LTE=" * 9):
        assert not said(server(0x4F, (5, "ann"), (4, "bob"), (12, bad)), kind=PeerAddress)


def test_version_15_offer_relay_and_answers():
    offer = ((4, "bob"), (5, "ann"), (265, "tok$"), (222, 1), (266, 2), (302, 268), (300, 268),
             (27, "a.txt"), (28, 5), (301, 268), (300, 268), (27, "b.txt"), (28, 6), (301, 268),
             (303, 268))  # fmt: skip
    told = said(
        server(0xDC, *offer),
        client(0xDC, (1, "ann"), (5, "bob"), (265, "tok$"), (222, 3)),
        server(0xDD, (4, "bob"), (5, "ann"), (265, "tok$"), (27, "a.txt"), (249, 3),
               (250, "98.136.112.33")),
        client(0xDE, (1, "ann"), (5, "bob"), (265, "tok$"), (27, "a.txt"), (249, 3),
               (250, "98.136.112.33"), (251, "relaytoken")),
    )  # fmt: skip
    offers = [v for v in told if isinstance(v, Offer)]
    assert [(o.name, o.size, o.count, o.id) for o in offers] == [
        ("a.txt", 5, 2, "tok$"),
        ("b.txt", 6, 2, "tok$"),
    ]
    (answer,) = [v for v in told if isinstance(v, OfferAnswer)]
    assert (answer.accepted, answer.sender, answer.id) == (True, "ann", "tok$")
    expected = [v for v in told if isinstance(v, Expect)]
    assert {(e.address, e.port, e.context.sender, e.context.size) for e in expected} == {
        ("98.136.112.33", 80, "bob", 5)
    }
    assert expected[-1].context.token == "relaytoken"
    assert [e.source for e in expected] == [START.client.address, ""]
    # A relay is nobody's own address.
    assert not [v for v in told if isinstance(v, PeerAddress)]


def test_version_15_direct_declined_and_withdrawn():
    told = said(
        server(0xDC, (4, "bob"), (5, "ann"), (265, "t"), (222, 1), (27, "a"), (28, 5)),
        server(0xDD, (4, "bob"), (5, "ann"), (265, "t"), (27, "a"), (249, 1),
               (250, "http://192.0.2.9:80/Messenger.bob.1067540190000a?AppID=Messenger")),
        client(0xDC, (1, "ann"), (5, "bob"), (265, "t"), (222, 4)),
        server(0xDC, (4, "bob"), (5, "ann"), (265, "t"), (222, 2)),
        client(0xDE, (1, "ann"), (5, "bob"), (265, "t"), (66, -1)),
    )  # fmt: skip
    (address,) = [v for v in told if isinstance(v, PeerAddress)]
    assert (address.account, address.address) == ("bob", "192.0.2.9")
    assert [(a.accepted, a.reason) for a in told if isinstance(a, OfferAnswer)] == [
        (False, "declined"),
        (False, "withdrawn"),
        (False, "cancelled"),
    ]


def test_display_pictures_and_photos():
    url = "http://img.msg.yahoo.example/u/bob.png?x"
    told = said(
        server(0xBE, (4, "bob"), (5, "ann"), (13, 2), (20, url), (192, 12345)),
        client(0xD2, (1, "ann"), (5, "bob"), (245, "session"), (246, "holiday.jpg")),
    )
    picture, expect, photo = told
    assert (picture.use, picture.detail, picture.name) == ("image", url, "bob.png")
    assert (expect.protocol, expect.purpose) == ("yahoo-http", "image")
    assert (photo.use, photo.name) == ("image", "holiday.jpg")


def test_webcam_keys_are_tokens():
    told, tie, expect = said(server(0x50, (5, "ann"), (61, "key"), (102, "webcam.yahoo.example")))
    assert (told.kind, told.scheme, told.secret) == ("token", "yahoo-webcam-key", "key")
    assert tie == cookies.webcam_tie("key", "ann")
    # Kopete `WebcamTask::parseWebcamInformation`: 102 is the server, the port always 5100.
    assert (expect.protocol, expect.address) == ("yahoo-webcam", "webcam.yahoo.example")
    assert (expect.port, expect.source) == (5100, START.client.address)
