"""What MSG carries, content type by content type; and who says it to whom."""

from base64 import b64encode

import pytest
from tests import kit
from tests.protocols.msnp.craft import (
    ALICE,
    BOB,
    EVE,
    GUID,
    MIDDLE,
    START,
    C,
    S,
    got,
    line,
    mime,
    only,
    payload,
    said,
    sent,
    talk,
)

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import (
    Anomaly,
    Credential,
    Malformed,
    Message,
    Offer,
    PeerAddress,
    Room,
    Software,
    Typing,
)
from backchannel.model import Endpoint
from backchannel.protocols import Start
from backchannel.protocols.msnp.events import ChatLogging
from backchannel.protocols.msnp.session import Session


def test_text_goes_to_the_other_one():
    told = talk((C, sent("text/plain; charset=UTF-8", "héllo")), (S, got("text/plain", "hi")))
    assert kit.events(told, Message) == [
        Message(sender=ALICE, recipient=BOB, text="héllo", size=5),
        Message(sender=BOB, recipient=ALICE, text="hi", size=2),
    ]


def test_text_may_look_like_commands_and_headers():
    text = "OUT\r\n\r\nMSG 1 N 5\r\nContent-Type: text/x-msmsgscontrol\r\n\r\n"
    told = talk((S, got("text/plain", text)), (S, got("text/plain", "after")))
    assert [m.text for m in kit.events(told, Message)] == [text, "after"]


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("utf-16le", "hi ☃".encode("utf-16-le"), "hi ☃"),
        ("windows-1252", b"caf\xe9", "café"),
        ("iso-8859-1", b"caf\xe9", "café"),
        ("idna", b"caf\xe9", "café"),
        ("undefined", b"caf\xe9", "café"),
        ("rot13", b"cafe", "cafe"),
        ("UTF-8", b"caf\xc3\xa9", "café"),
    ],
)
def test_character_sets(charset, data, text):
    told = talk((S, got(f"text/plain; charset={charset}", data)))
    assert only(told, Message).text == text


def test_several_make_a_room():
    told = talk(
        (C, line(f"CAL 3 {EVE}") + line(f"CAL 4 {EVE}")),
        (S, line(f"JOI {EVE} Eve")),
        (C, sent("text/plain", "hi all")),
        (S, got("text/plain", "hi you")),
        (S, line(f"BYE {EVE}")),
        (C, sent("text/plain", "hi Bob")),
    )
    assert [(m.sender, m.recipient, m.room) for m in kit.events(told, Message)] == [
        (ALICE, "", "11752013"),
        (BOB, "", "11752013"),
        (ALICE, BOB, ""),
    ]
    assert [(r.action, r.account, r.others) for r in kit.events(told, Room)] == [
        ("invite", ALICE, (EVE,)),
        ("join", EVE, ()),
        ("leave", EVE, ()),
    ]


def test_one_account_at_two_places_is_no_room():
    told = said(
        (C, line(f"USR 1 {ALICE};{GUID} 1.2.3")),
        (S, line(f"USR 1 OK {ALICE};{GUID} Alice")),
        (C, line(f"CAL 2 {BOB}")),
        (S, line(f"JOI {BOB};{GUID} Bob 1:0") + line(f"JOI {BOB} Bob 1:0")),
        (S, line(f"JOI {ALICE} Alice 1:0")),
        (C, sent("text/plain", "hi")),
    )
    assert only(told, Message).recipient == BOB
    assert not kit.events(told, Room)


def test_typing():
    told = talk(
        (C, sent("text/x-msmsgscontrol", TypingUser=ALICE)),
        (S, got("text/x-msmsgscontrol", "\r\n\r\n", TypingUser=BOB)),
    )
    assert kit.events(told, Typing) == [
        Typing(sender=ALICE, recipient=BOB),
        Typing(sender=BOB, recipient=ALICE),
    ]
    told = talk((S, got("text/x-msmsgscontrol", TypingUser=EVE)))
    assert only(told, Anomaly).kind == "spoofed-sender"
    assert only(told, Typing).sender == BOB


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("ID: 1\r\n\r\n", "nudge", ""),
        ('ID: 2\r\nData: <msnobj Friendly="SABpAA==" Type="8"/>\r\n\r\n', "wink", "Hi"),
        ("ID: 3\r\nData: <msnobj/>\r\n\r\n", "voice-clip", ""),
        ("ID: 4\r\nData: dances\r\n\r\n", "action", "dances"),
        ("ID: 77\r\n", "datacast", ""),
    ],
)
def test_datacasts(body, kind, text):
    told = talk((S, got("text/x-msnmsgr-datacast", body)))
    assert only(told, Message) == Message(
        sender=BOB, recipient=ALICE, kind=kind, text=text, size=len(text)
    )


