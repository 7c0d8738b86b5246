"""A flood of beginnings that nobody answers: of such flows the latest are followed."""

import struct

import pytest
from tests import craft
from tests.protocols.ike import craft as ike

from backchannel.engine import engine
from backchannel.model import Endpoint
from backchannel.pipeline import Scan
from backchannel.protocols.ike.events import IkeStage

GATEWAY = Endpoint("198.51.100.9", 500)
TOLD = "flows without an answer ended early: too many"


def client(number):
    return Endpoint(f"10.0.{number >> 8}.{number & 255}", 500)


def hello(number, spi=None):
    data = struct.pack(">Q", spi or 1000 + number) + ike.sa_init()[8:]
    return craft.udp(client(number), GATEWAY, data)


def answer(number):
    return craft.udp(
        GATEWAY, client(number), struct.pack(">Q", 1000 + number) + ike.sa_answer()[8:]
    )


def scan(tmp_path, packets):
    run = Scan(craft.write(tmp_path / "flood.pcap", packets))
    return list(run), run.document


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(engine, "ALONE", 20)


def stages(seen, number):
    return [
        item.event.stage
        for item in seen
        if isinstance(item.event, IkeStage) and item.flow.client == client(number)
    ]


def test_the_oldest_without_an_answer_end_early_and_are_counted(tmp_path):
    seen, document = scan(tmp_path, [hello(number) for number in range(1, 1001)])
    assert document.unseen[TOLD] >= 1000 - 2 * 20 - 512  # of a batch all are taken at once
    assert stages(seen, 1) == ["initiated", "unanswered"]
    assert stages(seen, 1000) == ["initiated", "unanswered"]


def test_who_was_answered_is_followed_through_the_flood(tmp_path):
    flood = [hello(number) for number in range(2, 1001)]
    later = craft.udp(
        client(1), GATEWAY, ike.protected(0x08, 35, 35, 1, i=struct.pack(">Q", 1001), r=ike.SPI_R)
    )
    seen, document = scan(tmp_path, [hello(1), answer(1), *flood, later])
    assert document.unseen[TOLD]
    assert stages(seen, 1) == ["initiated", "answered", "authenticating"]


def test_one_that_ended_early_is_known_again(tmp_path):
    flood = [hello(number) for number in range(2, 1001)]
    seen, _ = scan(tmp_path, [hello(1), *flood, hello(1, spi=77), answer(1000)])
    assert stages(seen, 1) == ["initiated", "unanswered"] * 2


def test_a_few_are_nobody_s_loss(tmp_path):
    _, document = scan(tmp_path, [hello(number) for number in range(1, 15)])
    assert TOLD not in document.unseen
