"""Plain web traffic: programs, hosts and readable passwords; and nothing of proxies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft
from tests.kit import (
    CORPUS,
    check_garbage,
    check_segmentation,
    decode,
    events,
    flows,
    peek,
)

from backchannel.events import Credential, Gap, Malformed, NameLearned, Software
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.http.fields import absolute, authority, parameters, product
from backchannel.protocols.http.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.5", 40000), Endpoint("10.0.0.1", 80))
GET = b"GET /x HTTP/1.1\r\nHost: Example.NET:8080\r\nUser-Agent: curl/8.1\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nServer: nginx/1.2 (x)\r\nContent-Length: 2\r\n\r\nhi"


def make(start=START):
    return lambda: Session(start)


def look(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


def test_what_waited_for_an_answer_was_the_clients():
    asked = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n"
    login = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic Ym9iOnB3\r\n\r\n"
    told = decode(Session(START), [(C, asked + login), (S, PAGE)])
    said = {type(event): side for side, event in told}
    assert (said[Credential], said[Software]) == (C, S)


def test_what_a_visit_tells():
    session = Session(START)
    told = decode(session, [(C, GET), (S, PAGE), (C, GET), (S, PAGE)])
    assert events(told) == [
        Software(name="curl", version="8.1", role="client"),
        NameLearned(name="example.net", how="host"),
        Software(name="nginx", version="1.2", role="server"),
    ]
    assert session.standing is Standing.PARSED
    assert not session.done


@pytest.mark.parametrize("first", [b"100 Continue", b"103 Early Hints", b"102 Processing"])
def test_an_answer_in_advance_hides_no_program(first):
    ask = GET.replace(b"GET", b"POST")[:-2] + b"Content-Length: 0\r\n\r\n"
    told = decode(Session(START), [(C, ask), (S, b"HTTP/1.1 " + first + b"\r\n\r\n"), (S, PAGE)])
    assert [event.name for event in events(told, Software)] == ["curl", "nginx"]


def test_a_readable_password_is_told_once():
    login = GET.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic Ym9iOnB3OjE=\r\n\r\n")
    told = decode(Session(START), [(C, login * 2), (S, PAGE * 2)])
    assert events(told, Credential) == [
        Credential(account="bob", kind="plain", scheme="http-basic", secret="pw:1")
    ]
    digest = GET.replace(b"\r\n\r\n", b'\r\nAuthorization: Digest username="b"\r\n\r\n')
    assert not events(decode(Session(START), [(C, digest)]), Credential)


def test_another_host_on_the_same_connection():
    other = GET.replace(b"Example.NET", b"other")
    told = decode(Session(START), [(C, GET + GET + other)])
    assert [event.name for event in events(told, NameLearned)] == ["example.net", "other"]


def test_an_upgrade_ends_it():
    session = Session(START)
    ask = GET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\n\r\n")
    told = decode(session, [(C, ask), (S, b"HTTP/1.1 101 S\r\n\r\n\x81"), (C, b"\x82")])
    assert session.done
    assert not events(told, Malformed)


def test_junk_refutes_and_a_gap_is_survived():
    session = Session(START)
    assert events(decode(session, [(S, b"SSH-2.0\r\n")]), Malformed)
    assert session.standing is Standing.REFUTED
    session = Session(START)
    told = decode(session, [(C, b"GET /x"), (C, 30), (C, b"\r\n" + GET), (S, PAGE)])
    assert [type(event) for event in events(told)] == [Gap, Software, NameLearned, Software]


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"GET / HTTP/1.0\r\n", b""),
        (b"POST /x HTTP/1.1\n", b"HTTP/1.1 200 OK\r\n"),
        (b"OPTIONS * HTTP/1.1\r\n", b""),
        (b"PROPFIND /webdav HTTP/1.1\r\n", b""),
        (b"GET    /x HTTP/1.1\r\n", b""),  # servers pass over blanks
        (b"\r\nGET /x HTTP/1.1\r\n", b""),  # and over an empty line
        (b"GET http://x/ HTTP/1.1\r\n", b""),  # of no proxy, which is asked first
        (b"", b"HTTP/1.1 404 Not Found\r\n"),
        (b"GET /" + b"x" * 5000, b""),
    ],
)
def test_claimed(client, server):
    assert isinstance(look(client[:4096], server), Claim)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"\r\n", b""),
        (b"\r\nGE", b""),
        (b"G", b""),
        (b"GET  h", b""),
        (b"POST /x", b""),
        (b"", b"HTTP"),
    ],
)
def test_undecided(client, server):
    assert look(client, server) is MORE


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"", b""),
        (b"CONNECT x:1 HTTP/1.1\r\n", b""),
        (b"GET /\r\n", b""),
        (b"GET / HTTP/1.1\r\n", b"SSH-2.0"),
        (b"", b"HTTP/1.1 407 x\r\n"),
        (b"", b"HTTP/1.0 200 Connection established\r\n"),
        (b"", b"GET / HTTP/1.1\r\n"),
        (b"\x16\x03\x01", b""),
        (b"GNUTELLA CONNECT/0.6\r\n", b""),
    ],
)
def test_not_ours(client, server):
    assert look(client, server) is None


def test_a_client_that_was_taken_for_the_server():
    claim = look(b"HTTP/1.1 200 OK\r\n", b"GET / HTTP/1.1\r\n", begun=False)
    assert isinstance(claim, Claim)
    assert claim.flipped


def test_values_in_headers():
    assert product("Apache/2.4.16 (Unix) mod/1") == ("Apache", "2.4.16")
    assert product("Mozilla/5.0 (X11)") == ("Mozilla/5.0 (X11)", "")
    assert product("My program") == ("My program", "")
    assert authority("[::1]:80") == ("::1", 80)
    assert authority("h") == ("h", 0)
    assert authority("h:99999") is None
    assert authority("a b") is None
    uri = absolute("HTTP://u:p@H:81/a?b#c")
    assert (uri.scheme, uri.user, uri.host, uri.port, uri.path) == ("http", "u:p", "H", 81, "/a?b")
    assert absolute("http://h?q").path == "/?q"
    assert absolute("ftp://h").port == 21
    assert absolute("/a") is None
    assert parameters('Digest a="x\\"y", b=c , B=d') == {"a": 'x"y', "b": "c"}


corpus = pytest.mark.skipif(not (CORPUS / "public").exists(), reason="no corpus of captures")


@corpus
def test_the_web_of_the_corpus():
    """Witness: tshark's http.host, http.user_agent and http.authbasic of the same captures."""

    def of(name):
        found = flows(CORPUS / "public/negatives" / name)
        claimed = [flow for flow in found if isinstance(recognise(peek(flow)), Claim)]
        return [
            event for flow in claimed for event in events(decode(make(flow.start)(), flow.steps))
        ]

    told = of("http_auth.pcap")
    assert Credential(account="test", kind="plain", scheme="http-basic", secret="fail2") in told
    assert NameLearned(name="browserspy.dk", how="host") in told
    assert Software(name="curl", version="7.68.0", role="client") in of("http.pcapng")
    told = of("evidence03.pcap")
    agents = [event.name for event in told if getattr(event, "role", "") == "client"]
    assert set(agents) == {"AppleTV"}
    assert {event.name for event in told if isinstance(event, NameLearned)} == {
        "a1.phobos.apple.com",
        "ax.itunes.apple.com",
        "ax.search.itunes.apple.com",
        "metrics.apple.com",
    }


