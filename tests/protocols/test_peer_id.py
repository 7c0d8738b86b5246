"""Programs by their peer ids: examples of BEP 20, and ids of recorded sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols import peer_id

KNOWN = [
    (b"-AZ2060-............", ("Vuze", "2.0.6")),  # BEP 20
    (b"M4-20-8-............", ("BitTorrent", "4.20.8")),  # BEP 20
    (b"M4-3-6--............", ("BitTorrent", "4.3.6")),  # BEP 20
    (b"S58B-----...........", ("Shad0w's client", "5.8B")),  # BEP 20: 5.8.11
    (b"-ML2.7.2-kgjjfkd....", ("MLdonkey", "2.7.2")),  # BEP 20
    (b"-DE13F0-VnpZRF8ZP9iv", ("Deluge", "1.3.15")),  # Zeek's tracker.pcap
    (b"-LT20B0-x...........", ("libtorrent", "2.0.11")),
    (b"-TR3000-h6w0r9vyjk4p", ("Transmission", "3.0.0")),
    (b"A2-1-36-0-\x01\x02\x03.......", ("aria2", "1.36.0")),
    (b"exbc\x00\x38............", ("BitComet", "0.56")),
    (b"exbc\x00\x38LORD........", ("BitLord", "0.56")),
    (b"-wF2200-............", ("wF", "2.2.0")),  # BEP 20: seen, and not identified
]


@pytest.mark.parametrize(("given_id", "expected"), KNOWN)
def test_programs_are_known_by_their_ids(given_id: bytes, expected: tuple[str, str]) -> None:
    assert peer_id.software(given_id) == expected


@pytest.mark.parametrize(
    "other", [b"", b"-", b"--------------------", b"\xff" * 20, b"exbc", b"Z9-9-9--", b"-LT20B0"]
)
def test_other_ids_name_nobody_or_no_version(other: bytes) -> None:
    assert peer_id.software(other) in (("", ""), ("BitComet", ""))


@given(st.binary(max_size=20) | st.from_regex(rb"[-A-Za-z0-9.~]{8,20}", fullmatch=True))
def test_any_bytes_are_taken(other: bytes) -> None:
    name, version = peer_id.software(other)
    assert name or not version
