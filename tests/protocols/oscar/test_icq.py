"""What ICQ brought with it: channel 4, relayed messages, and its own server behind family 0x15."""

import pytest
from tests.protocols.oscar.craft import (
    COOKIE,
    ICQ_DIRECT,
    RELAY,
    Talk,
    address,
    effects,
    events,
    info,
    le16,
    le32,
    lnts,
    name8,
    propose,
    proposed,
    tlv,
    u16,
    u32,
)

from backchannel.effects import Expect
from backchannel.events import (
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
    Search,
    SearchHit,
)
from backchannel.model import Capability
from backchannel.protocols.icq_peer.state import Announced

ADA, BERT = "700100200", "700100300"


def old(kind: int, text: bytes, more: bytes = b"") -> bytes:
    """04/07 on channel 4."""
    data = le32(int(BERT)) + bytes([kind, 0]) + lnts(text) + more
    return COOKIE + u16(4) + info(BERT) + tlv(5, data)


@pytest.mark.parametrize(
    ("kind", "data", "word", "text"),
    [
        (1, b"hello", "text", "hello"),
        (1, "привет".encode(), "text", "привет"),
        (1, b"gr\xfc\xdfe", "text", "grüße"),
        (4, b"my page\xfehttp://x.org/", "url", "my page http://x.org/"),
        (
            6,
            b"nick\xfefirst\xfelast\xfea@b.c\xfe0\xfeplease",
            "authorization",
            "nick first last a@b.c 0 please",
        ),
        # libpurple 2.10.9 `incomingim_chan4`: "denied you", "granted you authorization".
        (7, b"no", "authorization-denied", "no"),
        (8, b"", "authorization-granted", ""),
        (9, b"x\xfe\xfe\xfey", "system", "x y"),
        (
            0x0D,
            b"Zoe\xfe\xfe\xfez@x.org\xfe\xfefrom the web",
            "web-pager",
            "Zoe z@x.org from the web",
        ),
        (0x0E, b"Zoe\xfe\xfe\xfez@x.org\xfe\xfeby mail", "mail-express", "Zoe z@x.org by mail"),
        (0x13, b"2\xfe111\xfeOne\xfe222\xfeTwo\xfe", "contacts", "111 One\n222 Two"),
    ],
)
def test_old_messages(kind, data, word, text):
    (told,) = Talk(ADA).s(4, 7, old(kind, data))
    assert told == Message(sender=BERT, recipient=ADA, text=text, kind=word, size=len(text))


def test_old_messages_that_are_something_else():
    talk = Talk(ADA)
    (told,) = talk.s(4, 7, old(0x0C, b"nick\xfe\xfe\xfe"))
    assert told == Contacts(owner=BERT, change="add", entries=(Contact(account=ADA),))
    (told,) = talk.s(4, 7, old(2, b"let us chat"))
    assert told == Room(room="", action="invite", account=BERT, others=(ADA,))
    assert talk.s(4, 7, old(0xE8, b"")) == []
    (told,) = talk.s(4, 7, old(0xE8, b"at lunch"))
    assert told == Presence(account=BERT, status="away", text="at lunch")


def test_sent_on_channel_4():
    data = le32(int(ADA)) + b"\1\0" + lnts(b"hi")
    (told,) = Talk(ADA).c(4, 6, COOKIE + u16(4) + name8(BERT) + tlv(5, data))
    assert (told.sender, told.recipient) == (ADA, BERT)


# -- relayed -----------------------------------------------------------------------------------


def relayed(
    kind: int, text: bytes, more: bytes = b"", plugin: bytes = bytes(16), status: int = 0
) -> bytes:
    first = le16(9) + plugin + le16(0) + le32(3) + b"\0" + le16(0xFFFE)
    second = le16(0xFFFE) + bytes(12)
    head = le16(len(first)) + first + le16(len(second)) + second
    return head + bytes([kind, 0]) + le16(status) + le16(1) + lnts(text) + more


def relay(kind: int, text: bytes, more: bytes = b"") -> bytes:
    return proposed(
        BERT, RELAY, tlv(0x0A, u16(1)), tlv(0x0F), tlv(0x2711, relayed(kind, text, more))
    )


def plugin(
    name: bytes, text: bytes, more: bytes = b"", *, guid: bytes = bytes(16), function: int = 0
) -> bytes:
    head = guid + le16(function) + le32(len(name)) + name + bytes(15)
    body = le32(len(text)) + text + more
    return le16(len(head)) + head + le32(len(body)) + body


