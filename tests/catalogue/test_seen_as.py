"""What a sheet says of the rules that find its risks is what scans find."""

from functools import cache
from pathlib import Path

import pytest

from backchannel import protocols, scan
from backchannel.catalogue.load import load
from backchannel.detect import rules

SHEETS = load(protocols=protocols.load())
RULES = rules.load()
EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted({path.parent for path in EXAMPLES.glob("*/*.pcap*")})
EVERYWHERE = {"file-matched", "policy-refuses"}
"""Rules that somebody's own lists make, for any service."""


@cache
def found(folder):
    """What a scan of a folder finds: services, and the rules that found something of them."""
    return {(each.service, each.rule) for each in scan(folder).document.findings}


def test_there_are_examples_of_many_services():
    assert len(FOLDERS) > 15


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_what_is_found_in_the_examples_is_a_risk_of_the_sheet(folder):
    missing = set()
    for service, rule in found(folder):
        category = RULES[rule].category
        risk = next((each for each in SHEETS[service].risks if each.id == category), None)
        if rule not in EVERYWHERE and (risk is None or rule not in risk.seen_as):
            missing.add((service, category, rule))
    assert not missing
