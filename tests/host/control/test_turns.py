"""One user's large and many programs, and those of others."""

import json
import os

import pytest
from tests.apply.place import need
from tests.host.control import apart


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("the kernel asks only root before a program runs")
    need("unshare", "mount")
    folder = tmp_path_factory.mktemp("turns")
    ran = apart.run("play_turns", folder)
    if "asks nobody" in ran.stderr:
        pytest.skip("this kernel was built without permission events of fanotify")
    assert ran.returncode == 0, ran.stderr
    return json.loads((folder / "told.json").read_text())


def test_few_descriptors_refuse_nobody(told):
    """The kernel refuses a program where we have no room for its file."""
    assert told["refused"] == 0


def test_what_is_known_does_not_wait_for_what_is_not(told):
    """It was run last."""
    assert told["log"].index("known") <= 1


def test_another_user_does_not_wait_for_all_of_the_first_ones(told):
    assert told["log"].index("other") <= 3
    assert told["log"].count("small") == 90
