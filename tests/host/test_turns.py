"""Work in turn."""

from hypothesis import given
from hypothesis import strategies as st

from backchannel.host.turns import Turns


def served(turns, count, cost):
    found = []
    for _ in range(count):
        user, work = turns.next()
        turns.spend(user, cost[user])
        found.append((user, work))
    return found


def test_one_user_is_served_in_order():
    turns = Turns()
    for work in range(5):
        turns.add(1, work)
    assert [work for _, work in served(turns, 5, {1: 1})] == list(range(5))
    assert turns.next() is None


def test_who_has_little_to_do_does_not_wait_for_who_has_much():
    turns = Turns()
    for work in range(100):
        turns.add(1, work)
    served(turns, 10, {1: 50})
    turns.add(2, "mine")
    assert (2, "mine") in served(turns, 2, {1: 50, 2: 1})


def test_who_costs_more_is_served_less_often():
    turns = Turns()
    for work in range(30):
        turns.add(1, work)
        turns.add(2, work)
    users = [user for user, _ in served(turns, 22, {1: 10, 2: 1})]
    assert (users.count(1), users.count(2)) == (2, 20)


def test_who_had_nothing_to_do_has_saved_nothing_up():
    """A new user, or one who slept, does not keep out those who worked all the time."""
    turns = Turns()
    for work in range(1000):
        turns.add(1, work)
    served(turns, 900, {1: 10})
    for work in range(100):
        turns.add(2, work)
    users = [user for user, _ in served(turns, 20, {1: 10, 2: 10})]
    assert abs(users.count(1) - users.count(2)) <= 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9))))
def test_all_is_served_once(works):
    turns = Turns()
    for number, (user, _) in enumerate(works):
        turns.add(user, number)
    assert len(turns) == len(works)
    found = []
    while (told := turns.next()) is not None:
        turns.spend(told[0], works[told[1]][1])
        found.append(told[1])
    assert sorted(found) == list(range(len(works)))
    assert len(turns) == 0
