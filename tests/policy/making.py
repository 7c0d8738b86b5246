"""Policies made from text, for tests."""

from datetime import date
from functools import cache
from pathlib import Path

from backchannel.catalogue.load import load as catalogue
from backchannel.located import Located
from backchannel.policy.load import read

DAY = date(2026, 11, 27)
HEAD = "policy: 1\nname: test\n"


@cache
def services():
    return catalogue()


def made(text, day=DAY, folder=Path()):
    """Return the resolved policy of *text*."""
    return read(Located(folder / "p.yaml", HEAD + text), services(), day)
