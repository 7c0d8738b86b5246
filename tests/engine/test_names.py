"""Names that stand for a service: as long as they are told, and an hour longer."""

from backchannel.engine.names import LIFETIME, Names
from backchannel.events import NameLearned

ADDRESS = "192.0.2.1"


class Waiting:
    """What the core waits for, by token."""

    def __init__(self):
        self.held = {}
        services = {"a.example": "aim", "also.a.example": "aim", "m.example": "msn"}
        self.names = Names(lambda name: services.get(name, ""), self.tell, self.held.pop, print)

    def tell(self, token, transport, *place_and_end):
        *place, until = place_and_end
        assert place == [ADDRESS, 0, ""]
        assert token not in self.held
        self.held[token] = transport, until

    def learn(self, name, now):
        self.names.learn(NameLearned(name=name, addresses=(ADDRESS,), how="dns"), now)


def test_a_name_that_is_told_again_is_waited_for_from_then_on():
    core = Waiting()
    core.learn("a.example", 0)
    core.learn("a.example", LIFETIME // 4)
    assert sorted(core.held.values()) == [("tcp", LIFETIME), ("udp", LIFETIME)]
    now = LIFETIME // 4 * 3
    core.learn("also.a.example", now)
    assert sorted(core.held.values()) == [("tcp", now + LIFETIME), ("udp", now + LIFETIME)]
    assert core.names.service_at(ADDRESS, now + LIFETIME) == ("aim", "also.a.example")


def test_a_name_that_is_told_no_more_ends_and_leaves_its_place():
    core = Waiting()
    core.learn("a.example", 0)
    core.learn("m.example", LIFETIME // 4 * 3)
    assert core.names.service_at(ADDRESS, LIFETIME) == ("aim", "a.example")
    assert core.names.service_at(ADDRESS, LIFETIME + 1) is None
    core.learn("m.example", LIFETIME + 1)
    assert core.names.service_at(ADDRESS, LIFETIME + 1) == ("msn", "m.example")
    assert {until for _, until in core.held.values()} == {2 * LIFETIME + 1}
