"""Where proxies led: as tshark reads real captures, nested, refused, hostile, bounded, renamed."""

import shutil
import subprocess
from itertools import accumulate
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from tests import craft
from tests.protocols.oscar.craft import flap, snac
from tests.report.sample import HOSTILE, document, tunnel

from backchannel.catalogue import index
from backchannel.model import Endpoint, Side
from backchannel.pipeline import Scan
from backchannel.report import html, terminal, tunnels, views, words
from backchannel.report.pseudonyms import Pseudonyms
from backchannel.when import rfc3339

INDEX = index.load()
ROOT = Path(__file__).parents[2]
PROTOCOLS = ROOT / "tests/protocols"
AIM = ROOT / "examples/aim/aim_http_connect_auth_clientleg.pcap"
C, S = Side.CLIENT, Side.SERVER
PROXY = Endpoint("192.0.2.80", 1080)
INSIDER = Endpoint("10.9.0.2", 40_001)
AGREED = [(C, b"\5\1\0"), (S, b"\5\0")]
GRANTED, REFUSED = b"\5\0\0\1" + bytes(6), b"\5\2\0\1" + bytes(6)
tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")


def rows(path, **options):
    return Scan(path, **options).document.tunnels


def socks(host, port, reply=GRANTED, inside=()):
    name = host.encode()
    asked = b"\5\1\0\3" + bytes([len(name)]) + name + port.to_bytes(2, "big")
    return [*AGREED, (C, asked), (S, reply), *inside]


def capture(path, *talks, client=INSIDER):
    """Write one connection to the proxy for each talk."""
    packets = []
    for number, steps in enumerate(talks):
        here = Endpoint(client.address, 20_000 + number)
        packets += craft.tcp(steps, client=here, server=PROXY)
    return craft.write(path, packets)


def witness(path, port, protocol, show, *fields):
    """Return what tshark reads of those fields, where *show* holds."""
    told = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", path, "-d", f"tcp.port=={port},{protocol}", "-Y", show]
    command += ["-T", "fields", "-E", "separator=|", *told]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(tuple(line.split("|")) for line in done.stdout.splitlines())


# -- real captures, with tshark as witness ---------------------------------------------------


@tshark
@pytest.mark.parametrize(
    "path", [AIM, PROTOCOLS / "http_proxy/captures/tinyproxy.pcap"], ids=lambda path: path.stem
)
def test_every_connect_that_tshark_sees_is_told_with_who_asked_whom(path):
    show = "http.request.method == CONNECT && tcp.dstport == 8888"
    theirs = witness(path, 8888, "http", show, "ip.src", "ip.dst", "http.request.uri")
    ours = [
        (row.client, row.proxy.rpartition(":")[0], words.place(row.host, row.port))
        for row in rows(path)
        if row.scheme == "http-connect"
        for _ in range(row.asked)
    ]
    assert sorted(ours) == theirs
    assert theirs


@tshark
def test_every_socks5_request_that_tshark_sees_is_told():
    path = PROTOCOLS / "socks/captures/dante-connect.pcap"
    show = "socks.version == 5 && socks.port && tcp.dstport == 1080"
    fields = "ip.src", "socks.dst", "socks.remote_name", "socks.port"
    theirs = [
        (client, address or name, port)
        for client, address, name, port in witness(path, 1080, "socks", show, *fields)
    ]
    ours = [
        (row.client, row.host, str(row.port))
        for row in rows(path)
        if row.scheme == "socks5"
        for _ in range(row.asked)
    ]
    assert sorted(ours) == sorted(theirs)
    assert len(ours) == 3


def test_what_the_aim_client_did_through_tinyproxy():
    """Witness: the manifest. Alice as proxyuser to the two servers of AIM."""
    first, second = rows(AIM)
    assert (first.host, first.port, second.port) == ("10.61.0.1", 5190, 5191)
    for row in (first, second):
        assert (row.service, row.scheme, row.accounts) == (
            "http-proxy",
            "http-connect",
            ("proxyuser",),
        )
        assert (row.asked, row.granted, row.refused, row.answers) == (1, 1, 0, {"200": 1})
        assert (row.inside, row.services) == (("http-connect/oscar",), ("aim",))


