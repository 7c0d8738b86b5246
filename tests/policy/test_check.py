"""What is looked for in a policy that loads: policies that have it, and ones that have not."""

from datetime import date

import pytest
from tests.policy.making import made

from backchannel.policy.check import check

GROUPS = "groups: {staff: [10.0.0.0/8], desk: [10.9.0.0/16], far: [192.0.2.0/24]}\n"


def found(text, day=date(2026, 11, 27)):
    return {
        (each.level, each.id, each.line) for each in check(made(text, day)) if each.id != "unused"
    }


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "- {deny: aim, name: a}\n- {deny: aim, name: b, from: desk}",
            ("warning", "shadowed", "b"),
        ),
        (
            "- {deny: aim, name: a}\n- {allow: aim, name: b, from: desk}",
            ("error", "contradiction", "b"),
        ),
        (
            "- {deny: aim, name: a, capabilities: [image]}\n- {allow: aim, name: b}",
            ("warning", "partly-contradicted", "b"),
        ),
        (
            "- {deny: aim, name: a, capabilities: [image]}\n- {deny: aim, name: b}",
            ("note", "partly-shadowed", "b"),
        ),
        (
            (
                "- {deny: icq, name: a, capabilities: [file-transfer], ports: [tcp/5190]}\n"
                "- {allow: icq, name: b, capabilities: [message, login]}"
            ),
            ("warning", "shared-port", "a"),
        ),
        (
            "- {allow: icq, name: a, capabilities: [message]}\n- {deny: icq, name: b}",
            ("warning", "no-login", "a"),
        ),
        ("- {deny: aim, name: a, expires: 2026-12-20}", ("note", "expires-soon", "a")),
        ("- {deny: aim, name: a, expires: 2026-01-01}", ("warning", "expired", "a")),
    ],
)
def test_is_found(rules, expected):
    assert expected in found(GROUPS + "rules:\n" + rules)


@pytest.mark.parametrize(
    "rules",
    [
        "- {deny: aim, from: desk}\n- {deny: aim}",
        "- {allow: aim, from: desk}\n- {deny: aim}",
        "- {deny: aim, from: staff, direction: out}\n- {allow: aim, from: staff, direction: in}",
        "- {deny: aim, when: {days: [mon]}}\n- {allow: aim}",
        "- {alert: aim}\n- {deny: aim}",
        "- {deny: aim, from: far}\n- {allow: aim, from: staff}",
        "- {deny: ipsec}\n- {allow: aim}",
        "- {allow: ipsec, to: far}\n- {deny: ipsec}",
        "- {allow: icq, capabilities: [message, login]}\n- {deny: aim}",
        "- {deny: aim, expires: 2028-01-01}",
    ],
)
def test_is_not_found_where_all_is_well(rules):
    assert found(GROUPS + "rules:\n" + rules) == set()


def test_best_effort_makes_a_shared_port_a_note():
    rules = (
        "rules:\n- {deny: icq, name: a, capabilities: [file-transfer], ports: [tcp/5190], "
        "best-effort: true}\n"
        "- {allow: icq, capabilities: [message, login]}"
    )
    assert ("note", "shared-port", "a") in found(rules)


def test_a_policy_that_denies_must_say_who_administers():
    text = "default: deny\nrules:\n- allow: aim\n"
    assert ("error", "no-management", "") in found(text)
    assert not found("management: [{from: 10.0.0.5}]\n" + text)


def test_a_refusal_at_a_management_port_is_named():
    text = "management: [{from: 10.0.0.5, port: tcp/5190}]\nrules:\n- {deny: aim, name: a}\n"
    assert ("note", "lifeline", "a") in found(text)


def test_what_nothing_names():
    problems = check(made("groups: {a: [10.0.0.1], b: [a]}\nrules: []"))
    assert [each.text for each in problems] == ["nothing names the group or zone `b`"]
