"""TLS hellos: names, fingerprints with their published vectors, certificates, and the laws."""

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft
from tests.kit import (
    CORPUS,
    check_garbage,
    check_segmentation,
    decode,
    effects,
    events,
    flows,
    footprint,
    peek,
    recut,
)

from backchannel.effects import Inner
from backchannel.events import Gap, Malformed, NameLearned
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.http_proxy.session import Session as Proxy
from backchannel.protocols.tls.certificate import LARGEST, names_in, read_names
from backchannel.protocols.tls.events import TlsAnswer, TlsCertificate, TlsHello
from backchannel.protocols.tls.fingerprint import ja3, ja4
from backchannel.protocols.tls.session import PATIENCE, Session, recognise
from backchannel.protocols.tls.wire import ClientHello, read_client_hello
from backchannel.reader import WireError

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.5", 40000), Endpoint("10.0.0.1", 443))


def u16(value):
    return value.to_bytes(2, "big")


def sized(data, size=2):
    return len(data).to_bytes(size, "big") + data


def numbers(values):
    return b"".join(u16(value) for value in values)


def extension(kind, data=b""):
    return u16(kind) + sized(data)


def message(kind, body):
    return bytes((kind,)) + sized(body, 3)


def records(data, size=1 << 14, kind=22):
    cuts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(bytes((kind, 3, 1)) + sized(cut) for cut in cuts)


def hello(name=b"login.example.net", extra=b"", version=0x0303):
    found = extra
    if name:
        found += extension(0, sized(b"\0" + sized(name)))
    body = u16(version) + bytes(32) + sized(b"", 1) + sized(numbers([0x0A0A, 0x1301]))
    return message(1, body + b"\1\0" + sized(found))


def answer(version=0x0303, extra=b"", random=bytes(32)):
    return message(2, u16(version) + random + b"\0" + u16(0xC02F) + b"\0" + sized(extra))


def tell(steps):
    return decode(Session(START), steps)


def look(client=b"", server=b"", begun=True, transport="tcp"):
    return recognise(Peek(transport, client, server, begun, START))


HELLO = records(hello())
TLS13 = records(answer(extra=extension(43, b"\3\4")))


# -- what a handshake tells ------------------------------------------------------------------


def test_a_client_says_which_name_it_wants():
    alpn = extension(16, sized(b"\2h2\x08http/1.1"))
    versions = extension(43, b"\x06\x7a\x7a\3\4\3\3")
    told = tell([(C, records(hello(b"Login.Example.NET.", alpn + versions)))])
    (seen,) = events(told, TlsHello)
    assert (seen.name, seen.alpn, seen.version) == ("login.example.net", ("h2", "http/1.1"), "1.3")
    assert not seen.ech
    assert events(told, NameLearned) == [NameLearned(name="login.example.net", how="sni")]


@pytest.mark.parametrize(
    ("before", "handshake"),
    [
        ([], False),
        (
            [
                *((S, b"* OK IMAP\r\n"), (C, b". CAPABILITY\r\n"), (S, b"* CAPABILITY\r\n")),
                *((C, b". STARTTLS\r\n"), (S, b". OK\r\n")),
            ],
            True,
        ),
        ([(C, b"\x17\3\3\0\5abcde"), (S, b"\x17\3\3\0\5abcde")], False),
        (
            [
                *((S, b"220 mx.example.net ESMTP\r\n"), (C, b"EHLO x.example.net\r\n")),
                *((S, b"250 STARTTLS\r\n"), (C, b"STARTTLS\r\n"), (S, b"220 go ahead\r\n")),
            ],
            True,
        ),
        ([(C, b"EHLO x\r\n"), (S, b"250 STARTTLS\r\n")], True),
        ([(C, b"\0\0\0\x08\x04\xd2\x16\x2f"), (S, b"S")], True),  # PostgreSQL's SSLRequest
        ([(S, b"+OK pop.example.net\r\n"), (C, b"STLS\r\n"), (S, b"+OK\r\n")], True),
    ],
)
def test_a_hello_amid_a_stream_tells_it_too(before, handshake, tmp_path):
    """Where the capture has no SYN, and behind what another protocol says first."""
    steps = [*before, (C, HELLO), (S, TLS13)]
    path = craft.write(tmp_path / "one.pcap", craft.tcp(steps, handshake=handshake))
    told = [seen.event for seen in Scan(path, everything=True)]
    assert [event.name for event in told if isinstance(event, TlsHello)] == ["login.example.net"]
    assert [event.version for event in told if isinstance(event, TlsAnswer)] == ["1.3"]


