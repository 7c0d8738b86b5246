"""Logins tie flows together: bounded, and cheap to merge however they come."""

from time import process_time

from backchannel.engine.logins import FLOWS_OF_A_LOGIN, Group


def group(*flows):
    made = Group("aim", 1)
    for each in flows:
        assert made.add(each)
    return made


def test_of_two_groups_all_flows_are_kept_whichever_is_larger():
    for first, second in (((1,), (2, 3, 4)), ((1, 2, 3), (4,))):
        mine, other = group(*first), group(*second)
        mine.absorb(other)
        assert sorted(mine.flows) == [1, 2, 3, 4]
        assert other.root() is mine
        assert other.flows == {}


def test_a_login_knows_what_tied_each_of_its_flows():
    mine, other = group(1, 2), group(2, 3)
    mine.flows[1], other.flows[2], other.flows[3] = "esp", "ike", "ike"
    mine.absorb(other)
    assert mine.flows == {1: "esp", 2: "ike", 3: "ike"}


def test_a_login_lists_so_many_flows_and_no_more():
    full, other = group(*range(FLOWS_OF_A_LOGIN)), group(*range(-9, 0))
    assert full.add(5)
    assert not full.add(-1)
    full.absorb(other)
    assert len(full.flows) == FLOWS_OF_A_LOGIN


def test_a_large_login_is_not_copied_into_each_small_one():
    large, begun = group(*range(FLOWS_OF_A_LOGIN - 1)), process_time()
    for _ in range(2_000):
        small = group(1)
        small.absorb(large)
        large = small
    assert process_time() - begun < 0.5, "2,000 copies of 4,096 flows take longer"
