"""DCC: offers in all their forms, answers, and what is expected because of them.

From ircdocs' description of DCC; the forms of irssi, WeeChat and mIRC are as these send them.
"""

import pytest
from tests import kit
from tests.protocols.irc.talk import MIDWAY, START, C, S, said, spoken

from backchannel.effects import Expect
from backchannel.events import Anomaly, Message, Offer, OfferAnswer, PeerAddress
from backchannel.model import Capability
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc.state import OFFERS

FILE, CHAT = Capability.FILE_TRANSFER, Capability.MESSAGE


def offered(words):
    """What our client's offer to bob tells, as DCC's words."""
    return said((C, f"PRIVMSG bob :\x01DCC {words}\x01"))


def received(words):
    """What an offer of eve's to our client tells."""
    return said((S, f":eve!e@host.example PRIVMSG ann :\x01DCC {words}\x01"))


def test_an_offered_file():
    told = offered("SEND notes.txt 3221225994 5000 12000")
    (offer,) = kit.events(told, Offer)
    assert (offer.sender, offer.recipient, offer.use) == ("ann", "bob", FILE)
    assert (offer.name, offer.size, offer.id) == ("notes.txt", 12_000, "5000")
    (address,) = kit.events(told, PeerAddress)
    assert (address.account, address.address, address.port) == ("ann", "192.0.2.10", 5000)
    (expect,) = kit.effects(told, Expect)
    assert (expect.protocol, expect.purpose) == ("irc-dcc", FILE)
    assert (expect.address, expect.port, expect.accounts) == ("192.0.2.10", 5000, ("ann", "bob"))
    assert expect.context == DccOffer(
        kind="send", sender="ann", recipient="bob", name="notes.txt", size=12_000, id="5000"
    )
    assert not kit.events(told, Message)


@pytest.mark.parametrize(
    ("words", "name", "address", "port", "size"),
    [
        ('SEND "my notes 1.txt" 3405803784 5000 7', "my notes 1.txt", "203.0.113.8", 5000, 7),
        ("SEND my notes 1.txt 3405803784 5000 7", "my notes 1.txt", "203.0.113.8", 5000, 7),
        ("SEND a.txt 203.0.113.8 5000 7", "a.txt", "203.0.113.8", 5000, 7),
        ("SEND a.txt 2001:db8::8 5000 7", "a.txt", "2001:db8::8", 5000, 7),
        ("SEND a.txt 3405803784 5000", "a.txt", "203.0.113.8", 5000, 0),
        ("TSEND a.txt 3405803784 5000 5368709120", "a.txt", "203.0.113.8", 5000, 5 << 30),
        ("send a.txt 3405803784 5000 7", "a.txt", "203.0.113.8", 5000, 7),
    ],
)
def test_forms_of_an_offer(words, name, address, port, size):
    told = received(words)
    (offer,) = kit.events(told, Offer)
    assert (offer.name, offer.size, offer.sender, offer.recipient) == (name, size, "eve", "ann")
    (expect,) = kit.effects(told, Expect)
    assert (expect.address, expect.port) == (address, port)
    assert expect.context.size == (size or None)


def test_behind_address_translation_our_own_client_is_expected_at_its_own_address_too():
    expects = kit.effects(offered("SEND a.txt 3405803784 5000 7"), Expect)
    assert [each.address for each in expects] == [START.client.address, "203.0.113.8"]


@pytest.mark.parametrize(
    ("words", "source"),
    [
        ("SEND a.txt 3405803784 5000 7", START.client.address),
        ("CHAT chat 3405803784 5000", START.client.address),
        ("SEND a.txt 2001:db8::8 5000 7", ""),
    ],
)
def test_what_somebody_else_announces_only_our_own_client_can_open(words, source):
    """Else a stranger's offer of a bank's address would have a guard cut everybody's connection."""
    (expect,) = kit.effects(received(words), Expect)
    assert expect.source == source


def test_whoever_was_offered_something_may_come_to_our_client():
    assert {
        each.source for each in kit.effects(offered("SEND a.txt 3405803784 5000 7"), Expect)
    } == {""}


