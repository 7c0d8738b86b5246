"""Conditions made by hand from the RFCs, or of recordings by leaving packets out."""

import struct

import pytest
import yaml
from tests import craft
from tests.diagnose.altered import Datagram, datagrams, without, write
from tests.diagnose.test_altered import LEFT, RIGHT, SECOND, doctor, from_right
from tests.diagnose.test_recorded import said, side
from tests.protocols.ike import craft as ike

from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.opening import policy
from backchannel.diagnose.reading import read
from backchannel.diagnose.terminal import render
from backchannel.model import Endpoint, Side
from backchannel.report.console import console

CLIENT, SERVER = Endpoint("10.0.0.2", 500), Endpoint("198.51.100.9", 500)
CLIENT6 = Endpoint("2001:db8::2", 500)


def steps(tmp_path, *told, apart=100):
    """Diagnose a conversation on UDP 500."""
    path = tmp_path / "crafted.pcap"
    packets = craft.datagrams(told, client=CLIENT, server=SERVER)
    path.write_bytes(craft.pcap(packets, apart=apart))
    return diagnose(read([str(path)]))


def test_an_error_in_clear(tmp_path):
    """INVALID_SYNTAX (7) answers the first message."""
    refused = ike.response(34, [ike.notify(7)], r=ike.NONE)
    told = steps(tmp_path, (Side.CLIENT, ike.sa_init()), (Side.SERVER, refused))
    assert said(told) == ("likely refused",)
    assert told.gateways[0].verdict == "198.51.100.9 refuses: INVALID_SYNTAX"


def test_another_group_is_wanted(tmp_path):
    """INVALID_KE_PAYLOAD (17) names group 14; the message is sent anew and answered."""
    wanted = ike.response(34, [ike.notify(17, ike.u16(14))], r=ike.NONE)
    again = ike.request(
        34, [ike.SA, (34, ike.u16(14) + bytes(2) + bytes(256)), ike.NONCE], r=ike.NONE
    )
    told = steps(
        tmp_path,
        (Side.CLIENT, ike.sa_init()),
        (Side.SERVER, wanted),
        (Side.CLIENT, again),
        (Side.SERVER, ike.sa_answer()),
        (Side.CLIENT, ike.protected(0x08, 35, 35, 1)),
        (Side.SERVER, ike.protected(0x20, 35, 36, 1)),
    )
    assert "certain new-group" in said(told)
    assert not any(each.weight == "problem" for each in told.gateways[0].conclusions)


def test_a_cookie_was_asked_for_and_the_message_with_it_got_no_answer(tmp_path):
    """COOKIE (16390) is asked for and given; that is no authentication yet. Seen in a public
    capture, `ipsec_isakmp_esp.pcap`, frames 460 to 462.
    """
    wanted = ike.response(34, [ike.notify(16390, bytes(20))], r=ike.NONE)
    again = ike.request(34, [ike.notify(16390, bytes(20)), ike.SA, ike.KE, ike.NONCE], r=ike.NONE)
    told = steps(
        tmp_path,
        (Side.CLIENT, ike.sa_init()),
        (Side.SERVER, wanted),
        (Side.CLIENT, again),
        (Side.CLIENT, again),
        apart=1000,
    )
    assert "likely anew-unanswered" in said(told)
    assert "likely auth-unanswered" not in said(told)


def test_nothing_comes_back_from_a_group_of_receivers(tmp_path):
    """ESP to a multicast group, as of GET VPN: no capture has another direction."""
    group = Endpoint("232.2.2.2", 0)
    packets = [
        each._replace(source=Endpoint(LEFT.address, 0), target=group, plain=True)
        for each in datagrams("works.near.pcap")
        if each.esp and not from_right(each)
    ]
    assert len(packets) >= 3
    assert said(doctor(tmp_path, packets)) == ("certain esp-without-ike",)


def test_lifetimes_that_differ(tmp_path):
    """IKEv1: 28,800 seconds are offered, and 3,600 chosen."""
    offer, choice = ike.sa_1(ike.phase_1()), ike.sa_1(ike.phase_1(life=(1, 3600)))
    told = steps(
        tmp_path, (Side.CLIENT, ike.main([offer], r=ike.NONE)), (Side.SERVER, ike.main([choice]))
    )
    (found,) = [each for each in told.gateways[0].conclusions if each.id == "lifetimes-differ"]
    assert found.because[0].text == "offered 28,800 s, chosen 3,600 s"
    assert found.because[0].frames == (1, 2)


def test_keepalives_that_are_far_apart(tmp_path):
    packets = datagrams("works.near.pcap")
    start = packets[-1].time
    told = [Datagram(start + n * 60 * SECOND, LEFT, RIGHT, b"\xff") for n in range(1, 7)]
    assert said(doctor(tmp_path, [*packets, *told])) == ("possible keepalive-slow",)


def test_a_packet_that_is_too_big(tmp_path):
    """ICMP of a router quotes ESP in UDP."""
    path = write(tmp_path / "near.pcap", datagrams("works.near.pcap"))
    quoted = craft.udp(LEFT, RIGHT, bytes(40))[:28]
    icmp = craft.ip("10.1.0.1", "10.1.0.2", 1, struct.pack(">BBHHH", 3, 4, 0, 0, 1280) + quoted)
    seconds = datagrams("works.near.pcap")[-1].time // SECOND + 1
    with path.open("ab") as file:
        file.write(struct.pack("<IIII", seconds, 0, len(icmp), len(icmp)) + icmp)
    told = diagnose(read([str(path)]))
    assert said(told) == ("certain too-big",)
    assert "1280 bytes at most" in told.gateways[0].conclusions[0].title


