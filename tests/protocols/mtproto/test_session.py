"""MTProto: Telethon and Pyrogram recorded, and frames made by hand after Telegram's pages.

Facts about the recording, in the manifest, are the key ids that both programs printed.
"""

import random
import struct
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.effects import Tie
from backchannel.events import Gap, Malformed
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.mtproto import PROTOCOL, wire
from backchannel.protocols.mtproto.events import (
    TelegramConnection,
    TelegramError,
    TelegramHandshake,
    TelegramKey,
)
from backchannel.protocols.mtproto.session import FRAMES, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 443))
RECORDED = kit.EXAMPLES / "telegram/mtproto_telethon_pyrogram.pcap"
CLOCK = 1_790_000_000
OPENING = {"abridged": b"\xef", "intermediate": b"\xee" * 4, "padded": b"\xdd" * 4, "full": b""}
FORMS = [*OPENING, "obfuscated abridged", "obfuscated intermediate", "obfuscated padded"]
KEY = bytes.fromhex("8877665544332211")
"""As it stands on the wire; its id is written the other way round."""
KEY_ID = "1122334455667788"


def noise(size, seed=7):
    return random.Random(seed).randbytes(size)


def plain(name, body=b"", clock=CLOCK):
    """A message in clear."""
    head = struct.pack("<QIIII", 0, 4, clock, 4 + len(body), name)
    return head + body


def sealed(blocks=5, key=KEY):
    """An encrypted message."""
    return key + noise(16 + 16 * blocks, blocks)


def res_pq(*keys):
    pq = b"\x08" + bytes(8) + bytes(3)
    listed = struct.pack("<II", 0x1CB5C415, len(keys)) + struct.pack(f"<{len(keys)}Q", *keys)
    return plain(0x05162463, noise(32) + pq + listed)


REQ_PQ = plain(0xBE7E8EF1, noise(16))
RES_PQ = res_pq(0xD09D1D85DE64FD85, 0x0BC35F3509F7B7A5)
ERROR = struct.pack("<i", -404)


