"""Channel 1: text in all its encodings; typing; exploits that travelled as links."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.oscar.craft import (
    COOKIE,
    Talk,
    address,
    events,
    im,
    im_from,
    info,
    name8,
    part,
    text16,
    tlv,
    u16,
)

from backchannel.events import Anomaly, Malformed, Message, PeerAddress, Typing
from backchannel.protocols.oscar.markup import _name_size, from_html, readable


def message(outputs):
    (told,) = events(outputs, Message)
    return told


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        (0, b"plain", "plain"),
        (0, "grüße".encode(), "grüße"),  # UTF-8 under "ASCII", as later clients send it
        (0, "grüße".encode("cp1252"), "grüße"),
        (2, "grüße ☃ 你好".encode("utf-16-be"), "grüße ☃ 你好"),
        (2, "😀".encode("utf-16-be"), "😀"),
        (2, b"\xd8\x00", "\ufffd"),
        (2, b"\0a\0", "a\ufffd"),
        (3, "grüße “€”".encode("cp1252"), "grüße “€”"),
        (3, b"\x81", "\x81"),
        (0xFFFF, b"whatever", "whatever"),
        (0, b"", ""),
    ],
)
def test_encodings(charset, data, text):
    told = message(Talk().c(4, 6, im("bob", part(data, charset))))
    assert (told.sender, told.recipient, told.text) == ("alice", "bob", text)
    assert (told.kind, told.size, told.markup) == ("text", len(text), "")


def test_parts_of_different_character_sets_are_one_message():
    parts = part(b"one, "), part("två, ".encode("utf-16-be"), 2), part(b"three", 3)
    assert message(Talk().c(4, 6, im("bob", *parts))).text == "one, två, three"


def test_of_a_message_that_breaks_off_what_came_before_is_told():
    told, broken = Talk().c(4, 6, im("bob", part(b"hello"), b"\1\1" + text16(b"\0")))
    assert told.text == "hello"
    assert isinstance(broken, Malformed)
    (alone,) = Talk().c(4, 6, im("bob", b"\1\1" + text16(b"\0")))
    assert isinstance(alone, Malformed)


def test_what_is_encrypted_is_not_told_as_text():
    """joscar `AbstractImIcbm`: fragment 0d says so, and what stands in the text's place is CMS."""
    sealed = b"MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime\r\n\r\n\x30\x82\1"
    told = message(Talk().c(4, 6, im("bob", b"\x0d\1" + text16(u16(1)), part(sealed))))
    assert (told.kind, told.text, told.size, told.markup) == ("encrypted", "", 0, "")


def test_what_is_encrypted_stays_so_though_a_later_fragment_is_broken():
    parts = b"\x0d\1" + text16(u16(1)), part(b"\x30\x82\1\x0a\6\x09\x2a"), b"\1\1\0\x40"
    told, broken = Talk().c(4, 6, im("bob", *parts))
    assert (told.kind, told.text, type(broken)) == ("encrypted", "", Malformed)


def test_plain_words_that_are_said_to_be_encrypted_are_told():
    """libpurple passes over fragment 0d and shows the text (family_icbm.c)."""
    told = message(Talk().c(4, 6, im("bob", b"\x0d\1" + text16(u16(1)), part(b"psst"))))
    assert (told.kind, told.text) == ("text", "psst")


@pytest.mark.parametrize("parts", [(), (part(b"\x30\x82\1\x0a\6\x09\x2a"),)])
def test_what_is_encrypted_has_no_words(parts):
    told = message(Talk().c(4, 6, im("bob", b"\x0d\1" + text16(u16(1)), *parts)))
    assert (told.kind, told.text) == ("encrypted", "")


def test_received():
    told = message(Talk().s(4, 7, im_from("Bob B", part(b"hello"))))
    assert (told.sender, told.recipient, told.text) == ("Bob B", "alice", "hello")


def test_kinds():
    talk = Talk()
    auto = talk.c(4, 6, im("bob", part(b"away"), more=tlv(4)))
    stored = talk.c(4, 6, im("bob", part(b"keep"), more=tlv(3) + tlv(6)))
    late = talk.s(4, 7, im_from("bob", part(b"late"), more=tlv(6) + tlv(0x16, bytes(4))))
    assert [message(told).kind for told in (auto, stored, late)] == [
        "auto-response",
        "text",
        "offline",
    ]


