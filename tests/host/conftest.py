"""What all tests of this room share."""

import pytest
from tests.host.tree import Tree

from backchannel.host.root import Root


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    return Tree(folder)


@pytest.fixture
def root(tree):
    made = Root(str(tree.folder))
    yield made
    made.close()
