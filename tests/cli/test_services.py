"""`backchannel services` as a user runs it."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from backchannel.catalogue.load import load
from backchannel.cli import USAGE
from backchannel.cli.application import app
from backchannel.detect import rules
from backchannel.errors import InputError, UsageError
from backchannel.report import console

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def no_user_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")


def run(*words):
    """Run the command and return its exit code, as `main` would."""
    try:
        return app(["services", *map(str, words)], result_action="return_value")
    except (UsageError, InputError) as error:
        print(error, file=sys.stderr)
        return USAGE


def test_the_list_names_every_service(capsys):
    assert run() == 0
    out = capsys.readouterr().out
    assert "ICQ" in out
    assert "instant-messaging" in out


@pytest.mark.parametrize("command", ["services", "rules"])
def test_no_word_of_a_list_is_broken_on_a_narrow_terminal(monkeypatch, command):
    """A name that is cut in two is found by no search, and cannot be copied."""
    shown = io.StringIO()
    narrow = Console(file=shown, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(console, "console", lambda: narrow)
    assert app([command], result_action="return_value") == 0
    names = load() if command == "services" else rules.load()
    words = shown.getvalue().replace(",", " ").split()
    assert set(names) <= set(words)
    assert {"misconfigured-sharing"} <= set(words) or command == "services"
    assert {"bittorrent-tracker", "instant-messaging"} <= set(words) or command == "rules"


def test_json_is_the_whole_catalogue(capsys):
    assert run("--format", "json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["icq"]["filtering"][0]["destination_port"] == "4000"


@pytest.mark.parametrize(
    ("form", "sign"), [("text", "Packet filtering"), ("md", "| dir | prot |"), ("html", "<table>")]
)
def test_a_sheet_in_each_format(capsys, form, sign):
    assert run("icq", "--format", form) == 0
    assert sign in capsys.readouterr().out


def test_an_unknown_service_is_said_with_near_ones(capsys):
    assert run("bitt") != 0
    assert "bittorrent" in capsys.readouterr().err


def test_the_handbook_is_written(capsys, tmp_path):
    assert run("--handbook", tmp_path / "book") == 0
    assert (tmp_path / "book/index.html").exists()
    assert (tmp_path / "book/icq.html").exists()


def test_the_users_own_services_are_read_and_their_errors_said(capsys, tmp_path):
    folder = tmp_path / "config/backchannel/services"
    folder.mkdir(parents=True)
    (folder / "ours.yaml").write_text("id: ours\nkind: plate\n", encoding="utf-8")
    assert run() != 0
    err = capsys.readouterr().err
    assert "ours.yaml:2:" in err
    assert "plate" in err


def rows(capsys, *words):
    assert run(*words, "--format", "json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_capture_is_compared_with_the_sheets_of_what_it_holds(capsys):
    made = rows(capsys, "--diff", EXAMPLES / "aim/aim_socks5.pcap")
    assert set(made) == {"aim", "socks"}
    proxied = [row for row in made["aim"] if row.get("note") == "inside socks5"]
    assert [row["destination_port"] for row in proxied] == ["1080"]
    assert proxied[0]["state"] == "not-in-sheet"
    assert {row["state"] for row in made["aim"]} == {"as-the-sheet", "not-in-sheet", "not-seen"}


def test_inside_gives_the_directions(capsys):
    capture = EXAMPLES / "msn/msn_msnp8_msnftp_bitlbee.pcap"
    made = rows(capsys, "msn", "--diff", capture, "--inside", "10.63.0.11/32")["msn"]
    seen = {(row["direction"], row["destination_port"]) for row in made if row.get("flows")}
    assert {("out", "1863"), ("out", "6891"), ("in", "6891")} <= seen


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_a_comparison_in_each_format(capsys, form):
    capture = EXAMPLES / "ipsec/natt_client_side.pcap"
    assert run("ipsec", "--diff", capture, "--format", form) == 0
    out = capsys.readouterr().out
    assert "Seen, as the sheet says" in out
    assert "4500" in out


def test_looking_a_name_up_is_not_talking_to_it(capsys, tmp_path):
    from scapy.all import DNS, DNSQR, IP, UDP, Ether, wrpcap  # noqa: PLC0415 - takes a second

    ask = DNS(id=7, rd=1, qd=DNSQR(qname="login.icq.com"))
    path = tmp_path / "asks.pcap"
    wrpcap(str(path), Ether() / IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=4001) / ask)
    assert run("--diff", path) == USAGE
    assert "no service" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--inside", "10.0.0.0/99"), ()])
def test_what_cannot_be_compared_is_said(capsys, tmp_path, words):
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    assert run("--diff", empty, *words) != 0
    assert capsys.readouterr().err