def test_html_is_readable_and_kept():
    html = b'<HTML><BODY BGCOLOR="#fff">1 &lt; 2<BR>see <A HREF="http://x.org/?a=1&amp;b">here</A></BODY></HTML>'
    told = message(Talk().c(4, 6, im("bob", part(html))))
    assert told.text == "1 < 2\nsee here <http://x.org/?a=1&b>"
    assert told.markup == html.decode()
    assert told.size == len(told.text)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<b>a</b><br/>b", "a\nb"),
        ('<a href="http://x">http://x</a>', "http://x"),
        ("<a href=http://x>y</a>", "y <http://x>"),
        ("<a href='http://x'>y", "y"),
        ("<a name=x>y</a>", "y"),
        ("3 < 4 > 2", "3 < 4 > 2"),
        ("<html>&#x202e;&#xd800;</html>", "\u202e\ufffd"),
        ("<html><!-- note -->x</html>", "x"),
        ("<p>first</p><p>second</p>", "first\nsecond"),
    ],
)
def test_from_html(html, text):
    assert from_html(html) == text


@given(
    st.lists(
        st.sampled_from(
            [
                "<HTML>",
                "<BODY BGCOLOR='#fff'>",
                "</b>",
                "<a_b>",
                "</p>",
                "<Span",
                "text",
                "&lt;",
                "&am",
                "<",
                ">",
                "</",
                " ",
                "<ab>",
                "<address>",
            ]
        )
    ).map("".join)
)
def test_html_without_links_and_breaks_is_what_stands_between_tags(html):
    assert from_html(html) == unescape(re.sub(r"</?[a-zA-Z!][^<>]*>", "", html))


@given(st.text("/aZ!9_>", max_size=6))
def test_the_name_of_a_tag_ends_where_a_pattern_says(tag):
    found = re.match(r"/?[a-zA-Z!][a-zA-Z0-9]*", tag)
    assert _name_size(tag) == (found.end() if found else 0)


def test_breaks_before_any_text_are_none_and_take_no_time():
    assert from_html("<br>" * 100_000 + "text") == "text"


def test_what_looks_like_a_tag_in_plain_text_stays():
    assert readable("a <b c> d", escaped=False) == ("a  d", "a <b c> d")
    assert readable("if a<c and d>e", escaped=False) == ("if a<c and d>e", "")
    assert readable("AT&amp;T", escaped=False) == ("AT&amp;T", "")
    assert readable("AT&amp;T", escaped=True) == ("AT&T", "AT&amp;T")


def test_typing():
    talk = Talk()
    told = [
        talk.c(4, 0x14, bytes(8) + u16(1) + name8("bob") + u16(number)) for number in (2, 1, 0)
    ] + [talk.s(4, 0x14, bytes(8) + u16(1) + name8("bob") + u16(2))]
    assert [output for outputs in told for output in outputs] == [
        Typing(sender="alice", recipient="bob"),
        Typing(sender="alice", recipient="bob", active=False),
        Typing(sender="alice", recipient="bob", active=False),
        Typing(sender="bob", recipient="alice"),
    ]


def test_the_sender_s_address_comes_with_a_message_once():
    talk = Talk()
    body = (
        COOKIE + u16(1) + info("700100300", tlv(0x0A, address("192.0.2.77"))) + tlv(2, part(b"hi"))
    )
    (told,) = events(talk.s(4, 7, body), PeerAddress)
    assert (told.account, told.address, told.how) == (
        "700100300",
        "192.0.2.77",
        "message, external",
    )
    assert events(talk.s(4, 7, body), PeerAddress) == []


@pytest.mark.parametrize(
    "link", ["aim:AddGame?name=", "AIM:AddExternalApp?", "aim:goaway?message="]
)
def test_links_that_overran_aim(link):
    """CVE-2002-0005, CVE-2002-0362, CVE-2004-0636."""
    talk = Talk()
    html = b'<a href="%b%b">free</a>' % (link.encode(), b"A" * 900)
    told = talk.s(4, 7, im_from("mallory", part(html)))
    (odd,) = events(told, Anomaly)
    assert odd.kind == "oversized-aim-link"
    assert "mallory" in odd.detail
    assert events(talk.s(4, 7, im_from("bob", part(link.encode() + b"chess"))), Anomaly) == []


def test_other_channels_and_empty_messages_tell_nothing():
    talk = Talk()
    assert talk.c(4, 6, COOKIE + u16(3) + name8("bob")) == []
    assert talk.c(4, 6, COOKIE + u16(1) + name8("bob")) == []
    assert talk.s(4, 0x0C, COOKIE + u16(1) + name8("bob")) == []