@pytest.mark.parametrize("size", [1, 5, 6, 1400])
@pytest.mark.parametrize("clear", [b"", b"S", b"220 go ahead\r\n", b"\x16\3"])
def test_an_answer_is_found_behind_what_is_clear_however_it_is_cut(clear, size):
    session = Session(msgspec.structs.replace(START, begun=False))
    told = decode(session, [(C, HELLO), *recut([(S, clear + TLS13)], size)], ends=False)
    assert [answer.version for answer in events(told, TlsAnswer)] == ["1.3"]
    assert not events(told, Malformed)


@pytest.mark.parametrize("size", [1, 7, 1400])
def test_an_answer_that_was_not_captured_is_not_found_in_what_is_encrypted(size):
    """Bytes like a record's head come in it now and then; after a while none are sought."""
    session = Session(msgspec.structs.replace(START, begun=False))
    record = b"\x17\3\3\x40\0" + b"\x16\3\x92\x15\3\3\0\x13" * 2048
    stream = record * (PATIENCE // len(record) + 1)
    told = session.feed(C, HELLO)
    for at in range(0, len(stream), size):
        told += session.feed(S, stream[at : at + size])
    assert not events([(S, each) for each in told], Malformed)
    assert session.done


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize(("clear", "answers"), [(PATIENCE - 6, 1), (PATIENCE - 5, 0)])
def test_how_far_an_answer_is_sought_does_not_depend_on_segments(size, clear, answers):
    session = Session(msgspec.structs.replace(START, begun=False))
    told = decode(session, recut([(C, HELLO), (S, bytes(clear) + TLS13)], size))
    assert len(events(told, TlsAnswer)) == answers


EXTENSIONS = st.lists(st.tuples(st.sampled_from([0, 10, 16, 0x2A2A]), st.binary(max_size=12)))


@given(EXTENSIONS, st.integers(0, 12), st.integers(0, 3))
def test_a_brief_look_finds_the_same_name_and_the_same_faults(found, cut, more):
    """Also where extensions come twice, are broken or have no end."""
    parts = b"".join(extension(kind, data) for kind, data in found) + extension(16, b"\0\3\2h2")
    body = hello(extra=parts)[4 : -cut or None] + bytes(more)

    def name(brief):
        try:
            return read_client_hello(body, brief).name
        except WireError as error:
            return error.args

    assert name(brief=True) == name(brief=False)


def test_an_encrypted_hello_is_noted():
    (seen,) = events(tell([(C, records(hello(b"front", extension(0xFE0D, b"\0x"))))]), TlsHello)
    assert seen.ech


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_hello_in_many_records(size):
    """Post-quantum hellos exceed a segment; some programs cut them into small records."""
    large = hello(extra=extension(51, bytes(1700)))
    assert events(tell([(C, records(large, size))]), NameLearned)


def test_a_server_chooses_and_tls_13_ends_there():
    session = Session(START)
    told = decode(session, [(C, HELLO), (S, TLS13)], ends=False)
    assert events(told, TlsAnswer) == [TlsAnswer(version="1.3", cipher="c02f")]
    assert session.standing is Standing.PARSED
    assert session.done


@pytest.mark.parametrize("version", [0x7F0E, 0x7F12, 0x7F13])
def test_a_server_of_a_draft_of_tls_13(version):
    """As Chrome 55 and Firefox 52 met it: neither session nor compression (draft 19, 4.1.3)."""
    body = u16(version) + bytes(32) + b"\x13\1" + sized(extension(51, bytes(36)))
    told = tell([(C, HELLO), (S, records(message(2, body)) + b"\x17\3\1\0\1x")])
    assert events(told, TlsAnswer) == [TlsAnswer(version=f"{version:04x}", cipher="1301")]
    assert not events(told, Malformed)


def test_a_retry_is_no_answer():
    random = hashlib.sha256(b"HelloRetryRequest").digest()  # RFC 8446 §4.1.3 says what it is
    retry = records(answer(extra=extension(43, b"\3\4"), random=random))
    session = Session(START)
    told = decode(session, [(C, HELLO), (S, retry)], ends=False)
    assert not events(told, TlsAnswer)
    assert not session.done
    assert events(decode(session, [(S, TLS13)]), TlsAnswer)


def der(tag, data):
    size = sized(data, 1) if len(data) < 128 else b"\x82" + sized(data)
    return bytes((tag,)) + size


def distinguished(*parts):
    return der(
        0x30, b"".join(der(0x31, der(0x30, der(6, oid) + der(kind, v))) for oid, kind, v in parts)
    )


COMMON, ORGANISATION = b"\x55\x04\x03", b"\x55\x04\x0a"


def certificate(names=(), common=(0x0C, b"common.example")):
    alternative = der(0x30, b"".join(der(0x82, name) for name in names) + der(0x87, b"\1\2\3\4"))
    critical = der(1, b"\xff")
    extensions = der(0x30, der(6, b"\x55\x1d\x0f") + der(4, b"\3\2\5\xa0"))
    if names:
        extensions += der(0x30, der(6, b"\x55\x1d\x11") + critical + der(4, alternative))
    body = (
        der(0xA0, der(2, b"\2"))
        + der(2, b"\1")
        + der(0x30, der(6, b"\x2a"))
        + distinguished((ORGANISATION, 0x0C, b"Issuer"), (COMMON, 0x0C, b"CA"))
        + der(0x30, b"")
        + distinguished((COMMON, *common))
        + der(0x30, b"")
        + der(0xA3, der(0x30, extensions))
    )
    return der(0x30, der(0x30, body) + b"rest")


def chain(cert):
    return message(11, sized(sized(cert, 3), 3))


def test_names_in_a_certificate():
    cert = certificate((b"A.example", b"*.b.example"))
    told = tell([(C, records(hello(b""))), (S, records(answer() + chain(cert)))])
    assert events(told, TlsCertificate) == [
        TlsCertificate(names=("a.example", "*.b.example"), issuer="Issuer")
    ]
    assert [(event.name, event.how) for event in events(told, NameLearned)] == [
        ("a.example", "certificate"),
        ("*.b.example", "certificate"),
    ]


def test_the_name_that_was_asked_for_counts_more():
    told = tell([(C, HELLO), (S, records(answer() + chain(certificate((b"a.example",)))))])
    assert [event.how for event in events(told, NameLearned)] == ["sni"]


def test_a_common_name_serves_where_there_is_no_other():
    told = tell([(S, records(answer() + chain(certificate())))])
    assert events(told, TlsCertificate)[0].names == ("common.example",)
    wide = certificate(common=(0x1E, "ü.example".encode("utf-16-be")))
    told = tell([(S, records(answer() + chain(wide)))])
    assert events(told, TlsCertificate)[0].names == ("ü.example",)


def test_a_certificate_says_the_same_when_it_is_shown_again():
    many = tuple(b"%d.example" % number for number in range(400))
    for cert in (certificate((b"a.example",)), certificate(many)):
        for wanted in (True, False, True):
            assert names_in(cert, wanted) == read_names(cert, wanted)
    assert len(certificate(many)) > LARGEST


@pytest.mark.parametrize("cert", [b"", b"junk", certificate()[:60], b"\x30\x84\1\1\1\1"])
def test_certificates_that_cannot_be_read(cert):
    session = Session(START)
    told = decode(session, [(C, HELLO), (S, records(answer() + chain(cert)))])
    assert len(events(told, Malformed)) == (cert != b"")
    assert session.standing is Standing.PARSED
    assert session.done


def test_an_ssl_2_hello():
    """RFC 5246 appendix E.2, as programs of the year 2000 open."""
    body = b"\1\3\1" + u16(6) + u16(0) + u16(16) + b"\0\0\x2f\7\0\xc0" + bytes(16)
    data = u16(0x8000 | len(body)) + body
    assert isinstance(look(data), Claim)
    session = Session(START)
    told = decode(session, [(C, data[:7]), (C, data[7:]), (S, records(answer(0x0301)))])
    (seen,) = events(told, TlsHello)
    assert (seen.version, seen.name) == ("1.0", "")
    assert events(told, TlsAnswer)[0].version == "1.0"


def test_a_server_that_refuses():
    session = Session(START)
    decode(session, [(C, HELLO), (S, records(b"\2\x28", kind=21))], ends=False)
    assert session.done
    assert isinstance(look(HELLO, records(b"\2\x28", kind=21)), Claim)


# -- fingerprints ----------------------------------------------------------------------------

CIPHERS = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
EXTENSIONS = "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"
SIGNATURES = "0403,0804,0401,0503,0805,0501,0806,0601"


def codes(text):
    return tuple(int(code, 16) for code in text.split(","))


def published(**changes):
    fields = {
        "version": 0x0303,
        "ciphers": (0x2A2A, *codes(CIPHERS)),
        "extensions": (0xCACA, *codes(EXTENSIONS), 0x1A1A),
        "versions": (0x8A8A, 0x0304, 0x0303),
        "signatures": codes(SIGNATURES),
        "alpn": (b"h2", b"http/1.1"),
    }
    return ClientHello(**{**fields, **changes})


def test_ja4_of_the_published_example():
    """FoxIO's JA4.md: the example, and what becomes of it without signature algorithms."""
    assert ja4(published()) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert ja4(published(signatures=())).endswith("_6d807ffa2a79")
    nothing = ClientHello(0x0002)
    assert ja4(nothing) == "ts2i000000_000000000000_000000000000"


@pytest.mark.parametrize(
    ("alpn", "code"),
    [
        (b"", "00"),
        (b"h", "hh"),
        (b"http/1.1", "h1"),
        (b"\xab", "ab"),
        (b"\x20", "20"),
        (b"\xab\xcd", "ad"),
        (b"\x20\x61", "21"),
        (b"\x30\xab", "3b"),
        (b"\x61\x20", "60"),
        (b"\x30\x31\xab\xcd", "3d"),
        (b"\x30\xab\xcd\x31", "01"),
    ],
)
def test_ja4_writes_the_first_protocol_as_published(alpn, code):
    assert ja4(published(alpn=(alpn,)))[8:10] == code


def test_ja4_counts_stop_at_99():
    assert ja4(published(ciphers=tuple(range(1, 200))))[4:6] == "99"


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
            "ada70206e40642a3e4461f35503241d5",
        ),
        ("769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6"),
    ],
)
def test_ja3_of_the_published_examples(text, digest):
    """Salesforce's README."""
    version, *lists = text.split(",")
    values = [tuple(int(value) for value in part.split("-") if value) for part in lists]
    seen = ClientHello(int(version), values[0], values[1], groups=values[2], points=values[3])
    assert ja3(seen) == digest
    noisy = ClientHello(
        int(version), (0x3A3A, *values[0]), (*values[1], 0xFAFA), groups=values[2], points=values[3]
    )
    assert ja3(noisy) == digest


