"""`backchannel policy prove`: recorded conversations, played through a kernel with the ruleset."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from backchannel.cli import options
from backchannel.cli.policy import FINDINGS
from backchannel.cli.policy import rules as read_rules
from backchannel.cli.streams import put_json
from backchannel.errors import InputError, UsageError

if TYPE_CHECKING:
    from backchannel.policy.model import Rules
    from backchannel.prove.document import Proof, Proofs
    from backchannel.prove.enforcers import Enforced, Text
    from backchannel.prove.labs import Tell
    from backchannel.prove.library import Library
    from backchannel.prove.proof import Settings, Subject

LARGEST = 64 << 20
"""Bytes of a ruleset that are read."""
_IPTABLES = re.compile(r"^\*(filter|nat|mangle|raw|security)\s*$", re.MULTILINE)
_IPSET = re.compile(r"^create \S+ (hash|bitmap|list):", re.MULTILINE)


def prove(
    policy: Path,
    *,
    to: options.Firewall = "nftables",
    ruleset: options.Files = (),
    against: options.Files = (),
    guard: bool = False,
    service: options.Services = (),
    method: options.Methods = (),
    conversations: options.Files = (),
    inside_interface: options.At = "lan0",
    outside_interface: options.At = "wan0",
    patience: options.Seconds = 1.3,
    labs: Annotated[int, Parameter(name="--labs", metavar="COUNT")] = 2,
    json: bool = False,
    sarif: options.FileName = None,
    report: options.FileName = None,
    on: options.Day = "",
    catalogue: options.Folders = (),
) -> int:
    """Prove what a ruleset blocks, what leaks first and what evades it.

    Recorded conversations are played by real endpoints through a network namespace of this
    kernel into which the ruleset is loaded. Exits with 1 if a promise of the policy is broken.

    Parameters
    ----------
    policy
        The policy: what is promised.
    to
        The firewall to compile the policy for: nftables or iptables.
    ruleset
        Prove this ruleset instead: for nft, iptables-restore or ipset. May be repeated.
    against
        A second ruleset, to be compared with the first. May be repeated as --ruleset.
    guard
        Prove `backchannel guard` with this policy instead of a ruleset.
    service
        Only these services. May be repeated.
    method
        Only these methods, such as standard, other-port, socks5. May be repeated.
    conversations
        Captures to cut conversations from, instead of those that come with the program.
    inside_interface
        What the ruleset calls the interface towards the clients.
    outside_interface
        What it calls the interface towards the servers.
    patience
        Seconds of silence after which a conversation counts as stopped.
    labs
        How many labs work at the same time.
    json
        Write the proof as JSON to standard output.
    sarif
        Write broken promises as SARIF 2.1.0 into this file.
    report
        Write the proof as an HTML page into this file.
    on
        The day for which expiry is decided, such as 2027-01-31; by default today.
    catalogue
        Folders with your own service files.
    """
    from backchannel.prove.document import Proofs  # noqa: PLC0415 - only where called
    from backchannel.prove.proof import Settings  # noqa: PLC0415 - as above

    if guard and (ruleset or against):
        raise UsageError("--guard proves the guard: leave --ruleset and --against out")
    made = read_rules(policy, on, catalogue)
    settings = Settings(
        methods=_methods(method),
        patience=patience,
        labs=max(1, labs),
        inside_interface=inside_interface,
        outside_interface=outside_interface,
    )
    library = _library(conversations)
    subject = _subject(made, library, service, enforced=_enforced(made, to, ruleset, guard=guard))
    proof = _prove(subject, library, settings)
    other = None
    if against:
        second = _subject(made, library, service, enforced=_read(against))
        other = _prove(second, library, settings)
    proofs = Proofs(proof=proof, against=other)
    _write(proofs, sarif, report)
    _show(proofs, as_json=json)
    return FINDINGS if _is_broken(proof) or (other is not None and _is_broken(other)) else 0


def _is_broken(proof: "Proof") -> bool:
    return proof.count("broken") > 0


def _methods(wanted: tuple[str, ...]) -> tuple[str, ...]:
    from backchannel.prove.methods import METHODS  # noqa: PLC0415 - only where called

    for name in wanted:
        if name not in METHODS:
            raise UsageError(f"no method {name!r}; choose from {', '.join(METHODS)}")
    return wanted or tuple(METHODS)


def _library(captures: tuple[Path, ...]) -> "Library":
    from backchannel.prove import library  # noqa: PLC0415 - only where called

    if not captures:
        return library.shipped()
    found = library.of_captures(captures)
    if not found:
        raise UsageError("--conversations: no conversation of a known service in these captures")
    return found


def _subject(
    made: "Rules", library: "Library", only: tuple[str, ...], *, enforced: "Enforced"
) -> "Subject":
    from backchannel.policy.compile import gaps, known  # noqa: PLC0415 - only where called
    from backchannel.prove.promise import promises  # noqa: PLC0415 - as above
    from backchannel.prove.proof import Subject  # noqa: PLC0415 - as above

    uses = [(each.service, each.capability) for found in library.values() for each in found[:1]]
    promised = [each for each in promises(made, uses) if not only or each.service in only]
    if not promised:
        raise UsageError("the policy promises nothing of these services")
    backend = known().get(enforced.kind)
    hopeless = frozenset(
        _gap(gap.line, gap.use)
        for gap in (gaps(made, backend) if backend else ())
        if gap.judgement.level == "cannot"
    )
    return Subject(
        policy=made.path,
        policy_sha256=made.digest,
        promises=tuple(promised),
        enforced=enforced,
        gaps=hopeless,
    )


def _gap(line: str, use: str) -> tuple[str, str, str]:
    service, _, capability = use.partition(" ")
    return line, service, capability


# -- what is proved ----------------------------------------------------------------------------


def _enforced(made: "Rules", to: str, paths: tuple[Path, ...], *, guard: bool) -> "Enforced":
    if guard:
        from backchannel.prove.enforcers import GuardCommand  # noqa: PLC0415 - only where asked

        program = "from backchannel.cli import main; main()"
        words = ("--quiet", "--control", "-")  # several labs run at the same time
        command = (sys.executable, "-P", "-c", program, "guard", made.path, *words)
        return GuardCommand("backchannel guard", command, ready="guarding forward")
    return _read(paths) if paths else _compiled(made, to)


def _compiled(made: "Rules", to: str) -> "Text":
    """Return the text of the policy, gaps and all: the proof shows what they let through."""
    from backchannel.policy.compile import gaps, known  # noqa: PLC0415 - only where called

    if to not in ("nftables", "iptables"):
        raise UsageError(
            f"--to {to}: the kernel here loads nftables and iptables; `policy explain` evaluates "
            "the texts of others"
        )
    backend = known()[to]
    found = gaps(made, backend)
    strict = {line.name for line in made.lines if not line.best_effort}
    if refused := [gap for gap in found if gap.line in strict]:
        print(
            f"{to} cannot do all of {len(refused)} uses without `best-effort`; what it can do is "
            "proved all the same",
            file=sys.stderr,
        )
    files = backend.emit(made, found)
    return _text([(file.name, file.text) for file in files])


def _read(paths: tuple[Path, ...]) -> "Text":
    texts = []
    for path in paths:
        try:
            if path.stat().st_size > LARGEST:
                raise InputError(path, f"larger than {LARGEST >> 20} MiB")
            texts.append((str(path), path.read_text("utf-8")))
        except UnicodeDecodeError as error:
            raise InputError(path, "not UTF-8 text", f"byte {error.start}") from error
    return _text(texts)


def _text(texts: list[tuple[str, str]]) -> "Text":
    """Return the ruleset that these files are together."""
    from backchannel.prove.enforcers import Text  # noqa: PLC0415 - only where called

    tables = {_kind(name, text): (name, text) for name, text in texts}
    if len(tables) < len(texts):
        raise UsageError("two files of the same kind; give one for nft, or iptables' v4 and v6")
    name = ", ".join(name for name, _ in texts)
    if "nftables" in tables:
        if len(tables) > 1:
            raise UsageError("a file for nft and one for iptables; prove them one by one")
        return Text("nftables", name, tables["nftables"][1])
    v4, v6, sets = (tables.get(kind, ("", ""))[1] for kind in ("v4", "v6", "ipset"))
    return Text("iptables", name, v4, v6, sets)


def _kind(name: str, text: str) -> str:
    if _IPSET.search(text):
        return "ipset"
    if not _IPTABLES.search(text):
        return "nftables"
    six = "ip6tables" in text.partition("\n")[0] or name.endswith(("v6", ".6", "ip6tables"))
    return "v6" if six else "v4"


# -- at work, and after ------------------------------------------------------------------------


def _prove(subject: "Subject", library: "Library", settings: "Settings") -> "Proof":
    from backchannel.prove import proof  # noqa: PLC0415 - only where called

    total = proof.plays(subject, library, settings)
    with _progress(total, subject.enforced.name) as tell:
        return proof.prove(subject, library, settings, tell)


@contextmanager
def _progress(total: int, name: str) -> "Iterator[Tell]":
    """Show how far it is, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where shown
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"proving {name}", total=total)
        yield lambda plays: bar.advance(task, plays)


def _write(proofs: "Proofs", sarif: Path | None, report: Path | None) -> None:
    if sarif is not None:
        from backchannel.prove import sarif as form  # noqa: PLC0415 - only where asked

        _put(sarif, form.sarif(proofs.proof))
    if report is not None:
        from backchannel.prove.page import page  # noqa: PLC0415 - only where asked

        written = datetime.now(tz=UTC).strftime("%d %B %Y")
        _put(report, page(proofs, written).encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"written: {path}", file=sys.stderr)


def _show(proofs: "Proofs", *, as_json: bool) -> None:
    if as_json:
        put_json(proofs)
        return
    from backchannel.prove import show  # noqa: PLC0415 - only where shown
    from backchannel.report import terminal  # noqa: PLC0415 - only where shown

    terminal.show(show.render(proofs))
