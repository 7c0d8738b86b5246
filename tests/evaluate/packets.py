"""Packets at and around the edges of what rules speak of, and at random."""

import random
from datetime import UTC, datetime
from ipaddress import ip_address

from backchannel.evaluate.packet import Packet

PORTLESS = ("esp", "ah")
STATES = {
    frozenset({"syn"}): "new",
    frozenset({"ack"}): "new",  # the kernel takes up a flow in its middle
    frozenset({"syn", "ack"}): "invalid",
    frozenset({"rst"}): "invalid",
}


def packets(rules, count, seed):
    """Yield *count* packets that may meet a line of *rules*; the same ones for a seed."""
    chance = random.Random(seed)
    known, places, now = addresses(rules), ports(rules), datetime.now(UTC)
    for _ in range(count):
        version = chance.choice((4, 4, 6))
        source = _pick(chance, known[version], version)
        target = _pick(chance, known[version], version)
        carrier, low = chance.choice(places)
        arrives, leaves = chance.choice((("eth1", "ppp0"), ("ppp0", "eth1")))
        flags = chance.choices(list(STATES), (6, 2, 1, 1))[0] if carrier == "tcp" else frozenset()
        high = chance.randrange(1024, 65_536)
        one, other = (low, high) if chance.random() < 0.3 else (high, low)
        yield Packet(
            carrier=carrier,
            source=source,
            destination=target,
            source_port=0 if carrier in PORTLESS else one,
            destination_port=0 if carrier in PORTLESS else other,
            arrives=arrives,
            leaves=leaves,
            flags=flags,
            state=STATES[flags] if carrier == "tcp" else "new",
            at=now,
        )


def addresses(rules):
    """Return the edges of all networks that the rules name, and their neighbours."""
    found = {4: {ip_address("203.0.113.77")}, 6: {ip_address("2001:db8:77::1")}}
    parties = [party for line in rules.lines for party in (line.ours, line.theirs)]
    parties += [party for life in rules.lifelines for party in (life.client, life.server)]
    for party in parties:
        for net in (*party.networks.v4, *party.networks.v6):
            for number in (int(net[0]) - 1, int(net[0]), int(net[-1]), int(net[-1]) + 1):
                if 0 < number < 2**net.max_prefixlen:
                    address = type(net[0])(number)
                    if _routable(address):
                        found[net.version].add(address)
    return {version: sorted(each) for version, each in found.items()}


def _routable(address):
    """Say whether a router forwards it: not loopback, multicast, this network, link-local."""
    numbers = address.is_loopback or address.is_multicast or address.is_unspecified
    local = address.is_link_local or (address.version == 4 and int(address) >> 24 in (0, 255))
    old = address.version == 6 and address.ipv4_mapped is not None
    reserved = address.version == 4 and int(address) >> 28 == 15
    return not (numbers or local or old or reserved)


def ports(rules):
    """Return carriers and ports at the edges of what the rules speak of, and some they do not."""
    found = [("tcp", 22), ("tcp", 80), ("udp", 443), ("esp", 0), ("ah", 0)]
    for line in rules.lines:
        for use in line.uses:
            for each in use.ports:
                edges = (each.low, each.high, each.low, each.high, each.low - 1, each.high + 1)
                found += [(each.carrier, min(max(port, 0), 65_535)) for port in edges]
    return found


def _pick(chance, known, version):
    if chance.random() < 0.7:
        return chance.choice(known)
    if version == 4:
        return ip_address(
            f"{chance.randrange(1, 120)}.{chance.randrange(256)}.{chance.randrange(256)}.9"
        )
    return ip_address((0x2001_0DB8 << 96) | chance.randrange(1 << 64))