def test_a_chat():
    told = received("CHAT chat 3405803784 5001")
    assert kit.events(told, Offer)[0].use is CHAT
    (expect,) = kit.effects(told, Expect)
    assert (expect.purpose, expect.context.kind, expect.context.secure) == (CHAT, "chat", False)


@pytest.mark.parametrize(
    ("words", "kind"),
    [("SSEND a.txt 3405803784 5000 7", "send"), ("SCHAT chat 3405803784 5000", "chat")],
)
def test_what_is_inside_tls_is_announced_as_such(words, kind):
    (expect,) = kit.effects(received(words), Expect)
    assert (expect.context.kind, expect.context.secure) == (kind, True)


@pytest.mark.parametrize("number", ["0", "1", "199", "16843009"])
def test_a_passive_offer_and_where_its_recipient_listens(number):
    told = said(
        (C, f"PRIVMSG bob :\x01DCC SEND a.txt {number} 0 7 42\x01"),
        (S, ":bob!b@host.example PRIVMSG ann :\x01DCC SEND a.txt 3405803784 5002 7 42\x01"),
    )
    (offer,) = kit.events(told, Offer)
    assert (offer.id, offer.detail) == ("42", "DCC SEND, passive")
    (answer,) = kit.events(told, OfferAnswer)
    assert (answer.sender, answer.recipient, answer.id, answer.accepted) == (
        "bob",
        "ann",
        "42",
        True,
    )
    (address,) = kit.events(told, PeerAddress)
    assert (address.account, address.address, address.port) == ("bob", "203.0.113.8", 5002)
    (expect,) = kit.effects(told, Expect)
    assert (expect.address, expect.port, expect.accounts) == ("203.0.113.8", 5002, ("ann", "bob"))
    assert (expect.context.sender, expect.context.passive) == ("ann", True)


def test_the_answer_to_a_passive_offer_that_was_not_seen():
    line = ":eve!e@host.example PRIVMSG ann :\x01DCC SEND a.txt 3405803784 5002 7 42\x01"
    told = said((S, line), start=MIDWAY)
    assert not kit.events(told, Offer)
    (expect,) = kit.effects(told, Expect)
    context = expect.context
    assert (context.sender, context.recipient, context.passive) == ("ann", "eve", True)


def test_a_token_makes_no_answer_where_nothing_was_offered():
    """irssi 1.4 takes the file all the same."""
    told = received("SEND a.txt 3405803784 5002 7 42")
    (offer,) = kit.events(told, Offer)
    assert (offer.sender, offer.recipient, offer.detail) == ("eve", "ann", "DCC SEND")
    (expect,) = kit.effects(told, Expect)
    assert (expect.port, expect.context.sender, expect.context.passive) == (5002, "eve", False)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("SEND a.txt 3405803784 5002 7 x", 7),
        ("SEND a.txt 3405803784 5002 7 42 5", 7),
        ("SEND a.txt 3405803784 5002 7 and more words", 7),
        ("SEND a.txt 3405803784 5002 -1", None),
        ("SEND a.txt 3405803784 5002 seven", None),
        ("SEND a.txt 3405803784 5002 99999999999999999999999", None),
        ("SEND a.txt +3405803784 5002 7", 7),
        ("SEND a.txt 0000003405803784 5002 7", 7),
        ("SEND a.txt 7700771080 5002 7", 7),
        ("SEND a.txt 3405803784 +5002 7", 7),
        ("SEND a.txt 3405803784 5002x 7", 7),
        ("SEND a.txt 3405803784 70538 7", 7),
        ("SEND a.txt -889163512 5002 7", 7),
        ("CHAT chat 3405803784 5002 x", None),
        ("CHAT chat 3405803784 5002 5 6", None),
    ],
)
def test_forms_that_irssi_and_weechat_take_though_nobody_describes_them(words, size):
    """Of each but the negative address irssi 1.4.3 or WeeChat 3.8 opened the connection."""
    told = received(words)
    assert not kit.events(told, Anomaly)
    (expect,) = kit.effects(told, Expect)
    assert (expect.address, expect.port, expect.context.size) == ("203.0.113.8", 5002, size)


