"""What our rules ask is compiled with the package, and nothing of it during a scan."""

from backchannel.detect import expressions, rules, syntax
from backchannel.detect.detector import Detector
from backchannel.detect.kinds import kinds
from backchannel.detect.names import vocabulary
from backchannel.detect.plan import Plan, parts
from backchannel.detect.prepared import CHECKED, PARTS, QUESTIONS
from backchannel.detect.running import RunningRule
from backchannel.engine.ended import Ended

OURS = rules.load()


def test_all_that_our_rules_ask_is_prepared():
    running = [RunningRule(rule) for rule in OURS.values()]
    asked = set[str]()
    for tag, kind in (kinds() | {"stream": Ended}).items():
        looking = [each for each in running if tag in each.rule.events]
        asked.update(Plan(vocabulary(kind), looking).questions() if looking else ())
    unprepared = asked - QUESTIONS.keys() - set(filter(expressions.is_place, asked))
    missing = {text for text in unprepared if expressions.NOTHING not in text}
    assert len(asked) > 50
    assert not missing


def test_no_expression_of_ours_is_read_anew():
    syntax.checked.cache_clear()
    detector = Detector(OURS.values())
    for rule in OURS.values():
        for text in rules.expressions(rule):
            expressions.Expression(text, rule.id).may_hold({})
        for tag in rule.events:
            detector.reads(tag, {})
    assert syntax.checked.cache_info().misses == 0


def test_summaries_of_ours_are_prepared():
    summaries = {rule.summary for rule in OURS.values()}
    assert summaries == PARTS.keys()
    for summary in summaries:
        strange = f"{summary} "  # which is not prepared
        assert strange not in PARTS
        assert "".join(map("".join, parts(strange))) == "".join(map("".join, parts(summary))) + " "


def test_what_is_prepared_is_what_would_be_read():
    for text, known in CHECKED.items():
        assert (text, *known) == syntax.checked(text)
