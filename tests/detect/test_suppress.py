"""Accepted findings stay away until their time is over, and are counted."""

from datetime import date

import pytest
from tests.detect.cases import CASES
from tests.detect.test_rules import findings

from backchannel.detect.suppress import Suppression, apply, idle, read
from backchannel.errors import InputError

FOUND = findings(CASES["password-plain"][0], "password-plain")
TODAY = date(2026, 11, 21)


def entry(**fields):
    return Suppression(**{"reason": "known", "until": date(2027, 1, 1)} | fields)


def test_all_that_is_named_must_fit():
    kept, hidden = apply(FOUND, [entry(rule="password-plain", host="10.0.0.5")], TODAY)
    assert (kept, hidden) == ((), 1)
    kept, hidden = apply(FOUND, [entry(rule="password-plain", host="10.0.0.9")], TODAY)
    assert (kept, hidden) == (FOUND, 0)


def test_an_entry_that_names_nothing_hides_nothing():
    assert apply(FOUND, [entry()], TODAY)[1] == 0


def test_an_expired_entry_is_told_and_hides_nothing():
    old = entry(rule="password-plain", until=date(2026, 11, 20))
    assert apply(FOUND, [old], TODAY) == (FOUND, 0)
    assert list(idle([old], {"password-plain"}, TODAY)) == ["expired on 2026-11-20: known"]
    assert list(idle([old], {"password-plain"}, date(2026, 11, 20))) == []


def test_an_entry_that_names_no_rule_of_ours_is_told():
    known, other, wrong = entry(rule="odd-port"), entry(host="10.0.0.5"), entry(rule="old-port")
    told = ["there is no rule 'old-port': known"]
    assert list(idle([known, other, wrong], {"odd-port"}, TODAY)) == told


def test_files_are_read_and_errors_name_the_file(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("suppressions:\n  - {rule: x, reason: r, until: 2027-01-01}\n")
    assert read(path)[0].rule == "x"
    path.write_text("suppressions:\n  - {rule: x, until: 2027-01-01}\n")
    with pytest.raises(InputError, match="reason"):
        read(path)
    with pytest.raises(InputError):
        read(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["notes\n", "suppressions:\n  - rule: odd-port\n", "[]\n"])
def test_a_file_of_another_form_is_shown_the_form(text, tmp_path):
    (tmp_path / "accepted.yaml").write_text(text)
    with pytest.raises(InputError) as failed:
        read(tmp_path / "accepted.yaml")
    form = str(failed.value).partition("looks like this:\n")[2]
    (tmp_path / "accepted.yaml").write_text(form)
    assert [each.rule for each in read(tmp_path / "accepted.yaml")] == ["external-proxy"]
