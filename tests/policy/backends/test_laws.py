"""Laws of every backend: nothing is lost unsaid, and the same policy gives the same text."""

import copy
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.backends import grammars
from tests.policy.backends.test_regions import parties
from tests.policy.examples import EXAMPLES, KNOWN, line, rules

from backchannel.policy.compile import DEFAULT, RefusedError, compile_policy, gaps, known
from backchannel.policy.matrix import matrix

BACKENDS = known()
FILTERS = ["nftables", "iptables", "pf", "windows", "cisco-ios", "junos"]
each_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda each: each.name)
few = settings(max_examples=25)


@st.composite
def policies(draw):
    lines = [
        line(
            f"rule-{number}",
            draw(st.sampled_from(["allow", "deny", "alert"])),
            *draw(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4, unique=True)),
            ours=draw(parties),
            theirs=draw(parties),
            direction=draw(st.sampled_from(["out", "in", "both"])),
            refuse=draw(st.sampled_from(["drop", "reset", "decline"])),
            best_effort=draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    return rules(*lines, default=draw(st.sampled_from(["allow", "deny"])))


@each_backend
@few
@given(policies())
def test_it_refuses_exactly_what_nobody_accepted(backend, policy):
    found = gaps(policy, backend)
    accepted = {each.name for each in policy.lines if each.best_effort}
    left = [gap for gap in found if gap.line not in accepted]
    if left:
        with pytest.raises(RefusedError) as refused:
            compile_policy(policy, backend)
        assert refused.value.gaps == tuple(left)
        told = str(refused.value)
        assert all(gap.line in told and gap.judgement.why in told for gap in left)
    else:
        assert compile_policy(policy, backend).gaps == found
    text = "".join(file.text for file in compile_policy(policy, backend, best_effort=True).files)
    for gap in found:
        assert gap.judgement.level in ("partly", "cannot")
        assert gap.judgement.why
        assert gap.line == DEFAULT or gap.line in text


@each_backend
@few
@given(policies())
def test_the_same_policy_gives_the_same_text(backend, policy):
    again = copy.deepcopy(policy)
    assert again == policy
    one = compile_policy(policy, backend, best_effort=True)
    assert compile_policy(again, backend, best_effort=True) == one
    assert all(file.text.isascii() for file in one.files)


@pytest.mark.parametrize("name", FILTERS)
@few
@given(policies())
def test_every_line_is_in_the_text_and_no_rule_loses_its_port(name, policy):
    """A rule for TCP or UDP without a port would be far wider than its line (aerleon #376)."""
    files = compile_policy(policy, BACKENDS[name], best_effort=True).files
    text = "\n".join(file.text for file in files)
    assert all(each.name in text for each in policy.lines)
    for row in _rules(name, text):
        assert re.search(_PORT[name], row), row


_PORT = {
    "nftables": r"[ds]port \{ \d|meta l4proto (esp|ah)",
    "iptables": r"--[ds]ports? \d|-p (esp|ah)|-m ah",
    "pf": r"port \{ \d|proto (esp|ah)",
    "windows": r"-(Remote|Local)Port ['\d]|-Protocol 5[01]",
    "cisco-ios": r"(eq|range) \d| (esp|ahp) ",
    "junos": r"port \[ \d|protocol (esp|ah);",
}


def _rules(name, text):
    """Return the rules that lines became, without comments, defaults and what hosts need."""
    if name == "junos":
        tree = grammars.junos(text)["groups"]["replace: backchannel"]["firewall"]
        for family in tree.values():
            for terms in family.values():
                for title, term in terms.items():
                    if "our_" not in title:
                        yield "; ".join(term["from"]) + ";"
        return
    marks = {
        "nftables": r'counter name "line-',
        "iptables": r'^-A .*--comment "rule-',
        "pf": r'label "rule-',
        "windows": r"^New-NetFirewallRule",
        "cisco-ios": r"^ (permit|deny) (?!ip|ipv6|icmp)",
    }
    yield from (row for row in text.splitlines() if re.search(marks[name], row))


@pytest.mark.parametrize("name", FILTERS)
@few
@given(policies())
def test_a_filter_of_ports_never_claims_a_deny_that_a_proxy_undoes(name, policy):
    """Under a default of allow another port is always there."""
    policy = msgspec.structs.replace(policy, default="allow")
    backend = BACKENDS[name]
    seen = set()
    for each in policy.lines:
        for use in each.uses:
            key = (use.service, use.capability)
            if each.action == "deny" and key not in seen:
                assert backend.judge(policy, each, use).level != "enforces"
            if each.action != "alert":
                seen.add(key)  # an earlier line may have said all there is


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_matrix_is_what_the_compilers_say(example):
    policy = EXAMPLES[example]
    made = matrix(policy)
    assert [column.name for column in made.columns] == list(BACKENDS)
    for column in made.columns:
        told = gaps(policy, BACKENDS[column.name])
        cells = [row.cells[column.name] for row in made.rows]
        assert column.partly + column.cannot == len(told)
        assert column.enforces + column.partly + column.cannot == len(cells)
        assert [cell for cell in cells if cell.level != "enforces"] == [
            gap.judgement for gap in told
        ]
        try:
            compile_policy(policy, BACKENDS[column.name])
        except RefusedError:
            assert column.refuses
        else:
            assert not column.refuses
