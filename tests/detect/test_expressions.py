"""Rules are data: what an expression can do is on a list, and everything else is refused."""

import contextlib
from ipaddress import IPv6Address, ip_address
from time import process_time

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backchannel import events
from backchannel.detect import rules
from backchannel.detect.expressions import Expression
from backchannel.detect.functions import (
    FUNCTIONS,
    belongs,
    card_number,
    hidden,
    mentions,
    odd_port,
    private,
    public,
)
from backchannel.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 < 2 and name == 'x'", True),
        ("kind in ('a', 'b')", True),
        ("kind in {'a', 'b'}", True),
        ("kind in {size, [name]}", None),  # a list cannot be in a set
        ("size if size > 3 else 0", 5),
        ("missing == 1", None),
        ("name > 3", None),
        ("matches(name, '^X$')", True),
    ],
)
def test_values(text, value):
    assert Expression(text, "t").value({"name": "x", "kind": "a", "size": 5}) == value


@pytest.mark.parametrize(
    "text",
    [
        "().__class__",
        "__import__('os')",
        "[x for x in y]",
        "lambda: 1",
        "open('x')",
        "'a' * 1000000000",
        "len.__self__",
        "name.upper()",
        "f(x)",
        "matches(text=name, pattern='x')",
        "(a := 1)",
        "1 +",
        "2 ** 9999999",
        "{1: 2}",
        "f'{name}'",
    ],
)
def test_what_is_not_on_the_list_is_refused(text):
    with pytest.raises(UsageError, match="t: "):
        Expression(text, "t")


def test_no_function_has_the_name_of_an_events_field():
    """In a rule the field would win, and the call give nothing."""
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type)]
    fields = {
        field.name
        for kind in kinds
        if issubclass(kind, msgspec.Struct)
        for field in msgspec.structs.fields(kind)
    }
    assert {"sender", "text", "first"} <= fields
    assert not fields & set(FUNCTIONS)


def test_names_are_told():
    assert Expression("matches(name, 'x') and size > 1", "t").names == {"name", "size"}
    assert all(callable(function) for function in FUNCTIONS.values())


@pytest.mark.parametrize(
    ("text", "is_card"),
    [
        ("4111111111111111", True),
        ("5500-0000-0000-0004", True),
        ("4111111111111112", False),
        ("0000000000000000", False),
        ("1234567890123", False),
        ("version 3.4111111111111111", False),
        ("378282246310005", True),
        ("30569309025904", True),
        ("6011 1111 1111 1117", True),
        ("20261129233007", False),  # an hour that passes the check
        ("1764371300005 and 4111111111111111", True),  # milliseconds that do, and a card
    ],
)
def test_card_numbers_have_a_check_digit(text, is_card):
    assert card_number(f"pay with {text} please") is is_card


@pytest.mark.parametrize(
    ("name", "is_hidden"),
    [
        ("photo.jpg.exe", True),
        ("photo.jpg          .scr", True),
        ("exe.\u202egpj.scr", True),
        ("archive.tar.gz", False),
        ("setup.exe", False),
        ("my.letter.doc", False),
        ("invoice.pdf .lnk", True),
        ("vlc-3.0.18.exe", False),
        ("jquery.min.js", False),
        ("Microsoft.NET.dll", False),
        ("www.example.com", False),
    ],
)
def test_names_that_hide_a_program(name, is_hidden):
    assert hidden(name) is is_hidden


def test_names_below_a_domain():
    domains = "gator.com", "adserver.kazaa.com"
    for name in (
        "gator.com",
        "Ads.GATOR.com",
        "gator.com.",
        "a.b.adserver.kazaa.com",
        300 * "a." + "gator.com",
    ):
        assert belongs(name, *domains), name
    for name in ("", ".", "com", "alligator.com", "gator.com.example", "kazaa.com", None):
        assert not belongs(name, *domains), name


def test_ports_of_a_service():
    assert odd_port("aim", 7777, 41000)
    assert not odd_port("aim", 5190)
    assert not odd_port("unheard-of", 1)


