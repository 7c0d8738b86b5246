"""`backchannel policy` as a user runs it: what it says, where, and its exit codes."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from backchannel.cli import policy_matrix
from backchannel.cli.policy import firewalls, rules
from backchannel.policy.matrix import matrix as judge
from backchannel.report import console

ROOT = Path(__file__).parents[2]
OFFICE = ROOT / "examples/policies/office.yaml"
DAY = "2026-11-27"


def run(*words, code=0):
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from backchannel.cli import main; main()",
            "policy",
            *map(str, words),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == code, (ran.returncode, ran.stdout, ran.stderr)
    return ran


def test_the_example_checks_clean_but_for_notes():
    ran = run("check", OFFICE, "--on", DAY, "--json")
    assert {each["level"] for each in json.loads(ran.stdout)} <= {"note"}


def test_problems_end_with_one_and_say_what_helps(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("policy: 1\nrules:\n- deny: aim\n- allow: aim\n")
    ran = run("check", path, code=1)
    assert (
        "p.yaml:4: error: allow-aim: does nothing: deny-aim (p.yaml:3) decides first" in ran.stdout
    )
    assert "put the rule that is to win first" in ran.stdout


def test_a_policy_that_cannot_be_read_ends_with_two_and_all_mistakes(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("policy: 1\nrules:\n- deny: aimm\n- {deny: aim, form: x}\n")
    ran = run("check", path, code=2)
    assert "p.yaml:4: rules[1].form: is not known; did you mean from?" in ran.stderr
    assert "Traceback" not in ran.stderr
    path.write_text("policy: 1\nrules:\n- deny: aimm\n- {deny: aim, from: x}\n")
    told = run("check", path, code=2).stderr
    assert "no service or kind 'aimm'; did you mean aim" in told
    assert "no group or zone 'x'" in told


def test_a_day_that_is_none(tmp_path):
    assert "is not a day like" in run("check", OFFICE, "--on", "soon", code=2).stderr


def test_init_writes_what_check_accepts_and_keeps_what_is_there(tmp_path):
    out = tmp_path / "first.yaml"
    ran = run("init", ROOT / "examples/aim/aim_oft.pcap", "--out", out)
    assert f"next: backchannel policy check {out}" in ran.stderr
    run("check", out)
    out.write_text("mine")
    assert "--force" in run("init", ROOT / "examples/aim/aim_oft.pcap", "--out", out, code=2).stderr
    assert out.read_text() == "mine"
    assert "name at least one capture" in run("init", code=2).stderr


def test_init_says_which_capture_was_damaged(tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes((ROOT / "examples/aim/aim_oft.pcap").read_bytes()[:5000])
    ran = run("init", cut, code=3)
    assert ran.stderr.startswith(f"backchannel: {cut}: at byte ")
    assert "policy: 1" in ran.stdout


def test_the_matrix_says_what_each_firewall_can_do_and_why():
    ran = run("matrix", OFFICE, "--on", DAY)
    head, *rows = ran.stdout.splitlines()
    assert {"nftables", "iptables", "pf", "win", "cisco", "junos", "guard"} <= set(head.split())
    row = next(row.split() for row in rows if row.startswith("no-remote-assistance (deny)"))
    cells = dict(zip(head.split()[1:], row[2:], strict=True))
    assert cells["guard"] == "yes"
    assert cells["nftables"] == "part"
    assert cells["rpz"] == "no"
    told = run("matrix", OFFICE, "--on", DAY, "--to", "nftables", "--why").stdout
    assert "it passes on other ports and through proxies" in told
    reasons = told.split("no-files (office")[1].splitlines()[1:]
    assert all(line.startswith("  ") for line in reasons[: reasons.index("")])  # also what wraps
    made = json.loads(run("matrix", OFFICE, "--on", DAY, "--json").stdout)
    assert {row["line"] for row in made["rows"]} >= {"no-files", "our-gateways"}
    assert "no firewall 'x'" in run("matrix", OFFICE, "--to", "x", code=2).stderr


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_matrix_names_every_rule_on_a_terminal_of_any_width(width, monkeypatch):
    """A table of ten firewalls leaves no room for the rules' names on a narrow one."""
    made = judge(rules(OFFICE, DAY, ()), firewalls(()))
    out = Console(width=width, file=io.StringIO(), record=True)
    monkeypatch.setattr(console, "console", lambda: out)
    policy_matrix._show(made, why=False)
    told = out.export_text()
    assert "…" not in told
    assert "no-files (deny)" in told
    assert told.startswith("rule ") is (width >= 80)
    if width == 60:
        assert "no-sharing (deny)\n  yes: guard\n  part: cisco-ios, dns-rpz, iptables," in told


def test_a_firewall_that_is_none_is_answered_with_those_there_are():
    for command in ("compile", "matrix", "explain", "plan", "apply"):
        more = ("--flow", "tcp 10.0.0.1 -> 10.0.0.2:1") if command == "explain" else ()
        told = run(command, OFFICE, "--to", "ipchains", *more, code=2).stderr
        assert "no firewall 'ipchains'; choose from cisco-ios" in told
