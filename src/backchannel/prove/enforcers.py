"""What stands in the lab's router: a ruleset loaded by nft or iptables-restore, or a guard.

An enforcer is started in the router's network, can say what its rules counted, and puts a rule
into words. Add another one here and every method of proof runs against it.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from backchannel.errors import InputError, MissingProgramError
from backchannel.prove import trace
from backchannel.prove.lab import Lab

Kind = Literal["nftables", "iptables", "guard"]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A ruleset: one text, or one for each version of IP (iptables)."""

    kind: Literal["nftables", "iptables"]
    name: str
    """What to call it in messages: the file's path."""
    v4: str
    v6: str = ""
    sets: str = ""
    """For `ipset restore`, before the others."""


class GuardCommand(msgspec.Struct, frozen=True, tag="guard"):
    """A program that stands inline and decides by content."""

    name: str
    command: tuple[str, ...]
    ready: str = ""
    """A line of its output (standard output or error) that contains this says that it stands."""
    timeout: float = 60.0

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "guard"


Enforced = Text | GuardCommand


class Enforcer(Protocol):
    """What the proof needs of whatever stands in the router."""

    def start(self) -> None:
        """Begin to enforce. Raises InputError where the text does not load."""

    def counters(self) -> Mapping[str, int]:
        """Return packets counted by each rule that counts, by the rule's words."""

    def remarks(self) -> tuple[str, ...]:
        """Return what it said of itself since it stands, each once."""

    def words(self, met: trace.Met) -> str:
        """Return the rule as its author would recognise it."""


def make(lab: Lab, enforced: Enforced | None) -> Enforcer:
    """Return the enforcer for what is to be proved; None: nothing in the way."""
    if enforced is None:
        return Nothing()
    if isinstance(enforced, GuardCommand):
        return Guard(lab, enforced)
    return (Nftables if enforced.kind == "nftables" else Iptables)(lab, enforced)


class Nothing:
    """No enforcer: what the others are compared with."""

    def start(self) -> None:
        """There is nothing to start."""

    def counters(self) -> Mapping[str, int]:
        """Return nothing."""
        return {}

    def remarks(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def words(self, met: trace.Met) -> str:
        """Return the chain's name."""
        return f"{met.chain} {met.verdict}"


class Nftables:
    """A ruleset for `nft -f`."""

    def __init__(self, lab: Lab, text: Text) -> None:
        self.lab, self.text = lab, text
        self._rules: dict[tuple[str, str, int], str] = {}

    def start(self) -> None:
        """Load the text as it is."""
        _load(self.lab, ("nft", "-f", "-"), self.text.v4, self.text.name)
        self._rules = dict(_listed(_run(self.lab, ("nft", "-a", "list", "ruleset")).stdout))

    def counters(self) -> Mapping[str, int]:
        """Return packets by rule, and by named counter."""
        text = _run(self.lab, ("nft", "-a", "list", "ruleset")).stdout
        counted: dict[str, int] = {}
        for (_, table, _), rule in _listed(text):
            if table != trace.TABLE and (found := _COUNTER.search(rule)):
                counted[_plain(rule)] = counted.get(_plain(rule), 0) + int(found[1])
        for name, packets in _NAMED.findall(text):
            counted[f"counter {name}"] = int(packets)
        return counted

    def remarks(self) -> tuple[str, ...]:
        """Return nothing: rules say nothing."""
        return ()

    def words(self, met: trace.Met) -> str:
        """Return the rule's text without its counter, or the chain's policy."""
        if not met.handle:
            return f"policy of chain {met.chain}: {met.verdict}"
        rule = self._rules.get((met.family, met.table, met.handle), "")
        return _plain(rule) if rule else f"{met.table} {met.chain} handle {met.handle}"


class Iptables:
    """Texts for `iptables-restore` and `ip6tables-restore`."""

    def __init__(self, lab: Lab, text: Text) -> None:
        self.lab, self.text = lab, text
        self._rules: dict[tuple[str, str, str, int], str] = {}

    def start(self) -> None:
        """Load the texts as they are."""
        if self.text.sets:
            _load(self.lab, ("ipset", "restore"), self.text.sets, self.text.name)
        for program, text in (("iptables", self.text.v4), ("ip6tables", self.text.v6)):
            if text:
                _load(self.lab, (f"{program}-restore",), text, self.text.name)
        listed = json.loads(_run(self.lab, ("nft", "-j", "-a", "list", "ruleset")).stdout)
        for family, program in (("ip", "iptables"), ("ip6", "ip6tables")):
            self._number(family, self._saved(program), listed["nftables"])

    def counters(self) -> Mapping[str, int]:
        """Return packets by rule, as iptables-save -c prints them."""
        counted: dict[str, int] = {}
        for program in ("iptables", "ip6tables"):
            for line in self._saved(program, "-c"):
                if found := re.match(r"\[(\d+):\d+\] (-A .*)", line):
                    counted[found[2]] = counted.get(found[2], 0) + int(found[1])
        return counted

    def remarks(self) -> tuple[str, ...]:
        """Return nothing: rules say nothing."""
        return ()

    def words(self, met: trace.Met) -> str:
        """Return the rule as iptables-save prints it, or the chain's policy."""
        if not met.handle:
            return f"policy of chain {met.chain}: {met.verdict}"
        key = met.family, met.table, met.chain, met.handle
        return self._rules.get(key, f"{met.table} {met.chain} handle {met.handle}")

    def _saved(self, program: str, *options: str) -> list[str]:
        done = _run(self.lab, (f"{program}-save", *options), check=False)
        return done.stdout.splitlines()

    def _number(self, family: str, saved: list[str], listed: list[dict[str, object]]) -> None:
        """Match the kernel's rule handles with the saved lines: both are in the chain's order."""
        lines: dict[tuple[str, str], list[str]] = {}
        table = ""
        for line in saved:
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith("-A "):
                lines.setdefault((table, line.split()[1]), []).append(line)
        places: dict[tuple[str, str], int] = {}
        for entry in listed:
            rule = entry.get("rule")
            if not isinstance(rule, dict) or rule["family"] != family:
                continue
            chain = rule["table"], rule["chain"]
            place = places[chain] = places.get(chain, -1) + 1
            if place < len(lines.get(chain, ())):
                self._rules[family, *chain, rule["handle"]] = lines[chain][place]


class Guard:
    """A guard process in the router's network."""

    def __init__(self, lab: Lab, guard: GuardCommand) -> None:
        self.lab, self.guard = lab, guard
        self.process: subprocess.Popen[bytes] | None = None
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process

    def start(self) -> None:
        """Start it and wait until it says that it stands."""
        with self.lab.router.inside():
            self.process = subprocess.Popen(
                self.guard.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
            )
        began, ready = time.monotonic(), self.guard.ready
        while not ready or ready not in self._said():
            waited = time.monotonic() - began
            if self.process.poll() is not None or waited > self.guard.timeout:
                why = self._said()[-500:].strip() or f"nothing heard within {waited:.0f} s"
                raise InputError(self.guard.name, f"the guard did not start: {why}")
            if not ready and waited > _SETTLED:
                return
            time.sleep(0.05)

    def counters(self) -> Mapping[str, int]:
        """Return nothing: a guard keeps its own."""
        return {}

    def remarks(self) -> tuple[str, ...]:
        """Return the lines behind the one that said that it stands."""
        _, _, since = self._said().partition(self.guard.ready)
        lines = (line.removeprefix("backchannel: ") for line in since.splitlines()[1:])
        return tuple(dict.fromkeys(filter(None, map(str.strip, lines))))[:_REMARKS]

    def words(self, met: trace.Met) -> str:
        """Return who decided."""
        return f"guard: {met.chain} {met.verdict}"

    def _said(self) -> str:
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), min(size, 1 << 16), 0).decode("utf-8", "replace")