corpus = pytest.mark.skipif(not (CORPUS / "public").exists(), reason="no corpus of captures")
WITNESSED = {
    # Names, JA3 and chosen ciphers by tshark; JA4 of the ECH hello follows from its lists.
    "negatives/443-curl.pcap": ("www.ntop.org", "2a26b1a62e40d25d4de3babc9d532f30", "c02f"),
    "negatives/443-git.pcap": ("github.com", "2a26b1a62e40d25d4de3babc9d532f30", "c02f"),
    "negatives/tls_ech.pcapng": (
        "performance.radar.cloudflare.com",
        "6820f114cf3b0809ffdcb30cb277848a",
        "1301",
    ),
}


@corpus
@pytest.mark.parametrize("name", WITNESSED)
def test_witnessed_by_tshark(name):
    told = []
    for flow in flows(CORPUS / "public" / name):
        if isinstance(recognise(peek(flow)), Claim):
            session = Session(flow.start)
            told += decode(session, flow.steps)
            assert session.done
    (seen,), (chosen,) = events(told, TlsHello), events(told, TlsAnswer)
    assert (seen.name, seen.ja3, chosen.cipher) == WITNESSED[name]
    assert seen.ech == ("ech" in name)
    if "git" in name:
        assert events(told, TlsCertificate)[0].names == ("github.com", "www.github.com")


