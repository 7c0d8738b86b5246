"""The ATT&CK techniques that rules name, held against the list of the version that we claim.

How the list itself was checked, on 28 November 2026: its active techniques, all 697, have the same
names and tactics in MISP's galaxy of version 19.0 (MISP/misp-galaxy, commit af84b199). Every
technique of MITRE's own objects of version 18.1 (mitre/cti, commit 421deac) is in it; four have a
new name and seventeen are revoked.
"""

from pathlib import Path

import pytest

from backchannel.detect.attack import TECHNIQUES
from backchannel.detect.model import ATTACK_VERSION
from backchannel.detect.rules import load

RULES = load()
LIST = Path(__file__).with_name(f"attack-{ATTACK_VERSION}.tsv")


def listed():
    """Yield id, name, and tactics or what became of it."""
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


NAMES = {id_: name for id_, name, _ in listed()}
BECAME = {id_: became for id_, _, became in listed()}


def test_the_list_is_whole():
    assert len(NAMES) == 858
    assert sum(became.startswith("revoked") for became in BECAME.values()) == 149
    assert sum(became == "deprecated" for became in BECAME.values()) == 12


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_is_called_as_mitre_calls_it_and_is_in_force(technique):
    assert TECHNIQUES[technique] == NAMES[technique]
    assert not BECAME[technique].startswith(("revoked", "deprecated"))


def test_rules_name_these_techniques_and_no_others():
    assert {each for rule in RULES.values() for each in rule.attack} == set(TECHNIQUES)
