"""The units of systemd: how exposed they are, and that they ask for what the code does."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backchannel.apply import state

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "packaging/systemd").glob("*.service"))
LANDLOCK = ("create_ruleset", "add_rule", "restrict_self")
each = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def settings(unit):
    """Return the unit's [Service] section; of settings that stand twice, the last."""
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str
    read.read(unit)
    return read["Service"]


@each
def test_exposure_is_low(unit):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell("needs systemd-analyze; tools/setup installs systemd where it can")
    ran = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=25", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout[-600:]


@each
def test_they_notify_and_have_a_watchdog(unit):
    assert settings(unit)["Type"] == "notify"
    assert int(settings(unit)["WatchdogSec"]) >= 5
    assert settings(unit)["SystemCallErrorNumber"] == "EPERM"


@each
def test_who_parses_may_confine_itself(unit):
    allowed = unit.read_text().partition("SystemCallFilter=@system-service")[2].splitlines()[0]
    assert set(allowed.split()) == {"seccomp", *(f"landlock_{name}" for name in LANDLOCK)}


@each
def test_who_parses_may_give_up_its_rights(unit):
    """`capset` is among the @privileged calls, but giving rights up needs it too."""
    lines = [line for line in unit.read_text().splitlines() if line.startswith("SystemCallFilter=")]
    assert lines[-1] == "SystemCallFilter=capset"
    assert all(line.startswith("SystemCallFilter=~") for line in lines[1:-1])


@each
def test_only_the_capabilities_that_are_used(unit):
    wanted = {"watch": {"CAP_NET_RAW"}, "guard": {"CAP_NET_ADMIN", "CAP_NET_RAW"}}
    for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert set(settings(unit)[name].split()) == wanted[unit.stem.partition("-")[2]]


@each
def test_what_root_applied_is_no_units_own(unit):
    """systemd gives a state folder, with all that is in it, to the unit's unprivileged user."""
    assert not state.SYSTEM.is_relative_to(Path("/var/lib") / settings(unit)["StateDirectory"])


@pytest.mark.parametrize("kind", ["RuntimeDirectory", "StateDirectory", "LogsDirectory"])
def test_no_folder_is_of_two_units(kind):
    """It would belong to the one that started last, and go where either stops."""
    folders = [settings(unit)[kind] for unit in UNITS if kind in settings(unit)]
    assert len(set(folders)) == len(folders)