@corpus
@pytest.mark.parametrize("size", [1, 1000])
def test_segmentation_of_captures(size):
    checked = 0
    for name in ("http.pcapng", "http_auth.pcap", "websocket.pcap"):
        for flow in flows(CORPUS / "public/negatives" / name):
            if isinstance(recognise(peek(flow)), Claim):
                checked += 1
                check_segmentation(make(flow.start), flow.steps, size)
    assert checked


chunks = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from([GET, PAGE, GET[:20], PAGE[:30]]) | st.binary(max_size=20) | st.just(9),
    ),
    max_size=10,
)


@given(chunks, st.integers(1, 40), st.booleans())
def test_garbage_in_any_cut(steps, size, begun):
    start = Start("tcp", START.client, START.server, begun)
    check_garbage(make(start), steps)
    check_segmentation(make(start), steps, size)


@given(st.binary(max_size=30), st.binary(max_size=30), st.booleans())
def test_recognise_never_raises(client, server, begun):
    look(client, server, begun)
    look(b"GET /" + client, b"HTTP/1.1 " + server, begun)


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 1460])
@pytest.mark.parametrize("lines", [b"\r\n", b"\n", b"\r\n\r\n", b"\n\n\n"])
def test_empty_lines_before_a_request_hide_nothing(lines, cut, everything, tmp_path):
    """However they are cut: those of a web proxy begin alike, whose magic fits before HTTP's."""
    login = b"GET / HTTP/1.1\r\nHost: web.telegram.org\r\nAuthorization: Basic Ym9iOnB3\r\n\r\n"
    capture = craft.write(
        tmp_path / "one.pcap", craft.tcp([(C, lines + login), (S, PAGE)], cut=cut)
    )
    told = [type(seen.event) for seen in Scan(capture, everything=everything)]
    assert set(told) == {NameLearned, Credential, Software}


def test_empty_lines_before_a_request_to_anybody_name_no_service(tmp_path):
    capture = craft.write(tmp_path / "one.pcap", craft.tcp([(C, b"\n" + GET), (S, PAGE)], cut=1))
    assert list(Scan(capture)) == []
