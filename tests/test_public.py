"""What is known of the public captures is found in them: the facts of their manifest, one by one.

The captures are not part of the project (see `tests/kit.CORPUS`). Their manifest was written by
whoever read the bytes with tools of their own; IKE's and Gnutella's facts are checked beside their
protocols.
"""

import re
from functools import cache

import pytest
import yaml
from tests.kit import CORPUS

from backchannel import events
from backchannel.pipeline import Scan
from backchannel.protocols.fasttrack.events import Encryption

PUBLIC = CORPUS / "public"
MANIFEST = PUBLIC / "manifest.yaml"
ENTRIES = yaml.safe_load(MANIFEST.read_text())["captures"] if MANIFEST.exists() else []
FACTS = {entry["path"]: entry.get("facts", {}) for entry in ENTRIES}
pytestmark = pytest.mark.skipif(not ENTRIES, reason="the public corpus is not here")
SOCKS = re.compile(
    r"(?P<a>\d+)>(?P<b>\d+) (?P<what>SOCKS5 greeting|SOCKS5 request/reply|SOCKS5 reply"
    r"|SOCKS5 user/pass auth|SOCKS4a? cmd=1|SOCKS4 reply) ?(?P<rest>.*)"
)


@cache
def told(path):
    return list(Scan(PUBLIC / path))


def seen(path, kind, port=0):
    """Events of *kind*; only of the flow of a client's *port*, where one is given."""
    return [
        item.event
        for item in told(path)
        if isinstance(item.event, kind) and port in (0, item.flow.client.port)
    ]


def statements(folder, key):
    """(path, statement) of every capture in *folder*."""
    return [
        (path, fact)
        for path, facts in FACTS.items()
        if path.startswith(folder)
        for fact in facts.get(key, ())
    ]


def test_the_manifest_states_something():
    assert len(statements("socks/", "messages")) > 30
    assert len(statements("http-connect/", "lines")) > 10


@pytest.mark.parametrize(("path", "fact"), statements("socks/", "messages"))
def test_socks(path, fact):
    found = SOCKS.fullmatch(fact)
    assert found, fact
    what, rest = found["what"], found["rest"]
    server_speaks = "reply code" in fact or what == "SOCKS4 reply"
    port = int(found["b"] if server_speaks and "request" not in what else found["a"])
    if what == "SOCKS5 greeting":
        assert seen(path, events.Event, port)
    elif what == "SOCKS5 user/pass auth":
        user, secret = re.fullmatch(r"user=(\S+) pass=(\S+)", rest).groups()
        assert (user, secret) in [
            (c.account, c.secret) for c in seen(path, events.Credential, port)
        ]
    elif what == "SOCKS4 reply":
        assert [a.accepted for a in seen(path, events.ProxyAnswer, port)] == [rest == "0x5a"]
    elif what == "SOCKS5 reply":
        code, address, bound = re.fullmatch(r"code=(\d+) bound=(\S+):(\d+)", rest).groups()
        (answer,) = seen(path, events.ProxyAnswer, port)
        assert answer.accepted == (code == "0")
        assert (answer.address, answer.port) == (address, int(bound))
    else:
        (request,) = seen(path, events.ProxyRequest, port)
        host, number = target(what, rest)
        assert (request.command, request.host, request.port) == ("connect", host, number)


def target(what, rest):
    """Return the (host, port) that a statement names."""
    if what == "SOCKS5 request/reply":
        found = re.fullmatch(r"code=1 (?:ipv4|domain)=(\S+) port=(\d+)", rest)
        return found[1], int(found[2])
    address, port, more = re.fullmatch(r"([\d.]+):(\d+) rest='(.*)'", rest).groups()
    name = more.rpartition("\\x00")[2] if what.startswith("SOCKS4a") else address
    return name, int(port)


@pytest.mark.parametrize(
    ("path", "fact"),
    [
        s
        for s in statements("http-connect/", "lines")
        if re.search(r" HTTP/1\.\d", s[1]) and "reply:" not in s[1]
    ],
)
def test_http_proxies(path, fact):
    line = re.search(r"to port \d+: (\S+) (\S+) HTTP/1", fact)
    assert line, fact
    method, place = line.groups()
    asked = [(r.command, r.host.lower(), r.port) for r in seen(path, events.ProxyRequest)]
    if method == "CONNECT":
        host, _, port = place.rpartition(":")
        assert ("CONNECT", host, int(port)) in asked
    elif place.lower().startswith("http://"):
        host = re.match(r"(?i)http://([^/:]+)", place)[1].lower()
        names = [n.name for n in seen(path, events.NameLearned)]
        assert (method, host, 80) in asked or host in names
    else:
        assert not asked


@pytest.mark.parametrize(
    ("path", "fact"),
    [s for s in statements("http-connect/", "lines") if s[1].strip().startswith("reply: HTTP")],
)
def test_answers_of_http_proxies(path, fact):
    code = fact.split()[2]
    assert code in [answer.code for answer in seen(path, events.ProxyAnswer)]


def test_oscar_on_the_port_of_tls():
    path = "oscar-icq/Oscar.pcap"
    facts = FACTS[path]
    assert {item.service for item in told(path)} == {"icq"}
    signed = seen(path, events.SignOnAnswer)
    assert [answer.account for answer in signed] == [facts["uin"]]
    assert facts["client_string"] in {program.name for program in seen(path, events.Software)}
    messages = [
        (item.frame, item.event.sender, item.event.recipient, item.event.markup)
        for item in told(path)
        if isinstance(item.event, events.Message)
    ]
    expected = [(m["frame"], facts["uin"], m["to"], m["text"]) for m in facts["im_out"]]
    expected += [(m["frame"], m["from"], facts["uin"], m["text"]) for m in facts["im_in"]]
    assert messages == sorted(expected)
    typing = [item.frame for item in told(path) if isinstance(item.event, events.Typing)]
    assert typing == facts["mini_typing_notifications_frames"]
    gaps = sorted(gap.size for gap in seen(path, events.Gap))
    assert gaps == [int(size) for size in re.findall(r"\d{4,}", facts["gap"])]


def test_a_switchboard_of_the_real_msn():
    path = "msn/msnms-2.pcap"
    facts = FACTS[path]
    spoken = [(m.sender.partition("@")[0], m.text) for m in seen(path, events.Message)]
    assert spoken == [tuple(pair) for pair in facts["messages"]]
    (sign_on,) = seen(path, events.SignOn)
    (cookie,) = seen(path, events.Credential)
    assert facts["usr"].split()[2:] == [sign_on.account, cookie.secret]


def test_yahoo_on_the_port_of_news():
    path = "ymsg/sec-client-dying.pcapng"
    facts = FACTS[path]["ymsg"]
    run = Scan(PUBLIC / path)
    list(run)
    (row,) = [row for row in run.document.services if row.service == "yahoo"]
    assert row.hosts.servers == (facts["dst"].split()[0],)
    assert row.hosts.clients == (facts["src"],)
    assert f"service {facts['service'].split()[0]}" in row.evidence


def test_kazaa_of_2006():
    path = "fasttrack/SkypeIRC.cap"
    facts = FACTS[path]
    spoken = [item for item in told(path) if item.service == "kazaa"]
    pinged = {str(item.flow.server) for item in spoken if item.flow.transport == "udp"}
    answered = set(facts["fasttrack_udp"]["peers"])
    assert len(pinged) >= 7  # four pongs, three addresses of supernodes
    assert pinged <= answered
    read = {str(item.flow.server) for item in spoken if isinstance(item.event, Encryption)}
    assert read == {text.split()[0] for text in facts["fasttrack_tcp"]["answered"]}
