"""What a rule asks is compiled for each kind of event, and says what its expressions say."""

from collections import Counter
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.test_fresh import RULE, locate, message
from tests.detect.test_rules import SECOND, stream_of

from backchannel import events
from backchannel.detect import names, rules
from backchannel.detect import plan as plans
from backchannel.detect.detector import Detector
from backchannel.detect.expressions import FAILURES, Expression, function
from backchannel.detect.plan import Plan, Told
from backchannel.detect.running import RunningRule
from backchannel.engine.ended import Ended, ended
from backchannel.errors import UsageError
from backchannel.protocols.ike.events import IkeStage

RULES = rules.load().values()


def plan_of(kind, *made):
    return Plan(names.vocabulary(kind), [RunningRule(r) for r in made])


def stream():
    made, octets = stream_of("socks", "socks5", 1080, depth=1)
    return ended(made, packets=2, octets=octets, first=SECOND, last=3 * SECOND)


def test_a_plan_is_kept_for_each_kind_of_event():
    detector = Detector(RULES)
    for second in range(3):
        detector.add(message(second))
    assert [type(plan) for plan in detector._plans.values()] == [Plan]


def test_an_event_tells_its_fields_and_where_it_was_seen():
    told = Told(plan_of(events.Message), seen := message(7))
    assert told["text"] == "hi"
    assert told["client"] == "10.0.0.5"
    assert told["client_port"] == 41_000
    assert told["side"] == "client"
    assert told["capability"] == "message"
    assert told["target"] == told["account"] == told["media"] == ""
    assert told["files"] == ()
    assert told.get("nothing", "none") == "none"
    with pytest.raises(KeyError):
        told["nothing"]
    assert {"sender", "recipient", "stack"} <= told.all().keys()
    assert set(told.all()) == set(names.observed(type(seen.event)))


def test_what_is_empty_is_somebody_only_where_it_is_a_person():
    rule = msgspec.structs.replace(RULE, summary="{sender} on {capability}: {kind}")
    [case] = plan_of(events.Message, rule).cases
    assert case.summary(("", "", "")).startswith("somebody on unknown: unknown")


@pytest.mark.parametrize(
    ("sender", "recipient", "told"),
    [
        ("jo", "al", "jo to al: jo!"),
        ("", "al", "somebody to al: al!"),
        ("", "", "somebody to somebody: somebody!"),
    ],
)
def test_of_names_side_by_side_the_first_that_has_a_value_is_told(sender, recipient, told):
    summary = "{sender} to {recipient}: {sender}{recipient}!"
    rule = msgspec.structs.replace(RULE, summary=summary)
    seen = msgspec.structs.replace(
        message(0), event=events.Message(sender=sender, recipient=recipient)
    )
    [case] = plan_of(events.Message, rule).cases
    assert case.summary(case.values(seen)) == told


def test_the_flow_wins_over_a_field_of_the_same_name():
    """A program may be called `client`; a rule names it `program`."""
    seen = msgspec.structs.replace(message(0), event=events.SignOn(account="jo", client="Gaim"))
    told = Told(plan_of(events.SignOn), seen)
    assert (told["client"], told["program"], told["account"]) == ("10.0.0.5", "Gaim", "jo")


def test_the_account_of_a_session_stands_where_the_event_names_none():
    seen = msgspec.structs.replace(message(0), account="jo")
    assert Told(plan_of(events.Message), seen)["account"] == "jo"
    seen = msgspec.structs.replace(seen, event=events.Software(name="x"))
    assert Told(plan_of(events.Software), seen)["account"] == "jo"
    seen = msgspec.structs.replace(seen, event=events.Software(name="x", account="ann"))
    assert Told(plan_of(events.Software), seen)["account"] == "ann"


def test_a_stream_tells_its_figures():
    told = Told(Plan(names.vocabulary(Ended), []), stream())
    assert told["seconds"] == 2
    assert told["bytes"] == 1000
    assert (told["depth"], told["target"]) == (1, "203.0.113.9:1080")
    assert (told["target_host"], told["target_port"]) == ("203.0.113.9", 1080)
    assert told.get("side", "none") == "none", "a stream is of both"


def test_accounts_are_those_that_the_kind_of_event_has():
    seen = msgspec.structs.replace(message(0), account="jo")
    assert Counter(plan_of(events.Message).accounts(seen)) == Counter(["jo", "a", "b"])
    seen = msgspec.structs.replace(seen, event=events.Gap(size=1))
    assert plan_of(events.Gap).accounts(seen) == ("jo",)
    assert Plan(names.vocabulary(Ended), []).accounts(stream()) == ()


def test_an_end_of_a_tunnel_is_no_account():
    stage = IkeStage(
        initiator_spi="1", responder_spi="", version=2, sender="initiator", stage="initiated"
    )
    seen = msgspec.structs.replace(message(0), event=stage)
    assert plan_of(IkeStage).accounts(seen) == ()
    assert Told(plan_of(IkeStage), seen)["sender"] == "initiator", "rules may name it all the same"


