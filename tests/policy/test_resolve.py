"""Rules as written into lines: order, names, exemptions, days, and every mistake with its line."""

from datetime import date
from pathlib import Path

import pytest
from tests.policy.making import made, services

from backchannel.model import Capability
from backchannel.policy.load import PolicyError, load
from backchannel.policy.model import Hours, Ports
from backchannel.policy.uses import parse_ports, uses

OFFICE = Path(__file__).parents[2] / "examples/policies/office.yaml"


def errors(text, **options):
    with pytest.raises(PolicyError) as caught:
        made(text, **options)
    return caught.value.errors


def test_the_example_says_what_its_comment_says():
    rules = load(OFFICE, services(), date(2026, 11, 27))
    names = [line.name for line in rules.lines]
    assert names[:3] == ["no-files", "no-remote-assistance-except-1", "no-remote-assistance"]
    exempt = rules.lines[1]
    assert (exempt.action, exempt.exempts) == ("allow", "no-remote-assistance")
    assert (exempt.ours.label, exempt.theirs.label) == ("help-desk", "vendor")
    assert {use.service for use in rules.lines[0].uses} > {"aim", "icq", "msn", "yahoo"}
    assert {use.capability for use in rules.lines[0].uses} == {
        Capability.FILE_TRANSFER,
        Capability.FILE_SHARING,
    }
    assert [str(life.ports) for life in rules.lifelines] == ["tcp/22"]
    assert (rules.expired, rules.unused) == ((), ())
    assert load(OFFICE, services(), date(2028, 1, 1)).expired == ("no-remote-assistance-except-1",)


def test_ports_are_the_catalogues_or_the_rules():
    rules = made("rules:\n- deny: kazaa\n- {deny: kazaa, ports: [tcp/99, udp/7-9]}")
    first, second = rules.lines
    assert Ports("tcp", 1214, 1214) in {port for use in first.uses for port in use.ports}
    assert any(use.dynamic for use in first.uses)
    assert all(use.ports == (Ports("tcp", 99, 99), Ports("udp", 7, 9)) for use in second.uses)
    assert not any(use.dynamic for use in second.uses)


def test_kinds_and_all_speak_of_every_service():
    rules = made("rules:\n- deny: peer-to-peer\n- alert: all\n- {deny: [proxy, aim]}")
    kinds = {services()[use.service].kind for use in rules.lines[0].uses}
    assert kinds == {"peer-to-peer"}
    assert {use.service for use in rules.lines[1].uses} == set(services())
    assert {use.service for use in rules.lines[2].uses} == {"socks", "http-proxy", "tor", "aim"}


def test_names_are_made_and_unique():
    rules = made("rules:\n- deny: aim\n- deny: aim\n- {deny: [aim, icq, msn, yahoo]}")
    assert [line.name for line in rules.lines] == ["deny-aim", "deny-aim-2", "deny-aim-icq-more"]
    assert [line.place for line in rules.lines] == ["p.yaml:4", "p.yaml:5", "p.yaml:6"]


def test_an_expired_rule_takes_its_exemptions_along():
    text = """rules:
- deny: aim
  name: old
  expires: 2026-11-26
  except: [{from: 10.0.0.1, reason: r, owner: o, expires: 2027-01-01}]
- {deny: icq, name: last-day, expires: 2026-11-27}
"""
    rules = made(text)
    assert [line.name for line in rules.lines] == ["last-day"]
    assert rules.expired == ("old",)


def test_hours():
    text = """rules:
- {deny: aim, when: {days: [sat, sun, sat], start: 22:30, end: 06:00}}
- {deny: icq, when: {}}
"""
    night, always = made(text).lines
    assert night.hours == Hours(("sat", "sun"), 22 * 60 + 30, 6 * 60)
    assert always.hours == Hours((), 0, 24 * 60)


@pytest.mark.parametrize(
    ("direction", "openings"),
    [("out", ["us them"]), ("in", ["them us"]), ("both", ["us them", "them us"])],
)
def test_who_opens(direction, openings):
    text = f"""groups: {{us: [10.0.0.1], them: [10.0.0.2]}}
rules:
- {{deny: aim, from: us, to: them, direction: {direction}}}
"""
    (line,) = made(text).lines
    assert [f"{one.label} {other.label}" for one, other in line.openings()] == openings


