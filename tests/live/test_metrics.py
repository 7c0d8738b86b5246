"""Metrics, read by Prometheus' own parser."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.live.receivers import free_port
from tests.live.world import EXAMPLES, PATIENCE, Watch

from backchannel.live.metrics import Page


def read(world, port, path="/metrics"):
    return world.python(
        "import sys, urllib.request; r = urllib.request.urlopen(sys.argv[1]);"
        "print(r.headers['Content-Type']); sys.stdout.write(r.read().decode())",
        f"http://127.0.0.1:{port}{path}",
    ).stdout


def test_what_a_watch_tells(world, tmp_path):
    config = tmp_path / "w.toml"
    config.write_text(
        f'[alerts]\nspool = "{tmp_path}/spool"\n'
        '[[alerts.webhook]]\nname = "hook"\nurl = "http://127.0.0.1:9/"\n'
    )
    port = free_port()
    options = ("-q", "--config", config, "--metrics", f"127.0.0.1:{port}")
    watch = Watch(world, tmp_path, *options, "--events", tmp_path / "e")
    world.replay(EXAMPLES / "aim/aim_presence.pcap")
    watch.says("hook cannot be reached")
    hook = r'receiver="hook"\}'
    waited = (
        "backchannel_packets_total 294",
        f"backchannel_alerts_waiting{{{hook} ([6-9]|[1-9][0-9])",
        f"backchannel_alert_failures_total{{{hook} [1-9]",
    )
    watch.until(lambda: all(re.search(each, read(world, port)) for each in waited))
    kind, _, text = read(world, port).partition("\n")
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(text)}
    told = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert all(name.startswith("backchannel_") for name in families)
    for family in families.values():
        assert family.documentation
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
    assert told["backchannel_kernel_packets_total", ("interface", "vb")] == 294
    assert told["backchannel_kernel_drops_total", ("interface", "vb")] == 0
    assert told["backchannel_flows_total",] == 6
    assert told["backchannel_events_total", ("service", "aim")] == 68
    assert told["backchannel_findings_total", ("severity", "high")] == 2
    assert told["backchannel_interfaces", ("state", "expected")] == 1
    assert told["backchannel_interfaces", ("state", "up")] == 1
    assert told["backchannel_alerts_waiting", ("receiver", "hook")] > 5
    assert told["backchannel_alert_failures_total", ("receiver", "hook")] >= 1
    assert told["backchannel_output_lost_total", ("output", "events")] == 0
    assert not re.search(r"10\.61\.|alicerec", text)
    with pytest.raises(Exception, match="non-zero exit status"):
        read(world, port, "/")
    world.run("ip", "link", "set", "vb", "down")
    watch.says("interface vb is down")
    watch.until(lambda: 'backchannel_interfaces{state="up"} 0' in read(world, port))
    assert watch.stop() == 0


def test_a_place_that_is_taken_is_refused(world, tmp_path):
    first = Watch(world, tmp_path, "-q", "--metrics", "127.0.0.1:9469")
    folder = tmp_path / "second"
    folder.mkdir()
    second = Watch(world, folder, "-q", "--metrics", "127.0.0.1:9469")
    assert second.process.wait(timeout=PATIENCE) == 2
    assert "127.0.0.1:9469: metrics cannot be served: Address already in use" in second.told()
    assert first.stop() == 0


def test_labels_are_escaped():
    page = Page()
    page.gauge("x", "about", [({"a": 'q"\\\n'}, 1.5)])
    (family,) = text_string_to_metric_families(page.text())
    assert family.samples[0].labels == {"a": 'q"\\\n'}
    assert family.samples[0].value == 1.5