def test_an_authentication_that_nobody_answers_on_an_open_port(tmp_path):
    """Of a recording with a blocked port 4500 the authentication is put on port 500."""
    packets = []
    for each in datagrams("port-4500-blocked.near.pcap"):
        if each.source.port == 4500:
            ends = (Endpoint(end.address, 500) for end in (each.source, each.target))
            each = each._replace(data=each.data[4:])  # noqa: PLW2901 - the same without a marker
            each = each._replace(**dict(zip(("source", "target"), ends, strict=True)))  # noqa: PLW2901
        packets.append(each)
    assert said(doctor(tmp_path, packets)) == ("likely auth-unanswered",)


def test_esp_that_arrives_and_is_not_answered(tmp_path):
    near, far = (
        without(datagrams(f"works.{which}.pcap"), lambda each: each.esp and from_right(each))
        for which in ("near", "far")
    )
    assert said(doctor(tmp_path, near, far)) == ("certain esp-unanswered",)


def test_nobody_goes_on_after_the_answer():
    """The far side of a blocked port 4500, alone."""
    assert said(diagnose(side("port-4500-blocked", "far"))) == ("possible stopped-early",)


def test_hashes_that_match_nothing(tmp_path):
    """A recording whose addresses were replaced, as before it is passed on."""
    other = {LEFT.address: "192.0.2.1", RIGHT.address: "192.0.2.2"}
    packets = [
        each._replace(
            source=Endpoint(other[each.source.address], each.source.port),
            target=Endpoint(other[each.target.address], each.target.port),
        )
        for each in datagrams("works.near.pcap")
    ]
    assert said(doctor(tmp_path, packets)) == ("certain nat-unknown",)


def test_a_gateway_names_another(tmp_path):
    """REDIRECT (16407) with an IPv4 address answers the first message."""
    named = ike.response(34, [ike.notify(16407, bytes([1, 4, 203, 0, 113, 5]))], r=ike.NONE)
    told = steps(tmp_path, (Side.CLIENT, ike.sa_init()), (Side.SERVER, named))
    assert said(told) == ("certain redirected",)
    assert "203.0.113.5" in told.gateways[0].conclusions[0].title


def test_whoever_goes_on_had_its_answer(tmp_path):
    """The first message and the next exchange, without any answer: one direction is captured."""
    told = steps(
        tmp_path,
        (Side.CLIENT, ike.sa_init()),
        (Side.CLIENT, ike.protected(0x08, 35, 35, 1)),
        apart=3000,
    )
    assert said(told) == ("certain one-direction-captured",)


@pytest.mark.parametrize(
    ("milliseconds", "found"),
    [(20, ("possible authentication-refused",)), (900, ())],
)
def test_a_notification_right_behind_the_answer_refuses_it(tmp_path, milliseconds, found):
    """RFC 7296 §2.21.2. What MOBIKE tells of other addresses looks alike, and takes its time."""
    packets = [each for each in datagrams("works.near.pcap") if not each.esp][:4]
    last = packets[3]
    told = ike.protected(0x08, 37, 41, 2, i=last.data[4:12], r=last.data[12:20])
    sent = last._replace(
        time=last.time + milliseconds * SECOND // 1000,
        source=last.target,
        target=last.source,
        data=bytes(4) + told,
    )
    refused = [each for each in said(doctor(tmp_path, [*packets, sent])) if "refused" in each]
    assert tuple(refused) == found


def test_a_last_word_wants_no_answer(tmp_path):
    """A question that stood alone at the end of a tunnel, as a delete does, is no silence."""
    packets = datagrams("works.near.pcap")
    end = next(
        each for each in packets if not each.esp and each.source.port == 4500 and from_right(each)
    )
    head = end.data[4:20]
    goodbye = ike.protected(0x00, 37, 42, 7, i=head[:8], r=head[8:])
    alone = end._replace(time=packets[-1].time + SECOND, data=bytes(4) + goodbye)
    much = alone._replace(time=alone.time + 60 * SECOND, source=LEFT, target=RIGHT, data=b"\xff")
    assert said(doctor(tmp_path, [*packets, alone, much])) == ()


def test_the_policy_names_addresses_as_text(tmp_path):
    """An address that ends in colons would be a key of YAML."""
    gateway = Endpoint("2001:db8::", 500)
    path = tmp_path / "six.pcap"
    packets = craft.datagrams([(Side.CLIENT, ike.sa_init())], client=CLIENT6, server=gateway)
    path.write_bytes(craft.pcap(packets))
    written = yaml.safe_load(policy(diagnose(read([str(path)]))))
    assert written["groups"] == {"gateways": ["2001:db8::"]}
    assert written["rules"] == [
        {"allow": "ipsec", "to": "gateways", "ports": ["udp/500", "udp/4500"]}
    ]


def test_what_is_no_ip_does_not_weaken_the_answer(tmp_path):
    """ARP is in every capture; it stays in the document, and is not shown."""
    path = tmp_path / "arp.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    ethernet = bytes(12)
    arp = ethernet + b"\x08\x06" + bytes(28)
    hello = ethernet + b"\x08\x00" + craft.udp(CLIENT, SERVER, ike.sa_init())
    frames = [struct.pack("<IIII", n, 0, len(f), len(f)) + f for n, f in enumerate((arp, hello))]
    path.write_bytes(head + b"".join(frames))
    told = diagnose(read([str(path)]))
    assert told.unseen == {"ethertype 0x0806": 1}
    out = console()
    with out.capture() as shown:
        out.print(render(told))
    assert "0806" not in shown.get()
    assert "too-early" in shown.get()