def test_what_the_guard_does_is_inherited():
    text = """guard: {mode: observe, refuse: decline, on-failure: closed, never-block: [10.0.0.9]}
rules:
- deny: aim
- {deny: icq, mode: drop, refuse: drop, on-failure: open}
- {deny: msn, on-failure: open, existing: reset}
"""
    rules = made(text)
    assert [(x.mode, x.refuse, x.on_failure, x.existing) for x in rules.lines] == [
        ("observe", "decline", "closed", "reset"),
        ("drop", "drop", "open", "judge"),
        ("observe", "decline", "open", "reset"),
    ]
    assert str(rules.never_block.v4[0]) == "10.0.0.9/32"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{deny: aimm}", "p.yaml:4: rules[0].deny: no service or kind 'aimm'; did you mean aim"),
        ("{}", "p.yaml:4: rules[0]: needs exactly one"),
        ("{deny: aim, allow: icq}", "needs exactly one"),
        ("{deny: aim, capabilities: [whiteboard]}", "aim has no whiteboard; it has file-sharing"),
        ("{deny: proxy, capabilities: [whiteboard]}", "proxy has none of these; it has"),
        ("{deny: aim, from: nobody}", "rules[0].from: no group or zone 'nobody'"),
        ("{deny: aim, from: [any, 10.0.0.1]}", "`any` is everybody already"),
        ("{deny: aim, from: []}", "names nobody"),
        ("{deny: aim, ports: [5190]}", "rules[0].ports[0]: expected text, got a number"),
        ("{deny: aim, ports: [tcp/0]}", "rules[0].ports[0]: 'tcp/0' is not like tcp/5190"),
        ("{deny: aim, ports: [tcp/9-8]}", "is not like"),
        ("{deny: aim, name: a b}", "may have letters"),
        (f"{{deny: aim, name: {'x' * 49}}}", "longer than 48"),
        ("{deny: aim, expires: tomorrow}", "is not a day like"),
        ("{deny: aim, when: {start: 8}}", "expected text, got a number"),
        ("{deny: aim, when: {start: '25:00'}}", "is not a time like"),
        ("{deny: aim, when: {start: 08:00, end: 08:00}}", "the same time"),
        ("{allow: aim, except: [{reason: r, owner: o, expires: 2027-01-01}]}", "only a `deny`"),
        ("{deny: aim, except: [{owner: o, expires: 2027-01-01}]}", "`reason` is missing"),
        ("{deny: aim, except: [{reason: ' ', owner: o, expires: 2027-01-01}]}", "must say"),
        ("{deny: aim, bestEffort: true}", "did you mean best-effort?"),
        ("{deny: aim, refuse: politely}", "'politely'; choose from drop, reset, decline"),
        ("{deny: aim, direction: sideways}", "invalid enum value 'sideways'"),
    ],
)
def test_every_mistake_says_where_and_what_instead(rule, said):
    told = errors(f"rules:\n- {rule}\n")
    assert any(said in each for each in told), told
    assert told[0].startswith("p.yaml:4: ")


def test_all_mistakes_come_at_once():
    told = errors(
        "groups: {a: [10.0.0.999], b: [c]}\nmanagement: [{from: a, port: 22/tcp}]\n"
        "rules:\n- {deny: aim, from: x}\n- {deny: nope, to: y}\n"
    )
    assert len(told) == 6, told


def test_a_name_may_stand_once():
    assert "earlier rule" in errors("rules:\n- {deny: aim, name: a}\n- {deny: icq, name: a}")[0]


def test_the_digest_follows_the_files(tmp_path):
    (tmp_path / "g.txt").write_text("10.0.0.1\n")
    text = "groups: {g: {file: g.txt}}\nrules: [{deny: aim, from: g}]"
    first = made(text, folder=tmp_path)
    again = made(text, folder=tmp_path)
    (tmp_path / "g.txt").write_text("10.0.0.2\n")
    assert first.digest == again.digest != made(text, folder=tmp_path).digest


@pytest.mark.parametrize("text", ["tcp/0", "tcp/65536", "sctp/1", "tcp/1-", "tcp/dynamic", "tcp"])
def test_what_is_no_port(text):
    assert parse_ports(text) is None


def test_every_ability_of_the_catalogue_has_a_use():
    for service in services().values():
        found = uses(service)
        assert {use.capability for use in found} == {a.capability for a in service.capabilities}
        for ability in service.capabilities:
            use = next(use for use in found if use.capability == ability.capability)
            for text in ability.ports:
                known = parse_ports(text) in use.ports or text.partition("/")[0] in use.dynamic
                assert known, f"{service.id} {text}"


def test_the_text_names_the_file_and_then_each_mistake():
    with pytest.raises(PolicyError) as caught:
        made("rules: 1")
    first, *others = str(caught.value).splitlines()
    assert first.endswith(": cannot be used:")
    assert others == caught.value.errors