def test_a_target_that_nobody_saw_asked_for_is_no_server(tmp_path):
    """The recorder saw what came back only."""
    answers = [
        (S, b"HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n"),
        (S, flap(1, b"\0\0\0\1") + flap(2, snac(1, 3, b"\0\1\0\2\0\3", request=0), 1)),
    ]
    packets = craft.tcp(answers, client=INSIDER, server=PROXY)
    back = [packet for packet in packets if packet[12:16] == bytes([192, 0, 2, 80])]
    told = Scan(craft.write(tmp_path / "a.pcap", back)).document
    (aim,) = (row for row in told.services if row.service != "http-proxy")
    assert aim.hosts.servers == ()
    (through,) = (found for found in told.findings if found.rule == "inside-proxy")
    assert through.summary.endswith("via 192.0.2.80 to a target not seen")


def test_what_udp_carries_has_rows_of_its_own():
    found = rows(PROTOCOLS / "socks/captures/dante-udp.pcap")
    asked = {command for row in found for command in row.commands}
    assert {"udp-associate", "udp"} <= asked
    assert all(row.bytes for row in found if row.commands == ("udp",))


# -- made by hand ----------------------------------------------------------------------------


def test_bytes_are_those_inside_and_nothing_recognised_is_said(tmp_path):
    inside = [(S, b"\x17" * 100), (C, b"\x18" * 23)]
    (row,) = rows(capture(tmp_path / "a.pcap", socks("far.example", 7, inside=inside)))
    assert (row.bytes, row.inside, row.services) == (123, (), ())
    assert (row.host, row.port, row.granted) == ("far.example", 7, 1)


def test_a_refused_target_is_told_with_the_proxys_word(tmp_path):
    path = capture(tmp_path / "a.pcap", socks("a.example", 1, REFUSED), socks("a.example", 1))
    (row,) = rows(path)
    assert (row.asked, row.granted, row.refused) == (2, 1, 1)
    assert row.answers == {"not-allowed": 1, "succeeded": 1}


def test_a_row_is_from_its_first_request_to_the_last_byte_inside(tmp_path):
    path = capture(tmp_path / "a.pcap", *[socks("a.example", 1, inside=[(C, b"?")])] * 2)
    (row,) = rows(path)
    events = [seen for seen in Scan(path) if seen.protocol == "socks"]
    assert row.frame == events[0].frame
    assert row.first_seen == rfc3339(events[0].time)
    assert row.last_seen > rfc3339(events[-1].time)  # the byte comes after the answer


def test_names_differ_in_case_only_and_are_one_target(tmp_path):
    path = capture(tmp_path / "a.pcap", socks("A.Example", 1), socks("a.example", 1))
    (row,) = rows(path)
    assert (row.asked, row.host) == (2, "A.Example")


def test_a_proxy_behind_another_is_asked_by_the_same_client(tmp_path):
    inner = socks("last.example", 25, inside=[(S, b"220 ready\r\n"), (C, b"HELO me\r\n")])
    path = capture(tmp_path / "a.pcap", socks("proxy.example", 9050, inside=inner))
    found = {row.host: row for row in rows(path)}
    outer, last = found["proxy.example"], found["last.example"]
    assert (outer.proxy, last.proxy) == (str(PROXY), "proxy.example:9050")
    assert outer.client == last.client == INSIDER.address
    assert outer.inside == ("socks5/socks",)
    assert (outer.services, last.stack) == (("socks",), "socks5/socks")
    assert last.bytes == 20 < outer.bytes


def test_an_answer_goes_to_the_target_that_was_asked_for(tmp_path):
    """Two targets of absolute URIs on one connection; the first is tried again."""

    def get(host):
        return f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    def said(status):
        return f"HTTP/1.1 {status} X\r\nVia: 1.1 p (x)\r\nContent-Length: 0\r\n\r\n".encode()

    steps = [(C, get("a.example")), (S, said(502)), (C, get("b.example")), (S, said(200))]
    path = capture(tmp_path / "a.pcap", [*steps, (C, get("a.example")), (S, said(200))])
    told = {row.host: (row.granted, row.refused) for row in rows(path)}
    assert told == {"a.example": (1, 1), "b.example": (1, 0)}


def test_the_client_of_a_proxy_that_connects_back_is_whom_it_calls(tmp_path):
    steps = [(side.other, data) for side, data in socks("x.example", 80, inside=[(C, b"?")])]
    (row,) = rows(capture(tmp_path / "a.pcap", steps))
    assert (row.client, row.proxy) == (PROXY.address, f"{INSIDER.address}:20000")


# -- bounds ----------------------------------------------------------------------------------


