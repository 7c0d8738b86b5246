"""For all tests of guards: the catalogue is read once, before any of them forks."""

import pytest
from tests.enforce.guarding import services


@pytest.fixture(scope="session", autouse=True)
def _catalogue():
    services()
