"""Live traffic tells what the file tells: the whole way from a wire to events."""

import json

import pyarrow.parquet as pq
import pytest
from tests.live.world import EXAMPLES, Watch

from backchannel import scan
from backchannel.privacy import Disclosure
from backchannel.report import jsonlines

SHOWN = Disclosure(secrets=True, content=True)
WHEN = ("time", "frame")
CAPTURES = [
    "aim/aim_socks5.pcap",
    "aim/aim_oft.pcap",
    "icq/icq_v5_neticq_iserverd.pcap",
    "ipsec/natt_client_side.pcap",
    "msn/msn_msnp15_httpgateway.pcap",
    "yahoo/ymsg15_libpurple243.pcap",
    "gnutella/gtkg_handshake_query_download.pcap",
    "fasttrack/ft_push_give.pcap",
    "quic/quic_chromium.pcap",
]


def of_file(capture):
    rows = [json.loads(jsonlines.line(seen, SHOWN)) for seen in scan(capture)]
    return [{k: v for k, v in row.items() if k not in WHEN} for row in rows]


def of_lines(path):
    rows = map(json.loads, path.read_text().splitlines())
    return [{k: v for k, v in row.items() if k not in WHEN} for row in rows]


@pytest.mark.parametrize("name", CAPTURES)
def test_a_replay_tells_what_the_file_tells(world, tmp_path, name):
    events = tmp_path / "events.jsonl"
    watch = Watch(world, tmp_path, "--plain", "--events", events, "--secrets", "--content")
    world.replay(EXAMPLES / name)
    assert watch.stop() == 0
    told, wanted = of_lines(events), of_file(EXAMPLES / name)
    assert wanted
    assert told == wanted


def test_several_parsers_tell_the_same_in_another_order(world, tmp_path):
    """Each flow is decoded as before. What one flow says of another (here: whose cookie it is) is
    lost where they land with different parsers, as docs/watch.md says.
    """
    events, names = tmp_path / "events.jsonl", ["icq/icq_oscar_roast_8im.pcap"]
    options = ("--plain", "--events", events, "--secrets", "--content", "--workers", "3")
    watch = Watch(world, tmp_path, *options)
    world.replay(*(EXAMPLES / name for name in names))
    assert watch.stop() == 0

    def plain(rows):
        for row in rows:
            del row["flow"]["serial"], row["account"]
        return sorted(json.dumps(row, sort_keys=True) for row in rows)

    wanted = [row for name in names for row in of_file(EXAMPLES / name)]
    assert plain(of_lines(events)) == plain(wanted)
    serials = {json.loads(line)["flow"]["serial"] for line in events.read_text().splitlines()}
    assert len(serials) > 1


def test_idle_flows_end_without_traffic(world, tmp_path):
    """A row of the flow table is told although no packet comes after its flow's last."""
    config = tmp_path / "watch.toml"
    config.write_text(
        "[flows]\nudp_idle = 1\nudp_wanted_idle = 1\ntcp_idle = 1\ntcp_wanted_idle = 1\n"
    )
    flows = tmp_path / "flows.parquet"
    options = ("--plain", "--config", config, "--flows", flows, "--rotate-every", "1s")
    watch = Watch(world, tmp_path, *options)
    world.replay(EXAMPLES / "icq/icq_v5_neticq_iserverd.pcap")
    watch.until(lambda: list(tmp_path.glob("flows.parquet*")) and flows.exists())
    table = pq.read_table(flows)
    assert table.num_rows
    assert "icq" in table["service"].to_pylist()
    assert watch.stop() == 0
