"""Flows of a capture and the real programs that owned them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from tests.apply.place import need
from tests.host.play import COMMAND

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    need("unshare", "ip", "tcpdump", "microsocks", "curl")
    folder = tmp_path_factory.mktemp("played")
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    tried = subprocess.run(
        ["unshare", "--net", *rights, "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"needs network namespaces: {tried.stderr}")
    ran = subprocess.run(
        ["unshare", "--net", *rights, sys.executable, Path(__file__).with_name("play.py"), folder],
        capture_output=True, text=True, check=False, timeout=120, cwd=ROOT,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder, json.loads((folder / "told.json").read_text())


def flows(folder, *words):
    ran = subprocess.run(
        [*COMMAND, "host", "flows", *map(str, words), "--json"],
        capture_output=True, text=True, check=False, timeout=60, cwd=folder,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def between(joined, server):
    return [each for each in joined["flows"] if each["server"] == server]


def test_who_owned_each_end_of_a_proxys_flows(played):
    """The client is long gone by now: the record knows it, with its file and package."""
    folder, told = played
    joined = flows(folder, "capture.pcap", "--record", "record.jsonl")
    (flow,) = (
        each
        for each in between(joined, "127.0.0.1:1080")
        if not each["client"].endswith(f":{told['short']}")
    )
    assert (flow["service"], flow["stack"]) == ("socks", "socks")
    client, server = flow["client_owner"], flow["server_owner"]
    assert (client["how"], [each["pid"] for each in client["programs"]]) == (
        "connected", [told["curl"]],
    )  # fmt: skip
    (curl,) = client["programs"]
    assert curl["path"] == os.path.realpath(shutil.which("curl", path="/usr/bin"))
    assert curl["package"] in ("deb:curl", "")
    assert len(curl["sha256"]) == 64
    assert [each["pid"] for each in server["programs"]] == [told["proxy"]]
    assert server["programs"][0]["package"] == "deb:microsocks"


def test_the_proxys_own_connection_is_the_proxys(played):
    folder, told = played
    joined = flows(folder, "capture.pcap", "--record", "record.jsonl", "--all")
    (flow,) = between(joined, "127.0.0.1:8080")
    assert [each["pid"] for each in flow["client_owner"]["programs"]] == [told["proxy"]]
    assert [each["pid"] for each in flow["server_owner"]["programs"]] == [told["server"]]


def test_what_was_over_too_soon_is_unknown_and_its_server_the_one_that_listened(played):
    folder, told = played
    joined = flows(folder, "capture.pcap", "--record", "record.jsonl", "--all")
    (flow,) = (
        each
        for each in between(joined, "127.0.0.1:1080")
        if each["client"].endswith(f":{told['short']}")
    )
    assert (flow["client_owner"]["how"], flow["client_owner"]["why"]) == (
        "unknown", "its socket was gone before anybody was seen to hold it",
    )  # fmt: skip
    assert flow["server_owner"]["how"] == "listening"
    assert [each["pid"] for each in flow["server_owner"]["programs"]] == [told["proxy"]]


def test_the_documents_fit_their_schemas_and_are_the_same_each_time(played):
    folder, _ = played
    joined = flows(folder, "capture.pcap", "--record", "record.jsonl", "--all")
    jsonschema.validate(joined, json.loads((ROOT / "docs/schema/host-flows-1.json").read_text()))
    line = json.loads((ROOT / "docs/schema/host-record-1.json").read_text())
    validator = jsonschema.Draft202012Validator(line)
    for text in (folder / "record.jsonl").read_text().splitlines():
        validator.validate(json.loads(text))
    assert flows(folder, "capture.pcap", "--record", "record.jsonl", "--all") == joined
    assert (folder / "record.jsonl").stat().st_mode & 0o077 == 0


def test_the_table_of_a_scan_is_as_good_as_its_capture(played):
    folder, _ = played
    subprocess.run(
        [*COMMAND, "scan", "capture.pcap", "--flows", "flows.parquet", "--quiet"],
        check=True, cwd=folder, capture_output=True,
    )  # fmt: skip
    from_table = flows(folder, "flows.parquet", "--record", "record.jsonl")
    assert from_table == flows(folder, "capture.pcap", "--record", "record.jsonl")


def test_without_a_record_they_are_gone_and_nobody_is_guessed(played):
    folder, _ = played
    for flow in flows(folder, "capture.pcap", "--all")["flows"]:
        assert flow["client_owner"]["how"] == "unknown"
        assert flow["client_owner"]["why"] == "its socket is not there now"


def test_the_screen(played):
    folder, _ = played
    ran = subprocess.run(
        [*COMMAND, "host", "flows", "capture.pcap", "--record", "record.jsonl"],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert "SOCKS proxy" in ran.stdout
    assert "/usr/bin/microsocks, deb:microsocks" in ran.stdout
    assert "of no known service: --all" in ran.stdout
