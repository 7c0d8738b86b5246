"""A proof shown: the same words everywhere, nothing of a ruleset's text taken for our own."""

import json
import re

import msgspec
import pytest
from rich.console import Console

from backchannel.prove import document as doc
from backchannel.prove import sarif, show, words
from backchannel.prove.page import page

HOSTILE = 'drop comment "<script>alert(1)</script>\x1b[31m\u202e"'


def cell(method, outcome, kept, **more):
    return doc.Cell(method=method, outcome=outcome, kept=kept, told=100, **more)


def proof(*cells, action="deny", **more):
    row = doc.Row(
        service="aim",
        capability="message",
        action=action,
        line="no-aim",
        place="p.yaml:4",
        ours="staff",
        theirs="any",
        way="tcp/5190",
        source="x.pcap",
        cells=cells,
    )
    given = {
        "tool": "backchannel 0",
        "policy": "some/p.yaml",
        "policy_sha256": "ab",
        "ruleset": doc.Ruleset(name="r.nft", kind="nftables", sha256="cd"),
        "kernel": "Linux 6",
        "plays": 8,
        "seconds": 2.0,
        "methods": tuple(doc.Method(each.method, each.method.upper()) for each in cells),
        "rows": (row,),
        "unproved": (doc.Unproved("aim", "game", "no-aim", "no recorded conversation shows it"),),
        "counters": (doc.Counter(HOSTILE, 7, 7),),
    }
    return doc.Proof(**given | more)


CELLS = (
    cell("standard", "blocked", "kept", ending="silence", rule=HOSTILE, verdict="drop", hits=3),
    cell(
        "other-port", "passes", "broken", octets=100, packets=2, rule="accept it", verdict="accept"
    ),
    cell("socks5", "leaks", "broken", octets=40, packets=1, ending="reset"),
    cell("ipv6", "passes", "gap", octets=100, packets=2),
    cell("source-port", "untried", "open", why="only for UDP"),
)


def shown(proofs, width=80):
    console = Console(width=width, file=None, force_terminal=False)
    with console.capture() as out:
        console.print(show.render(proofs))
    return out.get()


def test_a_letter_a_cell_and_capitals_break():
    text = shown(doc.Proofs(proof=proof(*CELLS)))
    assert re.search(r"aim +message +tcp/5190 +deny +b P L ~ -", text)
    assert "p.yaml against r.nft (nftables): 2 promises of 4 broken, 1 gap" in " ".join(
        text.split()
    )
    assert "Not proved: 1 promise" in text


def test_what_begins_anew_is_shown_and_keeps_the_promise():
    renewed = cell("midstream", "renewed", "kept", ending="reset")
    assert re.search(r"allow +r\b", shown(doc.Proofs(proof=proof(renewed, action="allow"))))
    assert words.outcome(renewed, "allow").endswith("passes when it begins anew")


def test_it_fits_eighty_columns():
    lines = shown(doc.Proofs(proof=proof(*CELLS))).splitlines()
    assert max(map(len, lines)) <= 80


def test_broken_promises_name_rule_and_amount():
    text = " ".join(shown(doc.Proofs(proof=proof(*CELLS)), 200).split())
    assert "OTHER-PORT: passes (2 packets / 100 B)" in text
    assert "SOCKS5: leaks 1 packet / 40 B before it is blocked" in text
    assert "it [accept, 0 packets]" in text


@pytest.mark.parametrize("make", [lambda p: shown(p, 300), page])
def test_a_rulesets_text_is_only_text(make):
    out = make(doc.Proofs(proof=proof(*CELLS)))
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "<script>" not in page(doc.Proofs(proof=proof(*CELLS)))


@pytest.mark.parametrize("make", [lambda p: shown(p, 300), page])
def test_what_the_guard_said_meanwhile_is_part_of_the_proof(make):
    said = f"the guard hangs: packets are not judged now {HOSTILE}"
    out = make(doc.Proofs(proof=proof(*CELLS, remarks=(said,))))
    assert "The guard said meanwhile" in out
    assert "packets are not judged now" in out
    assert "\x1b" not in out
    assert "meanwhile" not in make(doc.Proofs(proof=proof(*CELLS)))


def test_what_is_allowed_has_its_own_words():
    stopped = cell("standard", "leaks", "broken", octets=40, packets=1, ending="silence")
    assert (
        words.outcome(stopped, "allow")
        == "is stopped after 1 packet / 40 B: dropped without an answer"
    )
    slow = cell("standard", "passes", "kept", octets=100, packets=2, slower=1.25)
    assert words.outcome(slow) == "passes (2 packets / 100 B, 1.25 times as long)"


def test_the_page_says_every_cell_in_words_and_fetches_nothing():
    text = page(doc.Proofs(proof=proof(*CELLS)), "today")
    assert "OTHER-PORT: passes (2 packets / 100 B)" in text
    assert "SOURCE-PORT: not tried: only for UDP" in text
    assert not re.search(r'(src|href)="(?!#)', text)
    assert "<script" not in text


def test_two_rulesets_side_by_side():
    other = proof(msgspec.structs.replace(CELLS[0], outcome="passes", kept="broken"), *CELLS[1:])
    both = doc.Proofs(proof=proof(*CELLS), against=other)
    (found,) = words.differences(both.proof, other)
    assert (found.title, found.one.outcome, found.other.outcome) == (
        "STANDARD",
        "blocked",
        "passes",
    )
    assert "Differences: 1" in shown(both)
    assert "Where the two differ" in page(both)
    same = doc.Proofs(proof=proof(*CELLS), against=proof(*CELLS))
    assert "Both rulesets do the same" in shown(same)


def test_sarif_has_a_result_for_what_is_broken_and_a_note_for_a_gap():
    made = json.loads(sarif.sarif(proof(*CELLS)))
    assert made["version"] == "2.1.0"
    assert made["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = made["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    found = [
        (each["ruleId"], each["level"], each["properties"]["method"]) for each in run["results"]
    ]
    assert found == [
        ("denied-passes", "error", "other-port"),
        ("denied-leaks", "error", "socks5"),
        ("denied-passes", "note", "ipv6"),
    ]
    for each in run["results"]:
        assert rules[each["ruleIndex"]] == each["ruleId"]
        place = each["locations"][0]["physicalLocation"]
        assert place == {"artifactLocation": {"uri": "some/p.yaml"}, "region": {"startLine": 4}}
        assert each["message"]["text"].startswith("deny aim message to staff (tcp/5190), by ")
    prints = {each["partialFingerprints"]["promise/v1"] for each in run["results"]}
    assert len(prints) == 3


def test_sarif_of_an_allow_that_is_blocked():
    broken = cell("standard", "blocked", "broken", ending="silence")
    (run,) = json.loads(sarif.sarif(proof(broken, action="allow")))["runs"]
    assert run["results"][0]["ruleId"] == "allowed-blocked"


def test_counts():
    made = proof(*CELLS)
    assert [made.count(kept) for kept in ("kept", "broken", "gap", "open")] == [1, 2, 1, 1]


def test_a_rule_stands_beside_its_line_and_not_beside_the_promise_whatever_wraps():
    long = tuple(doc.Method(each.method, f"{each.method} {'word ' * 12}") for each in CELLS)
    lines = shown(doc.Proofs(proof=proof(*CELLS, methods=long)), 80).splitlines()
    (beside,) = [line for line in lines if "accept it" in line]
    assert beside.startswith("no-aim, p.yaml:4 ")
