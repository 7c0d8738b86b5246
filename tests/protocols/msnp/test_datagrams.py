"""MSNP21: datagrams, publications, circles and groups."""

from tests import kit
from tests.protocols.msn_p2p import craft
from tests.protocols.msnp.craft import ALICE, BOB, EVE, GUID, START, C, S, line, only, payload
from tests.protocols.msnp.test_peer import DATA, TRANSRESP, chunks2, whole

from backchannel.effects import Expect
from backchannel.events import Message, OfferAnswer, Presence, Profile, Room, Typing
from backchannel.protocols.msnp.session import Session


def letter(sender, recipient, kind, headers, body=b""):
    head = (
        f"Routing: 1.0\r\nTo: {recipient}\r\nFrom: {sender}\r\nService-Channel: IM/Online\r\n\r\n"
        f"Reliability: 1.0\r\n\r\n{kind}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def sdg(kind, body=b"", *, sender=f"1:{BOB};epid={GUID}", recipient=f"1:{ALICE}", more=""):
    data = letter(sender, recipient, "Messaging: 2.0", f"Message-Type: {kind}\r\n{more}", body)
    return payload("SDG 0", data)


LOGIN21 = [
    (C, line("VER 1 MSNP21 CVR0")),
    (S, line("VER 1 MSNP21")),
    (S, line(f"USR 4 OK {ALICE} 0 0")),
]


def said21(*steps):
    return kit.decode(Session(START), [*LOGIN21, *steps])


def test_datagrams_carry_messages():
    told = said21(
        (S, sdg("Text", "hi ☃".encode(), more="Content-Type: Text/plain; charset=UTF-8\r\n")),
        (S, sdg("Control/Typing")),
        (S, sdg("Nudge", b"\r\n")),
        (C, sdg("Text", b"yo", sender=f"1:{ALICE}", recipient=f"1:{BOB}")),
        (
            S,
            sdg(
                "Text",
                b"all",
                sender="1:eve@example.org;via=9:00000000-0000-0000-0009-aabbccddeeff@live.com",
            ),
        ),
        (C, sdg("Text", b"us", sender=f"1:{ALICE}", recipient="10:aa@live.com;path=IM")),
        (S, sdg("Signal/Unheard")),
    )
    circle = "00000000-0000-0000-0009-aabbccddeeff@live.com"
    assert [(m.sender, m.recipient, m.room, m.kind, m.text) for m in kit.events(told, Message)] == [
        (BOB, ALICE, "", "text", "hi ☃"),
        (BOB, ALICE, "", "nudge", ""),
        (ALICE, BOB, "", "text", "yo"),
        (EVE, "", circle, "text", "all"),
        (ALICE, "", "aa@live.com", "text", "us"),
    ]
    assert only(told, Typing).sender == BOB


def test_datagrams_carry_files():
    invite = craft.invite(BOB, ALICE, craft.FILE_GUID, 7, craft.file_context("f.bin", 2400))
    data = DATA[:2400]
    packets = [piece + bytes(4) for piece in chunks2(data, 7, 6)]
    offsets = f"Bridging-Offsets: 0,{len(packets[0])}\r\n"
    accept = craft.answer(ALICE, BOB, 7)
    told = said21(
        (S, sdg("Data", craft.v2(invite, tf=1) + bytes(4))),
        (C, sdg("Data", craft.v2(accept, tf=1), sender=f"1:{ALICE}", recipient=f"1:{BOB}")),
        (S, sdg("Data", b"".join(packets), more=offsets)),
    )
    found, opened = whole(told)
    assert found == data
    assert (opened.name, opened.sender) == ("f.bin", BOB)
    assert only(told, OfferAnswer).accepted


def test_datagrams_carry_the_negotiation():
    body = craft.direct(BOB, ALICE, TRANSRESP.format(nonce="")).rstrip(b"\0")
    told = said21((S, sdg("Signal/P2P", body)))
    assert len(kit.effects(told, Expect)) == 3


def publication(name, sender, content, xml, uri="/user"):
    headers = f"Uri: {uri}\r\nNotifType: Full\r\nContent-Type: {content}\r\n"
    recipient = f"1:{ALICE}" if name.startswith("NFY") else sender
    return payload(name, letter(sender, recipient, "Publication: 1.0", headers, xml.encode()))


def test_presence_is_published():
    xml = (
        '<user><s n="IM"><Status>BSY</Status></s><s n="PE"><FriendlyName>Bob &amp; B</FriendlyName>'
        "<PSM>at work</PSM></s></user>"
    )
    user = "application/user+xml"
    told = said21(
        (S, publication("NFY PUT", f"1:{BOB}", user, xml)),
        (S, publication("NFY PUT", f"1:{BOB}", user, xml)),
        (
            C,
            publication(
                "PUT 7", f"1:{ALICE};epid={GUID}", user, '<s n="IM"><Status>AWY</Status></s>'
            ),
        ),
        (S, line("PUT 7 OK 0")),
        (S, publication("NFY DEL", f"1:{BOB}", user, "<user></user>")),
    )
    assert [(p.account, p.status) for p in kit.events(told, Presence)] == [
        (BOB, "busy"),
        (ALICE, "away"),
        (BOB, "offline"),
    ]
    assert kit.events(told, Profile) == [
        Profile(account=BOB, nickname="Bob & B"),
        Profile(account=BOB, text="at work"),
    ]


def test_circles_and_groups():
    xml = "<circle><roster><id>IM</id><user><id>1:eve@example.org</id></user></roster></circle>"
    mine = xml.replace("eve@example.org", ALICE)
    group, kind = "10:aa@live.com", "application/multiparty+xml"
    told = said21(
        (C, publication("PUT 7", group, kind, xml, "/circle")),
        (C, publication("PUT 8", group, kind, mine, "/circle")),
        (S, publication("NFY PUT", group, kind, xml, "/circle")),
        (S, publication("NFY DEL", group, kind, "", "/circle/roster(IM)/user(1:eve@example.org)")),
    )
    assert [(r.room, r.action, r.account) for r in kit.events(told, Room)] == [
        ("aa@live.com", "invite", ALICE),
        ("aa@live.com", "join", ALICE),
        ("aa@live.com", "join", EVE),
        ("aa@live.com", "leave", EVE),
    ]
