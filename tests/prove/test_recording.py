"""What is cut out of a capture: the right flows, in the right order, and what counts."""

from pathlib import Path

import pytest
from tests import craft

from backchannel.prove import recording

EXAMPLES = Path(__file__).parents[2] / "examples"


def cut(name):
    return {(str(each.capability), each.way): each for each in recording.cut(EXAMPLES / name)}


def test_a_file_transfer_is_the_file_and_not_the_invitation():
    found = cut("aim/aim_oft.pcap")["file-transfer", "direct oft"]
    login, bos, *files = found.flows
    assert [flow.port for flow in found.flows] == [5190, 5191, 5190, 5190]
    assert not any(step.told for flow in (login, bos) for step in flow.steps)
    assert all(step.told for flow in files for step in flow.steps)
    assert all(flow.announced for flow in files)
    assert files[0].steps[0].data.startswith(b"OFT2")


def test_a_direct_connection_is_the_images_though_words_go_over_it_too():
    found = cut("aim/aim_odc.pcap")["image", "direct odc"]
    *signing_on, direct = found.flows
    assert direct.announced
    assert all(step.told for step in direct.steps)
    assert not any(step.told for flow in signing_on for step in flow.steps)


def test_messages_are_told_and_the_sign_on_before_them_is_not():
    found = cut("aim/aim_oft.pcap")["message", "tcp/5191"]
    told = [step for flow in found.flows for step in flow.steps if step.told]
    assert told
    assert all(b"\x00\x04\x00" in step.data for step in told)  # ICBM, whichever message it is
    assert not any(step.told for step in found.flows[0].steps)


def test_a_flow_waits_for_what_led_to_it():
    flows = cut("aim/aim_oft.pcap")["file-transfer", "direct oft"].flows
    assert [(each.flow, each.steps) for each in flows[1].after if each.step == 0] == [
        (0, len(flows[0].steps))
    ]
    bos = [each.steps for each in flows[2].after if (each.step, each.flow) == (0, 1)]
    offer = next(n for n, step in enumerate(flows[1].steps) if b"kestrel_notes" in step.data)
    assert bos
    assert bos[0] > offer


def test_the_server_that_signed_us_on_names_the_next_one():
    login = cut("aim/aim_oft.pcap")["login", "tcp/5190"].flows[0]
    named = {
        login.steps[each.step].data[each.offset : each.offset + each.size]: each.what
        for each in login.patches
    }
    assert named == {b"10.61.0.1": "address", b"5191": "port"}


def test_a_switchboard_shares_its_flow():
    """MSN's files inside the switchboard: only the pieces of the file are told."""
    found = cut("msn/msn_msnp9_libpurple243.pcap")["file-transfer", "tcp/1863"]
    told = [step.told for step in found.flows[-1].steps]
    assert any(told)
    assert not all(told)


def test_it_ends_when_enough_has_passed():
    found = cut("gnutella/gtkg_handshake_query_download.pcap")["file-sharing", "tcp/6346"]
    assert recording.ENOUGH <= found.told < recording.ENOUGH + (1 << 16)


def test_udp_keeps_its_datagrams_and_its_port():
    found = cut("icq/icq_v5_neticq_iserverd.pcap")["message", "udp/4000"]
    (flow,) = found.flows
    assert flow.source
    assert all(step.data[:2] == b"\x05\x00" for step in flow.steps)


def test_a_recorded_proxy_is_not_the_service():
    """Proxies are methods of proof: what went to one is left out, its far leg is the service."""
    found = [
        each for each in recording.cut(EXAMPLES / "aim/aim_socks5.pcap") if each.service == "aim"
    ]
    assert found
    assert not any(flow.port == 1080 for each in found for flow in each.flows)


def test_one_machine_becomes_two():
    path = EXAMPLES.parent / "tests/protocols/socks/captures/microsocks-login.pcap"
    found = list(recording.cut(path))
    assert found
    assert all(each.inside not in each.hosts for each in found)


@pytest.mark.parametrize("packets", [[], [craft.udp(craft.CLIENT, craft.SERVER, b"nothing")]])
def test_nothing_known_gives_nothing(packets, tmp_path):
    path = craft.write(
        tmp_path / "none.pcap", packets or [craft.udp(craft.CLIENT, craft.SERVER, b"")]
    )
    assert list(recording.cut(path)) == []
