"""The decoder fuzzer itself: ten seconds of it, and decoders that break each law."""

import time
from pathlib import Path
from random import Random

import msgspec
import pytest
from tools import fuzz_decoders, mutations

from backchannel import protocols
from backchannel.contract import Length, Start
from backchannel.events import Malformed
from backchannel.model import Endpoint, Side, Standing

CLIENT, SERVER = Side.CLIENT, Side.SERVER
ENDS = Endpoint("192.0.2.1", 1000), Endpoint("192.0.2.2", 2000)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oscar", "msnftp", "ymsg"])
def test_decoders_keep_the_laws(name):
    protocol = protocols.load()[name]
    seeds = fuzz_decoders.examples(protocol)
    assert seeds
    runs, failed = fuzz_decoders.fuzz(protocol, seeds, 7, seconds=3)
    assert runs > 20
    assert not failed


class Sound:
    """A decoder that says nothing."""

    def __init__(self, start):
        self.service, self.standing, self.done = "", Standing.CLAIMED, False
        self.held = b""

    def feed(self, side, data):
        return []

    def gap(self, side, size):
        return []

    def end(self, side):
        return []


class Raises(Sound):
    def feed(self, side, data):
        return [Malformed(reason="x" * data[len(data)])]


class RaisesAtTheEnd(Sound):
    def end(self, side):
        raise IndexError


class TellsText(Sound):
    def feed(self, side, data):
        return ["told"]


class Hoards(Sound):
    def feed(self, side, data):
        self.held += bytes(1 << 20)
        return []


Hoards.__module__ = "backchannel.fake"  # the kit counts only what the project's own objects hold


class Slow(Sound):
    def feed(self, side, data):
        start = time.thread_time()
        while time.thread_time() < start + 0.4:
            pass
        return []


class CountsSegments(Sound):
    def feed(self, side, data):
        return [Malformed(reason=str(len(data)))]


class StandsBySegments(Sound):
    def feed(self, side, data):
        self.standing = Standing.PARSED if len(data) > 50 else Standing.CLAIMED
        return []


class Fake(msgspec.Struct):
    name: str
    session: type
    recognise: object = staticmethod(lambda peek: None)


STEPS = [(CLIENT, bytes(100)), (SERVER, bytes(100))]


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (Sound, ""),
        (Raises, "IndexError at test_fuzz.py"),
        (RaisesAtTheEnd, "IndexError at test_fuzz.py"),
        (TellsText, "output: str"),
        (Hoards, "memory: "),
        (Slow, "time: feed"),
        (CountsSegments, "segmentation: "),
        (StandsBySegments, "segmentation: "),
    ],
)
def test_a_broken_law_is_seen(session, reason):
    case = fuzz_decoders.Case(Start("tcp", *ENDS), STEPS)
    told = fuzz_decoders.attempt(Fake("fake", session), case, "1/fake/0")
    assert told.startswith(reason)
    assert bool(told) == bool(reason)


def test_datagrams_are_not_cut():
    case = fuzz_decoders.Case(Start("udp", *ENDS), STEPS)
    assert fuzz_decoders.attempt(Fake("fake", CountsSegments), case, "1/fake/0") == ""


def test_a_recogniser_must_answer_with_a_claim():
    case = fuzz_decoders.Case(Start("tcp", *ENDS), STEPS)
    told = fuzz_decoders.attempt(Fake("fake", Sound, lambda peek: "yes"), case, "1/fake/0")
    assert told == "recognise: str"


def test_a_failure_is_kept_and_repeats(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz_decoders, "OUT", tmp_path)
    monkeypatch.setattr(fuzz_decoders, "ROOT", tmp_path)
    monkeypatch.setattr(fuzz_decoders.protocols, "load", lambda: {"fake": Fake("fake", Raises)})
    cases = [fuzz_decoders.Case(Start("tcp", *ENDS), STEPS)]
    runs, failed = fuzz_decoders.fuzz(Fake("fake", Raises), cases, 1, seconds=60, runs=5)
    assert runs == 5
    assert failed.total() >= 4  # mutation may leave nothing to feed
    (kept,) = Path(tmp_path).iterdir()
    assert fuzz_decoders.replay(kept).startswith("IndexError at test_fuzz.py")


# -- mutations -----------------------------------------------------------------------------------


def test_a_seed_repeats_a_mutation():
    made = [mutations.mutate(Random(5), "oscar", [STEPS, STEPS[:1]]) for _ in range(2)]
    assert made[0] == made[1]
    assert any(mutations.mutate(Random(n), "oscar", [STEPS]) != STEPS for n in range(9))


def test_a_number_is_changed_wherever_it_stands():
    """What must be the same in several steps, such as RTP's source, is changed in all of them."""
    steps = [(CLIENT, b"%d\0\0\xab\xcd" % number) for number in range(5)]
    made = [mutations.mutate(Random(number), "rtp", [steps]) for number in range(2000)]
    assert [(CLIENT, b"%d\xff\xff\xff\xff" % number) for number in range(5)] in made


def test_cutting_keeps_the_bytes_and_their_order():
    steps = [(CLIENT, b"abc"), (CLIENT, b"defg"), (SERVER, b"hi"), (CLIENT, 5), (CLIENT, b"jk")]
    for seed in range(50):
        assert mutations.glue(mutations.cut(Random(seed), steps)) == [
            (CLIENT, b"abcdefg"), (SERVER, b"hi"), (CLIENT, 5), (CLIENT, b"jk"),
        ]  # fmt: skip


def test_frames_keep_true_lengths():
    length = Length(2, 2, 4)
    data = b"ab\0\3xyz" + b"cd\0\0" + b"ef\0\1u" + b"re"
    assert mutations.frames(data, length) == [b"ab\0\3xyz", b"cd\0\0", b"ef\0\1ure"]
    assert mutations.frames(b"ab\0\x09xyz", length) == []
    assert mutations.true(b"ab\0\3xyz12", length) == b"ab\0\5xyz12"


def test_text_tells_its_new_length():
    old = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    assert mutations.recount(old, old + b"de") == old.replace(b" 3\r", b" 5\r") + b"de"
    old = b"MSG a b 10\r\n0123456789"
    assert mutations.recount(old, old[:-4]) == b"MSG a b 6\r\n012345"