@corpus
def test_ja4_of_a_capture_that_its_authors_publish():
    """FoxIO's own result for the hello inside https-connect.pcap."""
    (flow,) = flows(CORPUS / "public/http-connect/https-connect.pcap")
    inner = effects(decode(Proxy(flow.start), flow.steps), Inner)
    told = tell([(item.side, item.data) for item in inner])
    assert events(told, TlsHello)[0].ja4 == "t12i860500_e18388e7f3a3_a1e935682795"


# -- whose bytes are these -------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 1 << 14])
def test_claimed(size):
    assert isinstance(look(records(hello(), size)), Claim)
    assert isinstance(look(b"", records(answer(), size)), Claim)
    assert isinstance(look(records(hello(), size), b"\x16\x03"), Claim)
    claim = look(records(answer(), size), records(hello(), size), begun=False)
    assert isinstance(claim, Claim)
    assert claim.flipped


@pytest.mark.parametrize(
    "data", [b"\x16", b"\x16\3\1\2", HELLO[:8], records(hello(), 1)[:20], b"\x80"]
)
def test_undecided(data):
    assert look(data) is MORE


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"\x17\3\3\0\x10" + bytes(16), b""),
        (b"\x16\3\5\0\x10\1", b""),
        (b"\x16\2\1\0\x10\1", b""),
        (b"\x16\3\1\x60\0\1", b""),
        (b"\x16\3\1\0\0", b""),
        (b"\x16\3\1\0\x30\1\0\0\x10\3\3", b""),
        (b"\x16\3\1\0\x30\1\0\1\0\2\2", b""),
        (b"\x16\3\1\0\x30\x10\0\1\0\3\3", b""),
        (HELLO, b"HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\n", b""),
        (b"", HELLO),
        (b"\x80\x2e\1\2\0", b""),
        (b"\x80\x0c\1\3\1" + bytes(9), b""),
    ],
)
def test_not_ours(client, server):
    assert look(client, server) is None


