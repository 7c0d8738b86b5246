"""The whole text of every backend for every example policy, as it was read and found right.

What makes them more than our own word: each backend's own test has its real tool read the same
texts, or says why there is none. `UPDATE_GOLDEN=1` writes them anew.
"""

import os
from pathlib import Path

import pytest
from tests.policy.examples import EXAMPLES

from backchannel import __version__
from backchannel.policy.compile import gaps, known

HERE = Path(__file__).parent / "goldens"
BACKENDS = known()


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_golden(backend, example):
    rules, made = EXAMPLES[example], BACKENDS[backend]
    folder = HERE / backend / example
    files = made.emit(rules, gaps(rules, made))
    assert len({file.name for file in files}) == len(files) > 0
    texts = {f"{file.name}.ref": file.text.replace(__version__, "VERSION") for file in files}
    if os.environ.get("UPDATE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text)
    assert {path.name: path.read_text() for path in folder.iterdir()} == texts


def test_no_golden_is_left_over():
    assert {path.name for path in HERE.iterdir()} == set(BACKENDS)
    assert {path.name for path in HERE.glob("*/*")} == set(EXAMPLES)
