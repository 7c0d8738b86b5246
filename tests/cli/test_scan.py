"""`backchannel scan` as a user runs it: exit codes, inputs, outputs, errors, what is not shown."""

import fcntl
import gzip
import hashlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import termios
import time
from array import array
from pathlib import Path

import jsonschema
import pyarrow.parquet
import pytest
import zstandard

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ICQ = EXAMPLES / "icq/icq_v5_neticq_iserverd.pcap"
ROASTED = EXAMPLES / "icq/icq_oscar_roast_8im.pcap"
FILES = EXAMPLES / "aim/aim_oft.pcap"
COMMAND = (sys.executable, "-c", "from backchannel.cli import main; main()", "scan")
PASSWORD, MESSAGE = b"password", b"hello 1 from 111111"
"""What was sent in ROASTED: the manifest names the password, and the text stands in its bytes."""


OUTPUTS = (
    *("--events", "--eve", "--ecs", "--flows"),
    *("--report", "--matrix", "--stix", "--cef", "--syslog"),
)


@pytest.fixture
def scan(tmp_path):
    """Return a function that runs the command in an empty folder."""

    def run(*words, **more):
        env = {
            **os.environ,
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
            "NO_COLOR": "",
        }
        env |= more.pop("env", {})
        return subprocess.run(
            [*COMMAND, *map(str, words)],
            **{"cwd": tmp_path, "env": env, "capture_output": True, "timeout": 120} | more,
            check=False,
        )

    return run


def with_tags_one_way(capture):
    """Return a capture as a mirror port gives it that tags what one of two hosts sends."""
    out, at, one = [capture[:24]], 24, capture[24 + 16 + 6 : 24 + 16 + 12]
    while at < len(capture):
        head, size = capture[at : at + 8], struct.unpack_from("<I", capture, at + 8)[0]
        frame = capture[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[6:12] == one:
            frame = frame[:12] + b"\x81\x00\x00\x2a" + frame[12:]
        out += [head, struct.pack("<II", len(frame), len(frame)), frame]
    return b"".join(out)


def refused(ran):
    """Return what was said on standard error, having seen that it is a plain refusal."""
    assert ran.returncode == 2
    assert ran.stdout == b""
    said = ran.stderr.decode()
    assert "Traceback" not in said
    assert said.startswith("backchannel: ")
    return said


def document(ran):
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


# What is read.


def test_the_name_of_a_capture_begins_no_line_of_its_own(scan, tmp_path):
    """Else a name could say what we would."""
    name = "a\nbackchannel: all is well"
    (tmp_path / name).write_bytes(ICQ.read_bytes()[:1000])
    said = [scan(name, "-q").stderr, scan(f"{name}?").stderr]
    assert [text.count(b"\n") for text in said] == [1, 1]


def test_summary_names_service_accounts_and_what_was_exposed(scan):
    ran = scan(ICQ)
    assert ran.returncode == 0
    assert ran.stderr == b""
    for expected in (b"ICQ", b"1234567", b"7654321", b"10.99.0.1:4000", b"parsed"):
        assert expected in ran.stdout
    assert b"\x1b" not in ran.stdout  # a pipe gets no colours


def test_standard_input(scan):
    with ICQ.open("rb") as file:
        found = document(scan("-", "--json", stdin=file))
    named = document(scan(ICQ, "--json"))
    assert found["inputs"][0]["path"] == "-"
    assert found["services"] == named["services"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
@pytest.mark.parametrize("piped", [True, False])
def test_packed_captures(scan, tmp_path, pack, piped):
    path = tmp_path / "packed"
    path.write_bytes(pack(ICQ.read_bytes()))
    with path.open("rb") as file:
        found = document(scan("-" if piped else path, "--json", stdin=file))
    assert found["services"] == document(scan(ICQ, "--json"))["services"]


def test_folders_and_globs(scan, tmp_path):
    folder = tmp_path / "day/hour"
    folder.mkdir(parents=True)
    (folder / "a.pcap").write_bytes(ICQ.read_bytes())
    (folder / "notes.txt").write_text("not a capture")
    for given in ("day", "day/*/*.pcap"):
        assert [each["path"] for each in document(scan(given, "--json"))["inputs"]] == [
            "day/hour/a.pcap"
        ]
    (other,) = document(scan("day", "--json"))["passed_over"]
    assert other == {"path": "day/hour/notes.txt", "reason": "neither pcap nor pcapng"}


def test_a_name_may_begin_with_a_dash(scan, tmp_path):
    (tmp_path / "-x.pcap").write_bytes(ICQ.read_bytes())
    for words in (["--", "-x.pcap"], ["./-x.pcap"]):
        assert scan("-q", *words).returncode == 0


# Exit codes and errors.


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (None, "not found"),
        (lambda path: path.mkdir(), "no capture there"),
        (lambda path: path.write_text("only a text, long enough for a header"), "neither pcap"),
        (lambda path: path.touch(), "empty file"),
    ],
    ids=["missing", "folder without captures", "text", "empty"],
)
def test_no_capture(scan, tmp_path, make, said):
    if make:
        make(tmp_path / "given")
    assert refused(scan("given")) == f"backchannel: given: {said}" + (
        " nor pcapng\n" if said.startswith("neither") else "\n"
    )


