"""Control of real programs, and that a machine goes on when it does not."""

import json
import os
from pathlib import Path

import pytest
from tests.apply.place import need
from tests.host.control import apart


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("the kernel asks only root before a program runs")
    need("unshare", "mount", "sha256sum")
    folder = tmp_path_factory.mktemp("controlled")
    ran = apart.run("play", folder)
    if "asks nobody" in ran.stderr:
        pytest.skip("this kernel was built without permission events of fanotify")
    assert ran.returncode == 0, ran.stderr
    return json.loads((folder / "told.json").read_text())


def test_programs_run_before_and_after(told):
    assert (told["before"], told["after"]) == ("ran", "ran")


def test_what_runs_and_what_does_not(told):
    assert told["deny"] == {
        "known": "ran",
        "altered": "refused",
        "unknown": "refused",
        "denied": "refused",
        "expired": "refused",
        "excepted": "ran",
        "never/me": "ran",
        "never/own-altered": "ran",
        "moved": "refused",
        "script": "refused",
    }


def test_what_is_mounted_over_one_that_is_never_denied_is_not_that(told):
    """In a mount namespace of its own: users may make one. 126: the shell could not run it."""
    assert told["mounted over"] == 126


def test_each_refusal_has_its_reason_in_the_log(told):
    reasons = {Path(each["path"]).name: (each["reason"], each["rule"]) for each in told["log"]}
    assert reasons["altered"] == ("altered", "")
    assert reasons["unknown"] == ("unknown", "")
    assert reasons["denied"] == ("denied", "no-tool")
    assert reasons["expired"] == ("expired", "ran-out")
    assert reasons["moved"] == ("wrong-path", "")
    actions = {Path(each["path"]).name: each["action"] for each in told["log"]}
    assert actions.pop("own-altered") == "altered"
    assert set(actions.values()) == {"denied"}
    assert {each["uid"] for each in told["log"]} == {0}
    assert all("python" in each["by"] for each in told["log"] if not each["path"].endswith("me"))
    assert (reasons["own-altered"], told["deny"]["never/own-altered"]) == (
        ("never-denied", ""),
        "ran",
    )


def test_a_file_that_changes_is_judged_again(told):
    assert (told["changed"], told["back"]) == ("refused", "ran")


def test_a_policy_is_read_anew_and_a_broken_one_is_not(told):
    assert (told["read anew"], told["not read"]) == ("ran", "ran")
    assert told["another warden"] == "refused"  # as it was read last


def test_another_warden_takes_the_place_of_one_that_is_gone(told):
    assert told["another warden"] == "refused"
    assert "wardens that were replaced" in told["summary"]


def test_the_exit_code_says_that_something_was_refused(told):
    assert told["code"] == 1


def test_a_stopped_judge_holds_nobody_up_for_long(told):
    """SIGSTOP: whoever runs a program waits until the warden has ended it, and then it runs."""
    assert told["stopped"] == "ran"
    assert 0.2 < told["waited"] < 20
    assert told["stopped code"] == -9
    assert "programs run unasked" in told["warden said"]


def test_a_killed_judge_lets_everything_run_at_once(told):
    assert told["killed"] == 0


def test_modes_that_go_less_far(told):
    assert (told["alert"], told["observe"]) == ("ran", "ran")
    assert (told["alert code"], told["observe code"]) == (1, 1)
    (line,) = map(json.loads, told["alert log"].splitlines())
    assert (line["action"], line["reason"]) == ("would-deny", "unknown")
    assert told["observe log"] == ""