def test_a_finding_may_be_about_a_port():
    rule = msgspec.structs.replace(RULE, each=("server", "server_port"))
    detector = Detector([rule])
    detector.add(message(0))
    ((_, found),) = detector._rules[0].found.items()
    assert found.subject == ("10.0.0.1", str(message(0).flow.server.port))
    assert detector.findings(locate)


def test_what_fails_in_a_subject_leaves_the_rest():
    rule = msgspec.structs.replace(RULE, each=("client", "text > 3", "nothing", "len(text)"))
    (case,) = plan_of(events.Message, rule).cases
    assert case.match(message(0)) == ("10.0.0.5", "None", "None", "2")


def test_what_fails_for_one_event_leaves_the_others_that_are_asked_with_it():
    rule = msgspec.structs.replace(RULE, when="3 / size > 0", each=("size",))
    detector = Detector([rule])
    events_of = [msgspec.structs.replace(message(0).event, size=size) for size in (1, 0, 2)]
    detector.hear([msgspec.structs.replace(message(0), event=each) for each in events_of])
    assert list(detector._rules[0].found) == [("1",), ("2",)]


def told_by_groups(plan, told):
    """Return what the rules of a plan say of each that is *told*, all asked at once."""
    for seen in told:
        plan.add(seen)
    said = []
    for _ in told:
        group = plan.next()
        place = group.next() if group.cases else 0
        of_rules = zip(group.cases, group.subjects, strict=True) if group.cases else ()
        found = {case.rule.rule.id: subjects[place] for case, subjects in of_rules}
        said.append({rule: subject for rule, subject in found.items() if subject is not None})
    return said


def peer_addresses():
    """Yield events that differ in what rules ask for: three services, and one of none."""
    services = ("gnutella", "irc", "aim", ""), ("gnutella", "irc", "oscar", "gnutella")
    addresses, uses = ("10.0.0.9", "8.8.8.8", "1.1.1.1", "?"), (None, "presence")
    for service, protocol in zip(*services, strict=True):
        for how, use in product(("", "proxy", "seen-as", "dht-port"), uses):
            for address in addresses:
                event = events.PeerAddress(account="jo", address=address, how=how, use=use)
                yield msgspec.structs.replace(
                    message(0), event=event, service=service, protocol=protocol
                )


def streams():
    """Yield streams that ended, of services and protocols that rules name."""
    for protocol in ("ike", "esp", "socks", "gnutella", "xmpp", "rdp", "unknown"):
        for service, depth in product(("ipsec", "socks", "gnutella", ""), (0, 1, 2)):
            yield msgspec.structs.replace(
                stream(), protocol=protocol, service=service, depth=depth, octets=10**9
            )


@pytest.mark.parametrize(("kind", "told"), [(events.PeerAddress, peer_addresses), (Ended, streams)])
@pytest.mark.parametrize("groups", [plans.GROUPS, 3])
def test_asked_in_groups_rules_say_what_they_say_of_each(kind, told, groups, monkeypatch):
    monkeypatch.setattr(plans, "GROUPS", groups)
    plan, told = Plan(names.vocabulary(kind), rules_for(kind)), list(told())
    assert len(plan.cases) >= plans.MANY
    alone = [{case.rule.rule.id: case.match(seen) for case in plan.cases} for seen in told]
    expected = [
        {rule: subject for rule, subject in each.items() if subject is not None and seen.service}
        for each, seen in zip(alone, told, strict=True)
    ]
    assert told_by_groups(plan, told) == expected
    assert len({rule for each in expected for rule in each}) > 3


def rules_for(kind):
    return [RunningRule(rule) for rule in RULES if names.tag(kind) in rule.events]


def matches_of(when):
    """Return how many findings one message makes by a rule with that condition."""
    detector = Detector([msgspec.structs.replace(RULE, when=when)])
    detector.add(message(0))
    return len(detector.findings(locate))


def test_only_true_is_a_match_and_not_what_python_takes_for_true():
    for when in ("text", "text and sender", "text or size == 0", "text if size == 0 else True"):
        assert matches_of(when) == 0, when
    for when in ("text and size == 0", "not recipient == ''", "matches(text, 'h') or size == 0"):
        assert matches_of(when) == 1, when


PARTS = st.recursive(
    st.sampled_from(
        ["text", "sender", "client", "server_port", "nothing", "seen", "str", "SIDES", "3", "'#'"]
    ),
    lambda part: st.one_of(
        st.builds("{} {} {}".format, part, st.sampled_from(["and", "==", "+", ","]), part),
        st.builds("({}\n if {} else {})".format, part, part, part),
        st.builds("len({})".format, part),
        st.builds("{} # a remark".format, part),
    ),
    max_leaves=6,
)


@given(PARTS)
def test_compiled_or_looked_up_the_value_is_the_same(text):
    try:
        expression = Expression(text, "t")
    except UsageError:
        return
    plan, seen = plan_of(events.Message), message(0)
    try:
        compiled = function(expression.at(plan.places))(seen)
    except FAILURES:
        compiled = None
    assert compiled == expression.value(Told(plan, seen).all())
