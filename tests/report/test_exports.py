"""Every export is read back by a program that is not ours, and says what the findings say."""

import json
import re
import warnings
from datetime import UTC, datetime

import msgspec
import pytest
from tests.report.sample import EVENTS, HOSTILE, document, finding, observation, tunnel

from backchannel.detect import rules
from backchannel.events import ProxyAnswer, ProxyRequest, SignOnAnswer
from backchannel.model import Side
from backchannel.privacy import Disclosure
from backchannel.report.exports import cef, ecs, sigma, stix, syslog
from backchannel.report.exports.common import OUT_OF_TEN, endpoint, milliseconds
from backchannel.text import escape

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # these parsers are older than the Python that runs them
    import pycef
    import stix2
    import syslog_rfc5424_parser as rfc5424
    from sigma.collection import SigmaCollection
    from sigma.rule import SigmaLevel

NASTY = 'a|b=c\\d "e" ]f\nCEF:0|x \x1b[31m\u202e'
RULES = rules.load()
PROXIED = [
    ProxyRequest(scheme="socks5", command="connect", host="a.example", port=1),
    ProxyAnswer(scheme="socks5", accepted=False, code="not-allowed", asked_host="192.0.2.9"),
    SignOnAnswer(account="alice", accepted=True),
]


def nasty(number=0):
    place = msgspec.structs.replace(finding().evidence[0], path=NASTY, excerpt=NASTY)
    return finding(
        f"nasty {number}",
        title=NASTY,
        accounts=(NASTY, HOSTILE),
        evidence=(place,),
        severity="high",
    )


def made(*found):
    return msgspec.structs.replace(document(), findings=found)


# -- STIX ---------------------------------------------------------------------------------------


def test_the_bundle_is_stix_and_its_observables_have_the_ids_of_the_specification():
    place = finding().evidence[0]
    six = msgspec.structs.replace(place, client="[fe80::1]:5190", server="[2001:db8::2]:80")
    parsed = stix2.parse(
        stix.bundle(made(finding(), nasty(), finding("six", evidence=(six,)))), allow_custom=False
    )
    kinds = [each["type"] for each in parsed.objects]
    assert kinds.count("note") == kinds.count("observed-data") == 3
    assert kinds.count("attack-pattern") == kinds.count("course-of-action") == 1
    assert kinds.count("ipv6-addr") == 2
    (carried,) = {
        tuple(each["protocols"])
        for each in parsed.objects
        if each["type"] == "network-traffic" and "ipv6" in each["protocols"]
    }
    assert carried == ("ipv6", "tcp", "oscar")
    for each in parsed.objects:
        if each["type"] in {"ipv4-addr", "ipv6-addr", "user-account", "network-traffic"}:
            facts = {
                name: each[name] for name in each if name not in {"id", "spec_version", "type"}
            }
            again = stix2.parse({"type": each["type"], "spec_version": "2.1", **facts})
            assert again.id == each.id


def test_every_reference_of_the_bundle_is_in_it_and_its_ids_stay():
    text = stix.bundle(made(finding(), nasty()))
    objects = json.loads(text)["objects"]
    known = {each["id"] for each in objects}
    assert len(known) == len(objects)
    refs = set(re.findall(r'"([a-z-]+--[0-9a-f-]{36})"', text.decode()))
    assert refs - known == {json.loads(text)["id"]}
    assert text == stix.bundle(made(finding(), nasty()))


def test_where_a_proxy_led_is_traffic_within_traffic_to_the_proxy():
    by_name = tunnel(host="login.example", port=5190)
    by_address = tunnel(host="2001:db8::7", port=22, inside=(), services=(), client="10.0.0.6")
    refused = tunnel(host="refused.example", granted=0, refused=1, bytes=0, inside=())
    led = msgspec.structs.replace(made(), tunnels=(by_name, by_address, refused))
    parsed = stix2.parse(stix.bundle(led), allow_custom=False)
    known = {each.id: each for each in parsed.objects}
    inner = [each for each in parsed.objects if "encapsulated_by_ref" in each]
    told = {
        (known[each.src_ref].value, known[each.dst_ref].value, each.dst_port, *each.protocols)
        for each in inner
    }
    assert told == {
        ("10.0.0.5", "login.example", 5190, "oscar"),
        ("10.0.0.6", "2001:db8::7", 22, "tcp"),
    }
    for each in inner:
        outer = known[each.encapsulated_by_ref]
        assert known[outer.dst_ref].value == "192.0.2.1"
        assert (outer.dst_port, outer.protocols) == (1080, ["ipv4", "socks5"])
    observed = [each for each in parsed.objects if each["type"] == "observed-data"]
    assert {reference for each in observed for reference in each.object_refs} <= set(known)
    assert len(observed) == 2
    assert known[inner[0].dst_ref]["type"] == "domain-name"


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("10.0.0.3", "ipv4-addr"),
        ("2001:db8::7", "ipv6-addr"),
        ("010.000.00.003", "domain-name"),
        ("300.1.1.1", "domain-name"),
        ("1234", "domain-name"),
        ("half:a:word", "domain-name"),
    ],
)
def test_only_what_is_an_address_is_told_as_one(host, kind):
    """A client asks a proxy for whatever it likes; STIX lets an address be nothing else."""
    led = msgspec.structs.replace(made(), tunnels=(tunnel(host=host),))
    parsed = stix2.parse(stix.bundle(led), allow_custom=False)
    assert kind in [each["type"] for each in parsed.objects if each.get("value") == host]


