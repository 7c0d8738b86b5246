"""The command as it is called: options, outputs, exit codes, interruption."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest
from tests.probe.lab import EXAMPLES, Server, recorded, replay

from backchannel.cli.application import app
from backchannel.errors import InputError, UsageError
from backchannel.pipeline import scan
from backchannel.probe.document import Probe

SCHEMA = Path(__file__).parents[2] / "docs/schema/probe-1.json"
DTD = Path("/usr/share/nmap/nmap.dtd")
OSCAR = recorded("aim/aim_md5login_8im.pcap", 5190)[1]
FAST = ("--host-rate", "100", "--rate", "1000")


def run(*words):
    """Return (exit code, standard output, standard error)."""
    done = subprocess.run(
        [sys.executable, "-m", "backchannel", "probe", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "COLUMNS": "80"},
    )
    return done.returncode, done.stdout, done.stderr


def here(*words):
    """The same in this process, which takes a tenth of the time; it may send nothing."""
    return app(
        ["probe", *map(str, words)],
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One run with every output, against a server of AIM's."""
    folder = tmp_path_factory.mktemp("probe")
    with Server(replay(OSCAR, True), port=5190) as server:
        code, out, error = run(
            *(server.host, "--ports", f"5190,{server.port + 1},udp/4500", *FAST, "--json"),
            *("--xml", folder / "x.xml", "--report", folder / "r.html"),
            *("--evidence", folder / "e.pcapng", "--fail-on", "low"),
        )
    return folder, server, code, json.loads(out), error


def test_the_document_fits_its_schema_and_says_what_was_found(whole):
    _, server, code, document, error = whole
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    msgspec.convert(document, Probe)
    assert code == 1  # a messenger's server answers in the clear
    assert error.count("written: ") == 3
    (host,) = document["hosts"]
    by_port = {(each["port"], each["transport"]): each for each in host["ports"]}
    (row,) = by_port[5190, "tcp"]["speaks"]
    assert (row["service"], row["protocol"], row["tls"]) == ("aim", "oscar", False)
    assert by_port[5190, "tcp"]["said"][0]["hello"] == "greeting"
    assert by_port[5190, "tcp"]["said"][0]["first_received"].startswith("2a01")
    assert by_port[server.port + 1, "tcp"]["state"] == "closed"
    assert by_port[4500, "udp"]["state"] == "closed"
    assert {each["rule"] for each in document["findings"]} == {"messenger-answers"}
    assert document["interrupted"] is False


def test_findings_name_frames_of_the_evidence(whole):
    folder, _, _, document, _ = whole
    path = folder / "e.pcapng"
    assert {each["path"] for each in document["findings"][0]["evidence"]} == {str(path)}
    read = scan(path).document
    assert "aim" in {each.service for each in read.services}
    assert read.inputs[0].damage == ""
    assert read.inputs[0].packets >= document["findings"][0]["evidence"][0]["path_frame"] > 0


def test_names_of_files_that_are_no_text_lose_no_result(tmp_path):
    with Server(replay(OSCAR, True)) as server:
        words = server.host, "--ports", server.port, *FAST, "--json"
        code, out, error = run(*words, "--evidence", tmp_path / "e\udcff.pcapng")
    assert (code, error.count("written: ")) == (0, 1)
    assert json.loads(out)["findings"][0]["evidence"][0]["path"].endswith("e\\xff.pcapng")


def test_nmap_would_read_the_xml(whole):
    folder, server, *_ = whole
    text = (folder / "x.xml").read_bytes()
    tree = ElementTree.fromstring(text)
    open_ones = {port.get("portid"): port for port in tree.iter("port")}
    assert set(open_ones) == {"5190"}
    assert open_ones["5190"].find("service").get("name") == "oscar"
    assert {each.get("state") for each in tree.iter("extraports")} == {"closed"}
    assert tree.find("host/address").get("addr") == server.host
    etree = pytest.importorskip("lxml.etree")
    if not DTD.exists():
        pytest.skip("nmap's document type is not installed")
    kind = etree.DTD(str(DTD))
    assert kind.validate(etree.fromstring(text)), kind.error_log


def test_the_report_is_a_page(whole):
    folder, *_ = whole
    page = (folder / "r.html").read_text()
    assert "A messenger's server answers in the clear" in unescape(page)


def test_the_table_fits_a_terminal_and_tells_all(whole):
    with Server(replay(OSCAR, True), port=5190) as server:
        code, out, error = run(server.host, "--ports", "5190,5191", *FAST)
    assert (code, error) == (0, "")
    assert "5190/tcp  AOL Instant Messenger (oscar)" in out or "AIM" in out
    assert "1 closed (tcp)" in out
    assert "low" in out
    code, quiet, error = run(server.host, "--ports", "5191", "--quiet", *FAST)
    assert (code, quiet, error) == (0, "", "")