def test_relayed_text():
    colours = le32(0) + le32(0xFFFFFF)
    utf8 = le32(38) + b"{0946134E-4C7F-11D1-8222-444553540000}"
    (told,) = Talk(ADA).s(4, 7, relay(1, "grüße".encode(), colours + utf8))
    assert (told.sender, told.recipient, told.text, told.kind) == (BERT, ADA, "grüße", "text")


def test_relayed_rtf():
    (told,) = Talk(ADA).s(4, 7, relay(1, rb"{\rtf1\ansi\ansicpg1252 gr\'fc\'dfe\par}"))
    assert told.text == "grüße"
    assert told.markup.startswith("{\\rtf1")


def test_a_relayed_message_may_disclose_an_address():
    body = proposed(
        BERT, RELAY, tlv(3, address("10.0.0.8")), tlv(5, u16(4000)), tlv(0x2711, relayed(1, b"x"))
    )
    (told,) = events(Talk(ADA).s(4, 7, body), PeerAddress)
    assert (told.address, told.port, told.use) == ("10.0.0.8", 4000, Capability.MESSAGE)


def test_another_plugin_s_data_is_passed_over():
    data = relayed(1, b"x", plugin=bytes(15) + b"\1")
    assert Talk(ADA).s(4, 7, proposed(BERT, RELAY, tlv(0x2711, data))) == []


def test_files_the_icq_way():
    more = bytes(4) + lnts(b"karte.png") + le32(57838) + le32(0)
    offer = Offer(
        sender=BERT,
        recipient=ADA,
        id=COOKIE.hex(),
        name="karte.png",
        size=57838,
        note="look",
        use=Capability.FILE_TRANSFER,
    )
    assert Talk(ADA).s(4, 7, relay(3, b"look", more)) == [offer]
    assert Talk(ADA).s(4, 7, relay(0x1A, b"", plugin(b"File", b"look", more))) == [offer]


@pytest.mark.parametrize(
    ("name", "text", "word", "read"),
    [
        (
            b"Send Web Page Address (URL)",
            b"my page\xfehttp://x.org/",
            "url",
            "my page http://x.org/",
        ),
        (b"Contacts", b"1\xfe111\xfeOne\xfe", "contacts", "111 One"),
        (b"Request For Contacts", b"send yours", "contacts", "send yours"),
        (
            b"ICQSMS",
            b"<sms_message><sender>+491234</sender><text>call me</text></sms_message>",
            "sms",
            "call me",
        ),
    ],
)
def test_plugin_messages(name, text, word, read):
    talk = Talk(ADA)
    for body in (relay(0x1A, b"", plugin(name, text)), old(0x1A, b"", plugin(name, text))):
        (told,) = talk.s(4, 7, body)
        assert (told.kind, told.text) == (word, read)


def test_plugin_chat():
    (told,) = Talk(ADA).s(4, 7, relay(0x1A, b"", plugin(b"Send / Start ICQ Chat", b"talk?")))
    assert (told.action, told.account) == ("invite", BERT)


def test_x_status():
    xml = (
        b"<NR><RES>&lt;ret&gt;&lt;Root&gt;&lt;title&gt;Tired&lt;/title&gt;"
        b"&lt;desc&gt;long day&lt;/desc&gt;&lt;/Root&gt;&lt;/ret&gt;</RES></NR>"
    )
    data = relayed(0x1A, b"", plugin(b"Script Plug-in: Remote Notification Arrive", xml))
    body = COOKIE + u16(2) + name8(BERT) + u16(3) + data
    (told,) = Talk(ADA).s(4, 0x0B, body)
    assert told == Presence(account=BERT, status="x-status", text="Tired: long day")


