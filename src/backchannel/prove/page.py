"""A proof as one self-contained HTML page: no script, nothing fetched, printable."""

from backchannel.prove import words
from backchannel.prove.document import Cell, Proofs
from backchannel.prove.show import sign
from backchannel.templates import style, template
from backchannel.text import escape

_COLOURS = {"kept": "kept", "broken": "high", "gap": "medium", "open": "none"}


def page(proofs: Proofs, written: str = "") -> str:
    """Return the page; *written* is the date to put on it."""
    against = proofs.against
    return template(__package__, "proof.html").render(
        proofs=[each for each in (proofs.proof, against) if each is not None],
        differences=list(words.differences(proofs.proof, against)) if against else [],
        compared=against is not None,
        written=written,
        style=style("backchannel.report", "report.css") + style(__package__, "proof.css"),
        words=words,
        visible=escape,
        sign=_sign,
        colour=lambda cell: _COLOURS[cell.kept],
        hint=_hint,
    )


def _sign(cell: Cell) -> str:
    return {"-": "", "~": "~"}.get(sign(cell), sign(cell))


def _hint(cell: Cell, action: str, title: str) -> str:
    """Return a cell in words, for screen readers and as a hint."""
    rule = words.decided(cell)
    return escape(f"{title}: {words.outcome(cell, action)}" + (f"; {rule}" if rule else ""))
