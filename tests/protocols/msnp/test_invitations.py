"""Invitations of the old kind. Shapes as hypothetic.org, aMSN, Miranda and KMess have them."""

import pytest
from tests import kit
from tests.protocols.msnp.craft import ALICE, BOB, START, C, S, got, only, sent, talk

from backchannel.effects import Expect, FileClose, FileOpen
from backchannel.events import Anomaly, Offer, OfferAnswer, PeerAddress

FILE = "{5D3E02AB-6190-11d3-BBBB-00C04F795683}"
VOICE = "{02D3C01F-BF30-4825-A83A-DE7AF41648AA}"


def invite(*fields, who=C):
    body = "\r\n".join(fields) + "\r\n\r\n"
    content = "text/x-msmsgsinvite; charset=UTF-8"
    return (C, sent(content, body)) if who is C else (S, got(content, body))


OFFER = (
    "Application-Name: File Transfer",
    f"Application-GUID: {FILE}",
    "Invitation-Command: INVITE",
    "Invitation-Cookie: 33267",
    "Application-File: recette naïve.txt",
    "Application-FileSize: 6000",
)
ACCEPT = (
    "Invitation-Command: ACCEPT",
    "Invitation-Cookie: 33267",
    "Launch-Application: FALSE",
    "Request-Data: IP-Address:",
)
ADDRESS = (
    "Invitation-Command: ACCEPT",
    "Invitation-Cookie: 33267",
    "IP-Address: 203.0.113.5",
    "IP-Address-Internal: 192.168.0.4",
    "Port: 6891",
    "PortX: 11178",
    "AuthCookie: 93301",
    "Sender-Connect: FALSE",
    "Launch-Application: FALSE",
)


def test_a_file_is_offered_accepted_and_announced():
    told = talk(invite(*OFFER), invite(*ACCEPT, who=S), invite(*ADDRESS))
    offer = only(told, Offer)
    assert (offer.sender, offer.recipient, offer.use) == (ALICE, BOB, "file-transfer")
    assert (offer.id, offer.name, offer.size) == ("33267", "recette naïve.txt", 6000)
    answer = only(told, OfferAnswer)
    assert (answer.sender, answer.recipient, answer.id, answer.accepted) == (
        BOB,
        ALICE,
        "33267",
        True,
    )
    disclosed = {(a.account, a.address, a.port) for a in kit.events(told, PeerAddress)}
    assert disclosed == {
        (ALICE, host, port) for host in ("203.0.113.5", "192.168.0.4") for port in (6891, 11178)
    }
    announced = kit.effects(told, Expect)
    assert {(e.address, e.port) for e in announced} == {(a, p) for _, a, p in disclosed}
    for expect in announced:
        assert (expect.protocol, expect.purpose, expect.accounts) == (
            "msnftp",
            "file-transfer",
            (ALICE, BOB),
        )
        context = expect.context
        assert (context.auth, context.name, context.size) == ("93301", "recette naïve.txt", 6000)
    assert kit.effects(told, FileOpen)[0].key == announced[0].context.key


def test_the_receiver_may_listen():
    address = [field.replace("FALSE", "TRUE") for field in ADDRESS]
    told = talk(invite(*OFFER, "Connectivity: N"), invite(*address, who=S))
    expect = kit.effects(told, Expect)[0]
    assert (expect.context.sender, expect.context.recipient) == (ALICE, BOB)
    assert {a.account for a in kit.events(told, PeerAddress)} == {BOB}
    assert only(told, OfferAnswer).accepted


def test_what_a_stranger_announces_only_our_client_can_open():
    """And to what our client announces, whoever is told of it may come."""
    for who, source in ((C, ""), (S, START.client.address)):
        announced = kit.effects(talk(invite(*ADDRESS, who=who)), Expect)
        assert announced
        assert {expect.source for expect in announced} == {source}


def test_the_address_alone_still_announces_the_transfer():
    """Some programs use a switchboard for each step."""
    told = talk(invite(*ADDRESS))
    context = kit.effects(told, Expect)[0].context
    assert (context.cookie, context.sender, context.recipient) == ("33267", ALICE, BOB)
    assert not kit.events(told, OfferAnswer)
    told = talk(invite(*[field.replace("FALSE", "TRUE") for field in ADDRESS], who=S))
    context = kit.effects(told, Expect)[0].context
    assert (context.sender, context.recipient) == (ALICE, BOB)


@pytest.mark.parametrize("code", ["REJECT", "TIMEOUT", "FTTIMEOUT", "REJECT_NOT_INSTALLED"])
def test_a_file_is_declined(code):
    cancel = ("Invitation-Command: CANCEL", "Invitation-Cookie: 33267", f"Cancel-Code: {code}")
    told = talk(invite(*OFFER), invite(*cancel, who=S))
    answer = only(told, OfferAnswer)
    assert (answer.accepted, answer.reason, answer.sender) == (False, code, BOB)
    assert [effect.key for effect in kit.effects(told, FileClose)] == [
        effect.key for effect in kit.effects(told, FileOpen)
    ]


