"""The matrix says of a risk: seen, possible, or not assessed and why; never that it is absent."""

import csv
import io
from types import SimpleNamespace

import msgspec
import pytest
from tests.report.sample import HOSTILE, document, finding

from backchannel.catalogue import index
from backchannel.catalogue.risks import PAPER, Matrix2002
from backchannel.report.document import Input
from backchannel.report.matrix import CATEGORIES, LINKS, as_csv, build, unassessed

INDEX = index.load()
WITH_RISKS = SimpleNamespace(
    services={
        "aim": SimpleNamespace(
            risks={"cleartext": "medium", "spyware": "high"},
            matrix2002=SimpleNamespace(**dict.fromkeys(PAPER, True)),
        )
    },
    title=lambda service: service.upper(),
)


def whole(**changes):
    """The sample without its damaged capture."""
    entry = Input(path="a.pcap", packets=9, bytes=900, first_frame=1)
    return msgspec.structs.replace(document(), **{"inputs": (entry,), **changes})


def cells(made, service="aim"):
    (row,) = (row for row in made.rows if row.service == service)
    return {cell.category: cell for cell in row.cells}


def test_what_was_seen_counts_findings_and_links_to_them():
    found = tuple(finding(str(number), severity="low") for number in range(50))
    made = build(whole(findings=(finding("a", severity="high"), *found)), INDEX, CATEGORIES)
    cell = cells(made)["cleartext"]
    assert (cell.state, cell.severity, cell.findings) == ("seen", "high", 51)
    assert cell.times == 51 * 3
    assert len(cell.links) == LINKS
    assert cell.links[0] == finding("a").id


def test_what_the_catalogue_names_is_possible_and_the_rest_is_not_claimed_absent():
    made = cells(build(whole(), WITH_RISKS, CATEGORIES))
    assert (made["spyware"].state, made["spyware"].severity) == ("possible", "high")
    assert (made["malware"].state, made["malware"].possible) == ("none", False)
    assert made["malware"].why


def test_without_risks_in_the_index_nothing_is_called_possible():
    bare = SimpleNamespace(services={}, title=str)
    assert {cell.state for cell in cells(build(whole(), bare, CATEGORIES)).values()} == {"none"}


@pytest.mark.parametrize("confidence", ["port", "name", "expected", "signature"])
def test_what_was_not_decoded_was_not_assessed(confidence):
    (row,) = whole().services
    seen = whole(services=(msgspec.structs.replace(row, confidence=confidence),))
    cell = cells(build(seen, WITH_RISKS, CATEGORIES))["spyware"]
    assert (cell.state, cell.possible) == ("not-assessed", True)
    assert "decoded" in cell.why
    both = msgspec.structs.replace(seen, services=(row, *seen.services))
    assert cells(build(both, WITH_RISKS, CATEGORIES))["spyware"].state == "possible"


def test_damage_and_missing_rules_are_reasons():
    damaged = tuple(msgspec.structs.replace(each, damage="cut") for each in document().inputs)
    cell = cells(build(whole(inputs=damaged), WITH_RISKS, CATEGORIES))["spyware"]
    assert (cell.state, "damaged" in cell.why) == ("not-assessed", True)
    cell = cells(build(whole(), WITH_RISKS, ["cleartext"]))["spyware"]
    assert (cell.state, cell.why) == ("not-assessed", "no rule looks for it")


def test_services_that_were_not_assessed_for_the_same_reason_are_told_together():
    (row,) = whole().services
    named = tuple(
        msgspec.structs.replace(row, service=name, confidence="name") for name in ("aim", "icq")
    )
    made = build(whole(services=named), INDEX, CATEGORIES)
    ((why, titles),) = unassessed(made)
    assert "only its name was seen" in why
    assert titles == ["AIM", "ICQ"]


def test_one_damaged_capture_among_several_is_a_limit_and_its_name_is_harmless():
    made = build(document(), WITH_RISKS, CATEGORIES)
    assert cells(made)["spyware"].state == "possible"
    (limit,) = made.limits
    assert "damaged" in limit
    assert "\x1b" not in limit
    assert HOSTILE not in limit


def test_what_was_suppressed_is_accepted_and_not_gone():
    seen = whole(findings=(finding("a"),))
    before = build(seen, INDEX, CATEGORIES)
    after = build(msgspec.structs.replace(seen, findings=()), INDEX, CATEGORIES, before=before)
    assert cells(after)["cleartext"].state == "accepted"
    assert "1 finding suppressed" in cells(after)["cleartext"].why


def test_a_service_that_only_findings_name_has_a_row():
    made = build(whole(findings=(finding("a", service="tor"),)), INDEX, CATEGORIES)
    assert [row.service for row in made.rows] == ["aim", "tor"]


def test_the_csv_has_every_cell_and_the_matrix_of_2002():
    made = build(whole(findings=(finding("a"),)), WITH_RISKS, CATEGORIES)
    rows = list(csv.DictReader(io.StringIO(as_csv(made))))
    assert [row["category"] for row in rows[: len(CATEGORIES)]] == list(CATEGORIES)
    assert rows[0]["state"] == "seen"
    assert rows[0]["ids"] == finding("a").id
    papers = [row for row in rows if row["category"].startswith("2002: ")]
    assert len(papers) == len(PAPER) == 9
    assert {row["state"] for row in papers} == {"marked"}


def test_each_column_of_2002_has_words():
    assert [*PAPER, "source"] == [field.name for field in msgspec.structs.fields(Matrix2002)]