@pytest.mark.parametrize(
    ("guid_", "function", "said"),
    [  # as they stand on the wire, from Miranda
        ("811a18bc0e6c1847a5916f18dcc76f1a", 1, Presence(account=BERT, status="away", text="x")),
        ("811a18bc0e6c1847a5916f18dcc76f1a", 2, Presence(account=BERT, status="busy", text="x")),
        (
            "811a18bc0e6c1847a5916f18dcc76f1a",
            3,
            Presence(account=BERT, status="not-available", text="x"),
        ),
        ("be6b73050fc2104fa6de4db1e3564b0e", 0, "text"),
        ("371c5872e987d411a4c100d0b759b1d9", 1, "url"),
        ("2a0e7d467676d411bce60004ac961ea6", 0, "contacts"),
        ("2a0e7d467676d411bce60004ac961ea6", 2, "contacts"),
        ("0e28f60011e7d311bcf30004ac969dc2", 0, "sms"),
        (
            "bff720b2378ed411bd280004ac96d905",
            1,
            Room(room="", action="invite", account=BERT, others=(ADA,)),
        ),
    ],
)
def test_plugins_by_number_whatever_their_name(guid_, function, said):
    data = relayed(0x1A, b"", plugin(b"Kuss", b"x", guid=bytes.fromhex(guid_), function=function))
    (told,) = Talk(ADA).s(4, 7, proposed(BERT, RELAY, tlv(0x2711, data)))
    assert (told.kind if isinstance(said, str) else told) == said


def test_a_file_by_number():
    more = bytes(4) + lnts(b"karte.png") + le32(57838) + le32(0)
    head = bytes.fromhex("f02d12d93091d3118dd700104b06462e")
    (told,) = Talk(ADA).s(4, 7, relay(0x1A, b"", plugin(b"Datei", b"look", more, guid=head)))
    assert (told.name, told.size, told.note) == ("karte.png", 57838, "look")


def test_x_status_by_number():
    guid = bytes.fromhex("3b60b3efd82a6c45a4e09c5a5e67e865")
    xml = b"&lt;title&gt;Tired&lt;/title&gt;"
    (told,) = Talk(ADA).s(4, 7, relay(0x1A, b"", plugin(b"Skript", xml, guid=guid, function=8)))
    assert (told.status, told.text) == ("x-status", "Tired")


def test_an_unknown_plugin_says_nothing():
    data = plugin(b"Kuss", b"x", guid=bytes(15) + b"\1")
    assert Talk(ADA).s(4, 7, relay(0x1A, b"", data)) == []
    status = bytes.fromhex("811a18bc0e6c1847a5916f18dcc76f1a")
    assert Talk(ADA).s(4, 7, relay(0x1A, b"", plugin(b"away", b"x", guid=status, function=9))) == []


def test_acknowledged_with_a_status_text():
    body = COOKIE + u16(2) + name8(BERT) + u16(3) + relayed(0xE9, b"in a meeting")
    (told,) = Talk(ADA).s(4, 0x0B, body)
    assert told == Presence(account=BERT, status="busy", text="in a meeting")
    (told,) = Talk(ADA).c(4, 0x0B, body)
    assert told.account == ADA


def answer(data: bytes) -> bytes:
    """04/0b: the client's answer to a relayed message."""
    return COOKIE + u16(2) + name8(BERT) + u16(3) + data


PORT = u16(4001) + bytes(2) + lnts(b"a.txt") + le32(9) + le32(4001)
CHAT_PORT = lnts(b"") + u16(4002) + bytes(2) + le32(4002)


def test_other_answers_say_nothing_new():
    assert Talk(ADA).s(4, 0x0B, answer(relayed(1, b""))) == []
    assert (
        Talk(ADA).s(4, 0x0B, answer(relayed(0x1A, b"", plugin(b"Contacts", b"1\xfe2\xfe3")))) == []
    )


@pytest.mark.parametrize(
    "data",
    [relayed(3, b"", PORT), relayed(0x1A, b"", plugin(b"File", b"", PORT))],
    ids=["old", "plugin"],
)
def test_a_file_is_wanted(data):
    (told, expected) = Talk(ADA).s(4, 0x0B, answer(data))
    assert told == OfferAnswer(
        sender=BERT, recipient=ADA, id=COOKIE.hex(), accepted=True, use=Capability.FILE_TRANSFER
    )
    assert expected == Expect(
        protocol="icq-peer",
        purpose=Capability.FILE_TRANSFER,
        port=4001,
        source="192.0.2.10",
        accounts=(ADA, BERT),
        context=Announced(
            use=Capability.FILE_TRANSFER, sender=ADA, recipient=BERT, id=COOKIE.hex()
        ),
    )


