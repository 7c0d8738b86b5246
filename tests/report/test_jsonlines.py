"""A line of JSON for each event, against a dictionary that is made and sorted for each of them."""

import json

import msgspec
import pytest
from tests.report.sample import EVENTS, observation

from backchannel.live import messages
from backchannel.model import Confidence, Endpoint, Side
from backchannel.privacy import Disclosure, shown
from backchannel.protocols.oscar.events import ServiceRedirect
from backchannel.report import eve, jsonlines
from backchannel.report.exports import ecs
from backchannel.when import rfc3339

REDIRECT = ServiceRedirect(account="bob", service="messaging", host="192.0.2.1", port=5190)
SHOWN = [Disclosure(), Disclosure(secrets=True), Disclosure(content=True)]
INNER = msgspec.structs.replace(
    observation(EVENTS[0]),
    target=Endpoint("2001:db8::1", 5190),
    side=Side.SERVER,
    confidence=Confidence.EXPECTED,
    account="",
)


def told(seen, disclosure):
    flow = {
        "serial": seen.flow.serial,
        "transport": seen.flow.transport,
        "client": str(seen.flow.client),
        "server": str(seen.flow.server),
        "community_id": seen.flow.community_id,
        "vlans": list(seen.flow.vlans),
    }
    if seen.target:
        flow["target"] = str(seen.target)
    return {
        "time": rfc3339(seen.time),
        "frame": seen.frame,
        "service": seen.service,
        "protocol": seen.protocol,
        "stack": seen.stack,
        "confidence": seen.confidence.word,
        "side": seen.side.name.lower(),
        "account": seen.account,
        "flow": flow,
        **shown(seen.event, disclosure),
    }


@pytest.mark.parametrize("disclosure", SHOWN)
@pytest.mark.parametrize("seen", [*map(observation, [*EVENTS, REDIRECT]), INNER])
def test_a_line_tells_all_of_an_event_with_its_keys_in_order(seen, disclosure):
    line = jsonlines.line(seen, disclosure)
    assert line.endswith(b"}\n")
    expected = msgspec.to_builtins(told(seen, disclosure))
    assert json.loads(line) == json.loads(json.dumps(expected))
    keys = list(json.loads(line))
    assert keys == sorted(keys)


def test_what_came_from_a_parser_is_told_as_well():
    """Its type has the same fields in another order."""
    for event in [*EVENTS, REDIRECT]:
        sent = messages.packed(messages.Heard([observation(event)], ()))
        ((came,),) = (report.seen for report in messages.Inbox("report").feed(sent))
        assert jsonlines.line(came, SHOWN[0]) == jsonlines.line(observation(event), SHOWN[0])


def test_an_events_own_field_goes_before_what_is_seen_of_it():
    assert json.loads(jsonlines.line(observation(REDIRECT), Disclosure()))["service"] == "messaging"


@pytest.mark.parametrize("module", [jsonlines, eve, ecs])
def test_many_lines_are_the_lines_of_each(module):
    seen = [*map(observation, [*EVENTS, REDIRECT]), INNER]
    for disclosure in SHOWN:
        each = [module.line(one, disclosure) for one in seen]
        assert module.lines(seen, disclosure) == b"".join(each)
    assert module.lines([], Disclosure()) == b""
