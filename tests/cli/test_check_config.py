"""What `check-config` says of a configuration, and of everything that it names."""

import re
from pathlib import Path

import pytest

from backchannel.cli import check_config
from backchannel.live import configfile, setup

TO_BEGIN_WITH = Path(__file__).parents[2] / "packaging/backchannel.toml"
GOOD = "policy: 1\nrules: [{deny: [aim]}]\n"


def faults(tmp_path, guard, policy=GOOD):
    """What it says of a guard's settings."""
    (tmp_path / "policy.yaml").write_text(policy)
    text = f"[guard]\n{guard}".replace("POLICY", str(tmp_path / "policy.yaml"))
    (tmp_path / "w.toml").write_text(text)
    layers = configfile.layers(tmp_path / "w.toml")
    made = configfile.made(layers)
    told = [str(layers.fault(*each)) for each in check_config.faults(made)]
    return [each.replace(f"{tmp_path}/", "") for each in told]


@pytest.mark.parametrize("which", ["as it is", "with all that is commented out"])
def test_the_configuration_to_begin_with_is_good(tmp_path, which, capsys):
    text = TO_BEGIN_WITH.read_text()
    if which != "as it is":
        text, uncommented = re.subn(r"^#(?=\S)", "", text, flags=re.MULTILINE)
        assert uncommented > 10
    (tmp_path / "w.toml").write_text(text)
    assert check_config.check_config(tmp_path / "w.toml") == 0
    assert "w.toml: good. Interfaces: eth0" in capsys.readouterr().out


def test_a_guard_that_can_be(tmp_path):
    assert faults(tmp_path, 'policy = "POLICY"\nmetrics = "127.0.0.1:9470"') == []


@pytest.mark.parametrize(
    ("guard", "policy", "told"),
    [
        ('mode = "alert"', GOOD, "w.toml:1: no policy: set policy to the file"),
        (
            'policy = "POLICY"',
            "policy: 1\nrules: [{deny: [aimm]}]",
            "policy.yaml:2: rules[0].deny: no service or kind 'aimm'",
        ),
        (
            'policy = "POLICY"',
            "policy: 1\nrules: [{deny: matrix, capabilities: [message]}]",
            "policy.yaml:2: deny-matrix-message: the guard cannot enforce matrix message",
        ),
        (
            'policy = "POLICY"\n[[alerts.webhook]]\nurl = "http://a/"\nauthorization = "/none"',
            GOOD,
            "w.toml:3: /none: No such file",
        ),
        ('policy = "/none"', GOOD, "w.toml:2: /none: "),
        ('policy = "POLICY"\nmetrics = "nowhere"', GOOD, "w.toml:3: 'nowhere' is not host:port"),
        ('policy = "POLICY"\nevidence = "POLICY"', GOOD, "w.toml:3: policy.yaml is a file"),
        (
            'policy = "POLICY"\n[[alerts.webhook]]\nurl = "http://"',
            GOOD,
            "w.toml:3: 'http://' names no host",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path, guard, policy, told):
    (fault,) = faults(tmp_path, guard, policy)
    assert told in fault


def test_rules_and_suppressions_that_cannot_be_read_are_both_told(tmp_path):
    wrong = 'policy = "POLICY"\n[findings]\nrules = ["/none"]\nsuppress = "/none.yaml"'
    told = faults(tmp_path, wrong)
    assert [each.partition(": ")[0] for each in told] == ["w.toml:4", "w.toml:5"]


def test_what_is_wrong_with_the_guard_keeps_no_watch_from_starting(tmp_path):
    (tmp_path / "w.toml").write_text('[guard]\npolicy = "/none"\nmetrics = "nowhere"\n')
    made = configfile.made(configfile.layers(tmp_path / "w.toml"))
    assert len(list(check_config.faults(made))) == 2
    assert list(setup.faults(made)) == []
