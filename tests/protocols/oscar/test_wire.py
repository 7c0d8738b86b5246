"""Numbers in TLVs: what has another size is no number."""

from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols.oscar import wire

TAG, DEFAULT = 6, 7


@given(st.binary(max_size=6))
def test_a_number_has_its_size_or_is_not_there(value):
    values = {TAG: value}
    number = int.from_bytes(value)
    assert wire.u16_of(values, TAG, DEFAULT) == (number if len(value) == 2 else DEFAULT)
    assert wire.u32_of(values, TAG, DEFAULT) == (number if len(value) == 4 else DEFAULT)


def test_a_number_that_is_not_told_is_the_default():
    assert (wire.u16_of({}, TAG, DEFAULT), wire.u32_of({}, TAG)) == (DEFAULT, 0)
