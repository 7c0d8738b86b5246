"""A dictionary with a bound."""

from backchannel.engine.bounded import Bounded


def test_the_oldest_gives_way_and_is_counted():
    counted = []
    held = Bounded[str, int](2, "gone", counted.append)
    held.put("a", 1)
    held.put("b", 2)
    held.put("a", 3)  # the newest now
    assert counted == []
    held.put("c", 4)
    assert list(held.items()) == [("a", 3), ("c", 4)]
    assert counted == ["gone"]
