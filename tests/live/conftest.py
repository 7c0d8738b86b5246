import pytest
from tests.live import world as worlds


@pytest.fixture
def world():
    made = worlds.make()
    yield made
    made.close()
