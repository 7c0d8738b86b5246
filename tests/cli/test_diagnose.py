"""`backchannel diagnose`: its options, its exit codes, and what goes where."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.diagnose.lab import FAR, configured

from backchannel.diagnose.document import Diagnosis

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests/diagnose/captures"
NEAR, THERE = (CAPTURES / f"port-4500-blocked.{side}.pcap" for side in ("near", "far"))
WORKS = CAPTURES / "works.near.pcap"


def run(*words, code=None):
    done = subprocess.run(
        [sys.executable, "-m", "backchannel", "diagnose", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert code is None or done.returncode == code, done.stderr + done.stdout
    return done


def test_a_problem_is_said_with_its_evidence_and_what_to_do():
    said = run(NEAR, code=1).stdout
    assert "10.2.0.2 answers on UDP 500 and not on UDP 4500" in said
    assert "frames 3, 4, 5" in said
    assert "1. open UDP 4500 from 10.1.0.2 to 10.2.0.2" in said
    assert "likely, blocked-4500" in said


def test_nothing_is_wrong():
    assert "the tunnel stands and carries in both directions" in run(WORKS, code=0).stdout


def test_the_far_side_makes_it_certain():
    said = run(NEAR, "--far", THERE, code=1).stdout
    assert "certain, blocked-4500" in said
    assert "IKE_AUTH to UDP 4500 of 10.1.0.2: 6 of 6 did not arrive" in said
    assert "10.1.0.2:500 → 10.2.0.1:500" in said
    assert "--far" in run(NEAR, code=1).stdout
    assert "--far" not in said


def test_the_document_is_of_its_schema_and_the_same_each_time():
    first, second = (run(NEAR, "--far", THERE, "--json", code=1).stdout for _ in range(2))
    assert first == second
    told = msgspec.json.decode(first, type=Diagnosis)
    assert (told.version, told.gateways[0].conclusions[0].id) == (1, "blocked-4500")
    assert set(json.loads(first)) == set(Diagnosis.__struct_fields__)


def test_between_two_addresses():
    flood = CAPTURES / "shared-mapping.near.pcap"
    told = json.loads(run(flood, "--between", "10.1.0.2", "10.2.0.2", "--json", code=0).stdout)
    assert [each["initiator"] for each in told["gateways"]] == ["10.1.0.2"]
    far = CAPTURES / "moved.far.pcap"
    told = json.loads(
        run(WORKS, "--far", far, "--between", "10.1.0.2", "10.2.0.2", "--json").stdout
    )
    assert [each["initiator"] for each in told["gateways"]] == ["10.1.0.2"]
    assert "takes two addresses" in run(flood, "--between", "here", "there", code=2).stderr


def test_configurations(tmp_path):
    left, right = tmp_path / "left.conf", tmp_path / "right.conf"
    left.write_text(configured("left", FAR))
    right.write_text(configured("right", "%any", proposals="aes256-sha256-modp4096"))
    refused = CAPTURES / "proposals-refused.near.pcap"
    done = run(refused, "--config", left, "--config", right, code=1)
    assert "no group in common: MODP_2048 and MODP_4096" in done.stdout
    assert "a key that both know" not in done.stdout + done.stderr
    away = tmp_path / "away.conf"
    away.write_text(
        "connections { away { remote_addrs = 192.0.2.77\n local_addrs = 192.0.2.1\n } }"
    )
    assert "never seen" in run(WORKS, "--config", away, code=1).stdout
    assert "line 1" in run(WORKS, "--config", _written(tmp_path / "bad.conf", "}"), code=2).stderr


def _written(path, text):
    path.write_text(text)
    return path


def test_a_damaged_capture_is_said_and_the_rest_done(tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(NEAR.read_bytes()[:-10])
    done = run(cut, code=3)
    assert "cut.pcap" in done.stderr
    assert "blocked-4500" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no capture given"),
        (("missing.pcap",), "not found"),
        ((NEAR, "--far", "missing.pcap"), "not found"),
        ((NEAR, "--frobnicate"), "frobnicate"),
    ],
)
def test_usage(words, told):
    done = run(*words, code=2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_names_from_outside_are_escaped(tmp_path):
    path = tmp_path / "x.conf"
    path.write_text('connections { "a\x1b[31mred" { remote_addrs = 10.2.0.2\n} }')
    done = run(WORKS, "--config", path, code=0)
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mred" in done.stdout


def test_captures_without_ipsec():
    said = run(ROOT / "examples/stun", code=0).stdout
    assert "No IKE, no ESP" in said


def test_a_connection_that_is_down_stays_in_the_metrics(tmp_path):
    conf, out = tmp_path / "swanctl.conf", tmp_path / "ipsec.prom"
    conf.write_text(
        "connections { away { remote_addrs = 192.0.2.77\n local_addrs = 192.0.2.1\n }\n"
        f"lab {{ remote_addrs = {FAR}\n }} }}"
    )
    run(WORKS, "--config", conf, "--metrics", out, "-q", code=1)
    rows = out.read_text().splitlines()
    assert f'backchannel_ipsec_connection_up{{connection="away",file="{conf}"}} 0' in rows
    assert f'backchannel_ipsec_connection_up{{connection="lab",file="{conf}"}} 1' in rows
    assert 'backchannel_ipsec_connections{state="never seen"} 1' in rows
    assert 'backchannel_ipsec_conditions{condition="blocked-4500"} 0' in rows
    run(NEAR, "--config", conf, "--metrics", out, code=1)
    rows = out.read_text().splitlines()
    assert f'backchannel_ipsec_connection_up{{connection="lab",file="{conf}"}} 0' in rows
    assert 'backchannel_ipsec_conditions{condition="blocked-4500"} 1' in rows
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".half"] == []


def policy(*words):
    return subprocess.run(
        [sys.executable, "-m", "backchannel", "policy", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_policy_that_lets_the_gateways_pass(tmp_path):
    """It is one that `policy` takes, and what it lets pass is UDP 500 and 4500 of the gateway."""
    path = tmp_path / "open.yaml"
    done = run(NEAR, "--policy", path, code=1)
    assert f"written: {path}" in done.stderr
    made = policy("compile", path, "--to", "nftables")
    assert made.returncode == 0, made.stderr
    lines = [line for line in made.stdout.splitlines() if 'name "line-allow-ipsec" accept' in line]
    assert [line.split(" counter")[0].strip() for line in lines] == [
        "ip daddr @gateways_v4 udp dport { 500, 4500 }",
        "ip saddr @gateways_v4 udp dport { 500, 4500 }",
    ]
    assert "elements = { 10.2.0.2 }" in made.stdout
    assert "management: [{from: 10.0.0.5, port: tcp/22}]" in policy("check", path).stdout


def test_no_policy_without_a_gateway(tmp_path):
    done = run(ROOT / "examples/stun", "--policy", tmp_path / "x.yaml", code=2)
    assert "no gateway was seen" in done.stderr


def test_standard_input():
    with NEAR.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "backchannel", "diagnose", "-"],
            stdin=file,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "blocked-4500" in done.stdout
    assert done.returncode == 1
