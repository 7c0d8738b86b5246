"""Policies made from text, for tests."""

from datetime import date
from functools import cache
from pathlib import Path

from backchannel.catalogue.load import load as catalogue
from backchannel.policy.load import read
from backchannel.yamlfile import YamlFile

DAY = date(2026, 11, 27)
HEAD = "policy: 1\nname: test\n"


@cache
def services():
    return catalogue()


def made(text, day=DAY, folder=Path()):
    """Return the resolved policy of *text*."""
    return read(YamlFile(folder / "p.yaml", HEAD + text), services(), day)