def test_a_dry_run_sends_nothing_and_shows_every_byte():
    with Server(lambda link: None, port=1080) as server:
        code, out, error = run(server.host, "--dry-run", "--through", "10.0.0.9:80")
        assert server.connections == 0
    assert (code, error) == (0, "")
    assert out.startswith("Nothing was sent.")
    assert "socks5/tcp  5 bytes: \\x05\\x03\\x00\\x01\\x02" in out
    assert "http-connect-through/tcp" in out
    assert "CONNECT 10.0.0.9:80" in out


def test_a_dry_run_is_a_document_too(tmp_path, capsysbinary):
    words = "127.0.0.1", "10.0.0.1-2", "--exclude", "10.0.0.2", "--ports", "1080,udp/500"
    code, out, error = run(*words, "--dry-run", "--json", "--xml", tmp_path / "x.xml")
    assert code == 0
    assert "nothing is asked, so" in error
    assert not (tmp_path / "x.xml").exists()
    plan = json.loads(out)
    schema = SCHEMA.with_name("probe-plan-1.json")
    jsonschema.validate(plan, json.loads(schema.read_text()))
    assert (plan["version"], plan["hosts"], plan["left_out"], plan["ports"]) == (1, 2, 1, 4)
    (group,) = plan["groups"]
    assert group["hosts"] == ["127.0.0.1", "10.0.0.1"]
    (socks, ike) = group["ports"]
    assert (socks["port"], socks["expected"]) == (1080, ["socks"])
    assert socks["hellos"][:2] == ["greeting", "socks5"]
    assert (ike["port"], ike["transport"]) == (500, "udp")
    said = {(each["name"], each["transport"]): each["data"] for each in plan["hellos"]}
    assert said["socks5", "tcp"] == "0503000102"
    named = {name for port in group["ports"] for name in port["hellos"]} - {"greeting", "tls"}
    assert named <= {name for name, _ in said}
    for more, wanted in (("--json", out), ("--quiet", "")):  # ids and times are none
        assert here(*words, "--dry-run", more) == 0
        assert capsysbinary.readouterr().out.decode() == wanted


def test_a_capture_says_whom_to_ask(tmp_path):
    """Servers at the port at which they were seen, file sharers at the usual ones; no others."""
    capture = EXAMPLES / "aim/aim_md5login_8im.pcap"
    code, out, error = run("--from", capture, "--dry-run")
    assert (code, out) == (2, "")  # anybody may have sent what it holds
    assert "names nobody" in error
    code, out, _ = run("--from", capture, "10.0.0.0/8", "--dry-run")  # not asked whole
    assert code == 0
    assert "To 10.2.0.2" in out
    assert "5190" in out
    assert "1863" not in out
    document = tmp_path / "scan.json"
    seen = subprocess.run(
        [sys.executable, "-m", "backchannel", "scan", capture, "--json"],
        capture_output=True,
        check=True,
    )
    document.write_bytes(seen.stdout)
    assert run("--from", document, "10.0.0.0/8", "--dry-run")[1] == out
    code, _, error = run("--from", capture, "10.99.0.1", "--dry-run")
    assert code == 2
    assert "suggests nobody" in error
    shared = run("--from", EXAMPLES / "fasttrack/ft_enc29.pcap", "198.51.100.0/24", "--dry-run")
    assert shared[0] == 2  # its addresses are for documentation: nobody allowed that
    assert "public address" in shared[2]


def test_who_allowed_it_stands_in_the_result(tmp_path):
    (tmp_path / "allowed").write_text("198.51.100.0/24 Jane Doe, Example Ltd\n")
    capture = EXAMPLES / "fasttrack/ft_enc29.pcap"
    words = "--from", capture, "--authorised", tmp_path / "allowed", "--dry-run"
    code, out, _ = run(*words)
    assert code == 0
    assert "allowed: 198.51.100.0/24: Jane Doe, Example Ltd" in out
    assert "1214/udp" in out


