"""What the kit promises to the tests that stand on it."""

import pytest
from tests import kit


@pytest.mark.skipif(not kit.NEGATIVES.exists(), reason=f"{kit.NEGATIVES} is not here")
def test_there_are_captures_of_other_protocols():
    """An empty list must fail, or the tests over it pass by not running."""
    assert len(kit.foreign()) > 40


def test_ones_own_captures_are_not_foreign():
    mine = sorted(kit.EXAMPLES.glob("aim/*.pcap"))
    assert mine
    assert not {path.name for path in mine} & {path.name for path in kit.foreign(*mine)}
