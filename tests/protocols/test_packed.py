"""Tables in bytes mean what a set and a dict would."""

from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols.packed import MARK, marked, place, unmarked, without

VALUES = st.text("abc", max_size=2)


def test_a_row_is_found_where_rows_begin():
    rows = b"abcdbcdacdab"
    assert [place(rows, key, 4) for key in (b"abcd", b"cdab", b"cd", b"da")] == [0, 8, 8, -1]
    assert place(b"", b"a", 1) == place(b"a", b"ab", 4) == -1


def test_a_row_is_taken_out():
    assert [without(b"aabbcc", at, 2) for at in (0, 2, 4)] == [b"bbcc", b"aacc", b"aabb"]
    assert without(b"abc", 2, 4) == b"ab"


@given(st.lists(st.tuples(st.booleans(), VALUES), max_size=30))
def test_marks_are_a_set(steps):
    marks, known = b"", set()
    for adds, value in steps:
        after = marked(marks, value) if adds else unmarked(marks, value)
        assert (after is marks) == ((value in known) == adds)
        marks = after
        (known.add if adds else known.discard)(value)
        assert len(marks) == MARK * len(known)
