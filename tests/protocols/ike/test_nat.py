"""Who is behind a NAT: the short answer is the long one."""

from hashlib import md5, sha1
from ipaddress import ip_address

import pytest
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


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "203.0.113.255", "9.10.200.1", "2001:db8::5", "::1"]
)
@pytest.mark.parametrize("digest", [sha1, md5])
def test_hashes_of_addresses(address, digest):
    """As RFC 7296 §2.23 has it made, by libraries; IPv4's addresses are read by hand."""
    header = read_header(sa_init())
    spis = header.initiator.to_bytes(8) + header.responder.to_bytes(8)
    for port, seen, how in [
        (500, 500, "address and port"),
        (1024, 1024, "address and port"),
        (4500, 1024, "address"),
        (848, 500, "address"),
        (1024, 500, "nothing"),
    ]:
        value = digest(spis + ip_address(address).packed + port.to_bytes(2)).digest()
        assert nat.compare(value, header, Endpoint(address, seen)) == how
        assert nat.compare(value, header, Endpoint("198.51.100.7", seen)) == "nothing"


NOT_ADDRESSES = ["", "a.example", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "256.1.2.3"]


@pytest.mark.parametrize("name", [*NOT_ADDRESSES, "01.2.3.4", "1.2.3.04", "1.2.3.4 ", "9" * 40])
def test_what_is_no_address_has_no_hash(name):
    """The far end of a tunnel may be known by its name only; `ip_address` takes none of these."""
    with pytest.raises(ValueError, match="does not appear"):
        ip_address(name)
    header = read_header(sa_init())
    spis = header.initiator.to_bytes(8) + header.responder.to_bytes(8)
    for packed in (b"", b"\1\2\3\0", b"\1\2\3\4", b"\0\1\2\3"):
        value = sha1(spis + packed + (500).to_bytes(2)).digest()
        assert nat.compare(value, header, Endpoint(name, 500)) == "nothing"
        assert not nat.heard("initiator", "initiator", value, header, Endpoint(name, 500)).agrees()
