"""Conversations: kept as they are, and rewritten only where it fits."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from backchannel.model import Capability
from backchannel.prove.conversation import (
    Conversation,
    Flow,
    Patch,
    Step,
    pack,
    patched,
    unpack,
)

HOSTS = ("10.61.0.1", "10.61.0.11")


def flow(data, *patches):
    return Flow(transport="tcp", host=0, port=5190, steps=(Step(0, data),), patches=patches)


def conversation(**more):
    return Conversation(
        service="aim",
        capability=Capability.MESSAGE,
        source="x.pcap",
        inside="10.61.0.12",
        hosts=HOSTS,
        way="tcp/5190",
        flows=(flow(b"hello"),),
        **more,
    )


def test_what_is_packed_comes_out():
    assert unpack(pack(conversation())) == conversation()


@given(st.binary(max_size=200))
def test_anything_else_is_an_error(data):
    with pytest.raises(ValueError, match="not a conversation"):
        unpack(data)


def test_a_bomb_is_not_unpacked():
    """What unpacks to more than the bound is cut there, and then is no conversation."""
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(65 << 20))
    with pytest.raises(ValueError, match="not a conversation"):
        unpack(bomb)


def test_addresses_and_ports_are_rewritten_in_digits_and_in_binary():
    data = b"to 10.61.0.1:5190 or " + bytes([10, 61, 0, 11]) + (4443).to_bytes(2)
    made = flow(
        data,
        Patch(0, 3, 9, "address", True, 0),
        Patch(0, 13, 4, "port", True, 0),
        Patch(0, 21, 4, "address", False, 1),
        Patch(0, 25, 2, "port", False, 1),
        Patch(1, 0, 4, "address", False, 1),
    )
    got = patched(made, 0, "10.9.0.1", ("93.0.0.10", "93.0.1.2"), [8080, 443])
    assert got == b"to 93.0.0.10:8080 or " + bytes([93, 0, 1, 2]) + (443).to_bytes(2)


@pytest.mark.parametrize(
    ("hosts", "ports"), [(("93.0.0.1",), [5191]), (("2606:2800:220::1",), [80])]
)
def test_what_does_not_fit_stays_as_it_was_recorded(hosts, ports):
    data = b"10.61.0.1:5190"
    made = flow(data, Patch(0, 0, 9, "address", True, 0), Patch(0, 10, 4, "port", True, 0))
    got = patched(made, 0, "10.9.0.1", hosts, ports)
    assert len(got) == len(data)
    assert got.startswith(b"10.61.0.1:")
    assert got.endswith(b"5191" if ports == [5191] else b"5190")


def test_told_counts_the_bytes_of_the_capability():
    steps = Step(0, b"hello"), Step(1, b"file", told=True), Step(0, b"body!", told=True)
    made = Flow(transport="tcp", host=0, port=1, steps=steps)
    whole = conversation()
    assert (
        Conversation(
            **{f: getattr(whole, f) for f in whole.__struct_fields__} | {"flows": (made,)}
        ).told
        == 9
    )
    assert whole.transports == {"tcp"}