@pytest.mark.parametrize(
    ("text", "names", "may"),
    [
        ("stage == 'begun'", {"stage": "begun"}, True),
        ("stage == 'begun'", {"stage": "over"}, False),
        ("stage == 'begun'", {}, True),
        ("stage == 'begun' and size > 3", {"stage": "begun"}, True),
        ("size > 3 and stage == 'begun'", {"stage": "over"}, False),
        ("stage == 'begun' or size > 3", {"stage": "over"}, True),
        ("not (stage == 'begun' and size > 3)", {"stage": "begun"}, True),
        ("stage > 3", {"stage": "no number"}, False),
        ("stage and chosen", {"stage": ""}, False),
    ],
)
def test_what_few_names_rule_out(text, names, may):
    assert Expression(text, "t").may_hold(names) is may


@given(
    values=st.fixed_dictionaries({name: st.sampled_from([0, 1, "", "a"]) for name in "abc"}),
    known=st.sets(st.sampled_from("abc")),
    text=st.recursive(
        st.sampled_from(["a == b", "a > 0", "c", "b == 'a'", "len(c) > 0", "a in (b, c)"]),
        lambda part: st.builds("({} {} {})".format, part, st.sampled_from(["and", "or"]), part),
        max_leaves=6,
    ),
)
def test_what_is_ruled_out_never_holds(values, known, text):
    expression = Expression(text, "t")
    if not expression.may_hold({name: values[name] for name in known}):
        assert expression.value(values) is not True


@pytest.mark.parametrize(
    "name", [" " * 65_000 + "x.exe", "history" * 9_000, "conversation" * 5_000, "icq" * 20_000]
)
def test_no_name_of_a_file_takes_long(name):
    begun = process_time()
    assert not hidden(name)
    for rule in rules.load().values():
        Expression(rule.when, rule.id).value({"name": name, "files": (), "media": ""})
    assert process_time() - begun < 3


@pytest.mark.parametrize("text", ["(" * 999 + "1" + ")" * 999, "1 == " * 1_000 + "1"])
def test_what_cannot_be_read_is_an_error_of_its_author(text):
    with pytest.raises(UsageError, match="t: "):
        Expression(text, "t")


def test_how_deep_python_can_read_differs():
    with contextlib.suppress(UsageError):
        assert Expression("-" * 4_000 + "1", "t").value({}) == 1


@given(
    st.ip_addresses().map(str)
    | st.ip_addresses(v=4, network="192.0.0.0/8").map(str)
    | st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,3}){2,4}\Z")
    | st.text(max_size=9)
)
@example("10.0.0.1")
@example("192.168.255.1")
@example("8.8.8.8")
@example("8.8.8.08")
@example("8.8.8.٨")
@example("224.0.0.1")
@example("192.0.0.9")
@example("192.0.0.200")
@example("198.19.255.255")
@example("100.64.0.1")
@example("100.128.0.1")
@example("172.15.0.1")
@example("198.51.100.7")
@example("255.255.255.255")
def test_what_is_private_and_what_is_public_is_what_the_library_says(address):
    try:
        parsed = ip_address(address)
    except ValueError:
        assert not private(address)
        assert not public(address)
    else:
        stands = isinstance(parsed, IPv6Address) and (parsed.teredo or parsed.ipv4_mapped)
        assert stands or private(address) == parsed.is_private
        assert stands or public(address) == parsed.is_global


def test_what_stands_for_an_ipv4_address_is_judged_by_it():
    """Teredo (RFC 4380) leads anywhere; a mapped address (RFC 4291) is what it maps."""
    assert public("2001:0:4136:e378:8000:63bf:3fff:fdd2")
    assert not private("2001:0:4136:e378:8000:63bf:3fff:fdd2")
    assert public("::ffff:8.8.4.4")
    assert not private("::ffff:8.8.4.4")
    assert private("::ffff:10.0.0.1")
    assert not public("::ffff:10.0.0.1")


@pytest.mark.parametrize("size", [4, 32, 33, 65_536, 65_537])
def test_words_are_found_in_texts_of_any_size(size):
    for _ in range(2):  # the second time, what is remembered
        assert mentions("x" * (size - 4) + "Turn", "proxy", "turn") == (size <= 65_536)
        assert not mentions("x" * size, "proxy", "turn")
