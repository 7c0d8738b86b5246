"""Sign-ons to an HTTP proxy: told once, and answered by what becomes of the request with them."""

from base64 import b64encode

import pytest
from tests.kit import decode, events, joined
from tests.protocols.http_proxy.test_session import CAPTURES, START, C, S, ours

from backchannel.events import SignOn, SignOnAnswer
from backchannel.protocols.http_proxy.login import PENDING
from backchannel.protocols.http_proxy.session import Session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


def said(status, *headers):
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: 0\r\n\r\n".encode()


def get(credentials="", path="/"):
    header = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
    return f"GET http://a.example{path} HTTP/1.1\r\nHost: a.example\r\n{header}\r\n".encode()


def connect(credentials):
    return f"CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: {credentials}\r\n\r\n".encode()


def basic(name, password):
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def ntlm(kind, user=""):
    """Return message 1, 2 or 3 of [MS-NLMP] §2.2.1, with a response that proves nothing."""
    if kind < 3:
        data = b"NTLMSSP\0" + bytes([kind, 0, 0, 0]) + bytes(12) + b"challeng" + bytes(16)
    else:
        name = user.encode("utf-16-le")
        fields = [b"L" * 24, b"N" * 24, b"", name, b""]
        at, head, body = 64, b"", b""
        for field in fields:
            head += len(field).to_bytes(2, "little") * 2 + (at + len(body)).to_bytes(4, "little")
            body += field
        data = b"NTLMSSP\0\3\0\0\0" + head + bytes(8) + (1).to_bytes(4, "little") + body
    return "NTLM " + b64encode(data).decode()


def digest(user, nonce="n"):
    return f'Digest username="{user}", realm="r", nonce="{nonce}", uri="/", response="{"0" * 32}"'


def told(*steps):
    found = joined(decode(Session(START), list(steps)))
    asked = [(event.account, event.method) for event in events(found, SignOn)]
    answers = [(event.account, event.accepted) for event in events(found, SignOnAnswer)]
    return asked, answers


ALICE = ("alice", "http-basic")
GOOD, BAD = basic("alice", "right"), basic("alice", "wrong")


def test_an_account_that_is_accepted():
    steps = (C, get(GOOD)), (S, OK), (C, get(GOOD, "/2")), (S, OK)
    assert told(*steps) == ([ALICE], [("alice", True)])
    assert told((C, connect(GOOD)), (S, OPEN)) == ([ALICE], [("alice", True)])


def test_each_attempt_that_is_refused_is_one():
    steps = []
    for _ in range(3):
        steps += [(C, get(BAD)), (S, said(407, 'Proxy-Authenticate: Basic realm="r"'))]
    assert told(*steps, (C, get(GOOD)), (S, OK)) == (
        [ALICE] * 4,
        [("alice", False)] * 3 + [("alice", True)],
    )


def test_a_refusal_says_why():
    found = joined(decode(Session(START), [(C, connect(BAD)), (S, said(407))]))
    assert events(found, SignOnAnswer) == [
        SignOnAnswer(account="alice", accepted=False, reason="407")
    ]


@pytest.mark.parametrize("status", [403, 502, 503])
def test_a_connect_refused_for_another_reason_says_nothing_of_the_login(status):
    assert told((C, connect(GOOD)), (S, said(status))) == ([ALICE], [])


def test_a_request_without_credentials_is_no_sign_on():
    assert told((C, get()), (S, said(407)), (C, get(GOOD)), (S, OK)) == ([ALICE], [("alice", True)])


def test_ntlm_signs_on_with_its_third_message():
    steps = (
        (C, get(ntlm(1))),
        (S, said(407, f"Proxy-Authenticate: {ntlm(2)}")),
        (C, get(ntlm(3, "bob"))),
        (S, OK),
        (C, get()),
        (S, OK),
    )
    assert told(*steps) == ([("bob", "ntlmv1")], [("bob", True)])
    refused = (*steps[:3], (S, said(407, "Proxy-Authenticate: NTLM")))
    assert told(*refused) == ([("bob", "ntlmv1")], [("bob", False)])


def test_a_digest_whose_nonce_is_too_old_was_not_refused():
    stale = said(407, 'Proxy-Authenticate: Digest realm="r", nonce="2", stale=TRUE')
    steps = (C, get(digest("eve"))), (S, stale), (C, get(digest("eve", "2"))), (S, OK)
    assert told(*steps) == ([("eve", "http-digest")], [("eve", True)])
    fresh = said(407, 'Proxy-Authenticate: Digest realm="r", nonce="2", stale=false')
    assert told(steps[0], (S, fresh)) == ([("eve", "http-digest")], [("eve", False)])


def test_tickets_and_tokens_sign_on_without_a_name():
    for scheme in ("Negotiate", "Bearer"):
        steps = (C, get(f"{scheme} YIIabcd=")), (S, OK)
        assert told(*steps) == ([("", f"http-{scheme.lower()}")], [("", True)])
    assert told((C, get("Invented abc")), (S, OK)) == ([], [])


def test_pipelined_answers_are_those_of_their_requests():
    steps = (
        (C, get("", "/1") + get(GOOD, "/2")),
        (S, said(407) + OK),
    )
    assert told(*steps) == ([ALICE], [("alice", True)])


def test_two_accounts_on_one_connection():
    other = basic("bob", "x")
    steps = (C, get(GOOD, "/1") + get(other, "/2")), (S, OK + said(407))
    assert told(*steps) == (
        [ALICE, ("bob", "http-basic")],
        [("alice", True), ("bob", False)],
    )


def test_more_requests_than_are_waited_for_cost_no_more():
    session = Session(START)
    for number in range(PENDING + 50):
        session.feed(C, get(GOOD, f"/{number}"))
    assert len(session._logins._waiting) == PENDING


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_real_proxies_answer_whoever_signs_on(capture):
    """Witness: the manifests and record.py. No account was refused in these."""
    for flow in ours(capture):
        found = joined(decode(Session(flow.start), flow.steps))
        for answer in events(found, SignOnAnswer):
            assert answer.accepted
            assert answer.account in {each.account for each in events(found, SignOn)}