class Writer:
    """One side of a connection, in one of the forms."""

    def __init__(self, form, side, centre=2):
        hidden, _, name = form.rpartition(" ")
        self.name, self.number, self.cipher, self.opening = name, 0, None, b""
        if hidden:
            self.opening = self._hide(name, side, centre)
        elif side is C:
            self.opening = OPENING[name]

    def _hide(self, name, side, centre):
        first = noise(56, 3) + OPENING[name] * (4 // len(OPENING[name]))
        first += struct.pack("<h", centre) + b"\x55\xaa"
        keys = first[8:56] if side is C else first[8:56][::-1]
        self.cipher = Cipher(AES(keys[:32]), CTR(keys[32:])).encryptor()
        if side is S:
            return b""
        return first[:56] + self.cipher.update(first)[56:]

    def frame(self, message):
        if self.name == "abridged":
            words = len(message) // 4
            head = bytes([words]) if words < 127 else b"\x7f" + words.to_bytes(3, "little")
            return head + message
        if self.name == "full":
            body = struct.pack("<II", len(message) + 12, self.number) + message
            self.number += 1
            return body + struct.pack("<I", zlib.crc32(body))
        padding = noise(9) if self.name == "padded" else b""
        return struct.pack("<I", len(message + padding)) + message + padding

    def write(self, *messages, raw=b""):
        data = b"".join(map(self.frame, messages)) + raw
        data = self.cipher.update(data) if self.cipher else data
        opening, self.opening = self.opening, b""
        return opening + data


def talk(form, *steps, centre=2):
    """A conversation of messages in one of the forms."""
    sides = {side: Writer(form, side, centre) for side in Side}
    return [(side, sides[side].write(*messages)) for side, *messages in steps]


def handshake(form, centre=2):
    return talk(form, (C, REQ_PQ), (S, RES_PQ), (C, sealed(3)), (S, sealed(4)), centre=centre)


def known(form):
    return talk(form, (C, sealed()), (S, sealed(9)), (C, sealed(2)))


def look(client=b"", server=b"", begun=True, transport="tcp"):
    return recognise(Peek(transport, client, server, begun, START))


def say(steps):
    session = Session(START)
    return session, kit.decode(session, steps)


def connection(form, **more):
    hidden, _, name = form.rpartition(" ")
    more = {"centre": 2, **more} if hidden else more
    return TelegramConnection(framing=name, obfuscated=bool(hidden), **more)


# -- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_request_for_a_key_is_claimed_at_once(form):
    data = handshake(form)[0][1]
    assert isinstance(look(data), Claim)
    whole = range(1, len(data))
    assert {look(data[:size]) for size in whole} <= {MORE, look(data)}
    assert isinstance(look(data, begun=False), Claim)
    assert look(data, transport="udp") is None


@pytest.mark.parametrize("form", list(OPENING))
def test_a_key_is_claimed_once_the_server_names_it_too(form):
    (_, said), (_, heard), _ = known(form)
    assert look(said) is MORE
    assert look(said, heard[:5]) is MORE
    assert isinstance(look(said, heard), Claim)
    assert look(said, Writer(form, S).write(sealed())) is None  # an echo
    other = Writer(form, S).write(sealed(9, noise(8)))
    assert look(said, other) is None
    assert isinstance(look(said, Writer(form, S).write(ERROR)), Claim)
    assert (
        look(said, b"HTTP/1.1 400 Bad Request\r\nServer: x\r\nConnection: close\r\n\r\n" * 30)
        is None
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "message",
    [
        plain(0xBE7E8EF1, noise(16), clock=1_000_000_000),
        plain(0x12345678, noise(16)),
        REQ_PQ[:16] + b"\x38" + REQ_PQ[17:],
        sealed()[:-4],
        KEY + noise(16),
        bytes(40),
    ],
)
def test_what_no_client_says_first_is_not_claimed(form, message):
    if form.endswith("padded"):
        message = message[: 24 - 8] if message.startswith(KEY) else message
    data = Writer(form, C).write(message)
    assert look(data, data * 8) is None


def test_the_first_64_bytes_must_hide_a_framing():
    data = bytearray(handshake("obfuscated abridged")[0][1])
    data[57] ^= 1
    assert look(bytes(data)) is None


def test_an_opening_that_is_not_random_is_not_waited_for():
    opening = noise(12)
    assert look(opening) is MORE
    assert look(opening[:9] + bytes(3)) is None
    assert look(b"USER somebody\r\nP") is None
    assert look(b"USER somebody\r\nP"[:15]) is MORE


@pytest.mark.parametrize("size", [0, 1, 7, 63])
def test_a_server_that_speaks_before_the_client_opened_is_none(size):
    opening = handshake("obfuscated abridged")[0][1][:size]
    assert look(opening) is MORE
    assert look(opening, b"220 ready\r\n") is None


def test_a_frame_of_the_full_form_must_have_its_checksum():
    data = bytearray(handshake("full")[0][1])
    data[-1] ^= 1
    assert look(bytes(data)) is None


@settings(max_examples=300)
@given(st.binary(min_size=64, max_size=200))
def test_random_bytes_are_never_claimed(data):
    assert look(data, data[::-1]) in (None, MORE)
    assert not isinstance(look(b"\xef" + data, data), Claim)


def test_the_magic_lets_all_forms_pass_and_little_else():
    matcher = Matcher({"mtproto": PROTOCOL})
    for form in FORMS:
        for data in (handshake(form)[0][1], known(form)[0][1]):
            assert matcher.candidates("tcp", data) == ["mtproto"], form
    hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + noise(180)
    web = b"POST /a HTTP/1.1\r\n\r\n" + noise(90)
    text = (
        b"The quick brown fox jumps over the lazy dog, 0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ ;:!?"
    )
    for data in (
        hello,
        web,
        text,
        noise(4) + bytes(90),
        b"\xef\xbb\xbf<?xml version='1.0'?>" + text,
    ):
        assert matcher.candidates("tcp", data) == []


# -- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_handshake_is_told_step_by_step_and_then_the_key(form):
    session, told = say(handshake(form))
    assert kit.events(told) == [
        connection(form),
        TelegramHandshake(step="req_pq_multi"),
        TelegramHandshake(step="resPQ", server_keys=("d09d1d85de64fd85", "0bc35f3509f7b7a5")),
        TelegramKey(key=KEY_ID),
    ]
    assert kit.effects(told) == [Tie(key=f"telegram/{KEY_ID}")]
    assert (session.standing, session.done) == (Standing.PARSED, True)


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_told_once_and_the_rest_left_alone(form):
    session, told = say(known(form))
    assert kit.events(told) == [connection(form), TelegramKey(key=KEY_ID)]
    assert (session.standing, session.done) == (Standing.PARSED, True)


@pytest.mark.parametrize(
    ("centre", "wanted"),
    [
        (2, {"centre": 2}),
        (-4, {"centre": 4, "media": True}),
        (10003, {"centre": 3, "test": True}),
        (-10001, {"centre": 1, "test": True, "media": True}),
        (203, {"centre": 203}),
        (14015, {"centre": 0}),
        (0, {"centre": 0}),
        (10000, {"centre": 0}),
        (-32768, {"centre": 0}),
    ],
)
def test_the_data_centre_is_told_where_it_is_one(centre, wanted):
    form = "obfuscated padded"
    _, told = say(talk(form, (C, sealed()), centre=centre))
    assert told[0][1] == connection(form, **wanted)


@pytest.mark.parametrize("form", FORMS)
def test_an_error_is_told(form):
    session, told = say(talk(form, (C, sealed()), (S, ERROR)))
    assert kit.events(told)[-1] == TelegramError(code=404)
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize(
    ("form", "acknowledgement"),
    [
        ("intermediate", b"\1\2\3\x84"),
        ("abridged", b"\x84\3\2\1"),
        ("obfuscated padded", b"\1\2\3\x84"),
    ],
)
def test_quick_acknowledgements_are_passed_over(form, acknowledgement):
    client, server = Writer(form, C), Writer(form, S)
    asked = client.write(raw=_asks_for_one(client, sealed()))
    steps = [
        (C, asked),
        (S, server.write(sealed(3), raw=acknowledgement)),
        (S, server.write(ERROR)),
    ]
    _, told = say(steps)
    # both named the key, so that nothing more was read
    assert kit.events(told) == [connection(form), TelegramKey(key=KEY_ID)]
    first = Writer(form, S).write(raw=acknowledgement + server.frame(sealed(3)))
    session, told = say([(C, asked), (S, first)])
    assert session.standing is Standing.PARSED
    assert kit.events(told) == [connection(form), TelegramKey(key=KEY_ID)]


def _asks_for_one(writer, message):
    frame = bytearray(writer.frame(message))
    frame[0 if writer.name == "abridged" else 3] |= 0x80
    return bytes(frame)


def test_a_long_frame_is_told_by_its_beginning_and_passed_over():
    form = "abridged"
    sides = Writer(form, C), Writer(form, S)
    long = sealed(4000, KEY)
    steps = [
        (C, sides[0].write(REQ_PQ, long)),
        (C, sides[0].write(sealed(2, noise(8)))),
        (S, sides[1].write(RES_PQ)),
    ]
    _, told = say(steps)
    assert [event.key for event in kit.events(told, TelegramKey)] == [
        KEY_ID,
        noise(8)[::-1].hex(),
    ]
    kit.check_segmentation(lambda: Session(START), steps, 700)


def test_a_connection_is_watched_for_some_frames_only():
    session, told = say(talk("full", *[(C, sealed(1 + n, noise(8, n))) for n in range(60)]))
    assert len(kit.events(told, TelegramKey)) == FRAMES
    assert session.done


def test_what_breaks_off_is_malformed_and_refuted_before_it_was_proved():
    for form, broken in (("abridged", b"\0"), ("intermediate", b"\xff\xff\xff\x7f")):
        session, told = say([*talk(form, (C, sealed())), (C, broken + bytes(40))])
        assert isinstance(told[-1][1], Malformed)
        assert session.standing is Standing.REFUTED
    session, told = say([*handshake("full")[:2], (C, bytes(90))])
    assert isinstance(told[-1][1], Malformed)
    assert session.standing is Standing.PARSED
    assert say([(S, b"hello")])[0].standing is Standing.REFUTED


def test_a_hole_ends_it():
    steps = handshake("obfuscated intermediate")
    session, told = say([*steps[:2], (S, 40), *steps[2:]])
    assert [type(event) for event in kit.events(told)] == [
        TelegramConnection,
        TelegramHandshake,
        TelegramHandshake,
        Gap,
    ]
    assert session.done


def test_too_many_server_keys_are_not_a_list():
    session, told = say(talk("full", (C, REQ_PQ), (S, res_pq(*range(40)))))
    assert isinstance(told[-1][1], Malformed)
    assert session.done


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 63, 64, 65, 200])
def test_how_tcp_cuts_it_changes_nothing(form, size):
    kit.check_segmentation(lambda: Session(START), handshake(form), size)


