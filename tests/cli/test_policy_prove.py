"""`backchannel policy prove` as a user runs it: codes, outputs and refusals."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.prove.labs import need_labs, table

from backchannel.cli import policy_prove

ROOT = Path(__file__).parents[2]
POLICY = """\
policy: 1
name: test
rules:
  - deny: aim
    name: no-aim
  - allow: yahoo
    name: yahoo
    capabilities: [login]
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def run(*options):
    program = "from backchannel.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "policy", "prove", *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_kept_promise_ends_with_0(policy, tmp_path):
    need_labs()
    (tmp_path / "rules.nft").write_text(table("tcp dport 5190 drop"))
    done = run(policy, "--ruleset", tmp_path / "rules.nft", "--method", "standard")
    assert done.returncode == 0, done.stderr
    assert re.search(r": 0 promises of \d+ broken", done.stdout)
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout


def test_a_broken_one_ends_with_1_in_every_output(policy, tmp_path):
    need_labs()
    (tmp_path / "rules.nft").write_text(table("tcp dport 5190 drop"))
    sarif, page = tmp_path / "out/proof.sarif", tmp_path / "out/proof.html"
    done = run(
        policy,
        *("--ruleset", tmp_path / "rules.nft", "--method", "standard", "--method", "socks5"),
        *("--json", "--sarif", sarif, "--report", page),
    )
    assert done.returncode == 1, done.stderr
    rows = json.loads(done.stdout)["proof"]["rows"]
    row = next(row for row in rows if (row["service"], row["capability"]) == ("aim", "login"))
    assert [(cell["outcome"], cell["kept"]) for cell in row["cells"]] == [
        ("blocked", "kept"),
        ("passes", "broken"),
    ]
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    result = next(each for each in results if "aim login" in each["message"]["text"])
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 4}
    assert "SOCKS 5 proxy: passes" in result["message"]["text"]
    assert "Broken promises" in page.read_text()


def test_the_emitted_text_is_proved_and_two_rulesets_compared(policy, tmp_path):
    need_labs()
    (tmp_path / "open.nft").write_text(table("accept"))
    options = ("--service", "aim", "--method", "standard", "--against", tmp_path / "open.nft")
    done = run(policy, *options)
    assert done.returncode == 1
    assert re.search(r"backchannel\.nft \(nftables\): 0 promises of \d broken", done.stdout)
    assert re.search(r"open\.nft \(nftables\): (\d) promises of \1 broken", done.stdout)
    assert re.search(r"Differences: \d", done.stdout)
    assert "without `best-effort`" in done.stderr


def test_iptables_made_of_the_policy(policy):
    need_labs()
    done = run(policy, "--to", "iptables", "--service", "aim", "--method", "standard", "--json")
    assert done.returncode == 0, done.stderr
    proof = json.loads(done.stdout)["proof"]
    assert proof["ruleset"]["kind"] == "iptables"
    assert proof["rows"][0]["cells"][0]["rule"].startswith("-A BACKCHANNEL")


def test_conversations_of_ones_own(policy):
    need_labs()
    capture = ROOT / "examples/yahoo/ymsg12_libpurple200.pcap"
    done = run(policy, "--conversations", capture, "--method", "standard", "--json")
    proof = json.loads(done.stdout)["proof"]
    assert [row["source"] for row in proof["rows"]] == ["ymsg12_libpurple200.pcap"]
    assert proof["unproved"][0]["why"] == "no recorded conversation shows it"


def test_a_ruleset_that_does_not_load_ends_with_2(policy, tmp_path):
    need_labs()
    (tmp_path / "rules.nft").write_text("table inet x { chain y { nonsense } }\n")
    done = run(policy, "--ruleset", tmp_path / "rules.nft", "--method", "standard")
    assert done.returncode == 2
    assert "rules.nft: nft rejects it" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--method", "carrier-pigeon"), "no method 'carrier-pigeon'; choose from standard,"),
        (("--to", "pf"), "loads nftables and iptables"),
        (("--service", "icq"), "promises nothing of these services"),
        (("--guard", "--against", "x"), "leave --ruleset and --against out"),
        (("--ruleset", "missing.nft"), "missing.nft: No such file"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_built(policy, options, told):
    done = run(policy, *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_no_namespaces_ends_with_4(policy, tmp_path):
    need_labs()
    (tmp_path / "sitecustomize.py").write_text(
        "from backchannel.prove import namespaces\n"
        "def refuse(flags):\n    raise PermissionError(1, 'Operation not permitted')\n"
        "namespaces.unshare = refuse\n"
    )
    program = "from backchannel.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "policy", "prove", policy, "--method", "standard"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 4, done.stderr
    assert "user.max_user_namespaces" in done.stderr


def test_every_option_is_on_its_page():
    page = (ROOT / "docs/prove.md").read_text()
    for name in list(inspect.signature(policy_prove.prove).parameters)[1:]:
        assert f"`--{name.replace('_', '-')}`" in page, name