def test_an_empty_run_gives_a_bundle():
    assert [each.type for each in stix2.parse(stix.bundle(made())).objects] == ["identity"]


# -- ECS ----------------------------------------------------------------------------------------

FIELDS = """
@timestamp date|ecs.version keyword|message match_only_text|event.kind keyword
event.category keyword array|event.type keyword array|event.action keyword|event.module keyword
event.dataset keyword|event.id keyword|event.severity long|event.start date|event.end date
event.reason keyword|event.outcome keyword
network.type keyword|network.transport keyword|network.protocol keyword
network.application keyword|network.community_id keyword|network.vlan.id keyword
source.address keyword|source.ip ip|source.port long|destination.address keyword
destination.ip ip|destination.port long|client.address keyword|client.ip ip|client.port long
server.address keyword|server.ip ip|server.port long|user.name keyword|file.name keyword
file.size long|file.mime_type keyword|file.hash.sha256 keyword|related.ip ip array
related.user keyword array|related.hosts keyword array|observer.product keyword
observer.type keyword|observer.version keyword|rule.id keyword|rule.name keyword
rule.category keyword|rule.description keyword|threat.framework keyword
threat.technique.id keyword array|threat.technique.subtechnique.id keyword array
"""
KNOWN = {
    entry.split()[0]: entry.split()[1:] for entry in FIELDS.replace("\n", "|").split("|") if entry
}  # elastic/ecs, generated/csv/fields.csv at b85f7573f0
CATEGORIES = {"network", "authentication", "session", "file", "intrusion_detection"}
"""Those of ECS's allowed values of event.category that we use; each allows the type `info`."""


def leaves(value, path=""):
    for name, inner in value.items():
        here = f"{path}.{name}" if path else name
        if here == "backchannel":
            continue
        if isinstance(inner, dict):
            yield from leaves(inner, here)
        else:
            yield here, inner


@pytest.mark.parametrize(
    "record",
    [
        *(json.loads(ecs.line(observation(event), Disclosure())) for event in (*EVENTS, *PROXIED)),
        json.loads(ecs.alert_line(finding(attack=("T1040", "T1110.002")))),
        json.loads(ecs.alert_line(nasty())),
    ],
    ids=lambda record: record["event"]["action"],
)
def test_ecs_documents_use_only_ecs_fields_with_their_types(record):
    for name, value in leaves(record):
        kind, *array = KNOWN[name]
        assert isinstance(value, list) == bool(array), name
        for each in value if array else [value]:
            assert isinstance(each, int if kind == "long" else str), name
            if kind == "date":
                datetime.fromisoformat(each)
    assert set(record["event"]["category"]) <= CATEGORIES
    assert record["ecs"]["version"] == ecs.ECS_VERSION


def test_an_alert_says_what_the_finding_says_and_events_stay_redacted():
    alert = json.loads(ecs.alert_line(finding(attack=("T1110.002",))))
    assert alert["event"]["kind"] == "alert"
    assert alert["source"] == {"address": "10.0.0.5", "ip": "10.0.0.5", "port": 41000}
    assert (alert["network"]["transport"], alert["network"]["type"]) == ("tcp", "ipv4")
    assert alert["threat"]["technique"] == {"id": ["T1110"], "subtechnique": {"id": ["T1110.002"]}}
    lines = b"".join(ecs.line(observation(event), Disclosure()) for event in EVENTS)
    assert b"tea4two!" not in lines
    assert b"see you at noon" not in lines
    assert len(lines.splitlines()) == len(EVENTS)


def test_a_target_is_related_and_an_answer_has_an_outcome():
    asked = ProxyRequest(scheme="socks5", command="connect", host="a.example", port=1)
    record = ecs.event(observation(asked), Disclosure())
    assert record["related"]["hosts"] == ["a.example"]
    assert "outcome" not in record["event"]
    for accepted, outcome in ((True, "success"), (False, "failure")):
        answer = ProxyAnswer(scheme="socks5", accepted=accepted, code="x", asked_host="192.0.2.9")
        record = ecs.event(observation(answer), Disclosure())
        assert "192.0.2.9" in record["related"]["ip"]
        assert record["event"]["outcome"] == outcome
        signed = ecs.event(observation(SignOnAnswer(account="a", accepted=accepted)), Disclosure())
        assert signed["event"]["outcome"] == outcome


