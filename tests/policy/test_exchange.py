"""Rules travel as JSON and arrive as they were; what is damaged is refused."""

import json

import msgspec
import pytest
from tests.policy.examples import CLOSED, EXAMPLES

from backchannel.policy.backends import guard
from backchannel.policy.exchange import Sealed, dumps, loads


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_guard_is_given_is_the_policy(example):
    text = guard.emit(EXAMPLES[example], ())[0].text
    assert loads(text).rules == EXAMPLES[example]


def test_addresses_are_written_once():
    text = dumps(Sealed(made_by="a test", rules=CLOSED))
    assert text.count("2001:db8:10::/48") == 1
    assert dumps(loads(text)) == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("rules", "lines", 0, "ours"), 99),
        (("rules", "lines", 0, "ours"), -1),
        (("rules", "lines", 0, "action"), "perhaps"),
        (("rules", "lines"), 7),
        (("parties", 0, "networks", "v4"), ["2001:db8::/32"]),
        (("parties", 0, "networks", "v4"), ["10.0.0.1/8"]),
        (("gaps",), None),
    ],
)
def test_what_is_damaged_is_refused(path, value):
    document = json.loads(dumps(Sealed(made_by="a test", rules=CLOSED)))
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises((msgspec.ValidationError, ValueError)):
        loads(json.dumps(document))