@given(
    st.sampled_from(FORMS),
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=80) | st.sampled_from([REQ_PQ, RES_PQ, sealed(), ERROR, b"\0" * 64]),
        )
    ),
    st.booleans(),
)
def test_garbage_is_never_raised(form, steps, framed):
    sides = {side: Writer(form, side) for side in Side}
    if framed:
        steps = [(side, sides[side].write(data + b"\0" * (-len(data) % 4))) for side, data in steps]
    kit.check_garbage(lambda: Session(START), steps, bound=4096)


# -- the recording -------------------------------------------------------------------------------


def test_the_whole_scan_names_it_on_any_port(tmp_path):
    for form in FORMS:
        packets = craft.tcp(known(form), server=Endpoint("198.51.100.7", 8111))
        document = Scan(craft.write(tmp_path / "one.pcap", packets)).document
        assert [(row.service, row.stack, row.confidence) for row in document.services] == [
            ("telegram", "mtproto", "parsed")
        ], form


def test_flows_with_one_key_are_one_session():
    run = Scan(RECORDED)
    list(run)
    keys = [seen for seen in Scan(RECORDED) if isinstance(seen.event, TelegramKey)]
    shared = [seen.flow.serial for seen in keys if seen.event.key == "ea99accbcaa3ed45"]
    assert len(set(shared)) == 2


def test_every_known_error_is_one():
    assert set(wire.ERRORS) == {403, 404, 429, 444}
