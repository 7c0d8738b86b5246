"""The list of allowed gateways: what it lets pass, what it does not, and what is no list."""

from pathlib import Path

import pytest

from backchannel import scan
from backchannel.cli.checks import Checks
from backchannel.detect.peers import read
from backchannel.errors import InputError

CAPTURE = Path(__file__).parents[2] / "examples/ipsec/natt_public_side.pcap"


def found(tmp_path, text):
    path = tmp_path / "gateways"
    path.write_text(text)
    run = scan(CAPTURE, followers=tuple(Checks(ipsec_peers=path).followers(None)))
    return [each.summary for each in run.document.findings if each.rule == "peer-not-allowed"]


@pytest.mark.parametrize("text", ["203.0.113.2", "203.0.113.0/24 # ours", "203.0.113.1\n"])
def test_one_end_on_the_list_is_enough(tmp_path, text):
    assert found(tmp_path, text) == []


@pytest.mark.parametrize("text", ["198.51.100.1", "2001:db8::/32", "203.0.113.3\n203.0.113.4/30"])
def test_a_tunnel_between_others_is_told_once_for_each_pair(tmp_path, text):
    (told,) = found(tmp_path, text)
    assert (
        told
        == "IPsec between 203.0.113.1 and 203.0.113.2: 203.0.113.2 is not on the list of gateways"
    )


def test_without_a_list_nothing_is_told():
    assert not [each for each in scan(CAPTURE).document.findings if each.rule == "peer-not-allowed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no gateway"),
        ("# none", "names no gateway"),
        ("203.0.113.2\ngateway.example", "line 2"),
        ("203.0.113.2/24", "line 1: 203.0.113.2/24 has host bits set"),
    ],
)
def test_what_is_no_list_is_said_with_its_line(tmp_path, text, said):
    path = tmp_path / "gateways"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read(path)
