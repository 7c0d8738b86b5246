"""The reader of XML: what it takes, how it is bounded, and that cuts change nothing."""

import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backchannel.protocols.xmpp import xml
from backchannel.protocols.xmpp.elements import Element, Foot, Head, Oversized, unescape
from backchannel.protocols.xmpp.xml import Reader, ends
from backchannel.reader import WireError

HEAD = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"


def take(data, *, begun=True, cut=1 << 20):
    """All items of *data*; a WireError is the last."""
    reader, items = Reader(begun=begun), []
    try:
        for at in range(0, len(data), cut):
            reader.add(data[at : at + cut])
            while (item := reader.take()) is not None:
                items.append(item)
    except WireError as error:
        items.append(error)
    return items


def stanza(data):
    head, *items = take(HEAD + data)
    assert isinstance(head, Head)
    assert len(items) == 1, items
    return items[0]


def shape(item):
    """An item as something that can be compared."""
    if isinstance(item, Head):
        return "head", shape(item.element), sorted(item.prefixes.items())
    if isinstance(item, Element):
        attributes = sorted(item.attributes.items())
        return item.name, item.ns, attributes, item.text, [shape(each) for each in item.children]
    if isinstance(item, Oversized):
        return "oversized", item.name
    return str(item) if isinstance(item, WireError) else "foot"


SAMPLE = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n" + HEAD + b" \n"
    b"<message to=\"a@b\" from='c &gt; d' x:y='1' xmlns:x='urn:x'><body>1 &lt; 2 &amp;amp; &#233;"
    b"&#x1F600;</body><x:e xmlns='urn:y'><f/></x:e><![CDATA[ <raw> & ]]></message>"
    b"<presence/><!-- no --><iq type='get'\n id = 'a>b' ><ping xmlns='urn:xmpp:ping'/></iq >"
    b"</stream:stream>"
)


def test_a_stanza_is_what_another_parser_says():
    told = stanza(SAMPLE[SAMPLE.index(b"<message") : SAMPLE.index(b"<presence")])
    known = ET.fromstring(SAMPLE.replace(b"<!-- no -->", b""))[0]

    def agree(mine, other):
        assert f"{{{mine.ns}}}{mine.name}" == other.tag
        assert mine.text == (other.text or "") + "".join(each.tail or "" for each in other)
        assert len(mine.children) == len(other)
        for left, right in zip(mine.children, other, strict=True):
            agree(left, right)

    agree(told, known)
    assert told.get("from") == "c > d"
    assert told.children[0].text == "1 < 2 &amp; é😀"


def test_all_items_come_in_order():
    items = take(SAMPLE)
    assert [type(item).__name__ for item in items] == [
        "Head",
        "Element",
        "Element",
        "Element",
        "Foot",
    ]
    assert items[0].content == "jabber:client"
    assert items[3].get("id") == "a>b"
    assert items[3].of("urn:xmpp:ping").name == "ping"


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 50])
def test_cuts_change_nothing(cut):
    assert [shape(item) for item in take(SAMPLE, cut=cut)] == [shape(item) for item in take(SAMPLE)]


SCRAPS = (
    *(HEAD, b"<iq>", b"</iq>", b"<a b='", b"'>", b"/>", b"<message>", b"</message>", b"<![CDATA["),
    *(b"]]>", b"<!--", b"-->", b"<?", b"?>", b"&lt;", b"x" * 40, b" ", b"<", b">", b'"'),
    *(b"</stream:stream>", b"<!DOCTYPE", b"xmlns:q='u'", b"<q:z ", b"\x16\x03"),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(SCRAPS),
        max_size=25,
    ),
    st.integers(1, 9),
    st.booleans(),
)
def test_no_cut_changes_anything_of_any_bytes(parts, cut, begun):
    data = b"".join(parts)
    whole = [shape(item) for item in take(data, begun=begun)]
    assert [shape(item) for item in take(data, begun=begun, cut=cut)] == whole


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY b '&lol;&lol;'>]>",
        b"<!ENTITY x SYSTEM 'file:///etc/passwd'>",
        b"<![INCLUDE[ <x/> ]]>",
        b"text between",
        b"<message></iq>",
        b"</message>",
        b"<message a='1' a='2'>",
        b"<message a=1>",
        b"<message a='<'>",
        b"<message <",
        b"< message>",
        b"<message" + b"".join(b" a%d=''" % n for n in range(xml.MAX_ATTRIBUTES + 1)) + b">",
        b"<message" + b"".join(b" xmlns:a%d=''" % n for n in range(xml.MAX_PREFIXES + 1)) + b">",
        b"<message a='" + b"x" * xml.MAX_TAG + b"'>",
        b"<!-- " + b"x" * xml.MAX_ASIDE,
        b"<message></message x>",
    ],
)
def test_what_xmpp_forbids_loses_the_framing(data):
    for cut in (1 << 20, 64):
        _, *items = take(HEAD + data, cut=cut)
        assert len(items) == 1
        assert isinstance(items[0], WireError)