def test_only_tcp():
    assert look(HELLO, transport="udp") is None


@corpus
def test_no_other_service_is_taken_for_it():
    """Flows of the protocols of this project give no claim, but where they really speak TLS."""
    for folder in ("socks", "oscar-icq", "msn", "ymsg", "edonkey", "soulseek", "irc"):
        for path in sorted((CORPUS / "public" / folder).glob("*.pcap*")):
            for flow in flows(path):
                if isinstance(recognise(peek(flow)), Claim):
                    assert peek(flow).client[:2] == b"\x16\x03" or not peek(flow).client


# -- loss, faults and the laws ---------------------------------------------------------------


def test_a_gap_ends_a_side():
    session = Session(START)
    told = decode(session, [(C, HELLO[:20]), (C, 30), (C, HELLO), (S, 5)], ends=False)
    assert [type(event) for event in events(told)] == [Gap, Gap]
    assert session.done


def test_bulk_is_not_waited_through():
    session = Session(START)
    session.feed(C, HELLO)
    for _ in range(PATIENCE // 1000 + 1):
        session.feed(C, bytes(1000))
    assert session.done


@pytest.mark.parametrize("size", [1000, 1 << 20])
@pytest.mark.parametrize(("bulk", "answers"), [(PATIENCE - 1000, 1), (PATIENCE, 0)])
def test_how_long_an_answer_is_waited_for_does_not_depend_on_segments(size, bulk, answers):
    steps = recut([(C, HELLO + bytes(bulk)), (S, TLS13)], size)
    assert len(events(decode(Session(START), steps), TlsAnswer)) == answers


@pytest.mark.parametrize(
    "data",
    [
        b"\x19\3\1\0\1\0",
        b"\x16\3\1\xff\xff",
        records(b"\1\xff\0\0"),
        records(message(1, b"\2\0" + bytes(40))),
        records(message(1, hello()[4:50])),
        records(message(3, b"")),
        b"\x80\x04\1\3\1\0",
    ],
)
def test_what_is_no_hello_is_said_once_and_refuted(data):
    session = Session(START)
    told = decode(session, [(C, data), (C, HELLO)])
    assert len(events(told, Malformed)) == 1
    assert session.standing is Standing.REFUTED


def test_memory_is_bounded():
    session = Session(START)
    huge = records(message(1, bytes(65000)))
    for at in range(0, len(huge) - 100, 1000):
        session.feed(C, huge[at : at + 1000])
        session.feed(S, b"\x16\3\3\x40\0" + bytes(1000))
        assert footprint(session) < 180_000


PIECES = [
    HELLO,
    TLS13,
    HELLO[:30],
    records(answer()),
    records(chain(certificate((b"a.b",)))),
    records(hello(), 7),
    records(b"\1", kind=20),
    records(b"data", kind=23),
    records(message(14, b"")),
    records(message(1, hello()[4:60])),
]
chunks = st.lists(
    st.tuples(st.sampled_from(Side), st.sampled_from(PIECES) | st.binary(max_size=30) | st.just(9)),
    max_size=8,
)


@settings(max_examples=200)
@given(chunks, st.integers(1, 50))
def test_garbage_in_any_cut(steps, size):
    check_garbage(lambda: Session(START), steps)
    check_segmentation(lambda: Session(START), steps, size)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_recognise_and_readers_never_raise_anything_else(client, server):
    look(client, server)
    look(b"\x16\3\1\0\x30" + client, b"\x16\3\1" + server, begun=False)
    tell([(C, records(message(1, b"\3\3" + bytes(32) + client)))])
    tell([(S, records(answer() + chain(certificate()[:40] + server)))])


@pytest.mark.parametrize("version", [b"\x04\x01", b"\x03\x05"])
def test_a_record_of_another_version_ends_what_is_read(version):
    told = tell([(Side.CLIENT, records(hello())), (Side.SERVER, b"\x16" + version + b"\0\x04")])
    assert [event.reason for event in events(told, Malformed)] == [
        f"unknown TLS record version {version[0]}.{version[1]}"
    ]