def test_a_damaged_capture_is_said_and_the_rest_is_done(tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes((EXAMPLES / "aim/aim_md5login_8im.pcap").read_bytes()[:-7])
    code, out, error = run("--from", cut, "10.0.0.0/8", "--dry-run")
    assert code == 3
    assert "To 10.2.0.2" in out
    assert "cut.pcap" in error


def test_no_output_overwrites_what_is_read(tmp_path):
    capture, allowed = tmp_path / "in.pcap", tmp_path / "allowed"
    capture.write_bytes((EXAMPLES / "aim/aim_md5login_8im.pcap").read_bytes())
    allowed.write_text("10.0.0.0/8 Jane Doe\n")
    for words in (
        ("--from", capture, "--evidence", capture),
        ("127.0.0.1", "--evidence", capture),
        ("127.0.0.1", "--authorised", allowed, "--xml", allowed),
        ("127.0.0.1", "--xml", tmp_path / "x", "--report", tmp_path / "x"),
    ):
        with pytest.raises(UsageError):
            here(*words)
    assert allowed.read_text() == "10.0.0.0/8 Jane Doe\n"


@pytest.mark.parametrize("option", ["--xml", "--evidence", "--report"])
def test_a_file_that_fails_at_the_end_loses_no_result(option):
    """A full disk, say; here a folder in which not even root makes files."""
    with Server(replay(OSCAR, True), port=5190) as server:
        code, out, error = run(server.host, "--ports", "5190", option, "/proc/no/such", *FAST)
    assert code == 2
    assert "5190/tcp" in out
    assert "1 finding" in out
    assert "/proc/no" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_it_found(how):
    """Ctrl-C, or a service manager: exit code 130, a whole document, the hosts so far."""
    with Server(replay(OSCAR, True), port=5190) as server:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "backchannel", "probe", server.host, f"{server.host}-254"),
                *("--ports", "5190,2001-2020", "--json", "--host-rate", "20"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 30
        while not server.connections:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(1.5)  # the greeting is waited for
        process.send_signal(how)
        out, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (130, b"")
    document = json.loads(out)
    assert document["interrupted"] is True
    assert not all(each["complete"] for each in document["hosts"])
    spoken = [
        row["protocol"]
        for host in document["hosts"]
        for port in host["ports"]
        for row in port["speaks"]
    ]
    assert spoken == ["oscar"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "no target given"),
        (("127.0.0.1", "--rate", "0"), "--rate takes"),
        (("127.0.0.1", "--rate", "5000"), "1000 at most"),
        (("127.0.0.1", "--rate", "nan"), "--rate takes"),
        (("127.0.0.1", "--host-rate", "101"), "--host-rate takes"),
        (("127.0.0.1", "--patience", "0"), "--patience takes"),
        (("127.0.0.1", "--through", "host"), "--through takes"),
        (("127.0.0.1", "--through", "a b:80"), "--through takes"),
        (("127.0.0.1", "--through", "x:99999"), "--through takes"),
        (("127.0.0.1", "--through", "x\r\nEvil:1"), "--through takes"),
        (("127.0.0.1", "--through", "\udcff:1"), "--through takes"),
        (("127.0.0.1", "--through", "\u00e4" * 200 + ":1"), "--through takes"),
        (("127.0.0.1", "--through", "[" + ":" * 300 + "]:1"), "--through takes"),
        (("127.0.0.1", "--through", "[1:2]:1"), "--through takes"),
        (("127.0.0.1", "--torrent", "abc"), "--torrent takes"),
        (("127.0.0.1", "--services", "kaza"), "kazaa"),
        (("127.0.0.1", "--exclude", "127.0.0.0/8"), "all that were named are excluded"),
        (("127.0.0.1", "--json", "--xml", "-"), "standard output"),
        (("127.0.0.1", "--evidence", "/tmp"), "is a folder"),
        (("127.0.0.1", "--from", "/etc/passwd"), "passwd"),
        (("127.0.0.1", "--from", "/no/such"), "No such file"),
        (("127.0.0.1", "--authorised", "/no/such"), "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_sent(words, why, capsys):
    with pytest.raises((UsageError, InputError), match=re.escape(why)):
        here(*words)
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_how_far_it_is():
    """After a second of work; and nothing of it stays."""
    with Server(lambda link: link.sendall(b"hello\n"), port=2001) as server:
        words = (sys.executable, "-m", "backchannel", "probe", server.host)
        command = (*words, "--ports", "2001-2020", "--host-rate", "10")
        parent, child = pty.openpty()
        process = subprocess.Popen(command, stdout=child, stderr=child, close_fds=True)
        os.close(child)
        said = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while data := os.read(parent, 65536):
                said += data
        os.close(parent)
        assert process.wait(20) == 0
    assert b"Traceback" not in said
    assert re.search(rb"of 20\b", said)
    assert b"1 host asked" in said


def test_other_commands_do_not_load_the_room():
    program = (
        "import sys; sys.argv = ['backchannel', 'scan', sys.argv[1], '--quiet']\n"
        "from backchannel.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted(each for each in sys.modules if 'probe' in each))"
    )
    capture = EXAMPLES / "aim/aim_md5login_8im.pcap"
    done = subprocess.run(
        [sys.executable, "-c", program, capture], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_the_help_says_what_is_new():
    assert "probe" in app
    code, out, _ = run("--help")
    assert code == 0
    for option in ("--authorised", "--dry-run", "--from", "--through", "--evidence"):
        assert option in out


def test_services_limit_what_is_said():
    with Server(lambda link: link.recv(10), port=1080) as server:
        code, out, _ = run(
            *(server.host, "--services", "socks", "--ports", "1080", *FAST, "--json")
        )
    assert code == 0
    (port,) = json.loads(out)["hosts"][0]["ports"]
    said = {each["hello"] for each in port["said"]}
    assert (
        {"greeting", "socks5", "socks4"} <= said <= {"greeting", "socks5", "socks4", "tls", "http"}
    )
    assert port["state"] == "open, says nothing"
