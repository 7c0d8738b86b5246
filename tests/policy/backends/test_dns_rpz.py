"""Response policy zones: BIND's own checkers read them; who is refused what is read back."""

import re
import subprocess

import pytest
from tests.policy.examples import (
    AIM_FILES,
    AIM_IMAGE,
    AIM_MESSAGE,
    DESK,
    EXAMPLES,
    ICQ_FILES,
    KNOWN,
    NAMES,
    STAFF,
    YAHOO,
    line,
    rules,
    use,
)
from tests.policy.lab import need

from backchannel.policy.backends import dns_rpz
from backchannel.policy.compile import RefusedError, compile_policy, known

BACKEND = known()["dns-rpz"]


def files(policy):
    return {file.name: file.text for file in dns_rpz.emit(policy, ())}


def records(text):
    return dict(re.findall(r"^(\S+) CNAME (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_bind_reads_it(example, tmp_path):
    need("named-checkzone", "named-checkconf")
    for name, text in files(EXAMPLES[example]).items():
        (tmp_path / name).write_text(text)
    for zone in tmp_path.glob("*.zone"):
        ran = subprocess.run(
            ["named-checkzone", "-k", "fail", zone.stem, zone],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    ran = subprocess.run(
        ["named-checkconf", "-z", "backchannel-rpz.conf"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_exempt_are_served_first_and_pass():
    made = files(NAMES)
    assert next(iter(made)) == "rpz-help-desk.zone"
    assert records(made["rpz-help-desk.zone"])["*.oscar.aol.com"] == "rpz-passthru."
    assert records(made["rpz-staff.zone"])["*.oscar.aol.com"] == "."
    assert "*.oscar.aol.com" not in records(made["rpz-any.zone"])
    assert re.findall(r'^view "([\w-]+)"', made["backchannel-rpz.conf"], re.MULTILINE) == [
        *("help-desk", "staff", "vendor", "any")
    ]


def test_one_use_of_a_service_cannot_be_told_by_names():
    policy = rules(line("no-files", "deny", ICQ_FILES, ours=STAFF))
    with pytest.raises(RefusedError, match="the host names stand for everything that icq can do"):
        compile_policy(policy, BACKEND)


def test_names_that_an_allowed_service_shares_are_answered():
    twin = use("icq", "login", "tcp/5190", names=("login.oscar.aol.com",))
    policy = rules(
        line("aim", "deny", AIM_MESSAGE, AIM_IMAGE, AIM_FILES, best_effort=True),
        line("icq", "allow", twin, ours=DESK),
    )
    made = compile_policy(policy, BACKEND)
    assert {gap.judgement.level for gap in made.gaps} == {"cannot"}
    assert not any(records(file.text) for file in made.files)


def test_a_star_inside_a_label_is_said_to_be_left_out():
    policy = rules(line("yahoo", "deny", YAHOO, best_effort=True))
    gap = compile_policy(policy, BACKEND).gaps[0].judgement
    assert (gap.level, "scs*.msg.yahoo.com" in gap.why) == ("partly", True)


def test_a_default_of_deny_is_refused_unless_all_gaps_are_accepted():
    policy = rules(line("yahoo", "deny", YAHOO, best_effort=True), default="deny")
    with pytest.raises(RefusedError, match="default: dns-rpz cannot enforce everything else"):
        compile_policy(policy, BACKEND)
    assert compile_policy(policy, BACKEND, best_effort=True).gaps[-1].line == "default"


def test_hostile_names_are_left_out():
    bad = use("x", "message", names=("a.example\n* CNAME .", "ok.example", "$INCLUDE /etc/passwd"))
    policy = rules(line("x", "deny", bad, best_effort=True), known=(*KNOWN, bad))
    assert records(files(policy)["rpz-any.zone"]) == {"ok.example": "."}
