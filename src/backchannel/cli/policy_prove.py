"""`backchannel policy prove`: recorded conversations, played through a kernel with the ruleset."""

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from backchannel.cli import FOUND, options, progress
from backchannel.cli.policy import rules as read_rules
from backchannel.cli.streams import put_json
from backchannel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backchannel.policy.compile import File
    from backchannel.policy.model import Rules
    from backchannel.prove.document import Proof, Proofs
    from backchannel.prove.enforcers import Enforced
    from backchannel.prove.library import Library
    from backchannel.prove.proof import Settings, Subject


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
    inside_interface: options.Called = "lan0",
    outside_interface: options.Called = "wan0",
    patience: options.Seconds = 1.3,
    labs: Annotated[int, Parameter(name="--labs", metavar="COUNT", show_default=True)] = 2,
    json: bool = False,
    sarif: options.FileName = None,
    report: options.FileName = None,
    on: options.Day = "",
    catalogue: options.Folders = (),
) -> int:
    """Prove what a ruleset blocks, what leaks first and what evades it.

    Recorded conversations are played by real endpoints through a network namespace
    into which the ruleset is loaded. Exits with 1 if a promise is broken.

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
    from backchannel.prove import rulesets  # noqa: PLC0415 - only where called
    from backchannel.prove.document import Proofs  # noqa: PLC0415 - as above
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
        second = _subject(made, library, service, enforced=rulesets.read(against))
        other = _prove(second, library, settings)
    proofs = Proofs(proof=proof, against=other)
    _write(proofs, sarif, report)
    _show(proofs, as_json=json)
    return FOUND if _is_broken(proof) or (other is not None and _is_broken(other)) else 0


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
    from backchannel.prove import rulesets  # noqa: PLC0415 - only where asked

    if paths:
        return rulesets.read(paths)
    return rulesets.together([(file.name, file.text) for file in _compiled(made, to)])


def _compiled(made: "Rules", to: str) -> "Sequence[File]":
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
    return backend.emit(made, found)


# -- at work, and after ------------------------------------------------------------------------


def _prove(subject: "Subject", library: "Library", settings: "Settings") -> "Proof":
    from backchannel.prove import proof  # noqa: PLC0415 - only where called

    done, total = 0, proof.plays(subject, library, settings)
    with ExitStack() as stack:
        show = progress.display(stack, "plays")

        def tell(plays: int) -> None:
            nonlocal done
            done += plays
            if show is not None:
                show(done, total)

        return proof.prove(subject, library, settings, tell)


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
    from backchannel.prove.show import render  # noqa: PLC0415 - only where shown
    from backchannel.report.console import show  # noqa: PLC0415 - only where shown

    show(render(proofs))