APPLICATIONS = [
    (VOICE, "voice-video", "rtp", "udp", 0),
    ("{44BBA842-CC51-11CF-AAFA-00AA00B6015C}", "app-sharing", "t120", "tcp", 1503),
    ("{F1B1920C-6A3C-4ce7-B18C-AFAB305FD03D}", "app-sharing", "t120", "tcp", 1503),
    ("{1DF57D09-637A-4ca5-91B9-2C3EDAAF62FE}", "whiteboard", "t120", "tcp", 1503),
    ("{56b994a7-380f-410b-9985-c809d78c1bdc}", "remote-assistance", "rdp", "tcp", 3389),
]


@pytest.mark.parametrize(("guid", "use", "protocol", "transport", "port"), APPLICATIONS)
def test_applications_are_told_apart(guid, use, protocol, transport, port):
    told = talk(
        invite(
            "Application-Name: something",
            f"Application-GUID: {guid}",
            "Session-Protocol: SM1",
            "Invitation-Command: INVITE",
            "Invitation-Cookie: 1",
            "Session-ID: {EE086C37-D672-44C2-9AA9-57151CEB0BEF}",
        ),
        invite(
            "Invitation-Command: ACCEPT",
            "Invitation-Cookie: 1",
            "Session-ID: {EE086C37-D672-44C2-9AA9-57151CEB0BEF}",
            "Launch-Application: TRUE",
            "IP-Address: 203.0.113.6",
            who=S,
        ),
    )
    assert only(told, Offer).use == use
    assert only(told, OfferAnswer).use == use
    address = only(told, PeerAddress)
    assert (address.account, address.address, address.use) == (BOB, "203.0.113.6", use)
    (expect,) = kit.effects(told, Expect)
    assert (expect.protocol, expect.purpose, expect.transport) == (protocol, use, transport)
    assert (expect.address, expect.port) == ("203.0.113.6", port)


def test_a_voice_invitation_discloses_both_addresses_at_once():
    """Witness: an invitation that the Digsby project kept (msn/SwitchBoard)."""
    told = talk(
        invite(
            "Application-Name: an audio conversation",
            f"Application-GUID: {VOICE}",
            "Session-Protocol: SM1",
            "Context-Data: Requested:SIP_A,;Capabilities:SIP_A,;",
            "Invitation-Command: INVITE",
            "Avm-Support: 7",
            "Avm-Request: 2",
            "Invitation-Cookie: 24443504",
            "Session-ID: {EE086C37-D672-44C2-9AA9-57151CEB0BEF}",
            "Conn-Type: IP-Restrict-NAT",
            "Sip-Capability: 1",
            "Public-IP: 129.21.160.34",
            "Private-IP: 192.168.1.102",
            "UPnP: FALSE",
            who=S,
        )
    )
    offer = only(told, Offer)
    assert (offer.use, offer.id, offer.name) == ("voice-video", "24443504", "an audio conversation")
    assert "SIP_A" in offer.detail
    assert [(a.account, a.address) for a in kit.events(told, PeerAddress)] == [
        (BOB, "129.21.160.34"),
        (BOB, "192.168.1.102"),
    ]
    assert not kit.effects(told, Expect)


def test_encoded_addresses_and_context():
    """Witness: aMSN's example, MTAuMjcuOTUuMTc0OjgzNDg= for 10.27.95.174:8348."""
    told = talk(
        invite(f"Application-GUID: {VOICE}", "Invitation-Command: INVITE", "Invitation-Cookie: 7"),
        invite(
            "Invitation-Command: ACCEPT",
            "Invitation-Cookie: 7",
            "IP-Address-Enc64: MTAuMjcuOTUuMTc0OjgzNDg=",
            who=S,
        ),
        invite(
            "Invitation-Command: CONTEXT",
            "Invitation-Cookie: 7",
            'Context-Data: RCTICKET="65538,1,192.0.2.77:3389;HOST:3389,*"',
        ),
    )
    assert [(a.account, a.address, a.port) for a in kit.events(told, PeerAddress)] == [
        (BOB, "10.27.95.174", 8348),
        (ALICE, "192.0.2.77", 3389),
    ]


def test_games_and_what_else_can_be_started():
    told = talk(
        invite(
            "Application-Name: Baulder's Gate2",
            "Application-GUID: {8DAE4336-2B71-11D4-9A6C-006067325E47}",
            "Invitation-Command: INVITE",
            "Invitation-Cookie: 3",
        ),
        invite(
            "Application-Name: Quake",
            "Application-GUID: {00000000-0000-0000-0000-000000000000}",
            "Invitation-Command: INVITE",
            "Invitation-Cookie: 4",
        ),
    )
    assert [(o.use, o.name) for o in kit.events(told, Offer)] == [
        ("game", "Baulder's Gate2"),
        ("game", "Quake"),
    ]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("..\\..\\Startup\\x.exe", True),
        ("C:\\boot.ini", True),
        ("\\\\host\\share\\x", True),
        ("/etc/passwd", True),
        ("a..b.txt", False),
        ("naïve café.txt", False),
    ],
)
def test_a_path_for_a_name_is_an_anomaly(name, bad):
    fields = [field if "File:" not in field else f"Application-File: {name}" for field in OFFER]
    told = talk(invite(*fields))
    assert [a.kind for a in kit.events(told, Anomaly)] == (["path-in-file-name"] if bad else [])
    assert only(told, Offer).name == name


def test_an_oversized_field_is_an_anomaly():
    told = talk(invite(*OFFER, f"Invitation-Cookie2: {'9' * 1100}"))
    assert only(told, Anomaly).kind == "oversized-invitation-field"
