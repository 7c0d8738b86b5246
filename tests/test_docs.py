"""The documentation says what is so: options, protocols, generated parts, links, samples."""

import inspect
import io
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tests import craft

from backchannel import protocols
from backchannel.catalogue import index
from backchannel.cli.application import app
from backchannel.flows.table import SCHEMA
from backchannel.model import Side
from backchannel.pipeline import Scan, scan
from backchannel.report.terminal import render

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMAND = (sys.executable, "-c", "from backchannel.cli import main; main()")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/*.md")])
EVERYTHING = "\n".join(path.read_text() for path in PAGES)
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def options(command):
    """Return the long names of the command's options, as its help lists them."""
    one = app
    for word in command.split():
        one = one[word]
    found = one.assemble_argument_collection(default_parameter=app.default_parameter)
    named = [argument for argument in found if argument.field_info.is_keyword_only]
    return {name for argument in named for name in argument.names if name.startswith("--")}


def commands(group=app, before=""):
    """Return every command, those of groups with the group's name before theirs."""
    found = []
    for name in group:
        if name.startswith("-"):
            continue
        inner = commands(group[name], f"{before}{name} ")
        found += inner
        if not inner or group[name].default_command is not None:
            found.append(before + name)
    return sorted(found)


@pytest.mark.parametrize("command", commands())
def test_every_option_is_documented(command):
    written = set(re.findall(r"--[a-z][a-z-]+", EVERYTHING))
    assert options(command) - written == set()


def test_every_option_the_docs_name_is_there():
    ours = set().union(*map(options, commands())) | {"--version", "--help", "--install-completion"}
    text = "\n".join((ROOT / name).read_text() for name in ("README.md", "docs/scan.md"))
    text = re.sub(r"^pip .*$", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"--[a-z][a-z-]+", text)) - ours == set()


def command_lines(text):
    """Return what follows `backchannel` in blocks of code and in code within lines."""
    fenced = r"```.*?\n(.*?)```"
    blocks = "\n".join(re.findall(fenced, text, re.DOTALL))
    lines = re.findall(r"^(?:sudo )?backchannel ([a-z][^\n#]*)", blocks, re.MULTILINE)
    rest = re.sub(fenced, "", text, flags=re.DOTALL)
    return lines + re.findall(r"`(?:sudo )?backchannel ([a-z][^`]*)`", rest)


@each_page
def test_command_lines_are_right(path):
    """A command line that a page shows names a command there is, and options of its own."""
    known, wrong = commands(), []
    for line in command_lines(path.read_text()):
        words = line.split()
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), "")
        theirs = options(name) | {"--help"} if name else set()
        unknown = [word for word in words if word.startswith("--") and word not in theirs]
        if unknown or not name:
            wrong.append(line)
    assert wrong == []


def test_generated_parts_are_true():
    ran = subprocess.run(
        [sys.executable, ROOT / "tools/reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), "`make reference` writes them"


def test_fields_of_events_say_what_they_mean():
    """What the code says below a field, its base classes' fields and a part's included."""
    page = (DOCS / "events.md").read_text()
    fields = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", page, re.MULTILINE)
    secret = "*secret* What is needed beside the secret to test a guess: the challenge, as sent."
    lists = (
        "Where a service keeps several lists: `forward`, `allow`, `block`, `reverse`, `pending`."
    )
    assert {("salt", secret), ("use", "Which ability is meant."), ("lists", lists)} <= {*fields}
    assert "| `entries` | list of [Contact](#contact) |" in page


def test_columns_of_the_flow_table_are_documented():
    rows = (DOCS / "flows.md").read_text().partition("## Rows")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
    named = [name for cell in cells for name in cell.split(", ")]
    assert sorted(named) == sorted(f"`{name}`" for name in SCHEMA.names)


@pytest.mark.parametrize("name", sorted(protocols.load()))
def test_every_protocol_has_a_page(name):
    page = DOCS / f"protocols/{name}.md"
    assert page.exists()
    assert len(page.read_text()) > 500


def test_no_page_without_a_protocol():
    pages = {path.stem for path in (DOCS / "protocols").glob("*.md")} - {"README"}
    assert pages == set(protocols.load())


def anchors(path):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@each_page
def test_links_lead_somewhere(path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_decisions_are_listed_by_their_titles():
    decisions = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert len({path.name[:4] for path in decisions}) == len(decisions) > 0
    index = (DOCS / "decisions/README.md").read_text()
    rows = re.findall(r"^\| \[(\d+)\]\((.+)\) \| (.+) \|$", index, re.MULTILINE)
    titles = [path.read_text().partition("\n")[0].removeprefix("# ") for path in decisions]
    assert rows == [(p.name[:4], p.name, title) for p, title in zip(decisions, titles, strict=True)]


@each_page
def test_names_no_place_of_ours(path):
    assert not re.search(r"(?<![\w.])/(work|root|home/\w+|tmp)/", path.read_text())


def test_python_in_the_docs_runs(tmp_path, monkeypatch, capsys):
    """Every Python block of README and api.md, against an example under the names they use."""
    capture = (ROOT / "examples/icq/icq_v5_neticq_iserverd.pcap").read_bytes()
    (tmp_path / "captures").mkdir()
    for name in ("capture.pcap", "captures/a.pcap", "more.pcapng.gz"):
        (tmp_path / name).write_bytes(capture)
    monkeypatch.chdir(tmp_path)
    for page in (ROOT / "README.md", DOCS / "api.md"):
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        assert blocks
        for number, block in enumerate(blocks):
            script = tmp_path / f"{page.stem}{number}.py"
            script.write_text(block)
            runpy.run_path(str(script))
    assert "icq parsed ('1234567', '7654321')" in capsys.readouterr().out


def test_the_protocol_in_the_docs_decodes(tmp_path):
    """Its two files, in a copy of the package, which finds it by its place."""
    page = (DOCS / "add-a-protocol.md").read_text()
    blocks = re.findall(r"```python\n# src/(\S+)\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    shutil.copytree(ROOT / "src/backchannel", tmp_path / "backchannel")
    for name, text in blocks:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    steps = [(0, b"TOY/1 ada\r\n"), (1, b"OK\r\n"), (0, b"TO bob hello\r\n")]
    capture = craft.write(
        tmp_path / "toy.pcap", craft.tcp([(Side(side), data) for side, data in steps], cut=3)
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from backchannel.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path, "scan", capture, "--content", "--events", "-", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(each["event"], each["service"], each["confidence"]) for each in told] == [
        ("sign-on", "toy-chat", "parsed"),
        ("sign-on-answer", "toy-chat", "parsed"),
        ("message", "toy-chat", "parsed"),
    ]
    assert (told[2]["sender"], told[2]["text"]) == ("ada", "hello")


def test_the_rule_in_the_docs_finds_something():
    run = scan(ROOT / "examples/icq", rule_folders=(ROOT / "examples/rules",))
    told = [each.summary for each in run.document.findings if each.rule == "picture-sent"]
    assert told == ["700100200 sent 700100300 the picture kestrel_map.png"]


def test_the_service_in_the_docs_loads_and_can_be_refused(tmp_path):
    sheet = (ROOT / "examples/services/acme-chat.yaml").read_text()
    assert f"```yaml\n{sheet}```" in (DOCS / "catalogue.md").read_text()
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: 1\nrules:\n  - {deny: acme-chat, best-effort: true}\n")
    words = ["policy", "compile", policy, "--to", "nftables", "--catalogue"]
    ran = subprocess.run(
        [*COMMAND, *words, ROOT / "examples/services"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert 'tcp dport { 7443 } counter name "line-deny-acme-chat" reject' in ran.stdout


def test_api_names_every_option():
    kept = {name for name in inspect.signature(Scan).parameters if name != "paths"}
    assert inspect.signature(scan).parameters
    text = (DOCS / "api.md").read_text()
    assert {name for name in kept if f"`{name}`" not in text} == set()


def test_readme_shows_real_output():
    """Each part of the sample between cuts stands in what the command prints at 80 columns."""
    readme = (ROOT / "README.md").read_text()
    paths = re.search(r"`backchannel scan (examples/icq .+?)`", readme)[1].split()
    run = Scan(*(ROOT / path for path in paths))
    out = io.StringIO()
    Console(file=out, width=80).print(render(run.document, index.load()))
    real = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    sample = re.search(r"```\n(backchannel \d.+?)```", readme, re.DOTALL)[1]
    for part in sample.split("[...]\n"):
        assert part.strip("\n") in real, "paste it anew"


def test_contributing_counts_the_protocols():
    told = re.search(
        r"each of (\d+) protocols, and (\d+) are taken", (ROOT / "CONTRIBUTING.md").read_text()
    )
    assert told is not None
    assert [int(number) for number in told.groups()] == [protocols.MOST, len(protocols.load())]


def test_more_protocols_than_there_are_bits_are_refused(monkeypatch):
    monkeypatch.setattr(protocols, "MOST", len(protocols.load()) - 1)
    with pytest.raises(TypeError, match=r"CONTRIBUTING\.md"):
        protocols.load.__wrapped__()