def test_one_client_that_names_many_targets_has_so_many_rows_and_the_rest_is_counted(tmp_path):
    talks = [socks(f"{n}.example", 80) for n in range(tunnels.TARGETS + 20)]
    other = craft.tcp(socks("other.example", 80), client=Endpoint("10.9.0.3", 9), server=PROXY)
    path = capture(tmp_path / "a.pcap", *talks)
    more = craft.write(tmp_path / "b.pcap", other)
    found = Scan(path, more).document
    assert len(found.tunnels) == tunnels.TARGETS + 1
    assert "other.example" in {row.host for row in found.tunnels}
    (counted,) = [n for name, n in found.unseen.items() if "targets are not shown" in name]
    assert counted == 2 * 20  # each request and its answer


def test_how_streams_are_remembered_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(tunnels, "OPEN", 3)
    talks = [socks(f"{n}.example", 80) for n in range(5)]
    packets = []
    for number, talk in enumerate(talks):
        here = Endpoint(INSIDER.address, 20_000 + number)
        packets += craft.tcp(talk, client=here, server=PROXY, close=False)
    unseen = Scan(craft.write(tmp_path / "a.pcap", packets)).document.unseen
    assert unseen["requests to proxies no longer waited for"] == 2


# -- what is shown ---------------------------------------------------------------------------


def with_tunnels(*told):
    return msgspec.structs.replace(document(), tunnels=told)


def printed(what):
    console = Console(width=200, highlight=False)
    with console.capture() as shown:
        console.print(terminal.render(what, INDEX))
    return shown.get()


def test_hostile_names_are_harmless_everywhere():
    made = with_tunnels(tunnel(host=HOSTILE, names=(HOSTILE,), accounts=(HOSTILE,)))
    text, page = printed(made), html.page(made, INDEX)
    for shown in (text, page):
        assert not {"\x1b[31m", "\u202e"} & {"\x1b[31m" * ("\x1b[31m" in shown), *shown}
    assert "<script>" not in page
    assert "Where proxies led" in text
    assert 'id="tunnels"' in page


def test_a_block_names_the_most_important_target_first_and_how_many_more(tmp_path):
    inside = [[(C, b"\x18" * size)] for size in accumulate([10] * 6)]
    talks = [socks(f"{n}.example", 80, inside=each) for n, each in enumerate(inside)]
    talks.append(socks("refused.example", 80, REFUSED))
    text = printed(Scan(capture(tmp_path / "a.pcap", *talks)).document)
    (line,) = [line for line in text.splitlines() if "led to" in line]
    assert "5.example:80, 4.example:80, 3.example:80, 2.example:80 and 2 more" in line
    assert "refused.example" not in line
    assert "refused.example:80" in text


@pytest.mark.parametrize(
    ("asked", "granted", "refused", "told"),
    [
        (1, 0, 0, "no answer seen"),
        (0, 0, 0, "asked for earlier"),
        (1, 1, 0, "granted"),
        (3, 3, 0, "granted 3 times"),
        (1, 0, 1, "refused"),
        (1205, 1200, 5, "granted 1,200, refused 5"),
    ],
)
def test_answers_in_words(asked, granted, refused, told):
    assert words.let_through(asked, granted, refused) == told


def test_targets_in_words():
    assert words.place("2001:db8::1", 22) == "[2001:db8::1]:22"
    assert words.place("a.example", 0) == "a.example"
    assert words.place("", 0) == "not seen"


def test_services_that_we_know_come_first():
    known, large = tunnel(bytes=1), tunnel(services=(), bytes=10**9)
    assert views.by_use([large, known]) == [known, large]


def test_many_rows_stay_usable_and_say_how_many_are_left_out():
    made = with_tunnels(*(tunnel(host=f"{n}.example", frame=n) for n in range(2_000)))
    page, text = html.page(made, INDEX), printed(made)
    assert "1,500 more rows are in the JSON document" in page
    assert "Where proxies led (12 of 2,000)" in text


# -- pseudonyms ------------------------------------------------------------------------------


def test_targets_have_the_pseudonyms_they_have_elsewhere(tmp_path):
    talk = socks("secret.example", 80, inside=[(C, b"?")])
    path = capture(tmp_path / "a.pcap", talk)
    names = Pseudonyms("a key that nobody guesses")
    run = Scan(path, pseudonyms=names)
    told = [msgspec.json.encode(msgspec.to_builtins(seen.event)) for seen in run]
    (row,) = run.document.tunnels
    assert row.host == names.name("secret.example", "host")
    assert (row.port, row.granted) == (80, 1)
    assert sum(row.host.encode() in each for each in told) == 2  # request and answer
    shown = b"".join(told) + msgspec.json.encode(run.document)
    for private in (b"secret.example", INSIDER.address.encode(), PROXY.address.encode()):
        assert private not in shown
