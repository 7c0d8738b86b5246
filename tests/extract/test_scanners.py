"""The real engines find what they should in files that went over the wire, and fail quietly."""

import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from backchannel import scan
from backchannel.cli.checks import Checks
from backchannel.detect.events import FileMatched
from backchannel.detect.files import FileScan
from backchannel.errors import InputError, UsageError
from backchannel.events import Transfer
from backchannel.extract import scanners
from backchannel.extract.clamd import Clamd
from backchannel.extract.scanners import Hashes, Match, Unscanned, Yara, judge

EXAMPLES = Path(__file__).parents[2] / "examples"
CAPTURE = EXAMPLES / "aim/aim_oft.pcap"
# in two parts, so that no scanner takes this very file for it
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
RULE = 'rule eicar { strings: $a = "EICAR-STANDARD-ANTIVIRUS" condition: $a }'


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(EICAR)
    return path


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good"
    path.write_bytes(b"nothing to see")
    return path


@pytest.fixture(scope="module")
def clamd(tmp_path_factory):
    """A real clamd with one signature of our own."""
    program = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell("needs clamd (Debian's clamav-daemon)")
    home = tmp_path_factory.mktemp("clamd")
    (home / "db").mkdir()
    (home / "db/own.ndb").write_text(f"Own.Eicar:0:*:{EICAR.hex()}\n")
    (home / "clamd.conf").write_text(
        f"LocalSocket {home}/socket\nDatabaseDirectory {home}/db\nForeground yes\n"
        "StreamMaxLength 1M\n"
    )
    command = [program, "-c", str(home / "clamd.conf")]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        for _ in range(300):
            if (home / "socket").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        if not (home / "socket").exists():
            process.kill()
            pytest.fail(f"clamd does not start: {(home / 'log').read_text()[-300:]}")
        yield f"unix:{home}/socket"
        process.terminate()


def test_yara_finds_the_test_file(tmp_path, bad, good):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/one.yar").write_text(RULE)
    (tmp_path / "rules/two.yara").write_text(RULE.replace("eicar", "second"))
    (tmp_path / "rules/notes.txt").write_text("no rule")
    found = Yara(tmp_path / "rules").scan(bad, "")
    assert sorted(match.rule for match in found) == ["eicar", "second"]
    assert Yara(tmp_path / "rules/one.yar").scan(good, "") == []


@pytest.mark.parametrize("text", ["rule x {", 'include "/etc/passwd"', ""])
def test_rules_that_cannot_be_used_are_named(tmp_path, text):
    path = tmp_path / "x.yar"
    path.write_text(text)
    if not text:
        path.unlink()
    with pytest.raises(InputError, match=r"x\.yar|0 files"):
        Yara(path if text else tmp_path)


def test_clamd_finds_the_test_file(clamd, bad, good):
    engine = Clamd(clamd)
    assert engine.scan(bad, "") == [Match("clamav", "Own.Eicar.UNOFFICIAL")]
    assert engine.scan(good, "") == []


def test_what_clamd_refuses_is_not_called_clean(clamd, tmp_path):
    (tmp_path / "long").write_bytes(bytes(3 << 20))
    with pytest.raises(Unscanned, match="clamd"):
        Clamd(clamd).scan(tmp_path / "long", "")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("unix:/nowhere/socket", "no clamd answers"),
        ("127.0.0.1:1", "no clamd answers"),
        ("198.51.100.7:3310", "another machine"),
        ("scanner.example:3310", "another machine"),
        ("3310", "give unix"),
        ("127.0.0.1:99999", "give unix"),
    ],
)
def test_addresses_that_cannot_be_used(address, says):
    with pytest.raises(UsageError, match=says):
        Clamd(address)


def test_another_server_is_no_clamd():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UsageError, match="is not clamd"):
            Clamd(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_hash_lists(tmp_path, bad):
    digest = hashlib.sha256(EICAR).hexdigest()
    path = tmp_path / "list"
    path.write_text(f"# known\n\n{digest.upper()}  test file\n{'0' * 64}\n")
    assert Hashes(path).scan(bad, digest) == [Match("hash-list", "test file")]
    assert Hashes(path).scan(bad, "1" * 64) == []
    path.write_text(f"{'0' * 64} fine\n{'0' * 63} short\n")
    with pytest.raises(InputError, match="line 2"):
        Hashes(path)


def test_files_that_are_too_large_or_gone_are_not_called_clean(tmp_path, bad, monkeypatch):
    (tmp_path / "list").write_text("")
    engine = Hashes(tmp_path / "list")
    with pytest.raises(Unscanned, match="No such file"):
        judge(engine, tmp_path / "gone", "")
    monkeypatch.setattr(scanners, "LARGEST", 10)
    with pytest.raises(Unscanned, match="too large"):
        judge(engine, bad, "")


def test_a_transferred_file_is_matched_by_every_engine(tmp_path, clamd):
    folder = tmp_path / "files"
    first = next(
        each.event
        for each in scan(CAPTURE, extract=folder)
        if isinstance(each.event, Transfer) and each.event.sha256
    )
    (tmp_path / "list").write_text(f"{first.sha256} known file\n")
    (tmp_path / "all.yar").write_text("rule anything { condition: filesize > 0 }")
    checks = Checks(hashes=tmp_path / "list", yara=tmp_path / "all.yar", clamd=clamd)
    run = scan(CAPTURE, extract=folder, followers=tuple(checks.followers(folder)))
    events = [each.event for each in run if isinstance(each.event, FileMatched)]
    told = {(event.engine, event.rule) for event in events if event.sha256 == first.sha256}
    assert told == {("hash-list", "known file"), ("yara", "anything")}
    findings = [each for each in run.document.findings if each.rule == "file-matched"]
    assert any("known file (hash-list)" in each.summary for each in findings)


def test_an_incomplete_file_is_counted_not_scanned(tmp_path):
    (tmp_path / "list").write_text("")
    checks = FileScan(tmp_path, [Hashes(tmp_path / "list")])
    run = scan(CAPTURE, followers=(checks,))  # nothing is extracted, so nothing can be scanned
    assert not any(isinstance(each.event, FileMatched) for each in run)
    assert checks.counters["files not scanned: incomplete"] > 0


def test_engines_need_extracted_files(tmp_path):
    (tmp_path / "list").write_text("")
    with pytest.raises(UsageError, match="give --extract"):
        list(Checks(hashes=tmp_path / "list").followers(None))
    with pytest.raises(UsageError, match="--audit-passwords"):
        list(Checks(wordlist=tmp_path / "list").followers(None))
    assert list(Checks().followers(None)) == []
