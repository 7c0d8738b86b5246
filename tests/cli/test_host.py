"""`backchannel host` as a user runs it."""

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
from tests.host.tree import Tree

from backchannel.cli.application import app
from backchannel.errors import InputError, UsageError
from backchannel.host.control import trust

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_user_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def tree(tmp_path):
    made = Tree(tmp_path / "tree")
    made.program("/usr/bin/amuled")
    made.deb("amule-daemon", "/usr/bin/amuled")
    made.file("/home/alice/.aMule/shareddir.dat", "/home/alice/\n")
    made.program("/opt/x/telegram\x1b[31m/telegram")
    return made


def run(*words):
    return app(["host", *map(str, words)], result_action="return_value")


def test_the_screen_names_programs_hints_and_findings(capsys, tree):
    assert run("--root", tree.folder) == 0
    out = capsys.readouterr().out
    for part in ("aMule", "deb:amule-daemon", "Only the name fits", "critical", "folders-shared"):
        assert part in out
    assert "\x1b[31m" not in out
    assert "1 program, 0 running; 1 finding, the worst critical" in out


def test_the_document_fits_its_schema(capsys, tree):
    assert run("--json", "--root", tree.folder) == 0
    made = json.loads(capsys.readouterr().out)
    schema = json.loads((ROOT / "docs/schema/host-1.json").read_text())
    jsonschema.validate(made, schema)
    assert made["programs"][0]["path"] == "/usr/bin/amuled"


@pytest.mark.parametrize(("worst", "code"), [("critical", 1), ("high", 1), (None, 0)])
def test_findings_fail_where_asked(tree, worst, code):
    assert run("--root", tree.folder, *(["--fail-on", worst] if worst else [])) == code


def test_services_can_be_chosen_and_own_sheets_added(capsys, tree, tmp_path):
    assert run("irc", "--root", tree.folder) == 0
    assert "No program of a known service" in capsys.readouterr().out
    own = tmp_path / "own"
    own.mkdir()
    text = (ROOT / "src/backchannel/catalogue/services/irc.yaml").read_text()
    own.joinpath("ours.yaml").write_text(
        text.replace("id: irc", "id: ours").replace("deb:irssi", "deb:ourchat")
        .replace("files: [irssi]", "files: [ourchat]")
    )  # fmt: skip
    tree.program("/usr/bin/ourchat")
    tree.deb("ourchat", "/usr/bin/ourchat")
    assert run("ours", "--root", tree.folder, "--catalogue", own, "--json") == 0
    (program,) = json.loads(capsys.readouterr().out)["programs"]
    assert program["package"] == "deb:ourchat"


def test_more_folders_are_searched(capsys, tree):
    tree.program("/srv/y/aria2c")
    assert run("--root", tree.folder, "--search", "/srv", "--json") == 0
    hints = json.loads(capsys.readouterr().out)["hints"]
    assert "/srv/y/aria2c" in [each["path"] for each in hints]


@pytest.mark.parametrize("words", [("sox",), ("--root", "/none/such"), ("--search", "/none/such")])
def test_what_is_not_there_is_said(words):
    with pytest.raises(UsageError, match=r"no service|no such folder"):
        run(*words)


def test_a_record_of_a_second_can_be_joined(capsys, tmp_path):
    file = tmp_path / "new/record.jsonl"
    assert run("record", file, "--duration", "0.3s", "--interval", "0.05") == 0
    assert "Ctrl-C ends it" in capsys.readouterr().err
    kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()]
    assert (kinds[0], kinds[-1]) == ("began", "finished")
    capture = next(ROOT.glob("examples/icq/*.pcap"))
    assert run("flows", capture, "--record", file, "--json") == 0
    joined = json.loads(capsys.readouterr().out)
    hows = {each["client_owner"]["how"] for each in joined["flows"]}
    assert hows <= {"elsewhere", "unknown"}  # somebody here may have an address of the capture's
    assert run("flows", capture) == 0
    assert "0 with a program of this host" in capsys.readouterr().out


def test_a_record_takes_the_place_of_a_record_and_of_nothing_else(tmp_path):
    file = tmp_path / "file"
    file.write_text("somebody's letter\n")
    with pytest.raises(UsageError, match="something else than a record"):
        run("record", file, "--duration", "0.1s")
    assert file.read_text() == "somebody's letter\n"
    file.write_bytes(b"")
    file.chmod(0o644)
    for _ in range(2):
        assert run("record", file, "--duration", "0.1s", "-q", "--here") == 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_device_keeps_its_rights():
    before = Path("/dev/null").stat().st_mode
    assert run("record", "/dev/null", "--duration", "0.1s", "-q", "--here") == 0
    assert Path("/dev/null").stat().st_mode == before


