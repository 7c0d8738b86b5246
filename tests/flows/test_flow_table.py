"""Flows leave as columns, with what claimed them, and read back from Parquet."""

from pathlib import Path

import pyarrow.parquet as pq

from backchannel.flows.columns import columns
from backchannel.flows.table import SCHEMA, arrow, write_parquet
from backchannel.pipeline import Scan

CAPTURE = Path(__file__).parents[2] / "examples/aim/aim_oft.pcap"


def run():
    made = Scan(CAPTURE, collect_flows=True)
    assert made.document.traffic.flows == 6
    return made.flows()


def test_every_flow_is_a_row_with_its_service():
    table = run()
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert [row["serial"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {(row["service"], row["stack"]) for row in rows} == {("aim", "oscar"), ("aim", "oft")}
    assert sum(row["client_packets"] + row["server_packets"] for row in rows) == 241  # capinfos
    first = rows[0]  # tshark's first conversation
    assert (first["client_address"], first["server_port"]) == ("10.61.0.12", 5190)
    assert first["first_time"].isoformat().startswith("2026-11-21T08:44:24")


def test_parquet_reads_back_the_same_and_twice_the_same_bytes(tmp_path):
    table = run()
    write_parquet(table, tmp_path / "sub" / "a.parquet")
    write_parquet(run(), tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "sub" / "a.parquet").equals(table)
    assert (tmp_path / "sub" / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_no_flows_make_an_empty_table():
    assert arrow(columns([]), {}).num_rows == 0