def test_a_file_is_wanted_and_said_in_a_message():
    body = proposed(BERT, RELAY, tlv(0x2711, relayed(3, b"", PORT)), status=2)
    (told, expected) = Talk(ADA).s(4, 7, body)
    assert (told.accepted, expected.port) == (True, 4001)
    tlvs = tlv(3, address("10.0.0.8")), tlv(5, u16(4000))
    body = proposed(BERT, RELAY, *tlvs, tlv(0x2711, relayed(1, b"")), status=2)
    assert waiting(Talk(ADA).s(4, 7, body)) == [at("10.0.0.8")]


def test_whose_file_is_wanted_waits_at_the_addresses_that_are_known():
    talk = Talk(ADA)
    talk.s(3, 0x0B, info(BERT, tlv(0x0C, DIRECT), tlv(0x0A, address("192.0.2.77"))))
    talk.s(3, 0x0B, info(BERT + "1", tlv(0x0A, address("192.0.2.78"))))
    told = talk.s(4, 0x0B, answer(relayed(3, b"", PORT)))
    places = [(p.account, p.address, p.port, p.how) for p in events(told, PeerAddress)]
    assert places == [
        (BERT, "192.0.2.77", 4001, "file-accept"),
        (BERT, "10.0.0.8", 4001, "file-accept"),
    ]
    assert [(e.address, e.port, e.source) for e in effects(told, Expect)] == [
        ("192.0.2.77", 4001, "192.0.2.10"),
        ("10.0.0.8", 4001, "192.0.2.10"),
    ]


def test_who_accepts_here_waits_here():
    (_, place, expected) = Talk(ADA).c(4, 0x0B, answer(relayed(3, b"", PORT)))
    assert (place.account, place.address, place.port) == (ADA, "192.0.2.10", 4001)
    assert (expected.address, expected.accounts) == ("192.0.2.10", (BERT, ADA))
    assert not expected.source, "whoever wants to send it"


@pytest.mark.parametrize(
    "data",
    [
        relayed(3, b"no thanks", bytes(4) + lnts(b"") + bytes(8), status=1),
        relayed(0x1A, b"", plugin(b"File", b"no", bytes(4)), status=1),
        relayed(3, b"", status=1),
    ],
)
def test_a_file_is_not_wanted(data):
    (told,) = Talk(ADA).s(4, 0x0B, answer(data))
    assert (type(told), told.accepted) == (OfferAnswer, False)


def test_answers_to_a_chat():
    told, expected = Talk(ADA).s(4, 0x0B, answer(relayed(2, b"", CHAT_PORT)))
    assert told == Room(room="", action="join", account=BERT, others=(ADA,))
    assert (expected.port, expected.repeat, expected.purpose) == (4002, True, Capability.MESSAGE)
    (told,) = Talk(ADA).s(4, 0x0B, answer(relayed(2, b"busy", status=1)))
    assert told.action == "decline"
    (told,) = Talk(ADA).s(4, 0x0B, answer(relayed(0x1A, b"", plugin(b"ICQ Chat", b""))))
    assert told.action == "join"


# -- direct connections ------------------------------------------------------------------------

DIRECT = address("10.0.0.8") + u32(4000) + b"\4" + u16(8) + bytes(22)


@pytest.mark.parametrize(("account", "source"), [(BERT, "192.0.2.10"), (ADA, ""), ("", "")])
def test_to_a_contact_our_client_comes_and_to_our_client_anybody(account, source):
    """Where it is not known whose connection this is, it may be about our client."""
    talk = Talk(account and ADA)
    told = talk.s(3, 0x0B, info(account or BERT, tlv(0x0C, DIRECT)))
    assert [(e.address, e.source) for e in effects(told, Expect)] == [("10.0.0.8", source)]


def waiting(told: list) -> list:
    return [
        (e.protocol, e.address, e.port, e.accounts, e.repeat, e.lifetime)
        for e in effects(told, Expect)
    ]


def at(place: str, port: int = 4000) -> tuple:
    return ("icq-peer", place, port, (BERT,), True, 4 * 3600)


def test_peers_are_expected_where_a_contact_listens():
    talk = Talk(ADA)
    body = info(BERT, tlv(0x0C, DIRECT), tlv(0x0A, address("192.0.2.77")))
    assert waiting(talk.s(3, 0x0B, body)) == [at("192.0.2.77"), at("10.0.0.8")]
    assert waiting(talk.s(3, 0x0B, body)) == []
    assert waiting(Talk(ADA).s(3, 0x0B, info(BERT, tlv(0x0C, DIRECT)))) == [at("10.0.0.8")]
    silent = tlv(0x0C, DIRECT[:4] + u32(0) + DIRECT[8:])
    assert waiting(Talk(ADA).s(3, 0x0B, info(BERT, silent))) == []