def test_chunks_are_put_together_in_any_order():
    guid = "{C8FC3D65-0B43-4F91-A8C4-0AC3B0B49F5E}"
    first = got("text/plain; charset=UTF-8", "one ", Message_ID=guid, Chunks=3)
    head = f"MIME-Version: 1.0\r\nMessage-ID: {guid}\r\nChunk: "
    second, third = (
        payload(f"MSG {BOB} Bob", f"{head}{number}\r\n\r\n{text}")
        for number, text in ((1, "two "), (2, "three"))
    )
    for order in ((first, second, third), (third, first, second)):
        told = talk(*((S, part) for part in order), (S, got("text/plain", "after")))
        assert [m.text for m in kit.events(told, Message)] == ["one two three", "after"]


def test_ink_as_a_picture():
    """Witness: the GIF's own bytes."""
    gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + bytes(40)
    told = talk((S, got("image/gif", b"base64:" + b64encode(gif))))
    assert only(told, Message).kind == "ink"
    (opened,) = kit.effects(told, FileOpen)
    assert (opened.use, opened.name, opened.size) == ("image", "ink.gif", len(gif))
    assert [piece.data for piece in kit.effects(told, FileData)] == [gif]
    assert kit.effects(told, FileClose)


def test_ink_in_chunks():
    data = bytes(range(256)) * 6
    coded = b"base64:" + b64encode(data)
    one = got("application/x-ms-ink", coded[:1000], Message_ID="{1}", Chunks=2)
    two = payload(f"MSG {BOB} B", b"Message-ID: {1}\r\nChunk: 1\r\n\r\n" + coded[1000:])
    told = talk((S, one), (S, two))
    assert [piece.data for piece in kit.effects(told, FileData)] == [data]
    assert kit.effects(told, FileOpen)[0].name == "ink.isf"


def test_custom_emoticons():
    xml = '<msnobj Creator="bob@example.com" Size="3220" Type="2" Location="TFR7.dat" Friendly=""/>'
    told = talk((S, got("text/x-mms-emoticon", f":-)\t{xml}\t(x)\t{xml}\t")))
    assert [(o.name, o.size, o.detail, o.use) for o in kit.events(told, Offer)] == [
        (":-)", 3220, "custom emoticon", "image"),
        ("(x)", 3220, "custom emoticon", "image"),
    ]


def test_an_object_that_leaves_its_folder_is_an_anomaly():
    xml = '<msnobj Size="1" Type="2" Location="..\\..\\boot.ini"/>'
    told = talk((S, got("text/x-mms-emoticon", f":)\t{xml}\t")))
    assert only(told, Anomaly).kind == "path-in-file-name"


def test_programs_and_whether_they_log():
    body = "Client-Name: Client/1.2.3\r\nChat-Logging: S\r\n"
    told = talk((S, got("text/x-clientcaps", body)), (S, got("text/x-clientcaps", body)))
    assert only(told, Software) == Software(
        name="Client", version="1.2.3", role="peer", account=BOB
    )
    assert only(told, ChatLogging) == ChatLogging(account=BOB, keeps=True)


def test_an_oversized_font_name():
    told = talk((S, got("text/plain", "x", X_MMS_IM_Format=f"FN={'A' * 900}; EF=B; CO=0")))
    assert only(told, Anomaly).kind == "oversized-font-name"
    assert only(told, Message).text == "x"


# -- from the service --------------------------------------------------------------------------

PROFILE = mime(
    "text/x-msmsgsprofile; charset=UTF-8",
    MSPAuth="2AAAAAAAAAA&p=",
    ClientIP="203.0.113.9",
    ClientPort="4711",
)


def signed_on(*steps, start=START):
    login = (S, line(f"USR 3 OK {ALICE} Alice 1"))
    return kit.decode(Session(start), [login, *steps])


def test_the_profile_discloses_the_address_and_a_session_cookie():
    told = signed_on((S, payload("MSG Hotmail Hotmail", PROFILE)))
    address = only(told, PeerAddress)
    assert (address.account, address.address, address.port) == (ALICE, "203.0.113.9", 4711)
    credential = only(told, Credential)
    assert (credential.scheme, credential.secret) == ("msn-mspauth", "2AAAAAAAAAA&p=")


def test_a_port_in_the_other_byte_order_is_known_by_the_flows_own():
    start = Start("tcp", Endpoint("192.0.2.10", 0x9C40), START.server)
    for declared in (0x9C40, 0x409C):
        data = PROFILE.replace(b"4711", str(declared).encode())
        told = signed_on((S, payload("MSG Hotmail Hotmail", data)), start=start)
        assert only(told, PeerAddress).port == 0x9C40


