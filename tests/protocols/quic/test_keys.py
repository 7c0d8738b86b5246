"""Keys of Initials, held against the published vectors; and the tests' own packets against them."""

import pytest
from tests.protocols.quic.build import (
    TARGET,
    V1,
    V2,
    C,
    S,
    expand,
    initial,
    packets,
    protect,
    secret,
)
from tests.protocols.quic.vectors import ANSWERS, ASKED, CRYPTO, KEYS, RETRIES, SERVER

from backchannel.protocols.quic.keys import Keys, proves
from backchannel.protocols.quic.versions import VERSIONS

every_version = pytest.mark.parametrize("version", [V1, V2])
PADDED = CRYPTO + bytes(1162 - len(CRYPTO))


def asked(version):
    """The client's packet of the appendices, made from what they say is in it."""
    start, end = ASKED[version]
    first = 0xD3 if version == V2 else 0xC3
    made = protect(bytes([first]) + bytes.fromhex(start)[1:18], 2, PADDED, version=version)
    assert (made[:32].hex(), made[-16:].hex(), len(made)) == (start, end, 1200)
    return made


@every_version
def test_the_builder_of_these_tests_makes_the_published_keys(version):
    for role, parts in zip((C, S), KEYS[version], strict=True):
        base, prefix = secret(version, TARGET, role), VERSIONS[version].prefix
        names = ("key", 16), ("iv", 12), ("hp", 16)
        assert tuple(expand(base, f"{prefix} {n}", size).hex() for n, size in names) == parts


@every_version
def test_the_published_packets_open(version):
    keys = Keys(VERSIONS[version], TARGET)
    for role, data, payload in ((C, asked(version), PADDED), (S, ANSWERS[version], SERVER)):
        (packet,) = packets(data)
        assert keys.open(role, data, packet) == payload


@pytest.mark.parametrize("packet", RETRIES)
def test_the_tags_of_the_published_retries_verify(packet):
    data = bytes.fromhex(packet)
    (read,) = packets(data)
    assert proves(read, data, TARGET)
    assert not proves(read, data, TARGET[:-1])
    other = data[:-1] + bytes([data[-1] ^ 1])
    assert not proves(read, other, TARGET)


def test_no_retry_of_a_version_without_a_tag_is_proved():
    data = bytes.fromhex(RETRIES[0].replace("00000001", "ff000018", 1))
    (read,) = packets(data)
    assert not proves(read, data, TARGET)


def test_what_was_changed_does_not_open():
    data = initial(CRYPTO)
    for at in (0, 7, 20, 30, len(data) - 1):
        keys = Keys(VERSIONS[V1], TARGET)
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        (packet,) = packets(changed)
        assert keys.open(C, changed, packet) is None
    (packet,) = packets(data)
    assert Keys(VERSIONS[V1], TARGET).open(S, data, packet) is None
    assert Keys(VERSIONS[V1], TARGET[:-1] + b"x").open(C, data, packet) is None


def test_numbers_go_on_where_only_their_last_bytes_are_sent():
    """RFC 9000 A.3: after 0xa82f30ea, 0x9b32 is 0xa82f9b32; and around the turn of one byte."""
    for numbers in (((0xA82F30EA, 4), (0xA82F9B32, 2)), ((0xFE, 1), (0x101, 1), (0xFF, 1))):
        keys = Keys(VERSIONS[V1], TARGET)
        for number, size in numbers:
            data = initial(CRYPTO, number=number, numbered=size)
            (packet,) = packets(data)
            assert keys.open(C, data, packet) is not None, hex(number)
