"""What a reload changes, and what it leaves for the next start."""

from pathlib import Path

import msgspec
import pytest
from tests.live.world import EXAMPLES

from backchannel.capture import sources
from backchannel.catalogue import index
from backchannel.flows.settings import FlowSettings
from backchannel.live import setup
from backchannel.live.config import Config
from backchannel.live.configfile import Layers, made
from backchannel.live.messages import Reload, Task
from backchannel.live.parser import Parser
from backchannel.live.reload import FIXED, kept


def config(**tables):
    found = Layers()
    found.values.update(tables)
    return made(found)


OLD = setup.keyed(config(capture={"interfaces": ["eth0"]}, evidence={"ring": "/r"}))


def test_nothing_changed_is_nothing_to_wait_for():
    assert kept(OLD, config(capture={"interfaces": ["eth0"]}, evidence={"ring": "/r"})) == (OLD, ())


def test_what_was_opened_stays_and_is_named_and_the_rest_is_new():
    wanted = config(
        capture={"interfaces": ["eth1"], "workers": 2, "filter": "tcp"},
        evidence={"ring": "/other", "folder": "/e", "wait": "3s"},
        output={"events": "/new", "flows": "/f", "keep": 3},
        metrics={"listen": "127.0.0.1:1"},
        prevent={"policy": "/p", "mode": "alert"},
        flows={"max_flows": 1000},
        alerts={"spool": "/s"},
    )
    found, waiting = kept(OLD, wanted)
    assert waiting == (
        "[capture] interfaces, workers",
        "[evidence] ring",
        "[alerts] spool",
        "[prevent] policy",
        "[flows]",
        "[output] flows",
    )
    assert (found.capture.interfaces, found.capture.filter) == (("eth0",), "tcp")
    assert (found.evidence.ring, found.evidence.folder) == (Path("/r"), Path("/e"))
    assert (found.output.events, found.output.flows) == (Path("/new"), None)
    assert found.metrics.listen == "127.0.0.1:1"
    assert found.prevent.policy is None
    assert found.flows == OLD.flows


@pytest.mark.parametrize("everything", [False, True])
def test_whether_all_names_in_quic_are_told_follows_the_reload(everything):
    told = []
    known = index.load()
    task = Task(captures=(), settings=FlowSettings(), index=known, everything=not everything)
    parser = Parser(task, told.append)
    parser.reload(Reload(known, everything=everything))
    for source in sources([str(EXAMPLES / "quic/quic_aioquic.pcap")]):
        for chunk in source.chunks():
            parser.read(chunk)
    parser.finish()
    assert ("lab.example" in str(told)) is everything
    assert "discord.com" in str(told)


@pytest.mark.parametrize("tables", [{}, {"prevent": {"policy": "/p"}}])
def test_a_ring_holds_some_seconds_of_thin_traffic(tables):
    (made,) = setup.captures(config(capture={"interfaces": ["eth0"]}, **tables))
    assert made.block_size * made.blocks == 64 << 20
    assert made.blocks * made.wait >= 3000


@pytest.mark.parametrize("table", FIXED)
def test_the_settings_that_are_fixed_are_settings(table):
    fields = {field.name for field in msgspec.structs.fields(type(getattr(Config(), table)))}
    assert set(FIXED[table]) <= fields