def test_nothing_given(scan):
    assert "no capture given" in refused(scan())


def test_an_empty_name(scan, tmp_path):
    """As of a variable that is not set; it does not mean everything that is here."""
    (tmp_path / "a.pcap").write_bytes(ICQ.read_bytes())
    assert refused(scan("")) == "backchannel: '': not found\n"


def test_unknown_option(scan):
    assert "unknown option --frobnicate" in refused(scan(ICQ, "--frobnicate"))
    assert "did you mean --report?" in refused(scan(ICQ, "--raport", "x.html"))
    assert "did you mean --all?" in refused(scan(ICQ, "--all-protocols"))


def test_one_empty_file_does_not_stop_the_scan_of_the_others(scan, tmp_path):
    (tmp_path / "empty.pcap").touch()
    ran = scan(ICQ, "empty.pcap", "--json")
    assert ran.returncode == 3
    assert ran.stderr == b"backchannel: empty.pcap: empty file\n"
    assert {row["service"] for row in json.loads(ran.stdout)["services"]} == {"icq"}


def test_damaged_capture_is_read_up_to_the_damage(scan, tmp_path):
    whole = ROASTED.read_bytes()
    at = 24  # records end where their headers say: a witness beside our reader
    while at + 16 + (size := int.from_bytes(whole[at + 8 : at + 12], "little")) <= 20_000:
        at += 16 + size
    (tmp_path / "cut.pcap").write_bytes(whole[:20_000])
    ran = scan("cut.pcap", "--json")
    assert ran.returncode == 3
    assert ran.stderr.decode().startswith(f"backchannel: cut.pcap: at byte {at}: ")
    assert {row["service"] for row in json.loads(ran.stdout)["services"]} == {"icq"}


def test_fail_on(scan):
    assert scan(ICQ, "--fail-on", "critical").returncode == 1
    proxied = scan(EXAMPLES / "aim/aim_socks5.pcap", "--fail-on", "critical")
    assert proxied.returncode == 0  # its worst finding is high


@pytest.mark.parametrize("option", ["--report", "--flows", "--events", "--eve", "--matrix"])
def test_output_that_is_a_folder(scan, option):
    assert f"{option} .: is a folder" in refused(scan(ICQ, option, "."))


@pytest.mark.parametrize("option", ["--report", "--flows", "--events", "--eve", "--matrix"])
def test_no_capture_is_overwritten(scan, tmp_path, option):
    path = tmp_path / "mine.pcap"
    path.write_bytes(ICQ.read_bytes())
    (tmp_path / "link").symlink_to(path)
    assert "is one of the captures" in refused(scan("mine.pcap", option, "link"))
    for given in (".", "*.pcap", ICQ):
        assert "is a capture" in refused(scan(given, option, "link"))
    with path.open("rb") as file:
        assert "is one of the captures" in refused(scan("-", option, "link", stdin=file))
    assert path.read_bytes() == ICQ.read_bytes()


def test_what_an_earlier_scan_wrote_is_overwritten(scan, tmp_path):
    tmp_path.joinpath("a.pcap").write_bytes(ICQ.read_bytes())
    for _ in range(2):
        assert scan(".", "-q", "--events", "out.jsonl", "--report", "out.html").returncode == 0


