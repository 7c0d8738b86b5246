"""UUHash against giFT-FastTrack's fst_hash.c, compiled and called through ctypes."""

import random

import pytest

from backchannel.protocols.fasttrack.uuhash import UUHash, short_id

# Sizes on both sides of every turn of the sampling; the bytes are random.Random(size)'s.
HASHES = (
    (0, "d41d8cd98f00b204e9800998ecf8427effffffff"),
    (1, "b15835f133ff2e27c7cb28117bfae8f4feffffff"),
    (307200, "99ac601864c4cfe77bc1a73f54076cd6ff4ffbff"),
    (307201, "859d1d65a05b9407008dede8100a418973a0f92d"),
    (614400, "ef8a0288633f94c496dad551681949a3b36d63f1"),
    (614401, "2898f76cb89cbbb4ad3aa053a9dacec4b73c1df0"),
    (1355777, "57b28e9580781d8659040ef1bfa7827a9cfab478"),
    (1662976, "4e988ac0b6ebfb155e14efc5a777c319f9bed28d"),
    (1662977, "d031bcfc64f015ce40c13e20edca573602de60c4"),
    (2711553, "946d2adf5a2f2e85314a469f967f52415f3d04b1"),
    (5000000, "6ec5464459014eaf90f32c796a75549402f4e14e"),
)


@pytest.mark.parametrize(("size", "digest"), HASHES)
@pytest.mark.parametrize("step", [1 << 24, 65_537, 1_448])
def test_hash(size, digest, step):
    data = random.Random(size).randbytes(size)
    running = UUHash(size)
    for at in range(0, size, step):
        assert not running.whole
        running.update(data[at : at + step])
    assert running.whole
    assert running.digest().hex() == digest


def test_short_id():
    """Witness: the ids in the manifest, computed by giFT."""
    known = {
        "c34dcf6832e198bc0790054850c16329eff1ffff": 3851,
        "6dad1094e5adfb0f95d51ae4405aea440b9affff": 12397,
        "dc61f2cffce9428a4337c3d6fb58eb6310fcdd16": 3226,
        "fab5e13a95f01d78028e810c97e99cb1a23cffff": 10121,
    }
    assert {digest: short_id(bytes.fromhex(digest)) for digest in known} == known
