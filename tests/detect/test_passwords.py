"""The audit finds what is weak, in every scheme, and nothing else, and it is bounded."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kit import CORPUS

from backchannel import scan
from backchannel.detect import oldhashes, passwords
from backchannel.detect.events import PasswordGuessed
from backchannel.detect.guessing import SCHEMES
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.errors import InputError
from backchannel.events import Credential
from backchannel.model import Confidence, Endpoint, Side
from backchannel.protocols.ymsg import crypt as yahoo

EXAMPLES = Path(__file__).parents[2] / "examples"
NTLM_CHALLENGE = "0123456789abcdef"
BLOB = (
    "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c00"
    "44006f006d00610069006e0001000c00530065007200760065007200" + "00" * 8
)


def login(scheme, secret, salt, account="ann", **changes):
    return Credential(
        **{"account": account, "kind": "hash", "scheme": scheme, "secret": secret, "salt": salt}
        | changes
    )


def seen(event):
    flow = FlowInfo(1, "tcp", Endpoint("10.0.0.5", 4000), Endpoint("10.0.0.1", 80))
    return Observation(0, 1, flow, "x", "x", "aim", Confidence.PARSED, Side.CLIENT, event)


def found(audit, *events):
    return [told for event in events for told in audit.follow(seen(event))]


def md5(*parts):
    return hashlib.md5(b"".join(parts)).hexdigest()


DIGEST = 'method=GET, realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
RFC7616 = (
    'method=GET, realm="http-auth@example.org", uri="/dir/index.html", nc="00000001", qop="auth", '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", algorithm='
)
YAHOO = "a/b(c+d-e&f%g*h|"  # long enough to be a challenge
SECRETS = {
    # worked examples of the specifications
    "RFC 2617 §3.5": (
        login(
            "http-digest",
            "6629fae49393a05397450978507c4ef1",
            DIGEST + 'uri="/dir/index.html", nc="00000001", cnonce="0a4f113b", qop="auth"',
            "Mufasa",
        ),
        "Circle Of Life",
    ),
    "RFC 7616 §3.9.1 MD5": (
        login("http-digest", "8ca523f5e9506fed4657c9700eebdbec", RFC7616 + '"MD5"', "Mufasa"),
        "Circle of Life",
    ),
    "RFC 7616 §3.9.1 SHA-256": (
        login(
            "http-digest",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            RFC7616 + '"SHA-256"',
            "Mufasa",
        ),
        "Circle of Life",
    ),
    "MS-NLMP §4.2.2 v1": (
        login(
            "ntlmv1",
            "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13:"
            "67c43011f30298a2ad35ece64f16331c44bdbed927841f94",
            NTLM_CHALLENGE,
            "Domain\\User",
        ),
        "Password",
    ),
    "MS-NLMP §4.2.3 v1 with extended session security": (
        login(
            "ntlmv1",
            "aaaaaaaaaaaaaaaa" + "00" * 16 + ":7537f803ae367128ca458204bde7caf81e97ed2683267232",
            NTLM_CHALLENGE,
            "Domain\\User",
        ),
        "Password",
    ),
    "MS-NLMP §4.2.4 v2": (
        login(
            "ntlmv2",
            "68cd0ab851e51c96aabc927bebef6a1c:" + BLOB,
            NTLM_CHALLENGE,
            "Domain\\User",
        ),
        "Password",
    ),
    # RFC 2202's second HMAC-MD5 case: key "Jefe"
    "RFC 2202": (
        login(
            "socks5-chap-hmac-md5",
            "750c783e6ab0b503eaa86e310a5db738",
            b"what do ya want for nothing?".hex(),
        ),
        "Jefe",
    ),
    # written out from the descriptions named with each protocol
    "msn": (login("msn-md5", md5(b"1013928519.693957190", b"shadow"), "1013928519.693957190"), 0),
    "oscar": (
        login("oscar-md5", md5(b"12345", b"shadow", b"AOL Instant Messenger (SM)"), "12345"),
        0,
    ),
    "oscar twice": (
        login(
            "oscar-md5-twice",
            md5(b"12345", hashlib.md5(b"shadow").digest(), b"AOL Instant Messenger (SM)"),
            "12345",
        ),
        0,
    ),
    "yahoo": (login("yahoo-md5", yahoo.response("ann", YAHOO, "shadow"), YAHOO), 0),
    "yahoo page": (
        login("yahoo-http-md5", md5(md5(b"shadow").encode(), b"xyz"), "xyz"),
        0,
    ),
    # `openssl passwd -1 -salt xxxxxxxx password`
    "md5-crypt": (login("md5-crypt", "$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.", "$1$xxxxxxxx$"), 0),
}


@pytest.mark.parametrize("which", SECRETS)
def test_a_password_is_found_by_its_list_only(which):
    event, own = SECRETS[which]
    (told,) = found(passwords.Audit((own,) if own else ()), event)
    assert told.account == event.account
    assert told.password == own or not own
    assert found(passwords.Audit(), event) == [] or not own or own in passwords.well_known()


@pytest.mark.parametrize("which", SECRETS)
def test_another_challenge_is_another_response(which):
    event, own = SECRETS[which]
    changed = event.salt.replace("1", "2").replace("x", "y").replace("a", "b")
    secret = event.secret.replace("$xxxxxxxx$", "$yyyyyyyy$")
    other = login(event.scheme, secret, changed, event.account)
    assert found(passwords.Audit((own,) if own else ()), other) == []


def example(path, *words):
    run = scan(path, followers=(passwords.Audit(words),))
    events = [each.event for each in run if isinstance(each.event, PasswordGuessed)]
    return run, events


def test_the_recorded_sign_on_with_the_password_password():
    run, events = example(EXAMPLES / "aim/aim_md5login_8im.pcap")
    assert {event.password for event in events} == {"password"}
    assert {event.account for event in events} == {"alicefeas", "bobfeas"}  # the manifest's
    findings = [each for each in run.document.findings if each.rule == "weak-password-found"]
    assert sorted(account for each in findings for account in each.accounts) == [
        "alicefeas",
        "bobfeas",
    ]
    assert all("password:" not in each.summary for each in findings)


def test_the_shared_key_of_the_recorded_tunnel_only_with_the_right_word():
    capture = EXAMPLES / "ipsec/natt_client_side.pcap"
    assert example(capture)[1] == []
    (event,) = example(capture, "feaspsk2", "feaspsk")[1]
    assert (event.password, event.account, event.source) == ("feaspsk", "client@feas", "own list")


def test_yahoos_two_responses_of_recorded_sign_ons():
    words = ("tea4two!", "fix1t-now")  # the manifest's
    _, events = example(EXAMPLES / "yahoo/ymsg15_libpurple243.pcap", *words)
    assert {event.scheme for event in events} == {"yahoo-md5", "yahoo-md5crypt"}
    assert {event.password for event in events} == set(words)


def test_without_the_audit_nothing_is_guessed():
    run = scan(EXAMPLES / "aim/aim_md5login_8im.pcap")
    assert not any(isinstance(each.event, PasswordGuessed) for each in run)


def test_public_captures_raise_nothing():
    captures = [*CORPUS.glob("public/socks/*.pcap"), *CORPUS.glob("public/negatives/*auth*")]
    if not captures:
        pytest.skip("needs the corpus of public captures")
    for capture in captures:
        example(capture)


def test_the_account_name_is_tried_first():
    secret = md5(b"c", b"anniebee1")
    (told,) = found(passwords.Audit(), login("msn-md5", secret, "c", "Annie Bee@example.org"))
    assert (told.password, told.source) == ("anniebee1", "account name")


def test_a_login_is_tried_once_and_its_kind_matters():
    audit = passwords.Audit()
    event = SECRETS["msn"][0]
    assert len(found(audit, event, event)) == 1
    assert found(passwords.Audit(), login("msn-md5", event.secret, event.salt, kind="token")) == []


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (login("yahoo-sha1", "x", "y"), "yahoo-sha1"),
        (login("msn-md5", "x", ""), "no challenge seen"),
        (login("ikev1-psk", "zz", "yy"), "incomplete or variant"),
        (login("http-digest", "x", 'qop="auth-int"'), "incomplete or variant"),
        (login("http-digest", "x", 'algorithm="SHA-3"'), "incomplete or variant"),
        (login("ntlmv1", "00:00", "00"), "incomplete or variant"),
    ],
)
def test_what_cannot_be_tested_is_counted(event, why):
    audit = passwords.Audit()
    assert found(audit, event) == []
    assert audit.counters == {f"logins that no password was tried on: {why}": 1}


def test_effort_is_bounded_and_the_rest_counted():
    audit = passwords.Audit(tuple(map(str, range(100_000))), effort=3_000)
    logins = [login("md5-crypt", f"$1$a$b{number}", "$1$a$") for number in range(5)]
    assert found(audit, *logins) == []
    assert audit.counters["logins that not every password was tried on: effort spent"] == 5
    assert audit._left >= 0


def test_logins_are_bounded(monkeypatch):
    monkeypatch.setattr(passwords, "LOGINS", 3)
    audit = passwords.Audit()
    found(audit, *(login("unheard-of", str(number), "x") for number in range(5)))
    assert audit.counters["logins that no password was tried on: too many"] == 2


@given(
    scheme=st.sampled_from(sorted(SCHEMES)),
    secret=st.text(max_size=60),
    salt=st.text(max_size=60),
    account=st.text(max_size=20),
)
def test_no_login_raises(scheme, secret, salt, account):
    audit = passwords.Audit(effort=2_000)
    found(audit, login(scheme, secret, salt, account))


def test_the_bundled_list_is_short_and_clean():
    words = passwords.well_known()
    assert 150 < len(words) < 400
    assert len(set(words)) == len(words)
    assert {"password", "123456", "letmein"} <= set(words)


def test_lists_are_read_in_any_encoding(tmp_path):
    path = tmp_path / "words"
    path.write_bytes(b"plain\r\n\ncaf\xc3\xa9\ncaf\xe9\n" + b"x" * 500 + b"\nlast")
    assert passwords.read(path) == ("plain", "café", "café", "last")


def test_a_list_that_is_missing_or_endless_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="No such file"):
        passwords.read(tmp_path / "none")
    monkeypatch.setattr(passwords, "WORDS", 2)
    (tmp_path / "long").write_text("a\nb\nc\n")
    with pytest.raises(InputError, match="more than 2 words"):
        passwords.read(tmp_path / "long")


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_as_rfc_1320_gives_it(text, digest):
    assert oldhashes.md4(text).hex() == digest


def test_a_long_challenge_costs_what_it_takes():
    def tried(salt):
        audit = passwords.Audit(effort=600)
        assert found(audit, login("msn-md5", "00" * 16, salt)) == []
        return audit.counters["logins that not every password was tried on: effort spent"]

    assert not tried("s" * 100)
    assert tried("s" * 10_000)
