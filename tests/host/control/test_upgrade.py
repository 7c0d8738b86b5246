"""A package's upgrade is told from a file that somebody altered, with dpkg itself."""

import json
import os

import pytest
from tests.apply.place import need
from tests.host.control import apart


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("the kernel asks only root before a program runs")
    need("unshare", "mount", "dpkg", "dpkg-deb", "md5sum")
    folder = tmp_path_factory.mktemp("upgraded")
    ran = apart.run("play_upgrade", folder)
    assert ran.returncode == 0, ran.stderr
    return json.loads((folder / "told.json").read_text())


def versions(store):
    entries = map(json.loads, store.splitlines()[1:])
    return {(each["package"], each["version"]) for each in entries}


def test_what_the_package_manager_brought_runs(told):
    assert (told["first"], told["upgraded"], told["installed"]) == ("ran", "ran", "ran")
    assert "1 upgraded" in told["summary"]
    assert "1 installed" in told["summary"]


def test_what_somebody_altered_does_not(told):
    assert told["altered"] == "refused"
    (line,) = told["log"]
    assert (line["reason"], line["package"]) == ("altered", "deb:bc-tool")


def test_the_store_follows(told):
    assert versions(told["learnt"]) == {("deb:bc-tool", "1")}
    assert versions(told["kept"]) == {("deb:bc-tool", "2"), ("deb:bc-other", "1")}
