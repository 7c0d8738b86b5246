"""What is told waits for its portion, and nothing of that shows: not in what is answered."""

import msgspec
import pytest

from backchannel import pipeline
from backchannel.pipeline import Scan

CAPTURES = [
    "examples/ipsec",  # counted kinds, streams that end, findings
    "examples/aim",
]


def answer(path):
    return msgspec.structs.replace(Scan(path).document, settings={})


@pytest.mark.parametrize("path", CAPTURES)
def test_the_size_of_a_portion_changes_nothing(path, monkeypatch):
    usual = answer(path)
    assert usual.findings
    assert usual.services
    for portion in (1, 7, 1_000_000):
        monkeypatch.setattr(pipeline, "PORTION", portion)
        assert answer(path) == usual


def test_no_more_waits_than_a_portion_and_what_one_chunk_tells(monkeypatch):
    monkeypatch.setattr(pipeline, "PORTION", 8)
    waiting, heard = [], Scan._hear

    def hear(scan):
        waiting.append(len(scan._heard))
        heard(scan)

    monkeypatch.setattr(Scan, "_hear", hear)
    assert Scan("examples/ipsec").document.findings
    assert len(waiting) > 2
    assert min(waiting[:-1]) >= 8
