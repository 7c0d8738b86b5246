"""Every play has addresses of its own, as far as there are any."""

import asyncio
from ipaddress import ip_address, ip_network

from tests.prove.labs import shipped

from backchannel.prove.addresses import Addresses, Turns
from backchannel.prove.methods import METHODS

MESSAGE = shipped()["aim", "message"][0]
STANDARD = METHODS["standard"]


def test_each_play_has_its_own_as_long_as_there_are_any():
    pool, seen = Addresses(), set()
    for _ in range(8190):
        places, shared = pool.take(["172.16.0.0/19"], [], MESSAGE, STANDARD)
        assert not shared
        seen.add(places.inside)
    assert len(seen) == 8190
    assert {ip_address(each) in ip_network("172.16.0.0/19") for each in seen} == {True}
    places, shared = pool.take(["172.16.0.0/19"], [], MESSAGE, STANDARD)
    assert shared == (places.inside,)


def test_few_are_shared_one_after_the_other():
    pool = Addresses()
    taken = [pool.take(["10.0.0.0/30"], ["192.0.2.1/32"], MESSAGE, STANDARD) for _ in range(5)]
    assert [places.inside for places, _ in taken] == [f"10.0.0.{n}" for n in (0, 1, 2, 3, 0)]
    assert {places.hosts for places, _ in taken} == {("192.0.2.1",)}
    assert all(shared == (places.inside, "192.0.2.1") for places, shared in taken)


def test_addresses_are_as_long_as_the_recorded_ones():
    places, _ = Addresses().take([], [], MESSAGE, STANDARD)
    assert len(places.inside) == len(MESSAGE.inside)
    assert [*map(len, places.hosts)] == [*map(len, MESSAGE.hosts)]


def test_who_shares_an_address_waits_for_it():
    async def play():
        turns, said = Turns(), []

        async def one(name):
            async with turns.taken(("a", "b")):
                said.append(name)
                await asyncio.sleep(0)
                said.append(name)

        assert turns.free("a")
        await asyncio.gather(one(1), one(2))
        return said

    assert asyncio.run(play()) == [1, 1, 2, 2]
