"""Sets of addresses held against Python's own."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from backchannel.policy.addresses import networks
from backchannel.policy.cover import holds, meet, parties_meet, party_holds, ports_meet
from backchannel.policy.model import Networks, Party, Ports

nets = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 255).map(lambda n: n << 24 | 0x0A00),
    st.integers(4, 32),
)
sets = st.lists(nets, max_size=6).map(networks)


@given(sets, sets)
def test_holds_and_meets_as_every_network_does(one, other):
    assert meet(one, other) == any(a.overlaps(b) for a in one.v4 for b in other.v4)
    assert holds(one, other) == all(any(b.subnet_of(a) for a in one.v4) for b in other.v4)


def test_everybody():
    every, some, nobody = Networks(any=True), networks([ip_network("::/1")]), Networks()
    assert [holds(every, some), holds(some, every), holds(every, every)] == [True, False, True]
    assert [meet(every, some), meet(every, nobody)] == [True, False]


def test_interfaces_narrow():
    every = Networks(any=True)
    lan, both, all_ = Party("l", every, ("a",)), Party("b", every, ("a", "b")), Party("any", every)
    assert [party_holds(both, lan), party_holds(lan, both)] == [True, False]
    assert [party_holds(all_, lan), party_holds(lan, all_)] == [True, False]
    assert [parties_meet(lan, all_), parties_meet(lan, Party("c", every, ("c",)))] == [True, False]


def test_ports():
    one = (Ports("tcp", 10, 20), Ports("udp", 5, 5))
    assert ports_meet(one, (Ports("tcp", 20, 30),)) == one[:1]
    assert ports_meet(one, (Ports("udp", 10, 20), Ports("tcp", 21, 21))) == ()
