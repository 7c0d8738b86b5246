"""Policies for programs: what does not load, with its line."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from backchannel.catalogue.load import load as services
from backchannel.host.control.load import ProgramPolicyError, load

SERVICES = ("bittorrent", "irc")
ROOT = Path(__file__).parents[3]
GOOD = """\
version: 1
mode: deny
unknown: deny
rules:
  - name: no-p2p
    action: deny
    services: [bittorrent]
  - name: test-tool
    action: allow
    paths: [/opt/tool]
    reason: until the test is over
    expires: 2026-12-31
"""


def test_a_good_policy_loads_and_fits_its_schema(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(GOOD)
    made = load(path, SERVICES)
    assert (made.unknown, made.altered, made.rules[1].expires) == ("deny", "deny", "2026-12-31")
    schema = json.loads((ROOT / "docs/schema/host-policy.json").read_text())
    jsonschema.validate(json.loads(json.dumps(yaml.safe_load(GOOD), default=str)), schema)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("mode: deny", "mode: drop", 2, "drop"),
        ("services: [bittorrent]", "services: [bittorent]", 5, "bittorrent"),
        ("    services: [bittorrent]\n", "", 5, "names no program"),
        ("name: test-tool", "name: no-p2p", 8, "two rules"),
        ("[/opt/tool]", "[tool]", 8, "whole path"),
        ("2026-12-31", "2026-13-31", 12, "month"),
        ("action: allow", "action: ask", 9, "ask"),
        ("unknown: deny", "unknwon: deny", 3, "unknown"),
        ("version: 1", "version: 2", 1, "2"),
    ],
)
def test_each_error_has_its_line(tmp_path, old, new, line, said):
    assert old in GOOD
    path = tmp_path / "p.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ProgramPolicyError) as caught:
        load(path, SERVICES)
    told = [each for each in caught.value.errors if each.startswith(f"{path}:{line}:")]
    assert any(said in each for each in told), caught.value.errors


def test_the_example_loads():
    made = load(ROOT / "examples/programs.yaml", services())
    assert {rule.name for rule in made.rules} >= {"no-file-sharing", "no-way-out"}