def test_output_where_nothing_can_be_made(scan, tmp_path):
    (tmp_path / "file").touch()
    assert refused(scan(ICQ, "--report", "file/out.html"))
    assert "is a file; name a folder" in refused(scan(ICQ, "--extract", "file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_output_that_may_not_be_written(scan, tmp_path):
    tmp_path.joinpath("closed").mkdir(mode=0o500)
    assert "cannot be written" in refused(scan(ICQ, "--report", "closed/out.html"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk(scan, tmp_path):
    for option in OUTPUTS:
        (tmp_path / "out").symlink_to("/dev/full")
        said = refused(scan(ICQ, "-q", option, "out"))
        assert said == "backchannel: out: No space left on device\n", option
        (tmp_path / "out").unlink()  # it is still there: nothing of the user's is removed
    with Path("/dev/full").open("wb") as full:
        ran = scan(ICQ, "--json", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert (ran.returncode, ran.stderr) == (2, b"backchannel: No space left on device\n")


def test_a_disk_that_is_full_before_the_end_keeps_whole_lines_and_no_half_of_a_page(scan, tmp_path):
    """A limit of a file's size stands for the disk."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    for option in ("--events", "--eve", "--report", "--stix"):
        said = refused(scan(ICQ.parent, "-q", option, "out", preexec_fn=limited))
        assert said == "backchannel: out: File too large\n"
        left = (tmp_path / "out").read_bytes()
        if option in ("--report", "--stix"):
            assert not left
        else:
            assert left[-2:] == b"}\n"
            assert len(left) > 10_000


def test_two_outputs_in_one_place(scan):
    assert "--json and --events both go to standard" in refused(
        scan(ICQ, "--json", "--events", "-")
    )
    assert "both go to out" in refused(scan(ICQ, "--eve", "out", "--events", "out"))
    assert "both go to out" in refused(scan(ICQ, "--eve", "out", "--events", "./a/../out"))


def test_a_pipe_takes_two_outputs(scan):
    ran = scan(ICQ, "--events", "/dev/stdout", "--eve", "/dev/stdout")
    assert ran.returncode == 0
    assert all(word in ran.stdout for word in (b'"event_type"', b'"event"'))


def test_an_output_that_leads_nowhere(scan, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert "loop: " in refused(scan(ICQ, "--events", tmp_path / "loop"))


@pytest.mark.parametrize("option", ["--rules", "--suppress"])
def test_file_of_ours_that_is_not_there(scan, option):
    assert "nowhere: " in refused(scan(ICQ, option, "nowhere"))


def test_a_suppression_that_hides_nothing_is_told(scan, tmp_path):
    """Somebody who mistypes a rule would think that its findings are accepted."""
    path = tmp_path / "accepted.yaml"
    mistyped = "{rule: old-port, reason: a, until: 9999-01-01}"
    over = "{rule: odd-port, reason: b, until: 2020-01-01}"
    path.write_text(f"suppressions: [{mistyped}, {over}]")
    done = scan(ICQ, "-q", "--suppress", path)
    said = done.stderr.decode()
    assert done.returncode == 0
    assert f"{path}: there is no rule 'old-port': a" in said
    assert f"{path}: expired on 2020-01-01: b" in said


def test_reader_that_leaves_is_no_error(scan):
    with subprocess.Popen(
        [*COMMAND, str(EXAMPLES), "--events", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_interrupt_is_quiet(scan):
    heeding = ("env", "--default-signal=INT")  # whoever runs the tests may ignore it
    with subprocess.Popen(
        [*heeding, *COMMAND, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(ICQ.read_bytes()[:5000])
        process.stdin.flush()
        waiting = array("i", [1])
        while waiting[0]:  # until it has read that, and waits for more
            fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_what_is_extracted_before_an_interrupt_is_whole_and_named(scan, tmp_path):
    """Half of a file stays on no disk, and the manifest says what the whole ones are."""
    whole = scan(FILES, "-q", "--extract", "whole")
    assert whole.returncode == 0
    data = FILES.read_bytes()
    heeding = ("env", "--default-signal=INT")
    with subprocess.Popen(
        [*heeding, *COMMAND, "-", "-q", "--extract", str(tmp_path / "part")], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(data[: len(data) * 3 // 4])
        process.stdin.flush()
        give_up = time.monotonic() + 60
        while not list((tmp_path / "part").glob(".part-*")) and time.monotonic() < give_up:
            time.sleep(0.02)
        assert list((tmp_path / "part").glob(".part-*")), "nothing is under way"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    names = {path.name for path in (tmp_path / "part").iterdir()}
    manifest = (tmp_path / "part/manifest.jsonl").read_bytes().splitlines()
    assert names == {"manifest.jsonl", *(json.loads(line)["file"] for line in manifest)}
    assert names <= {path.name for path in (tmp_path / "whole").iterdir()}


# Outputs.


def test_json_follows_its_schema(scan):
    schema = json.loads((ROOT / "docs/schema/scan-1.json").read_text())
    jsonschema.validate(document(scan(ICQ, FILES, "--json")), schema)


def test_every_output_at_once(scan, tmp_path):
    ran = scan(
        FILES, "--json", "--events", "e/out.jsonl", "--eve", "eve.jsonl", "--flows", "f.parquet",
        "--report", "r/out.html", "--matrix", "m.csv", "--extract", "files",
    )  # fmt: skip
    found = document(ran)
    events = [json.loads(line) for line in (tmp_path / "e/out.jsonl").read_bytes().splitlines()]
    assert {"sign-on", "transfer"} <= {event["event"] for event in events}
    eve = list(map(json.loads, (tmp_path / "eve.jsonl").read_bytes().splitlines()))
    assert [each["backchannel"]["id"] for each in eve if each["event_type"] == "alert"] == [
        each["id"] for each in found["findings"]
    ]
    flows = pyarrow.parquet.read_table(tmp_path / "f.parquet")
    assert flows.num_rows == found["traffic"]["flows"]
    assert sum(flows["client_packets"].to_pylist()) + sum(
        flows["server_packets"].to_pylist()
    ) == sum(each["packets"] for each in found["inputs"])
    assert b"<html" in (tmp_path / "r/out.html").read_bytes()
    assert (tmp_path / "m.csv").read_bytes()
    lines = (tmp_path / "files/manifest.jsonl").read_bytes().splitlines()
    for entry in map(json.loads, lines):
        body = (tmp_path / "files" / entry["file"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == entry["sha256"] == entry["file"]
    assert {json.loads(line)["declared_name"] for line in lines} == {
        "kestrel_notes.txt",
        "kestrel_map.png",
    }


def test_events_alone_on_standard_output(scan):
    ran = scan(ICQ, "--events", "-")
    assert ran.returncode == 0
    assert all(json.loads(line)["event"] for line in ran.stdout.splitlines())


@pytest.mark.parametrize("option", ["--report", "--matrix", "--stix", "--cef", "--syslog"])
def test_standard_output_gets_what_a_file_would_and_no_summary(scan, tmp_path, option):
    assert scan(ICQ, "-q", option, "out").returncode == 0
    assert scan(ICQ, option, "-").stdout == (tmp_path / "out").read_bytes()


def test_quiet(scan):
    ran = scan(ICQ, "-q")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


@pytest.mark.parametrize(("lines", "alerts"), [("--events", 0), ("--eve", 1), ("--ecs", 1)])
def test_quiet_changes_no_line(scan, lines, alerts):
    """Findings are looked for where they are told, and only there."""
    told, quiet = scan(ICQ, lines, "-"), scan(ICQ, "-q", lines, "-")
    assert told.returncode == quiet.returncode == 0
    assert quiet.stdout == told.stdout
    assert (b"alert" in quiet.stdout) == alerts


def test_quiet_still_fails_on_findings(scan):
    assert scan(ICQ, "-q", "--fail-on", "critical").returncode == 1
    wrong = scan(ICQ, "-q", "--events", "-", "--rules", "nowhere")
    assert wrong.returncode != 0, "a folder of rules is read, even where nobody asks them"


def test_a_hostile_name_stays_in_the_folder(scan, tmp_path):
    hostile = b"../../../up/evil"
    data = FILES.read_bytes()
    name = b"kestrel_map.png"
    assert data.count(name) > 1
    (tmp_path / "in").mkdir()
    (tmp_path / "in/hostile.pcap").write_bytes(data.replace(name, hostile[: len(name)]))
    assert scan("in", "-q", "--extract", "in/a/files").returncode == 0
    made = {path for path in tmp_path.rglob("*") if path.is_file()}
    inside = tmp_path / "in/a/files"
    assert made - {tmp_path / "in/hostile.pcap"} == set(inside.iterdir())
    declared = {
        json.loads(line)["declared_name"]
        for line in (inside / "manifest.jsonl").read_bytes().splitlines()
    }
    assert hostile[: len(name)].decode() in declared


EVERY = ("--events", "e", "--eve", "v", "--report", "r", "--stix", "s", "--ecs", "c")


def test_what_was_sent_is_in_the_bytes():
    assert MESSAGE in ROASTED.read_bytes()


@pytest.mark.parametrize(
    ("option", "shown", "hidden"),
    [
        ((), (), (PASSWORD, MESSAGE)),
        (("--secrets",), (PASSWORD,), (MESSAGE,)),
        (("--content",), (MESSAGE,), ()),
    ],
)
def test_private_matter_is_shown_only_when_asked_for(scan, tmp_path, option, shown, hidden):
    ran = scan(ROASTED, "--json", *EVERY, *option)
    assert ran.returncode == 0
    events = (tmp_path / "e").read_bytes()
    credentials = [
        json.loads(line) for line in events.splitlines() if b'"event":"credential"' in line
    ]
    assert {each["secret"] == "password" for each in credentials if each["kind"] != "token"} == {
        PASSWORD in shown
    }
    for text in shown:
        assert text in events
    everything = [ran.stdout, *((tmp_path / name).read_bytes() for name in "evrsc")]
    for text in hidden:
        needle = b'"password"' if text == PASSWORD else text  # the word alone is in our own texts
        assert not any(needle in output for output in everything)


def test_same_input_same_bytes(scan, tmp_path):
    outputs = []
    for seed in ("0", "1", "4711"):
        ran = scan(EXAMPLES, "--json", *EVERY, "--flows", "f", env={"PYTHONHASHSEED": seed})
        assert ran.returncode == 0
        summary = scan(EXAMPLES / "aim", env={"PYTHONHASHSEED": seed})
        outputs.append(
            [ran.stdout, summary.stdout, *((tmp_path / name).read_bytes() for name in "evrscf")]
        )
    assert outputs[0] == outputs[1] == outputs[2]


# The command itself.


def test_version_and_help():
    def said(*words):
        command = [sys.executable, "-m", "backchannel", *words]
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()

    assert said("--version").split()[-1] == "0.1.0"
    assert "--install-completion" in said("--help")
    assert "--no-json" not in said("scan", "--help")


@pytest.mark.parametrize("command", ["scan", "watch", "guard", "services", "rules", "update"])
def test_help_of_a_command_loads_nothing_heavy(command):
    code = (
        "import sys; from backchannel.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, command, "--help"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    loaded = set(ran.stdout.decode().splitlines()[-1].split())
    heavy = {"pyarrow", "jinja2", "yaml", "scapy", "cryptography", "zstandard", "msgspec"}
    assert not heavy & loaded
    assert "backchannel.engine" not in loaded


def test_a_scan_loads_no_library_that_only_outputs_need():
    code = (
        "import sys; from backchannel.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "scan", str(ICQ), "--json"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    loaded = set(ran.stdout.decode().splitlines()[-1].split())
    assert not {"pyarrow", "jinja2", "scapy", "pytest", "hypothesis", "jsonschema"} & loaded
    seldom = {"dataclasses", "glob", "html", "pkgutil", "socket", "traceback", "zstandard"}
    if sys.version_info >= (3, 13):
        seldom.remove("glob")  # which its pathlib loads
    assert not seldom & loaded
    assert not {"ast", "inspect", "typing_extensions"} & loaded  # which msgspec would take
    assert not {"msgspec.inspect", "platform", "textwrap"} & loaded  # as these
    assert "string" not in loaded  # which reads summaries of rules that are not ours
    assert "backchannel.catalogue.model" not in loaded  # of whole sheets: the index is enough
    assert "backchannel.flows.core_py" not in loaded  # the compiled core, not what stands in for it
    assert "backchannel.protocols.icq_peer.wire" not in loaded  # as nobody speaks it here


def test_one_conversation_in_two_vlans(scan, tmp_path):
    (tmp_path / "mirror.pcap").write_bytes(with_tags_one_way(FILES.read_bytes()))
    shown = ("services", "accounts", "files", "findings")
    plain, apart, together = (
        json.loads(scan(*words, "--json").stdout)
        for words in ([FILES], ["mirror.pcap"], ["mirror.pcap", "--ignore-vlans"])
    )
    for document in (plain, apart, together):
        for finding in document["findings"]:
            for place in finding["evidence"]:
                place.pop("path")
                place.pop("sha256")
        for file in document["files"]:
            file.pop("path", None)
    assert {name: together[name] for name in shown} == {name: plain[name] for name in shown}
    assert apart["services"] != plain["services"]
