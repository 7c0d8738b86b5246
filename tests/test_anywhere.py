"""A service is the same on any port and inside any proxy, however its bytes are cut."""

from functools import cache
from pathlib import Path

import pytest
from tests import craft
from tests.kit import flows

from backchannel.events import ProxyAnswer, ProxyRequest
from backchannel.model import Endpoint
from backchannel.pipeline import Scan

EXAMPLES = Path(__file__).parents[1] / "examples"
TARGET = Endpoint("203.0.113.9", 8_765)
CONVERSATIONS = {  # protocol -> a capture that holds a conversation of it
    "oscar": "aim/aim_presence.pcap",
    "oft": "aim/aim_oft.pcap",
    "odc": "aim/aim_odc.pcap",
    "msnp": "msn/msn_msnp8_libpurple243.pcap",
    "msnftp": "msn/msn_msnp8_msnftp_bitlbee.pcap",
    "ymsg": "yahoo/ymsg12_libpurple200.pcap",
    "yahoo-http": "yahoo/ymsg15_libpurple243.pcap",
    "gnutella": "gnutella/gtkg_handshake_query_download.pcap",
    "fasttrack": "fasttrack/ft_enc29.pcap",
}
WAYS = {
    "other-port": lambda steps: steps,
    "socks5": lambda steps: craft.through_socks5(steps, TARGET),
    "http-connect": lambda steps: craft.through_connect(steps, TARGET),
    "socks5/http-connect": lambda steps: craft.through_socks5(
        craft.through_connect(steps, TARGET), Endpoint("203.0.113.8", 3128)
    ),
}


@cache
def conversation(protocol):
    """The longest TCP conversation of *protocol* in its capture, as the scan names it."""
    path = EXAMPLES / CONVERSATIONS[protocol]
    run = Scan(path)
    named = {
        (seen.flow.client, seen.flow.server)
        for seen in run
        if seen.stack == protocol and seen.flow.begun
    }
    found = [
        flow
        for flow in flows(path)
        if (flow.start.client, flow.start.server) in named and flow.start.transport == "tcp"
    ]
    return max(found, key=lambda flow: len(flow.steps)).steps


def story(path):
    """What a capture's innermost streams tell, without times, frames and addresses."""
    return [
        (seen.protocol, seen.service, seen.side, seen.event)
        for seen in Scan(path)
        if not isinstance(seen.event, ProxyRequest | ProxyAnswer)
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("protocol", CONVERSATIONS)
def test_the_story_is_the_same_on_another_port_and_through_proxies(protocol, way, tmp_path):
    steps = conversation(protocol)
    assert steps
    plain = story(craft.write(tmp_path / "plain.pcap", craft.tcp(steps, server=TARGET)))
    path = craft.write(tmp_path / "way.pcap", craft.tcp(WAYS[way](steps)))
    assert plain
    assert story(path) == plain
    run = Scan(path)
    stacks = {row.stack for row in run.document.services}
    carrier = "" if way == "other-port" else f"{way}/"
    assert any(stack.startswith(carrier) and stack.endswith(protocol) for stack in stacks), stacks


@pytest.mark.parametrize("protocol", CONVERSATIONS)
def test_segments_of_one_byte_hide_nothing(protocol, tmp_path):
    steps = conversation(protocol)[:40]
    whole = story(craft.write(tmp_path / "whole.pcap", craft.tcp(steps)))
    dribble = story(craft.write(tmp_path / "dribble.pcap", craft.tcp(steps, cut=1)))
    assert whole == dribble


@pytest.mark.parametrize("address", ["2001:db8::7", "198.51.100.7"])
def test_ip_version_changes_nothing(address, tmp_path):
    client = Endpoint("2001:db8::2" if ":" in address else "10.9.0.2", 40_001)
    packets = craft.tcp(conversation("oscar"), client=client, server=Endpoint(address, 443))
    assert ("oscar", "aim") in {t[:2] for t in story(craft.write(tmp_path / "c.pcap", packets))}


def test_nine_proxies_deep_is_followed_to_the_eighth(tmp_path):
    steps = conversation("oscar")
    for _ in range(9):
        steps = craft.through_connect(steps, TARGET)
    run = Scan(craft.write(tmp_path / "deep.pcap", craft.tcp(steps)))
    stacks = [row.stack.count("/") for row in run.document.services]
    assert max(stacks) == 7
    assert run.document.unseen["tunnels not followed: nested too deep"] == 1


def test_icq_of_old_is_the_same_on_another_port(tmp_path):
    path = EXAMPLES / "icq/icq_v5_neticq_iserverd.pcap"
    flow = max(flows(path), key=lambda flow: len(flow.steps))
    moved = craft.datagrams(flow.steps, client=flow.start.client, server=TARGET)
    told = story(craft.write(tmp_path / "icq.pcap", moved))
    assert {name for name, *_ in told} == {"icq"}
