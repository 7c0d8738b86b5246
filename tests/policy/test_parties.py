"""Sets of addresses held against Python's own."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from backchannel.policy.addresses import networks
from backchannel.policy.model import Networks, Party
from backchannel.policy.parties import Parties

nets = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 255).map(lambda n: n << 24 | 0x0A00),
    st.integers(4, 32),
)
sets = st.lists(nets, max_size=6).map(networks)
EVERY = Networks(any=True)


def holds(one, other):
    return Parties().inside(Party("narrow", other), Party("wide", one))


def meet(one, other):
    there = Party("any")
    return Parties().pairs_meet((Party("one", one), there), (Party("other", other), there))


@given(sets, sets)
def test_holds_and_meets_as_every_network_does(one, other):
    assert meet(one, other) == any(a.overlaps(b) for a in one.v4 for b in other.v4)
    assert holds(one, other) == all(any(b.subnet_of(a) for a in one.v4) for b in other.v4)


@given(sets, nets)
def test_an_address_is_in_a_set_as_it_is_in_a_network(some, net):
    for address in (net[0], net[-1], ip_address(0), ip_address("10.0.10.0")):
        assert (address in some) == any(address in each for each in some.v4)


def test_an_address_of_the_other_version_or_none_is_only_in_all():
    some = networks([ip_network("0.0.0.0/0"), ip_network("fd00::/8")])
    six, eight = ip_address("fd00::1"), ip_address("fe80::1")
    assert [each in some for each in (six, eight, None)] == [True, False, False]
    assert [each in EVERY for each in (six, None)] == [True, True]


def test_everybody():
    some, nobody = networks([ip_network("::/1")]), Networks()
    assert [holds(EVERY, some), holds(some, EVERY), holds(EVERY, EVERY)] == [True, False, True]
    assert [meet(EVERY, some), meet(EVERY, nobody)] == [True, False]


def test_who_opens_and_who_is_called_meet_in_one_version_of_ip():
    four, six = (Party("x", networks([ip_network(net)])) for net in ("10.0.0.0/8", "fd00::/8"))
    both = Party("both", networks([ip_network("10.0.0.0/8"), ip_network("fd00::/8")]))
    assert Parties().pairs_meet((both, four), (both, four))
    assert not Parties().pairs_meet((four, both), (both, six))


def test_interfaces_narrow():
    lan, both, all_ = Party("l", EVERY, ("a",)), Party("b", EVERY, ("a", "b")), Party("any", EVERY)
    inside = Parties().inside
    assert [inside(lan, both), inside(both, lan)] == [True, False]
    assert [inside(lan, all_), inside(all_, lan)] == [True, False]
    other, there = Party("c", EVERY, ("c",)), Party("any")
    meets = [Parties().pairs_meet((lan, there), (each, there)) for each in (all_, other)]
    assert meets == [True, False]