def test_peers_are_expected_where_a_relayed_message_says():
    tlvs = tlv(3, address("10.0.0.8")), tlv(4, address("192.0.2.77")), tlv(5, u16(4000))
    told = Talk(ADA).s(4, 7, proposed(BERT, RELAY, *tlvs, tlv(0x2711, relayed(1, b"x"))))
    assert waiting(told) == [at("10.0.0.8"), at("192.0.2.77")]


@pytest.mark.parametrize(("first", "second"), [(4003, 4003), (0, 4003)])
def test_a_connection_the_other_way_round(first, second):
    detail = le32(int(BERT)) + address("192.0.2.77") + le32(first) + b"\4"
    detail += le32(5000) + le32(second) + le16(8) + le32(99)
    talk = Talk(ADA)
    told = talk.s(4, 7, proposed(BERT, ICQ_DIRECT, tlv(0x0A, u16(1)), tlv(0x2711, detail)))
    assert waiting(told) == [at("192.0.2.77", 4003)]
    (offer,) = events(told, Offer)
    assert (offer.sender, offer.use, offer.detail) == (BERT, Capability.MESSAGE, "icq direct")
    (place,) = events(told, PeerAddress)
    assert (place.account, place.address, place.port) == (BERT, "192.0.2.77", 4003)
    (told,) = talk.c(4, 0x0B, answer(le32(int(ADA)) + le32(4003) + le32(1) + le16(8) + le32(99)))
    assert (told.accepted, told.reason, told.id) == (False, "could not connect", offer.id)


# -- family 0x15 -------------------------------------------------------------------------------


def meta(kind: int, body: bytes, number: int = 7, owner: str = ADA) -> bytes:
    data = le32(int(owner)) + le16(kind) + le16(number) + body
    return tlv(1, le16(len(data)) + data)


def ask(subtype: int, body: bytes = b"") -> list:
    return Talk(ADA).c(0x15, 2, meta(0x07D0, le16(subtype) + body))


def test_the_owner_names_the_account_where_nothing_else_did():
    talk = Talk("")
    assert talk.c(0x15, 2, meta(0x003C, b"")) == []
    assert talk.session.service == "icq"


def test_stored_messages():
    date = le16(2002) + bytes([12, 12, 6, 29])
    talk = Talk(ADA)
    (told,) = talk.s(0x15, 3, meta(0x41, le32(int(BERT)) + date + b"\1\0" + lnts(b"you were away")))
    assert told == Message(
        sender=BERT, recipient=ADA, text="you were away", kind="offline", size=13
    )
    (told,) = talk.s(0x15, 3, meta(0x41, le32(int(BERT)) + date + b"\4\0" + lnts(b"a\xfeb")))
    assert told.kind == "url"
    assert talk.s(0x15, 3, meta(0x42, b"\0")) == []


def test_a_new_password_is_readable():
    (told,) = ask(0x042E, lnts(b"n3w-one"))
    assert told == Credential(
        account=ADA, kind="plain", scheme="icq-password-change", secret="n3w-one"
    )


def test_short_messages():
    xml = b"<sms><destination>+4917012345</destination><text>call me</text></sms>"
    (told,) = ask(0x1482, u16(1) + u16(0x16) + bytes(18) + u16(len(xml) + 1) + xml + b"\0")
    assert told == Message(sender=ADA, recipient="+4917012345", text="call me", kind="sms", size=7)


@pytest.mark.parametrize(
    ("subtype", "body", "text"),
    [
        (0x0515, lnts(b"Ada") + lnts(b"L") + lnts(b""), "first name: Ada, last name: L"),
        (0x051F, le32(4711), "uin: 4711"),
        (0x0529, lnts(b"a@b.c"), "email: a@b.c"),
        (
            0x0533,
            lnts(b"") + lnts(b"") + lnts(b"nick") + lnts(b"a@b.c") + bytes(40),
            "nickname: nick, email: a@b.c",
        ),
        (0x0569, le16(0x0136) + le16(4) + le32(4711), "uin: 4711"),
        (0x0573, le16(0x015E) + le16(8) + lnts(b"a@b.c"), "email: a@b.c"),
        (0x055F, le16(0x0226) + le16(6) + lnts(b"art"), "keywords: art"),
    ],
)
def test_searches(subtype, body, text):
    assert ask(subtype, body) == [Search(text=text, account=ADA)]