def test_entities_are_replaced_once_and_unknown_ones_stay():
    assert unescape("&amp;lt; &lol; &#0; &#xD800; &#x110000; &quot;&apos;") == (
        "&lt; &lol; \0 &#xD800; &#x110000; \"'"
    )


@pytest.mark.parametrize(
    "inside",
    [
        b"x" * (xml.MAX_STANZA + 10),
        b"<a>" * (xml.MAX_DEPTH + 1) + b"</a>" * (xml.MAX_DEPTH + 1),
        b"<a/>" * (xml.MAX_ELEMENTS + 1),
        b"<a>" + b"y" * 600_000 + b"</a><b></b>",
        (b"<![CDATA[" + b"z" * 200_000 + b"]]>") * 3,
    ],
)
def test_a_stanza_too_large_is_passed_over_and_the_next_one_read(inside):
    data = HEAD + b"<message>" + inside + b"</message><presence/>"
    for cut in (1 << 20, 5000):
        _, large, small = take(data, cut=cut)
        assert shape(large) == ("oversized", "message")
        assert small.name == "presence"


def test_many_prefixes_and_deep_elements_cost_little():
    begin = time.process_time()
    names = b"".join(b" xmlns:p%d='u'" % n for n in range(28))
    deep = b"<a" + names + b">" + b"<b xmlns:p0=''/>" * 8000 + b"</a>"
    assert stanza(b"<iq>" + deep + b"</iq>").children
    assert time.process_time() - begin < 2


def test_bytes_that_come_alone_are_looked_at_once():
    """A megabyte of one tag, text or quote in pieces of 16 bytes takes no quadratic time."""
    begin = time.process_time()
    take(HEAD + b"<message><body>" + b"x" * 500_000 + b"</body></message>", cut=16)
    take(HEAD + b"<message a='" + b"x" * 16_000, cut=1)
    assert time.process_time() - begin < 3


def test_a_stream_is_joined_at_a_stanza():
    data = b"ome text</body></message><message><body>whole</body></message></stream:stream>"
    for cut in (1, 1000):
        message, foot = take(data, begun=False, cut=cut)
        assert message.said("body") == "whole"
        assert message.ns == "jabber:client"
        assert isinstance(foot, Foot)


def test_a_stanza_inside_another_is_taken_for_one_and_its_end_is_no_fault():
    data = b"<forwarded><message><body>x</body></message></forwarded></message><presence/>"
    message, presence = take(data, begun=False)
    assert message.said("body") == "x"
    assert presence.name == "presence"


def test_behind_a_gap_reading_goes_on():
    reader = Reader(begun=True)
    reader.add(HEAD + b"<message><body>lo")
    assert isinstance(reader.take(), Head)
    assert reader.take() is None
    assert reader.partial
    reader.lose()
    assert not reader.partial
    reader.add(b"st</body></message><presence type='unavailable'/>")
    assert reader.take().get("type") == "unavailable"
    assert not reader.partial


def test_partial_says_where_a_side_stands():
    reader = Reader(begun=True)
    for data, expected in (
        (HEAD, False),
        (b" \n", False),
        (b"<mess", True),
        (b"age><body/>", True),
        (b"</message>", False),
    ):
        reader.add(data)
        while reader.take() is not None:
            pass
        assert reader.partial is expected


def test_a_restart_replaces_the_root():
    other = HEAD.replace(b"jabber:client", b"jabber:server")
    first, second, message = take(HEAD + b"<?xml version='1.0'?>" + other + b"<message/>")
    assert (first.content, second.content) == ("jabber:client", "jabber:server")
    assert message.ns == "jabber:server"


def test_flash_clients_end_what_they_send_with_a_zero():
    flash = b"<flash:stream xmlns:flash='http://www.jabber.com/streams/flash' to='a'/>\0<iq/>\0"
    head, iq = take(flash)
    assert head.element.ns == "http://www.jabber.com/streams/flash"
    assert iq.name == "iq"


def test_ends_of_stanzas():
    data = b"<iq type='get'><a/></iq> <presence/><message>"
    assert list(ends(data)) == [data.index(b" <p"), data.index(b"<message")]