def test_who_sent_an_event_is_its_source():
    answer = msgspec.structs.replace(observation(EVENTS[0]), side=Side.SERVER)
    record = ecs.event(answer, Disclosure())
    assert (record["source"]["ip"], record["destination"]["ip"]) == ("64.12.1.1", "10.0.0.5")
    assert record["client"]["ip"] == "10.0.0.5"


# -- CEF and syslog -----------------------------------------------------------------------------


def test_cef_is_read_back():
    (line,) = cef.lines(made(finding()))
    told = pycef.parse(line)
    assert told["DeviceEventClassID"] == "cleartext-messages"
    assert told["DeviceName"] == "Messages are sent in the clear"
    assert int(told["DeviceSeverity"]) == OUT_OF_TEN["medium"]
    assert (told["src"], told["spt"], told["dst"], told["dpt"]) == (
        "10.0.0.5",
        "41000",
        "64.12.1.1",
        "443",
    )
    assert told["proto"] == "TCP"
    assert told["msg"] == "aim: messages of a pass in clear"
    assert told["start"] == str(
        int(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp() * 1000)
    )


def test_a_name_reads_the_same_in_a_sentence_and_alone():
    """A sentence holds names as visible text already: it is not escaped twice."""
    name = "a\u202eb"
    summary = f"irc: {escape(name)} sent a password"
    (line,) = cef.lines(made(msgspec.structs.replace(finding(), accounts=(name,), summary=summary)))
    assert r"suser=a\\u202eb " in line
    assert r"msg=irc: a\\u202eb sent a password " in line


def test_what_an_attacker_writes_breaks_no_line_and_no_field():
    cefs, logs = (
        list(cef.lines(made(nasty(), nasty(1)))),
        list(syslog.lines(made(nasty(), nasty(1)))),
    )
    for line in (*cefs, *logs):
        assert line.isprintable() or line.replace(syslog.BOM, "").isprintable()
        assert "\n" not in line
    head = re.match(r"((?:[^|\\]|\\.)*\|){7}", cefs[0])
    assert head[0].endswith("|8|")
    told = pycef.parse(cefs[0])
    assert told["src"] == "10.0.0.5"
    assert told["cat"] == "cleartext"


def test_syslog_is_read_back():
    for line in syslog.lines(made(finding(), nasty())):
        told = rfc5424.SyslogMessage.parse(line)
        assert told.appname == "backchannel"
        assert told.msgid == "cleartext-messages"
        data = told.sd[syslog.SD_ID]
        assert data["service"] == "aim"
        assert data["transport"] == "tcp"
        assert data["client"] == "10.0.0.5:41000"
        assert "pass in clear" in told.msg
    assert told.severity.name == "err"
    assert data["capture"].count('"') == 2


def test_what_would_end_a_value_is_escaped():
    (line,) = syslog.lines(made(finding(accounts=('x" ] [y@1 z="',))))
    assert r'account="x\" \] [y@1 z=\""] ' in line
    assert list(rfc5424.SyslogMessage.parse(line).sd) == [syslog.SD_ID]
    (line,) = cef.lines(made(finding(accounts=("x dst=1.1.1.1",))))
    assert r"suser=x dst\=1.1.1.1 " in line
    assert pycef.parse(line)["dst"] == "64.12.1.1"


def test_endpoints_and_times_are_split():
    assert endpoint("[fe80::1]:80") == ("fe80::1", 80)
    assert endpoint("10.0.0.1") == ("10.0.0.1", 0)
    assert milliseconds("1970-01-01T00:00:01.500000Z") == 1500


# -- Sigma --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ours", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_is_a_sigma_rule(ours):
    text = msgspec.yaml.encode(sigma.rule(ours)).decode()
    (told,) = SigmaCollection.from_yaml(text).rules
    assert not told.errors
    assert told.title == ours.title
    assert (
        told.level
        is SigmaLevel[{"info": "INFORMATIONAL"}.get(ours.severity, ours.severity.upper())]
    )
    assert {tag.namespace for tag in told.tags} <= {"attack"}
    for condition in told.detection.parsed_condition:
        assert condition.parsed is not None


def test_plain_tests_speak_of_events_and_the_others_of_findings():
    told = sigma.rule(RULES["password-plain"])
    assert told["logsource"]["service"] == "events"
    assert told["detection"] == {
        "selection": {"event": "credential", "kind": "plain"},
        "condition": "selection",
    }
    counted = sigma.rule(RULES["worm-file"])
    assert counted["detection"]["selection"] == {"rule.id": "worm-file"}


def test_what_counts_or_looks_at_streams_is_never_told_as_one_event():
    counted = [each for each in RULES.values() if each.count or "stream" in each.events]
    assert counted
    for each in counted:
        plain = msgspec.structs.replace(each, when="kind == 'plain'")
        assert sigma.rule(plain)["logsource"]["service"] == "findings"


def test_the_ids_differ_and_stay():
    ids = [sigma.rule(each)["id"] for each in RULES.values()]
    assert len(set(ids)) == len(ids)
    assert ids == [sigma.rule(each)["id"] for each in RULES.values()]
