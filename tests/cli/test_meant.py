"""What somebody may have meant."""

import pytest

from backchannel.cli.meant import meant

KNOWN = ("iptables", "nftables", "pf")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nftable", "did you mean nftables?"),
        ("nfttables", "did you mean nftables or iptables?"),
        ("tables", "did you mean iptables or nftables?"),
        ("pf-next", "did you mean pf?"),
        ("ipchains", "choose from iptables, nftables, pf"),
        ("", "choose from iptables, nftables, pf"),
    ],
)
def test_what_is_alike_is_asked_for_and_else_all_are_told(name, said):
    assert meant(name, KNOWN) == said
