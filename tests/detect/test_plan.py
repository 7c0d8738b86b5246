"""What rules answered is remembered within bounds, and no message for the sake of speed."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.test_fresh import RULE, locate, message

from backchannel.detect import rules
from backchannel.detect.detector import Detector
from backchannel.detect.plan import GIVE_UP, LONGEST, REMEMBERED, SEVERAL, Plan, _Memory

RULES = rules.load().values()


def said(second, text):
    seen = message(second)
    return msgspec.structs.replace(seen, event=msgspec.structs.replace(seen.event, text=text))


def test_long_messages_are_not_remembered():
    detector = Detector(RULES)
    for second in range(20):
        detector.add(said(second % 2, "my password is secret " * 40))
    (plan,) = detector._plans.values()
    kept = [value for values in plan._matching._known for value in values]
    assert not [text for text in kept if isinstance(text, str) and len(text) > LONGEST]
    assert any(finding.rule == "cleartext-messages" for finding in detector.findings(locate))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=40))
def test_the_memory_says_what_the_function_says(asked):
    memory = _Memory("".join)
    for letter, times in asked:
        values = (letter,) * times
        assert memory.answer(values) == "".join(values)


def test_the_memory_is_bounded_and_gives_up():
    calls = []
    memory = _Memory(calls.append)
    for number in range(2 * REMEMBERED):
        for _ in range(2):  # each comes again, so that it goes on remembering
            memory.answer((number,))
    assert len(calls) == 2 * REMEMBERED
    assert len(memory._known) <= REMEMBERED
    for number in range(GIVE_UP + 100):
        memory.answer((-number - 1,))
    known = len(memory._known)
    memory.answer((-1_000_000,))
    assert len(memory._known) == known, "nothing came twice, so nothing is remembered any more"
    assert memory.answer(([],)) is None, "what cannot be remembered is worked out"


def test_a_plan_is_kept_for_each_kind_of_event():
    detector = Detector(RULES)
    for second in range(3):
        detector.add(message(second))
    assert [type(plan) for plan in detector._plans.values()] == [Plan]


def test_lists_of_files_are_not_remembered():
    memory = _Memory(len)
    for many in (SEVERAL, SEVERAL + 1):
        assert memory.answer((tuple("x" * many),)) == 1
    assert list(memory._known) == [(tuple("x" * SEVERAL),)]


def test_a_finding_may_be_about_a_port():
    rule = msgspec.structs.replace(RULE, each=("server", "server_port"))
    detector = Detector([rule])
    detector.add(message(0))
    ((_, found),) = detector._rules[0].found.items()
    assert found.subject == ("10.0.0.1", str(message(0).flow.server.port))
    assert detector.findings(locate)
