"""Spans of time that meet another one."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from backchannel.host.spans import Spans


class Row(NamedTuple):
    begin: int
    end: int


rows = st.lists(
    st.builds(lambda begin, length: Row(begin, begin + length), *[st.integers(0, 30)] * 2)
)


@given(rows, st.integers(-2, 70), st.integers(0, 20))
def test_they_are_those_that_a_look_at_each_gives(given_rows, begin, length):
    end = begin + length
    wanted = sorted(each for each in given_rows if each.begin <= end and begin <= each.end)
    found = list(Spans(given_rows).meeting(begin, end))
    assert sorted(found) == wanted
    assert [each.begin for each in found] == [each.begin for each in wanted]


class Counted(int):
    """A time that counts how often it is compared."""

    compared = 0

    def __lt__(self, other):
        Counted.compared += 1
        return int(self) < int(other)


def test_one_of_many_is_found_without_a_look_at_each():
    """One socket is held all the time, and very many shortly, as those of a resolver are."""
    many = [Row(number, Counted(number)) for number in range(1, 1 << 14)]
    spans = Spans([Row(0, Counted(1 << 20)), *many])
    Counted.compared = 0
    assert [each.begin for each in spans.meeting(1 << 13, 1 << 13)] == [0, 1 << 13]
    assert Counted.compared < 200
