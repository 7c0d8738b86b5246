"""Groups and zones: what their names stand for, and what is wrong with them."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.policy.addresses import Book, blocks, networks
from backchannel.policy.document import GroupFile, Policy, Zone
from backchannel.policy.model import Networks, Party


def book(tmp_path, groups=None, zones=None):
    errors = []
    policy = Policy(policy=1, groups=groups or {}, zones=zones or {}, rules=())
    made = Book(policy, tmp_path, lambda where, text: errors.append((where, text)))
    return made, errors


@pytest.mark.parametrize(
    ("text", "nets"),
    [
        ("10.0.0.1", ["10.0.0.1/32"]),
        ("10.0.0.0/8", ["10.0.0.0/8"]),
        ("10.0.0.1-10.0.0.4", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]),
        ("2001:db8::1 - 2001:db8::1", ["2001:db8::1/128"]),
    ],
)
def test_what_an_address_may_be(text, nets):
    assert blocks(text) == [ip_network(net) for net in nets]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.1/8", "write 10.0.0.0/8, or 10.0.0.1"),
        ("10.0.0.1-::1", "from one IP version to the other"),
        ("10.0.0.9-10.0.0.1", "first"),
        ("10.0.0.256", "does not appear"),
        ("", "does not appear"),
    ],
)
def test_what_no_address_may_be(text, said):
    with pytest.raises(ValueError, match=said):
        blocks(text)


@given(st.lists(st.integers(0, 2**32 - 1).map(ip_network), max_size=30))
def test_sets_are_sorted_apart_and_the_same_addresses(hosts):
    made = networks(hosts)
    assert list(made.v4) == sorted(made.v4)
    assert {address for net in made.v4 for address in net} == {net.network_address for net in hosts}


def test_groups_hold_groups_and_files(tmp_path):
    (tmp_path / "desk.txt").write_text("10.9.9.1 # jo\n\n# all\n10.9.9.2\n")
    made, errors = book(
        tmp_path,
        {"all": ("staff", "desk"), "staff": ("10.1.0.0/16",), "desk": GroupFile(file="desk.txt")},
    )
    party = made.party("all", ("rules", 0))
    assert errors == []
    assert [str(net) for net in party.networks.v4] == ["10.1.0.0/16", "10.9.9.1/32", "10.9.9.2/32"]
    assert made.used == {"all", "staff", "desk"}


def test_zones_stand_for_interfaces_addresses_or_both(tmp_path):
    zones = {
        "lan": Zone(interfaces=("lan0", "br-lan.7")),
        "dmz": Zone(interfaces=("dmz0",), networks=("192.0.2.0/24",)),
        "far": Zone(networks=("198.51.100.0/24",)),
    }
    made, errors = book(tmp_path, {}, zones)
    everyone = Networks(any=True)
    assert made.party("lan", ()) == Party("lan", everyone, ("lan0", "br-lan.7"))
    assert made.party("dmz", ()).interfaces == ("dmz0",)
    assert made.party("dmz", ()).networks.v4 == (ip_network("192.0.2.0/24"),)
    assert made.party(("far", "10.0.0.1"), ()).interfaces == ()
    assert errors == []
    made.party(("lan", "10.0.0.1"), ("rules", 3, "from"))
    made.party(("lan", "dmz"), ("rules", 4, "from"))
    assert [where for where, _ in errors] == [("rules", 3, "from"), ("rules", 4, "from")]


def test_an_empty_file_is_nobody_not_everybody(tmp_path):
    (tmp_path / "none.txt").write_text("# nobody yet\n")
    made, errors = book(tmp_path, {"none": GroupFile(file="none.txt")})
    assert errors == []
    assert not made.party("none", ()).networks
    assert not made.party("none", ()).everyone


@pytest.mark.parametrize(
    ("groups", "zones", "said"),
    [
        ({"a": ("b",), "b": ("a",)}, {}, "contains itself: a > b > a"),
        ({"staff": ("staf",)}, {}, "did you mean staff"),
        ({"a": ("10.0.0.1/8",)}, {}, "host bits"),
        ({"a": GroupFile(file="gone.txt")}, {}, "No such file"),
        ({"any": ("10.0.0.1",)}, {}, "is everybody"),
        ({"a": ()}, {"a": Zone(interfaces=("x",))}, "is the name of a group too"),
        ({}, {"z": Zone()}, "needs `interfaces`"),
        ({}, {"z": Zone(interfaces=('lan0"; flush',))}, "not an interface name"),
    ],
)
def test_every_mistake_is_told(tmp_path, groups, zones, said):
    made, errors = book(tmp_path, groups, zones)
    del made
    assert any(said in text for _, text in errors), errors


def test_a_bad_file_names_its_lines_but_not_thousands(tmp_path):
    (tmp_path / "bad.txt").write_text("nonsense\n" * 1000 + "10.0.0.1\n")
    made, errors = book(tmp_path, {"bad": GroupFile(file="bad.txt")})
    assert len(errors) == 21
    assert "bad.txt:1:" in errors[0][1]
    assert "980 more lines" in errors[-1][1]
    assert len(made.party("bad", ()).networks.v4) == 1
