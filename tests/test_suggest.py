"""What is suggested for a name that is not known."""

import pytest

from backchannel.suggest import LISTED, suggest

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
def test_what_is_alike_is_suggested_and_else_all_are_listed(name, said):
    assert suggest(name, KNOWN) == said


def test_a_single_letter_is_in_nearly_every_name():
    assert suggest("staff", ["a", "f"]) == "choose from a, f"
    assert suggest("f", ["staff", "guests"]) == "choose from staff, guests"


def test_a_long_list_is_cut():
    names = [f"name-{number:02}" for number in range(60)]
    assert suggest("x", names) == f"choose from {', '.join(names[:LISTED])}, ..."
    assert suggest("name", names) == "did you mean name-00 or name-01 or name-02?"
