"""`backchannel rules` as a user runs it."""

import pytest

from backchannel.cli.application import app
from backchannel.detect import rules
from backchannel.errors import InputError, UsageError


@pytest.fixture(autouse=True)
def no_packs(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")


def run(*words):
    return app(["rules", *map(str, words)], result_action="return_value")


def test_the_list_names_every_rule(capsys):
    assert run() == 0
    out = capsys.readouterr().out
    assert all(name in out for name in rules.load())


def test_a_rule_is_shown_in_full_and_alone(capsys):
    assert run("esp-null") == 0
    out = " ".join(capsys.readouterr().out.split())
    rule = rules.load()["esp-null"]
    assert all(" ".join(text.split()) in out for text in (rule.title, rule.when, rule.disproof))
    assert "esp-replayed" not in out


def test_rules_of_ones_own_are_shown_too(capsys, tmp_path):
    ours = (rules.HERE / "esp-null.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(ours.replace("id: esp-null", "id: mine"))
    assert run(tmp_path, "mine") == 0
    assert capsys.readouterr().out.startswith("mine  ")


def test_what_is_neither_rule_nor_folder_is_an_error_with_near_ones():
    with pytest.raises(UsageError, match="no rule and no folder 'esp-nul': did you mean esp-null"):
        run("esp-nul")
    with pytest.raises(InputError, match="no such folder of rules"):
        run("no/such")


def test_a_folder_without_rules_is_an_error(tmp_path):
    (tmp_path / "mine.yaml.off").touch()
    with pytest.raises(InputError, match=r"no rules there: they are files that end in \.yaml"):
        run(tmp_path)


def test_one_rule_is_written_for_sigma(tmp_path):
    assert run("esp-null", "--sigma", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["backchannel_esp_null.yml"]
