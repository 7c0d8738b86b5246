"""Who is behind a NAT: the short answer is the long one."""

from hashlib import sha1

from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.ike.craft import sa_init

from backchannel.model import Endpoint
from backchannel.protocols.ike import nat
from backchannel.protocols.ike.wire import Header, read_header

SEEN = Endpoint("203.0.113.5", 1024)
VALUES = {
    "address and port": (SEEN.address, SEEN.port),
    "address": (SEEN.address, 500),
    "nothing": ("10.0.0.2", 500),
}


def hashed(header: Header, address: str, port: int) -> bytes:
    packed = bytes(map(int, address.split(".")))
    spis = header.initiator.to_bytes(8) + header.responder.to_bytes(8)
    return sha1(spis + packed + port.to_bytes(2, "big")).digest()


ends = st.sampled_from(nat.ENDS)


@given(st.lists(st.tuples(ends, ends, st.sampled_from(sorted(VALUES))), max_size=6), st.booleans())
def test_nobody_is_behind_a_nat_where_the_judgement_is_none(said, asked_before):
    header = read_header(sa_init())
    heard = [nat.heard(of, by, hashed(header, *VALUES[how]), header, SEEN) for of, by, how in said]
    assert [item.agrees() for item in heard] == [how == "address and port" for *_, how in said]
    before = asked_before and [item.hash for item in heard]
    short = nat.nobody_behind(tuple(heard))
    behind, _ = nat.judge(before or [item.hash for item in heard])
    assert short is (behind == "none")
