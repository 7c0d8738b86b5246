"""For all tests: what runs is what was edited, and how fast an example is says nothing, because
other work may run on the machine.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.built import stale

import backchannel

if not os.environ.get("CI"):  # there Hypothesis has such a profile of its own
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


def pytest_configure() -> None:
    """End the run where a compiled module is not what its source says."""
    if told := stale(Path(backchannel.__file__).parent):
        raise pytest.UsageError(
            "\n".join([*told, "compile it: make setup, or python setup.py build_ext --inplace"])
        )