def test_quiet_says_nothing_and_a_record_may_go_to_standard_output(capsysbinary):
    assert run("record", "-", "--duration", "0.1s", "-q") == 0
    out, err = capsysbinary.readouterr()
    assert err == b""
    assert json.loads(out.splitlines()[0])["kind"] == "began"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("flows",), "nothing to join"),
        (("flows", "/none.pcap"), "none.pcap"),
        (("flows", "/none.parquet"), "no table"),
        (("flows", "x.pcap", "--record", "/none"), "No such file"),
        (("record", "/"), "is a folder"),
        (("record", "-", "--interval", "0"), "between 0.01 and 60"),
        (("record", "-", "--duration", "soon"), "--duration soon"),
        (("flow",), "flows"),
    ],
)
def test_what_cannot_be_joined_is_said(words, said):
    with pytest.raises((UsageError, InputError), match=said):
        run(*words)


def test_a_damaged_capture_is_joined_up_to_its_damage(capsys, tmp_path):
    whole = next(ROOT.glob("examples/icq/*.pcap")).read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(whole[:-5])
    assert run("flows", cut, "--all") == 3
    assert "cut.pcap" in capsys.readouterr().err


POLICY = "version: 1\nmode: deny\nunknown: deny\nrules:\n  - {name: a, action: deny, paths: [/x]}\n"


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "programs.yaml"
    path.write_text(POLICY)
    return path


def test_a_store_is_learnt_and_learnt_again(capsys, tree, tmp_path):
    store = tmp_path / "store"
    assert run("learn", store, "--root", tree.folder, "--also", "/opt") == 0
    assert "2 programs are trusted: 2 new, 0 changed, 0 gone" in capsys.readouterr().err
    tree.program("/usr/bin/amuled", b"\x7fELF newer")
    with pytest.raises(UsageError, match="no program was found"):
        run("learn", store, "--root", tree.folder, "-q")
    tree.program("/usr/bin/other")
    tree.deb("other", "/usr/bin/other")
    assert run("learn", store, "--root", tree.folder) == 1
    err = capsys.readouterr().err
    assert "not what its package brought: /usr/bin/amuled" in err
    assert "1 program is trusted: 1 new, 0 changed, 2 gone, 1 altered" in err


def test_verdicts_are_told_beforehand(capsys, policy, tmp_path):
    known, stranger = tmp_path / "known", tmp_path / "stranger"
    for each in (known, stranger):
        each.write_bytes(b"\x7fELF" + each.name.encode())
    entry = trust.Entry(
        path=str(known), sha256=hashlib.sha256(known.read_bytes()).hexdigest(), package="deb:k"
    )
    store = tmp_path / "store"
    trust.write(store, trust.Store([entry]))
    assert run("judge", policy, known, "--trust", store) == 0
    assert capsys.readouterr().out == f"allow  trusted  {known}\n"
    assert run("judge", policy, known, stranger, "--trust", store, "--json") == 1
    rows = json.loads(capsys.readouterr().out)["verdicts"]
    assert [(row["action"], row["reason"]) for row in rows] == [
        ("allow", "trusted"), ("deny", "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("judge", "POLICY", "/none", "--trust", "STORE"), "no file that can be read"),
        (("judge", "POLICY", "/bin/sh", "--trust", "/none"), "No such file"),
        (("control", "POLICY", "--trust", "STORE"), "trusts no program.*host learn"),
        (("control", "POLICY", "--trust", "STORE", "--stall", "0"), "between 1 and 60"),
        (("control", "POLICY", "--trust", "STORE", "--duration", "x"), "--duration x"),
        (("control", "/none", "--trust", "STORE"), "No such file"),
        (("learn", "STORE", "--root", "/none"), "no such folder"),
        (("learn", "STORE", "--also", "/none"), "no such folder"),
    ],
)
def test_what_cannot_be_controlled_is_said(policy, tmp_path, words, said):
    store = tmp_path / "store"
    trust.write(store, trust.Store())
    named = {"POLICY": policy, "STORE": store}
    with pytest.raises((UsageError, InputError), match=said):
        run(*(named.get(word, word) for word in words))