_REMARKS = 20
_SETTLED = 1.0
"""Seconds after which a guard that says nothing is taken to stand."""
_COUNTER = re.compile(r"counter packets (\d+) bytes \d+ ?")
_NAMED = re.compile(r"^\tcounter (\S+) \{ # handle \d+\n\t\tpackets (\d+)", re.MULTILINE)
_HANDLE = re.compile(r" # handle (\d+)$")


def _plain(rule: str) -> str:
    return _COUNTER.sub("", rule).strip()


def _listed(text: str) -> list[tuple[tuple[str, str, int], str]]:
    """Return ((family, table, handle), rule) of `nft -a list ruleset`."""
    found, family, table = [], "", ""
    for raw in text.splitlines():
        line = raw.strip()
        if raw.startswith("table "):
            _, family, table = line.split()[:3]
        elif (handle := _HANDLE.search(line)) and not line[: handle.start()].endswith("{"):
            found.append(((family, table, int(handle[1])), line[: handle.start()]))
    return found


def need(program: str, package: str) -> None:
    """Raise MissingProgramError where *program* is not installed."""
    if shutil.which(program) is None:
        raise MissingProgramError(program, package)


def load_table(lab: Lab, text: str) -> None:
    """Load a table of the lab's own into the router."""
    _run(lab, ("nft", "-f", "-"), text=text)


def drop_table(lab: Lab, name: str) -> None:
    """Remove such a table; the ruleset may have removed it already."""
    _run(lab, ("nft", "delete", "table", "inet", name), check=False)


def _load(lab: Lab, command: Sequence[str], text: str, name: str) -> None:
    done = _run(lab, command, text=text, check=False)
    if done.returncode:
        raise InputError(name, f"{command[0]} rejects it: {_first(done.stderr)}")


def _first(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2])[:400]


def _run(
    lab: Lab, command: Sequence[str], *, text: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    with lab.router.inside():
        return subprocess.run(
            command,
            input=text,
            stdin=None if text is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=check,
        )
