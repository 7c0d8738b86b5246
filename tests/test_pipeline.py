"""What a program that scans may do wrong, and what it is told."""

import inspect
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

import backchannel
from backchannel import InputError, Scan, UsageError, scan
from backchannel.detect import rules

CAPTURE = Path(__file__).parents[1] / "examples/icq/icq_v5_neticq_iserverd.pcap"


def test_all_that_the_front_door_names_is_there():
    assert all(hasattr(backchannel, name) for name in backchannel.__all__)
    assert not hasattr(backchannel, "pipelines")


def test_nothing_to_scan():
    with pytest.raises(UsageError, match="name a capture"):
        scan()


@pytest.mark.parametrize("name", ["not-there.pcap", "*.nothing", "."])
def test_a_path_without_a_capture(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        scan(name)


def test_leaving_its_block_breaks_a_run_off_and_keeps_what_is_whole():
    with scan(CAPTURE) as run:
        next(iter(run))
    with pytest.raises(UsageError, match="broken off"):
        _ = run.document
    with scan(CAPTURE) as run:
        whole = run.document
    assert run.document is whole


@pytest.mark.parametrize("seen", [0, 1, 10, 1000])
def test_the_document_runs_what_was_not_iterated(seen):
    run = scan(CAPTURE)
    list(islice(run, seen))
    assert run.document == scan(CAPTURE).document


def test_a_scan_is_iterated_once():
    run = scan(CAPTURE)
    assert list(run)
    with pytest.raises(UsageError, match="scan again"):
        iter(run)


def test_a_scan_that_was_broken_off_says_so():
    """By whoever uses it, or by an error of a function that it was given."""
    run = scan(CAPTURE)
    next(run.batches())
    run.close()
    with pytest.raises(UsageError, match="broken off"):
        _ = run.document

    run = scan(CAPTURE)
    run.close()
    with pytest.raises(UsageError, match="scan again"):
        iter(run)

    def progress(done, total):
        raise LookupError

    run = scan(CAPTURE, progress=progress)
    with pytest.raises(LookupError):
        list(run)
    with pytest.raises(UsageError, match="broken off"):
        _ = run.document


def test_folders_are_paths_or_text(tmp_path):
    ours = (rules.HERE / "esp-null.yaml").read_text().replace("id: esp-null", "id: mine")
    (tmp_path / "mine.yaml").write_text(ours)
    for folder in (tmp_path, str(tmp_path)):
        assert "mine" in scan(CAPTURE, rule_folders=[folder]).rules


def test_closing_a_scan_that_is_at_its_end_changes_nothing():
    run = scan(CAPTURE)
    document = run.document
    run.close()
    assert run.document is document


def test_observations_alone():
    """Where nobody asks for more, rules are not even loaded, and flows say whose they are."""
    run, whole = (scan(CAPTURE, collect_flows=True, summarise=yes) for yes in (False, True))
    assert list(run) == list(whole)
    assert run.flows().equals(whole.flows())
    for name in ("inputs", "traffic"):
        assert getattr(run.document, name) == getattr(whole.document, name)
    for name in ("services", "findings", "pairs"):
        assert getattr(whole.document, name)
        assert getattr(run.document, name) == ()
    assert whole.rules
    assert not run.rules


def test_flows_must_be_asked_for():
    with pytest.raises(UsageError, match="collect_flows"):
        scan(CAPTURE).flows()
    assert scan(CAPTURE, collect_flows=True).flows().num_rows == 2


def test_scan_says_what_it_takes():
    """Editors and type checkers see every option, and nothing is swallowed."""
    function, made = inspect.signature(scan), inspect.signature(Scan)
    assert function.parameters == made.parameters
    with pytest.raises(TypeError, match="collect_flow"):
        scan(CAPTURE, collect_flow=True)


def test_flows_run_what_was_not_iterated_also_without_assertions():
    program = f"""
from backchannel import scan
print(scan({str(CAPTURE)!r}, collect_flows=True).flows().num_rows)
"""
    ran = subprocess.run(
        [sys.executable, "-O", "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "2\n"


def test_what_the_end_of_a_flow_tells_is_as_old_as_its_last_packet():
    """Nine minutes lie between the captures: it is the second one whose clock ends the tunnels."""
    examples = Path(__file__).parent.parent / "examples"
    run = Scan(examples / "ipsec/natt_public_side.pcap", examples / "icq/icq_oscar_roast_8im.pcap")
    final = [seen for seen in run if getattr(seen.event, "final", False)]
    assert {seen.protocol for seen in final} == {"esp"}
    frames = {seen.frame: seen.time for seen in Scan(examples / "ipsec/natt_public_side.pcap")}
    assert [seen.time for seen in final] == [frames[seen.frame] for seen in final]
    (row,) = run.document.associations
    assert row.last_seen.startswith("2026-11-21T07:15:14")
    tunnels = [row for row in run.document.services if row.service == "ipsec"]
    assert {row.last_seen[:19] for row in tunnels} == {"2026-11-21T07:15:14"}