def test_a_transfer_that_goes_on_where_it_was_broken_off():
    told = said(
        (C, "PRIVMSG bob :\x01DCC SEND a.txt 3221225994 5000 100\x01"),
        (S, ":bob!b@host.example PRIVMSG ann :\x01DCC RESUME file.ext 5000 40\x01"),
        (C, "PRIVMSG bob :\x01DCC ACCEPT file.ext 5000 40\x01"),
    )
    (answer,) = kit.events(told, OfferAnswer)
    assert (answer.sender, answer.accepted, answer.reason) == ("bob", True, "from byte 40")
    first, second = kit.effects(told, Expect)
    assert (first.context.at, second.context.at) == (0, 40)
    assert (second.context.name, second.port) == ("a.txt", 5000)


def test_a_passive_transfer_that_goes_on():
    told = said(
        (S, ":eve!e@h PRIVMSG ann :\x01DCC SEND a.txt 0 0 100 9\x01"),
        (C, "PRIVMSG eve :\x01DCC RESUME a.txt 0 40 9\x01"),
        (S, ":eve!e@h PRIVMSG ann :\x01DCC ACCEPT a.txt 0 40 9\x01"),
        (C, "PRIVMSG eve :\x01DCC SEND a.txt 3221225994 5003 100 9\x01"),
    )
    (expect,) = kit.effects(told, Expect)
    assert (expect.context.sender, expect.context.at, expect.port) == ("eve", 40, 5003)


def test_an_offer_that_is_declined():
    told = said(
        (C, "PRIVMSG bob :\x01DCC SEND a.txt 3221225994 5000 100\x01"),
        (S, ":bob!b@host.example NOTICE ann :\x01DCC REJECT SEND a.txt\x01"),
    )
    (answer,) = kit.events(told, OfferAnswer)
    assert (answer.sender, answer.recipient, answer.id) == ("bob", "ann", "5000")
    assert (answer.accepted, answer.use) == (False, FILE)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("SEND a.txt", "dcc-without-address"),
        ("SEND a.txt 4294967296 5000 7", "dcc-without-address"),
        ("SEND a.txt host.example 5000 7", "dcc-without-address"),
        ("SEND a.txt 3405803784 65536 7", "dcc-without-address"),
        ("SEND ../../.bashrc 3405803784 5000 7", "path-in-file-name"),
        ("SEND " + "x" * 300 + " 3405803784 5000 7", "oversized-dcc-name"),
    ],
)
def test_offers_that_no_honest_program_makes(words, kind):
    assert kit.events(received(words), Anomaly)[0].kind == kind


def test_a_resume_without_numbers_changes_nothing():
    told = said(
        (C, "PRIVMSG bob :\x01DCC SEND a 3221225994 5000 10\x01"),
        (S, ":bob!b@h PRIVMSG ann :\x01DCC RESUME a 5000 x\x01"),
        (C, "PRIVMSG bob :\x01DCC ACCEPT a 5000 x\x01"),
    )
    assert not kit.events(told, OfferAnswer)
    assert [expect.context.at for expect in kit.effects(told, Expect)] == [0]


@pytest.mark.parametrize("words", ["", "RESUME", "RESUME a b c", "ACCEPT a 5 5", "REJECT", "X y"])
def test_words_without_an_offer_tell_nothing_of_files(words):
    assert not kit.effects(received(words), Expect)
    assert not kit.events(received(words), Offer)


def test_the_oldest_offers_are_forgotten():
    many = [(C, f"PRIVMSG bob :\x01DCC SEND a 3221225994 {port} 1\x01") for port in range(1, 999)]
    told = said(*many, (S, ":bob!b@h PRIVMSG ann :\x01DCC RESUME a 1 0\x01"))
    assert not kit.events(told, OfferAnswer)
    told = said(*many[: OFFERS - 1], (S, ":bob!b@h PRIVMSG ann :\x01DCC RESUME a 1 0\x01"))
    assert kit.events(told, OfferAnswer)


def test_an_offer_to_a_channel_names_the_channel():
    told = spoken("PRIVMSG #lab :\x01DCC SEND a.txt 3221225994 5000 7\x01")
    assert [each.recipient for each in told if isinstance(each, Offer)] == ["#lab"]
