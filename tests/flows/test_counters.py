"""Every counter and setting is documented, and both cores count under the same names."""

from pathlib import Path

from tests.flows.frames import both, pcap

from backchannel.flows.counters import COUNTED, NUMBERED, other
from backchannel.flows.settings import FlowSettings

PAGE = (Path(__file__).parents[2] / "docs" / "flows.md").read_text()
BY_THEMSELVES = {"tcp_wanted_idle", "udp_wanted_idle", "other_wanted_idle"}


def test_every_counter_is_documented_as_it_is():
    for name, meaning in COUNTED.items():
        assert f"| `{name}` | {meaning} |" in PAGE
    for pattern in NUMBERED:
        assert other(pattern).removesuffix("other") in PAGE


def test_every_setting_of_a_bound_is_documented():
    told = {"tunnel_depth", "contexts", "expectations"}
    for name in set(FlowSettings.__struct_fields__) - BY_THEMSELVES - told:
        assert f"`{name}`" in PAGE


def test_nothing_counted_is_nothing_said():
    assert both(pcap([])).counters == {}
