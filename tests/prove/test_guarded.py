"""The guard in the router instead of a ruleset: what only it can do, proved by the same plays."""

import sys

import pytest
from tests.prove.labs import outcomes, promise, proved

from backchannel.prove.enforcers import GuardCommand

POLICY = """\
policy: 1
name: guarded
guard: {existing: reset}
rules:
  - deny: aim
    capabilities: [file-transfer]
  - deny: yahoo
  - deny: [xmpp, irc]
    capabilities: [file-transfer]
  - deny: [wireguard, openvpn]
"""
WAYS = ("standard", "other-port", "port-443", "socks5", "http-connect", "ipv6")
PIECES = ("one-byte", "disorder", "fragments", "midstream")


@pytest.fixture
def guard(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    program = "from backchannel.cli import main; main()"
    command = (sys.executable, "-c", program, "guard", str(path), "--quiet")
    return GuardCommand("guard", command, ready="guarding forward")


@pytest.mark.parametrize("ways", [WAYS, PIECES])
def test_files_are_refused_and_messages_pass(guard, ways):
    """On any port, inside proxies, in pieces and out of order, and where it stood before: not one
    byte of what is refused.
    """
    found = proved(
        guard,
        promise("aim", "file-transfer"),
        promise("aim", "message", "allow"),
        promise("yahoo", "message"),
        methods=ways,
    )
    said = outcomes(found)
    assert set(said["message", "tcp/5190"].values()) == {"passes"}
    for key in (("file-transfer", "direct oft"), ("message", "tcp/5050")):
        assert set(said[key].values()) == {"blocked"}, key
    assert {cell.octets for row in found.rows if row.action == "deny" for cell in row.cells} == {0}


def test_todays_services_give_nothing_away_either(guard):
    """Of a tunnel not even the first datagram passes: an answer would come too late to refuse it.
    What holds of AIM's files holds of those of IRC and XMPP, and their messages pass.
    """
    found = proved(
        guard,
        promise("wireguard", "tunnel"),
        promise("openvpn", "tunnel"),
        promise("irc", "file-transfer"),
        promise("xmpp", "file-transfer"),
        promise("irc", "message", "allow"),
        promise("xmpp", "message", "allow"),
        methods=("standard", "other-port", "one-byte"),
    )
    said = outcomes(found)
    for (capability, way), methods in said.items():
        wanted = "passes" if capability == "message" else "blocked"
        assert set(methods.values()) <= {wanted, "untried"}, (capability, way)
    assert {way for capability, way in said if capability == "tunnel"} == {
        "tcp/443", "udp/1194", "udp/51820"
    }  # fmt: skip
    assert {cell.octets for row in found.rows if row.action == "deny" for cell in row.cells} == {0}


def test_what_the_guard_says_while_it_is_proved_is_in_the_proof():
    """Such as that it could not judge: nobody is to think then that what passed was judged."""
    said = "backchannel: the guard hangs: packets are not judged now"
    script = f"echo before; echo guarding forward by it; echo '{said}'; echo '{said}'; exec sleep 9"
    talker = GuardCommand("talker", ("sh", "-c", script), ready="guarding forward")
    found = proved(talker, promise("aim", "message"), methods=("standard",))
    assert found.remarks == (said.removeprefix("backchannel: "),)
    assert [cell.outcome for row in found.rows for cell in row.cells] == ["passes"]


RENEWED = """\
policy: 1
name: renewed
guard: {existing: reset}
rules:
  - allow: openvpn
    to: 45.0.0.0/8
  - deny: [openvpn, bittorrent]
"""


@pytest.fixture
def renewing(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(RENEWED)
    program = "from backchannel.cli import main; main()"
    command = (sys.executable, "-c", program, "guard", str(path), "--quiet")
    return GuardCommand("guard", command, ready="guarding forward")


def test_what_is_on_its_way_is_refused_or_begins_anew(renewing):
    """Amid a handshake in tls-crypt and behind a SYN of uTP nothing passes. A tunnel that is
    allowed is cut amid its first message over TCP, which tells nothing, and passes from its start.
    """
    found = proved(
        renewing,
        promise("openvpn", "tunnel", "allow", renews=True, outside=("45.0.0.0/8",)),
        promise("openvpn", "tunnel", outside=("203.0.113.0/24",)),
        promise("bittorrent", "file-sharing", outside=("203.0.113.0/24",)),
        methods=("midstream",),
    )
    said = {(row.action, row.way): row.cells[0] for row in found.rows}
    denied = {way: cell for (action, way), cell in said.items() if action == "deny"}
    assert {"udp/1194", "tcp/443", "direct bittorrent", "udp/6881"} < denied.keys()
    assert {cell.outcome for cell in denied.values()} == {"blocked"}
    assert {cell.octets for cell in denied.values()} == {0}
    allowed = {way: cell.outcome for (action, way), cell in said.items() if action == "allow"}
    assert allowed == {"tcp/443": "renewed", "udp/1194": "passes"}
    assert {cell.kept for cell in said.values()} == {"kept"}


JUDGING = RENEWED.replace("reset", "judge").replace("[openvpn, bit", "[openvpn, wireguard, bit")


def test_an_answer_tells_what_is_on_its_way(tmp_path, renewing):
    """Where nothing is cut unless it shows what it is: the first datagram that the guard meets is
    enough, and a server's answer over TCP.
    """
    (tmp_path / "policy.yaml").write_text(JUDGING)
    found = proved(
        renewing,
        promise("openvpn", "tunnel", outside=("203.0.113.0/24",)),
        promise("wireguard", "tunnel"),
        promise("bittorrent", "search"),
        methods=("midstream",),
    )
    passed = {row.way: row.cells[0].octets for row in found.rows}
    assert passed.pop("tcp/443") == 8  # the rest of the client's reset
    assert passed.pop("tcp/6881")
    assert set(passed.values()) == {0}
    assert {"udp/1194", "udp/51820", "direct bittorrent-dht"} < passed.keys()