def test_only_the_service_writes_profiles():
    told = talk((S, payload(f"MSG {BOB} Bob", PROFILE)))
    assert not kit.events(told, PeerAddress)


def test_mail_offline_messages_and_shutdown():
    mail = "From: Ann\r\nFrom-Addr: ann@example.net\r\nSubject: =?utf-8?B?SGkg4piD?=\r\n"
    waiting = (
        "Mail-Data: <MD><E><I>1</I></E><M><T>11</T><S>6</S><RT>2005</RT><E>eve@example.org</E>"
        "<I>45</I></M><M><T>1</T><E>x@example.net</E><SU>two</SU></M></MD>\r\n"
    )
    told = signed_on(
        (S, got("text/x-msmsgsemailnotification; charset=UTF-8", mail, "Hotmail", "Hotmail")),
        (S, got("text/x-msmsgsinitialmdatanotification", waiting, "Hotmail", "Hotmail")),
        (S, got("application/x-msmsgssystemmessage", "Type: 1\r\nArg1: 5\r\n", "Hotmail", "H")),
    )
    assert [(m.sender, m.recipient, m.kind, m.text) for m in kit.events(told, Message)] == [
        ("ann@example.net", ALICE, "mail-notice", "Hi ☃"),
        (EVE, ALICE, "offline", ""),
        ("x@example.net", ALICE, "mail-notice", "two"),
        ("", ALICE, "system", "going down in 5 minutes"),
    ]


def test_alerts_and_pages():
    told = signed_on(
        (
            S,
            payload(
                "NOT",
                "<NOTIFICATION ver='2'><MSG><BODY><TEXT>Lunch &amp; learn</TEXT></BODY></MSG>",
            ),
        ),
        (
            S,
            payload(
                "IPG",
                '<NOTIFICATION><FROM name="tel:+15551234"/><MSG><BODY><TEXT>hi</TEXT></BODY></MSG>',
            ),
        ),
        (C, payload("PGD 9 tel:+15559876 1", "<TEXT>yo</TEXT>")),
        (C, payload(f"SDC 10 {EVE} 0x0409 MSMSGS MSMSGS X X Alice", "join me")),
    )
    assert [(m.sender, m.recipient, m.kind, m.text) for m in kit.events(told, Message)] == [
        ("", ALICE, "alert", "Lunch & learn"),
        ("tel:+15551234", ALICE, "sms", "hi"),
        (ALICE, "tel:+15559876", "sms", "yo"),
        (ALICE, EVE, "mail-invitation", "join me"),
    ]


def test_what_the_address_book_tells_the_client_is_no_alert():
    """As the server escargot writes it to a client of MSNP18."""
    body = (
        "&lt;NotificationData xmlns:xsd='http://www.w3.org/2001/XMLSchema'&gt;&lt;Service&gt;"
        "ABCHInternal&lt;/Service&gt;&lt;CID&gt;-43&lt;/CID&gt;&lt;/NotificationData&gt;"
    )
    notice = f"<NOTIFICATION id='0'><MSG id='0'><BODY>\n\t{body}\n</BODY></MSG></NOTIFICATION>"
    assert not kit.events(signed_on((S, payload("NOT", notice))), Message)


def test_messages_of_other_networks():
    text = mime("text/plain; charset=UTF-8", "hi there")
    told = signed_on(
        (C, payload("UUM 5 eve@example.org 32 1", text)),
        (S, payload(f"UBM eve@example.org 32 {ALICE} 1 1", text)),
        (
            S,
            payload(
                f"UBM eve@example.org 32 {ALICE} 1 2", mime("text/x-msmsgscontrol", TypingUser=EVE)
            ),
        ),
    )
    assert [(m.sender, m.recipient, m.text) for m in kit.events(told, Message)] == [
        (ALICE, EVE, "hi there"),
        (EVE, ALICE, "hi there"),
    ]
    assert only(told, Typing).sender == EVE


def test_a_body_without_headers_is_malformed():
    told = talk((S, payload(f"MSG {BOB} Bob", "\r\nwhat")), (S, got("text/plain", "after")))
    assert len(kit.events(told, Malformed)) == 1
    assert only(told, Message).text == "after"


def test_amid_a_conversation_typing_and_senders_tell_who_talks():
    """The account was named, and the other one met, before the capture began."""
    told = said(
        (S, got("text/plain", "hello")),
        (C, sent("text/plain", "who knows")),
        (C, sent("text/x-msmsgscontrol", TypingUser=ALICE)),
        (C, sent("text/plain", "me")),
        start=MIDDLE,
    )
    assert [(m.sender, m.recipient) for m in kit.events(told, Message)] == [
        (BOB, ""),
        ("", BOB),
        (ALICE, BOB),
    ]
    assert only(told, Typing) == Typing(sender=ALICE, recipient=BOB)
