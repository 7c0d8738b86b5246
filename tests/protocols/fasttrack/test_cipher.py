"""FastTrack's cipher and its mixing machine, against what giFT-FastTrack's own code computes."""

from functools import cache
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols.fasttrack import mixer
from backchannel.protocols.fasttrack.cipher import Cipher, UnknownCipherError, unmask

# Witness: giFT-FastTrack's src/crypt (commit a647525), compiled and called through ctypes.
# Seed, encryption type, the first 8 bytes of the stream, the MD5 of its first 20,000.
STREAMS = (
    (0xA3B1799D, 0x00, "81f8a1ba5ad34c7c", "221a06a2f508dd0575ba491da2e58471"),
    (0x1C80317F, 0x01, "81dcecb94ccc49b2", "435f1e2e47885cddbdcbee10861b6173"),
    (0x06671AD1, 0x02, "578499673e503ed5", "b41af9757c543937b60fd4c6ef9ef827"),
    (0xBDD640FB, 0x08, "015998731c93f6a3", "c8cf639ef1cb572ad146ab15d92b29db"),
    (0x46685257, 0x09, "102a35b3b4b209e8", "760bcd2e2bfe203b8cf7c1b65171af7c"),
    (0x3EB13B90, 0x10, "6be13aa3cdf04dc6", "db96bd11cd2fb985d7fee3d73baf14ff"),
    (0x392456DE, 0x20, "1918f94ffae73440", "659750fa008d03272e3f26425aebd679"),
    (0x23B8C1E9, 0x29, "b746022864a58728", "299609f8ab38e04aa58ef77b0e6f5d0a"),
    (0xBC8960A9, 0x39, "5bca10de40d581c4", "51086cdb9964f07177b2e70d6213e5b4"),
    (0x1A3D1FA7, 0x40, "69cbc60f6edba52d", "50ffb736dd58ad3b95d1cce080ceefe0"),
    (0xAD3C2D6D, 0x80, "385f1c64854a0dd3", "3a86633f7f57de3edf3d631d2c83006a"),
    (0xBD9C66B3, 0xA9, "1166ae64b5a3ed66", "56f3fc39280886d810122814b3c66cc2"),
    (0xE465E150, 0xB9, "c7b3cb67dd95d5c8", "66f84be2eed0f813659fe0708e62ef23"),
    (0x8B9D2434, 0xBB, "0a22b4c8747d2231", "8b853913765a810008acb7d3b4ce5d9f"),
    (0x16419F82, 0x1B, "7788924adb730e22", "8898ae860f46d538c280be2bca93a4e9"),
    (0x972A8469, 0xFB, "4728e5a473c147ba", "41d808464dd1f31ff9dccc221cccf707"),
)
# The mask over type 0x29, from the same code; the last is what every giFT sends.
MASKED = (
    (0x6C031199, 0x5A52422B),
    (0x0822E8F3, 0x09188028),
    (0x07A0CA6E, 0xC0220389),
    (0x17FC695A, 0x4704801A),
    (0x37F8A88B, 0x500002A8),
    (0x3B8FAA18, 0x01420018),
    (0xFACB1238, 0x3209D232),
)


@pytest.mark.parametrize(("seed", "kind", "start", "digest"), STREAMS, ids=lambda value: f"{value}")
def test_the_stream_is_what_gift_computes(seed, kind, start, digest):
    stream = Cipher(seed, kind).crypt(bytes(20_000))
    assert stream[:8].hex() == start
    assert md5(stream).hexdigest() == digest


@pytest.mark.parametrize(("seed", "masked"), MASKED)
def test_the_mask_is_what_gift_computes(seed, masked):
    assert unmask(seed, masked) == 0x29
    assert unmask(seed, 0x29) == masked


@given(
    st.sampled_from([0x01, 0x29, 0x39, 0xA9]),
    st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=12),
)
def test_pieces_and_skips_are_the_same_stream(kind, pieces):
    whole, cipher, at = Cipher(5, kind).crypt(bytes(4000)), Cipher(5, kind), 0
    for skip, size in pieces:
        if skip:
            cipher.skip(size)
        else:
            assert cipher.crypt(bytes(size)) == whole[at : at + size]
        at += size
    assert cipher.crypt(bytes(20)) == whole[at : at + 20]


@pytest.mark.parametrize("kind", [0x04, 0x100, 0x2D])
def test_a_type_nobody_described_is_refused(kind):
    with pytest.raises(UnknownCipherError):
        Cipher(1, kind)


@pytest.mark.parametrize(("kind", "most"), [(0x02, 1127), (0x20, 5602), (0x80, 2291)])
def test_no_seed_can_make_a_program_run_long(kind, most):
    """The longest way through each program, whatever its words: bounded, because no routine
    can reach itself."""
    program = mixer.program(kind)

    @cache
    def longest(number):
        ways = []
        for arm in range(program._choosers[number][1]):
            parts = program._taken(number, arm)
            ways.append(sum(len(steps) + (longest(to) if to >= 0 else 0) for steps, to, _ in parts))
        return max(ways)

    assert longest(0) == most


def test_the_notation_is_understood():
    """Each step worked out by hand, in 32 bits."""
    text = """
    # a comment
    routine 0: w0 ^ key % 3
      w1 += w0 * 10
      1> w2 = 7; run 1 w2
      w3 <<<= 4
      2> w4 = 1 !; w4 = 2
      w5 = sin w6 ? 1 : 2
      w7 = w6 < w0 ? w6 : 9
      w8 = root w9
      t = w0 - w1
      w10 = t ^ w6
    routine 1
      w11 = key + 1 !
      w12 = 5
    """
    words = [0] * 20
    words[0], words[1], words[3], words[6], words[9] = 5, 0xFFFFFFFF, 0x90000001, 4, 0x1FF
    mixed = mixer.Mixer(text).mix(words, 4)  # 5 ^ 4 is 1, modulo 3
    assert mixed[1] == 0x4F
    assert (mixed[2], mixed[11], mixed[12]) == (7, 8, 5)  # 8 is even: routine 1 goes on
    assert mixed[3] == 0x19
    assert mixed[4] == 0
    assert mixed[5] == 1  # the sine of 4 is negative
    assert mixed[7] == 4
    assert mixed[8] == 16
    assert mixed[10] == (5 - 0x4F) & 0xFFFFFFFF ^ 4
    stopped = mixer.Mixer(text).mix(words, 0)  # 5 modulo 3 is 2: the odd 1 ends the run
    assert (stopped[3], stopped[4], stopped[5]) == (0x19, 1, 0)


def test_a_step_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not a step"):
        mixer.Mixer("routine 0\n  w0 = w1 w2\n").mix([0] * 20, 0)
