"""The fuzzer of compiled modules itself: some seconds of it, and what it does where two differ."""

from pathlib import Path
from random import Random

import msgspec
import pytest
from tools import capture_cases, fuzz_decoders, fuzz_twins
from tools.capture_cases import Frame
from tools.twins import PLAIN, Answer, Difference, Task, Twins, difference

import backchannel
from backchannel import protocols
from backchannel.contract import Start
from backchannel.model import Endpoint, Side

PRESENCE = fuzz_twins.EXAMPLES / "aim/aim_presence.pcap"
COMPILED = any(Path(backchannel.__file__).parent.rglob("engine/engine.*.so"))


@pytest.fixture
def twins(tmp_path):
    if not COMPILED:
        pytest.skip("nothing is compiled here, so that there is nothing to compare")
    with Twins(tmp_path) as both:
        yield both


@pytest.mark.slow
def test_compiled_and_plain_say_the_same(twins):
    assert [bool(worker.compiled) for worker in twins.workers.values()] == [True, False]
    places = [fuzz_twins.EXAMPLES / name for name in ("aim", "icq", "yahoo", "ipsec")]
    seeds = [*fuzz_twins.captures(places)]
    talks = {
        name: fuzz_decoders.examples(protocols.load()[name]) for name in ("oscar", "icq", "ike")
    }
    for make in (fuzz_twins.scans(seeds), fuzz_twins.sessions(talks)):
        cases, found = fuzz_twins.fuzz(twins, make, 7, seconds=30, cases=20)
        assert cases > 2
        assert not found


def test_a_process_that_ends_or_does_not_answer_is_told_and_begun_again(twins):
    task = Task(PRESENCE.read_bytes())
    worker = twins.workers[PLAIN]
    assert worker.answer(0.1).raised.startswith("no answer in 0.1 s")
    worker.kill()
    worker.ask(task)
    assert worker.answer().raised.startswith("ended with -9")
    worker.ask(task)
    assert b'"aim"' in worker.answer().document
    worker.ask(Task(b"no capture at all, and long enough"))
    assert "NotACapture" in worker.answer().raised


def test_what_a_session_says_is_told(twins):
    start = Start("tcp", Endpoint("192.0.2.1", 1000), Endpoint("192.0.2.2", 1080))
    case = fuzz_decoders.Case(start, [(Side.CLIENT, b"\5\1\0"), (Side.SERVER, 7)])
    task = Task(fuzz_decoders.written("socks", case), session=True)
    assert twins.compare(task) is None
    worker = twins.workers[PLAIN]
    worker.ask(task)
    told = worker.answer().told
    assert b"Gap(size=7)" in told[3]
    assert len(told) == 2 + len(case.steps) + 2


LINES = [b'{"a":1}', b'{"b":[1,2]}']


def answer(*told, **document):
    return Answer(list(told) or LINES, msgspec.json.encode({"unseen": {}, **document}))


@pytest.mark.parametrize(
    ("compiled", "plain", "told"),
    [
        (answer(), answer(), None),
        (answer(), answer(LINES[0], b'{"b":[1,3]}'), ("told[1].b[1]", "2", "3")),
        (answer(b"[X(1)]"), answer(b"[X(2)]"), ("told[0]", "'[X(1)]'", "'[X(2)]'")),
        (answer(), answer(LINES[0]), ("told", "2 lines", "1 lines")),
        (answer(rows=[{}]), answer(rows=[{"x": 0}]), ("document.rows[0].x", "None", "0")),
        (answer(rows=[1]), answer(rows=[]), ("document.rows", "1: [1]", "0: []")),
        (answer(n=1), answer(n=True), ("document.n", "1", "True")),
        (Answer(raised="x"), answer(), ("raised", "x", "")),
        (Answer(raised="x"), Answer(raised="x"), ("raised", "x", "x")),
        (
            answer(unseen={"faults in a": 1}),
            answer(unseen={"faults in a": 1}),
            ("both: faults in a",),
        ),
    ],
)
def test_what_differs_is_named(compiled, plain, told):
    found = difference(compiled, plain)
    assert found == (told and Difference(*told, *[""] * (3 - len(told))))


def test_differences_in_other_rows_are_of_one_kind():
    assert Difference("told[12].b[3]", "1", "2").kind == "told[].b[]"


def test_as_little_as_may_be_is_left():
    assert fuzz_twins.smallest(range(50), lambda few: {7, 31} <= {*few}) == [7, 31]
    assert fuzz_twins.smallest([4], lambda few: True) == [4]


def test_a_difference_is_kept_as_small_as_may_be(tmp_path, monkeypatch):
    class Differ:
        """Twins that differ where a capture holds the bytes."""

        def compare(self, task):
            bad = b"\x2a\x02" in task.data
            return Difference("document.services[0]", "a", "b") if bad else None

        def said(self):
            return "a trace"

    monkeypatch.setattr(fuzz_twins, "OUT", tmp_path)
    seed = capture_cases.read(PRESENCE)
    cases, found = fuzz_twins.fuzz(Differ(), fuzz_twins.scans([seed]), 1, seconds=60, cases=20)
    assert cases == 20
    assert found["scan: document.services[]"] > 1
    (kept,) = tmp_path.glob("*.pcapng")
    assert len(capture_cases.read(kept).frames) == 1
    assert "a trace" in kept.with_suffix(".txt").read_text()
    assert fuzz_twins.kept(kept).data == kept.read_bytes()


# -- hostile captures ------------------------------------------------------------------------------


def test_a_capture_holds_its_frames(tmp_path):
    path = tmp_path / "made.pcapng"
    frames = [
        Frame((1 << 63) - 1, 1, b"abc", 0xFFFFFFFF),
        Frame(0, 101, b"", 0),
        Frame(5, 1, b"d", 1),
    ]
    path.write_bytes(capture_cases.capture(frames))
    assert capture_cases.read(path).frames == frames
    assert not capture_cases.read(Path(__file__)).frames


def test_a_seed_repeats_a_capture():
    seeds = [capture_cases.read(PRESENCE)]
    made = [capture_cases.mutated(Random(number), seeds) for number in (*range(9), *range(9))]
    assert made[:9] == made[9:]
    assert len({capture_cases.capture(frames) for frames in made}) == 9


def test_all_that_numbers_can_say_is_said():
    seeds = [capture_cases.read(PRESENCE)]
    made = [frame for n in range(300) for frame in capture_cases.mutated(Random(n), seeds)]
    times = {frame.time for frame in made}
    assert min(times) == 0
    assert max(times) == (1 << 64) - 1
    assert {0, 0x80000000, 0xFFFFFFFF} <= {frame.size for frame in made}
