"""Programs that run and do not talk: real ones, between two network namespaces."""

import fcntl
import json
import os
import tempfile
from pathlib import Path

import pytest
from tests.apply.place import need
from tests.host.control import apart

from backchannel.host.control import cut

REFUSED = 7
"""curl's code for a connection that could not be made."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root, for control groups and for what the kernel asks")
    if "cgroup2" not in Path("/proc/filesystems").read_text():
        pytest.skip("this kernel has no control groups of version 2")
    need("unshare", "mount", "ip", "nft", "nsenter", "curl", "ss")
    folder = tmp_path_factory.mktemp("cut")
    with (Path(tempfile.gettempdir()) / "backchannel-cut.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # the machine has one tree of control groups
        ran = apart.run("play_cut", folder, "--net")
    assert ran.returncode == 0, ran.stderr
    return json.loads((folder / "told.json").read_text())


def test_it_runs_and_does_not_talk_while_others_do(told):
    assert (told["before"], told["cut"], told["other"]) == (0, REFUSED, 0)


def test_it_may_talk_to_its_own_host(told):
    assert told["itself"] == 0


def test_what_ran_before_loses_its_connections(told):
    assert told["was running"] not in (0, 28)  # not of its own accord, and not for its time


def test_the_log_says_so_and_the_exit_code(told):
    assert set(map(tuple, told["log"])) == {("cut", "cut", "no-talk")}
    assert told["code"] == 1


def test_at_the_end_everything_is_as_it_was(told):
    assert (told["after"], told["group"], told["rules"]) == (0, False, "")
    assert told["put back"] == told["mine"] == told["home"]


def test_whoever_is_killed_leaves_nothing_behind(told):
    assert (told["again"], told["after the kill"]) == (REFUSED, 0)


@pytest.mark.parametrize("pid", [0, -1])
def test_a_process_that_cannot_be_seen_is_not_ourselves(pid):
    """Written into a group, 0 means who writes it."""
    with pytest.raises(ProcessLookupError):
        cut.put(pid)


def test_only_one_control_cuts_at_a_time(told):
    code, said = told["second"]
    assert (code, "cuts programs here already" in said) == (2, True)


@pytest.mark.parametrize("where", ["/short.slice/a b.scope", f"/{'long' * 50}.slice/x.scope"])
def test_processes_are_put_back_to_where_they_came_from(tmp_path, monkeypatch, where):
    """However long that is: elsewhere the limits of their group would hold no more."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for attributes of its own")
    monkeypatch.setattr(cut, "MOUNT", tmp_path)
    monkeypatch.setattr(cut, "origin", lambda _: where)
    monkeypatch.setattr(cut, "_nft", lambda _: None)
    (tmp_path / cut.GROUP).mkdir()
    home = tmp_path / where[1:]
    home.mkdir(parents=True)
    cut.put(17)
    cut.end()
    assert (home / "cgroup.procs").read_text() == "17"
    assert not (tmp_path / "cgroup.procs").exists()
