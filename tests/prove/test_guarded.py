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