def test_what_a_client_says_of_itself():
    words = [b"ada", b"Ada", b"L", b"a@b.c", b"Bonn", b"", b"+49 1", b"", b"Weg 1", b"+49 2", b"5"]
    (told,) = ask(0x03EA, b"".join(map(lnts, words)))
    assert told.nickname == "ada"
    assert told.text.startswith(
        "first name: Ada, last name: L, email: a@b.c, city: Bonn, phone: +49 1"
    )
    (told,) = ask(0x0406, lnts(b"I like maps"))
    assert told.text == "about: I like maps"
    (told,) = ask(0x0C3A, le16(0x0154) + le16(6) + lnts(b"ada"))
    assert told.nickname == "ada"


def answers(subtype: int, body: bytes, *, result: int = 0x0A) -> list:
    talk = Talk(ADA)
    talk.c(0x15, 2, meta(0x07D0, le16(0x04B2) + le32(int(BERT))))
    return talk.s(0x15, 3, meta(0x07DA, le16(subtype) + bytes([result]) + body))


BASIC = [b"bert", b"Bert", b"M", b"b@m.de", b"Ulm", b"", b"", b"", b"", b"+49 9", b""]


@pytest.mark.parametrize(
    ("subtype", "body", "nickname", "text"),
    [
        (
            0x00C8,
            b"".join(map(lnts, BASIC)) + bytes(4),
            "bert",
            "first name: Bert, last name: M, email: b@m.de, city: Ulm, mobile: +49 9",
        ),
        (
            0x0104,
            b"".join(map(lnts, BASIC[:4])) + bytes(3),
            "bert",
            "first name: Bert, last name: M, email: b@m.de",
        ),
        (0x00E6, lnts(b"about me"), "", "about: about me"),
        (0x00DC, bytes(3) + lnts(b"http://m.de"), "", "home page: http://m.de"),
        (  # libpurple 2.10.9 family_icq.c: gender 1 is female; climm's Meta_Read_List for the lists
            0x00DC,
            le16(25) + b"\1" + lnts(b"") + le16(1975) + b"\5\6\x0c\0\0" + le16(0),
            "",
            "age: 25, sex: female, born: 1975-05-06",
        ),
        (
            0x00F0,
            b"\2" + le16(100) + lnts(b"art") + le16(137) + lnts(b"go"),
            "",
            "interests: art; go",
        ),
        (
            0x00FA,
            b"\1" + le16(300) + lnts(b"school") + b"\1" + le16(200) + lnts(b"club"),
            "",
            "past: school, groups: club",
        ),
        (0x00EB, b"\2\0" + lnts(b"x@y.z") + b"\1" + lnts(b"z@y.x"), "", "email: x@y.z, z@y.x"),
        (  # A. Shutko's documentation, 15/03, 07da/010e
            0x010E,
            b"\1" + le16(0x051C) + lnts(b"homepage_keyword") + b"\0",
            "",
            "home page words: homepage_keyword",
        ),
        (
            0x00D2,
            b"".join(map(lnts, [b"Ulm", b"", b"", b"", b"", b""]))
            + le16(49)
            + b"".join(map(lnts, [b"ACME", b"", b"boss"]))
            + le16(1)
            + lnts(b""),
            "",
            "work city: Ulm, company: ACME, position: boss",
        ),
    ],
)
def test_what_the_directory_says(subtype, body, nickname, text):
    assert answers(subtype, body) == [Profile(account=BERT, nickname=nickname, text=text)]
    assert answers(subtype, body, result=0x32) == []


def test_search_results():
    hit = le32(4711) + b"".join(map(lnts, BASIC[:4])) + bytes(4)
    told = answers(0x01AE, le16(len(hit)) + hit)
    assert told[0] == SearchHit(owner="4711")
    assert (told[1].account, told[1].nickname) == ("4711", "bert")
    assert answers(0x01AE, b"", result=0x32) == []


def test_a_message_needs_no_text_to_be_passed_over():
    assert Talk(ADA).c(4, 6, propose(BERT, RELAY, tlv(0x2711, relayed(0x77, b"")))) == []
