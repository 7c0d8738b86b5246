"""What becomes of decided connections when the policy or the hour changes, without a kernel."""

from datetime import datetime
from socket import AF_INET, inet_pton
from types import SimpleNamespace

import pytest
from tests.enforce.guarding import services

from backchannel.catalogue import index
from backchannel.enforce import inspector as inspecting
from backchannel.enforce.connections import Connection
from backchannel.enforce.hold import MESSAGE_PAUSE, STALLED, STEP
from backchannel.enforce.inspector import Inspector
from backchannel.enforce.law import Ends
from backchannel.enforce.marks import Marks
from backchannel.enforce.messages import Knowledge
from backchannel.enforce.nfqueue import ACCEPT
from backchannel.policy.load import load

MARKS = Marks()
ALLOWING = "rules: [{deny: [kazaa]}]"


def known(tmp_path, policy):
    path = tmp_path / "policy.yaml"
    path.write_text(f"policy: 1\n{policy}")
    found = services()
    return Knowledge(rules=load(path, found), services=found, index=index.build(found))


def made(tmp_path, policy):
    """An inspector without queues."""
    return Inspector(
        known(tmp_path, policy),
        [],
        marks=MARKS,
        patience=8,
        max_flows=64,
        injector=None,
        interface=lambda _: "",
        tell=lambda _: None,
    )


def connection(mark, client="10.1.0.2", server="10.2.0.2", called=None):
    """One that the kernel might tell of."""
    ends = [(inet_pton(AF_INET, each), 80) for each in (client, called or server, server)]
    return Connection(2, b"", mark, 6, *ends)


def changes(made, *connections):
    return [mark for _, mark in made.revise(connections)]


def test_hours_that_begin_and_end_are_told_once(tmp_path, monkeypatch):
    now = datetime(2026, 1, 7, 8, 58, 30).timestamp()  # noqa: DTZ001 - the firewall's own clock
    clock = iter(int((now + step) * 1e9) for step in range(0, 3600 * 12, 10))
    monkeypatch.setattr(inspecting.time, "time_ns", lambda: next(clock))
    hours = "when: {days: [wed], start: '09:00', end: '17:00'}"
    one = made(tmp_path, f"rules: [{{deny: [aim], {hours}}}]")
    turned = []
    for _ in range(4000):
        try:
            if one.tend():
                turned.append(one.law.decide("aim", Ends("10.1.0.2", "10.2.0.2")).concerns)
        except StopIteration:
            break
    assert turned == [True, False]


@pytest.mark.parametrize("step", [0, 10**10, -(10**10)])
def test_a_clock_that_is_set_stops_no_sender(tmp_path, monkeypatch, step):
    """As if we had not looked for so long, which a message would be dropped for."""
    clock = [10**18, 10**12]
    monkeypatch.setattr(inspecting.time, "time_ns", lambda: clock[0])
    monkeypatch.setattr(inspecting.time, "monotonic_ns", lambda: clock[1])
    one, told = made(tmp_path, ALLOWING), []
    queue = SimpleNamespace(number=1, judge=lambda *verdict: told.append(verdict))
    ends = {"slot": 1, "serial": 1, "side": 0, "begin": 100, "length": 10, "payload": b""}
    one.tend()
    one.holds.hold_message(SimpleNamespace(queue=queue, number=7, **ends))
    clock[0] += step
    for _ in range(MESSAGE_PAUSE // STEP + 3):
        clock[:] = [each + STEP for each in clock]
        one.tend()
    assert told == [(7, ACCEPT)]
    assert STALLED not in one.book.counters


def test_what_nobody_wanted_goes_on(tmp_path):
    one = made(tmp_path, ALLOWING)
    one.reload(known(tmp_path, "rules: [{deny: [aim]}]"))
    assert changes(one, connection(MARKS.passes), connection(0)) == []


def test_verdicts_that_nobody_remembers_are_not_trusted(tmp_path):
    one = made(tmp_path, ALLOWING)
    one.reload(known(tmp_path, ALLOWING))
    assert changes(one, connection(MARKS.drops), connection(MARKS.resets)) == [0, 0]
    one.judge.memory.forgotten = 1  # then a mark that lets pass may be of anything
    assert changes(one, connection(MARKS.passes)) == [0]


def test_where_only_what_is_named_may_pass_nothing_unknown_is_left(tmp_path):
    one = made(tmp_path, ALLOWING)
    one.reload(known(tmp_path, "default: deny\nrules: [{allow: [aim]}]"))
    assert changes(one, connection(MARKS.passes)) == [0]


@pytest.mark.parametrize(
    "before",
    [
        "guard: {never-block: [10.2.0.2]}",
        "management: [{from: 10.1.0.0/24, to: 10.2.0.0/24}]",
    ],
)
def test_what_was_never_to_be_cut_is_judged_when_that_changes(tmp_path, before):
    one = made(tmp_path, f"{before}\n{ALLOWING}")
    one.reload(known(tmp_path, ALLOWING))
    spared = connection(MARKS.passes)
    translated = connection(MARKS.passes, server="10.9.9.9", called="10.2.0.2")
    other = connection(MARKS.passes, "10.3.0.2", "10.3.0.3")
    assert changes(one, spared, translated, other) == [0, 0]
    one.reload(known(tmp_path, ALLOWING))
    assert changes(one, spared) == []
