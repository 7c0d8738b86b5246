"""Each rule fires on what it is for, is silent on what is near, and explains itself."""

import json
import re

import msgspec
import pytest
from tests.detect.cases import CALL, CASES, GNUTELLA, OTHERS, PUBLIC, address, message, share

from backchannel.catalogue.risks import RiskId
from backchannel.detect import rules
from backchannel.detect.detector import Detector
from backchannel.detect.limits import EVIDENCE, SUBJECTS
from backchannel.detect.model import LONGEST, MOST, Count, Rule
from backchannel.detect.names import vocabulary
from backchannel.detect.plan import Case, Plan
from backchannel.detect.running import RunningRule
from backchannel.engine.ended import Ended, ended
from backchannel.engine.known import Known
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.engine.run import Run
from backchannel.engine.stream import Stream
from backchannel.errors import InputError
from backchannel.events import Anomaly, Credential, SignOn
from backchannel.flows.core import FlowCore
from backchannel.model import Claim, Confidence, Endpoint, Side, Standing
from backchannel.protocols import Protocol, Start

RULES = rules.load()
SECOND = 1_000_000_000
INSIDE = "10.0.0.5"


def flow(client="10.0.0.5", server="10.0.0.1", port=5190, transport="tcp", client_port=41_000):
    return FlowInfo(1, transport, Endpoint(client, client_port), Endpoint(server, port), 6)


class _Session:
    done = False

    def __init__(self, service, standing):
        self.service, self.standing = service, standing


def stream_of(service, protocol, port, **place):
    octets, depth = place.get("octets", 1000), place.get("depth", 0)
    client, server = place.get("client", "10.0.0.5"), place.get("server", "10.0.0.1")
    carrier, transport = place.get("carrier", ""), place.get("transport", "tcp")
    made = flow(client, server, port, transport)
    stream = Stream(
        run=Run(FlowCore(()), lambda _: None),
        slot=-1,
        ends=made,
        given=Start(transport, made.client, made.server),
        inside=1,
        now=0,
        carrier=carrier,
        depth=depth,
        target=Endpoint("203.0.113.9", port) if depth else None,
    )
    stream.protocol = Known(Protocol(name=protocol, title="", service=service))
    stream.sit(_Session(service, place.get("standing", Standing.PARSED)))
    stream.claim = Claim(protocol)
    return stream, octets


def findings(steps, which, gap=1):
    """Run one rule over *steps*, a second apart, and return what it finds."""
    detector = Detector([RULES[which]])
    for seen in told(steps, gap):
        if isinstance(seen, Ended):
            detector.end(seen)
        else:
            detector.add(seen)
    return detector.findings(locate)


def locate(_):
    return "a.pcap", 1, 1 << 62


def told(steps, gap=1):
    """Yield what the engine tells of *steps*, *gap* seconds apart."""
    for number, step in enumerate(steps):
        if isinstance(step, dict):
            stream, octets = stream_of(**step)
            yield ended(stream, packets=2, octets=octets, first=0, last=SECOND)
            continue
        event, place = step if isinstance(step, tuple) else (step, {})
        service, protocol = place.get("service", "aim"), place.get("protocol", "oscar")
        yield Observation(
            place.get("at", number * gap) * SECOND,
            number + 1,
            flow(**{at: place[at] for at in ("client", "server", "client_port") if at in place}),
            place.get("stack", protocol),
            protocol,
            service,
            Confidence.PARSED,
            place.get("side", Side.CLIENT),
            event,
            flipped=place.get("flipped", False),
        )


BOTH_LEGS = [
    {"client": "10.0.0.5", "server": "10.0.0.9", "stack": "socks5/oscar"},
    {"client": "10.0.0.9"},
]


@pytest.mark.parametrize(
    ("which", "event"),
    [("two-places", SignOn(account="ann")), ("cookie-replayed", CASES["cookie-replayed"][0][0][0])],
)
def test_both_sides_of_a_proxy_are_one_place(which, event):
    """What goes through a proxy comes, for who is spoken to, from the proxy."""
    assert not findings([(event, leg) for leg in BOTH_LEGS], which)
    elsewhere = BOTH_LEGS[0] | {"server": "10.0.0.8"}
    assert findings([(event, elsewhere), (event, BOTH_LEGS[1])], which)


def test_peers_on_many_ports_are_one_finding_of_the_host_inside():
    """Whoever opened the flow: a peer outside is not what can be mended."""
    peers = ["8.8.4.1", "8.8.4.2", "8.8.4.3"]
    told = {"service": "kazaa", "protocol": "fasttrack"}
    opened = [told | {"client": INSIDE, "server": peer, "port": 3000} for peer in peers[:2]]
    (finding,) = findings(
        [*opened, told | {"client": peers[2], "server": INSIDE, "port": 4000}], "odd-port-peers"
    )
    assert finding.count == len(peers)
    assert set(finding.hosts) == {INSIDE, *peers}


def test_addresses_of_many_peers_are_one_finding_of_the_host_inside():
    told = [
        (address(f"8.8.4.{last}"), place)
        for last, place in enumerate((GNUTELLA, GNUTELLA | {"client": "9.9.9.9", "server": INSIDE}))
    ]
    (finding,) = findings(told, "peer-addresses-told")
    assert finding.count == len(told)
    assert INSIDE in finding.hosts


def test_every_rule_has_its_cases():
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("which", CASES)
def test_a_rule_fires_on_what_it_is_for(which):
    found = findings(CASES[which][0], which)
    assert [each.rule for each in found] == [which]
    assert "{" not in found[0].summary
    assert found[0].evidence[0].path == "a.pcap"
    assert found[0].count >= 1
    assert "None" not in {place.excerpt for place in found[0].evidence}


XMPP = {"service": "xmpp", "protocol": "xmpp"}


@pytest.mark.parametrize(
    ("which", "step"),
    [
        ("borrowed-port", XMPP | {"port": 443}),
        ("borrowed-port", {"service": "irc", "protocol": "irc", "port": 443}),
        ("inside-address-told", (address("10.1.2.3", how="cname"), CALL | {"server": PUBLIC})),
        ("odd-port", XMPP | {"port": 8443}),
        ("inside-proxy", XMPP | {"port": 5222, "depth": 1, "carrier": "socks5/"}),
        ("protocol-abuse", Anomaly(kind="oversized-stanza")),
        ("protocol-abuse", Anomaly(kind="compression-bomb")),
    ],
)
def test_rules_know_more_than_one_protocol(which, step):
    assert [each.rule for each in findings([step], which)] == [which]


def test_told_at_once_or_one_by_one_the_findings_are_the_same():
    """What is asked together is taken in the order in which it was told."""
    seen = list(told([step for steps, near in CASES.values() for step in (*steps, *near)]))
    together, apart = Detector(RULES.values()), Detector(RULES.values())
    together.hear(seen)
    for each in seen:
        apart.hear([each])
    found = together.findings(locate)
    assert found == apart.findings(locate)
    assert len({each.rule for each in found}) > len(CASES) // 2


@pytest.mark.parametrize("which", CASES)
def test_a_rule_is_silent_on_what_is_near(which):
    assert findings(CASES[which][1], which) == ()


@pytest.mark.parametrize("which", CASES)
def test_ordinary_traffic_fires_nothing(which):
    expected = [which] if which == "cleartext-messages" else []
    assert [each.rule for each in findings(OTHERS, which)] == expected


BURSTS = [name for name in CASES if (count := RULES[name].count) and count.within]


@pytest.mark.parametrize("which", BURSTS)
def test_slow_repetition_is_no_burst(which):
    within = RULES[which].count.within
    assert findings(CASES[which][0], which, gap=within + 1) == ()


@pytest.mark.parametrize(
    ("which", "name"),
    [
        ("sensitive-share", "passwords.txt"),
        ("drive-shared", "/windows/win.com"),
        ("message-log-shared", "message archive 2003.txt"),
        ("double-extension", "photo.jpg.exe"),
    ],
)
def test_the_excerpt_is_the_name_that_counts_and_not_the_first(which, name):
    (found,) = findings([share("holiday.jpg", name)], which)
    assert [place.excerpt for place in found.evidence] == [name]


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_explains_itself(rule):
    assert isinstance(rule, Rule)
    for text in (rule.title, rule.rationale, rule.false_positives, rule.disproof):
        assert len(text) > 5
    assert rule.countermeasure.endswith(".")
    assert rule.references
    assert rule.category in RiskId.__args__


def test_the_bundled_rules_are_the_files():
    assert rules.read(rules.HERE) == rules.load()


def test_private_matter_is_in_no_finding():
    secret = "see you at noon 4111 1111 1111 1111, send me your password"
    told = json.dumps(
        [
            str(each)
            for which in ("cleartext-messages", "card-number", "asks-for-password", "worm-link")
            for each in findings([message(secret)], which)
        ]
    )
    assert "noon" not in told
    assert "4111" not in told


def test_findings_and_their_evidence_are_bounded():
    detector = Detector([RULES["session-token"]])
    for number in range(SUBJECTS + 50):
        event = CASES["session-token"][0][0].__class__(
            account=f"user{number}", kind="token", scheme="x"
        )
        for _ in range(2):
            detector.add(
                Observation(
                    0, 1, flow(), "oscar", "oscar", "aim", Confidence.PARSED, Side.CLIENT, event
                )
            )
    found = detector.findings(lambda _: ("a", 1, 1 << 62))
    assert len(found) == SUBJECTS
    assert max(len(each.evidence) for each in found) <= EVIDENCE
    assert detector.counters["findings of the rule session-token not shown: too many"] == 100


def test_ids_are_the_same_each_time():
    first, second = (findings(CASES["password-plain"][0], "password-plain") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "count", ["at_least: 0", "at_least: 10001", "within: -1", "within: 99999999999", "apart: 1e10"]
)
def test_what_a_rule_counts_is_bounded(count, tmp_path):
    """In nanoseconds, seconds must fit into the 63 bits that compiled rules have for them."""
    text = (rules.HERE / "cookie-replayed.yaml").read_text()
    least = "" if "at_least" in count else "at_least: 2, "
    text, found = re.subn("count: {.*}", f"count: {{{least}{count}}}", text)
    assert found
    (tmp_path / "cookie-replayed.yaml").write_text(text)
    with pytest.raises(InputError, match=count.partition(":")[0]):
        rules.read(tmp_path)


@pytest.mark.parametrize(
    "summary", ["{client", "client}", "{}", "{client:>9}", "{client!r}", "{a b}"]
)
def test_a_summary_is_read_before_it_is_needed(summary, tmp_path):
    text = (rules.HERE / "two-places.yaml").read_text()
    text, found = re.subn("summary: .*", f'summary: "{summary}"', text)
    assert found
    (tmp_path / "two-places.yaml").write_text(text)
    with pytest.raises(InputError, match=r"two-places\.yaml: summary: "):
        rules.read(tmp_path)


def test_every_fault_of_a_rule_is_told_with_its_line_and_what_to_write(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "id: mine\ncategory: files\nseverity: hgh\nevnts: [offer]\n"
    )
    (tmp_path / "list.yml").write_text("- id: list\n")
    (tmp_path / "none.yaml").write_text("id: [")
    with pytest.raises(InputError) as refused:
        rules.read(tmp_path)
    told = str(refused.value)
    for said in (
        "mine.yaml:2: category: invalid enum value 'files'; choose from cleartext, ",
        "mine.yaml:3: severity: invalid enum value 'hgh'; did you mean high?",
        "mine.yaml:4: evnts: is not known; did you mean events?",
        "mine.yaml:1: `summary` is missing",
        "list.yml:1: must be a mapping",
        "none.yaml: line 2: not valid YAML",
    ):
        assert said in told


def test_a_rule_may_wait_for_thirty_years():
    rule = RULES["cookie-replayed"]
    longest = Count(at_least=MOST, within=LONGEST, apart=LONGEST)
    plan = Plan(vocabulary(Credential), ())
    case = Case(plan, RunningRule(msgspec.structs.replace(rule, count=longest)))
    assert (case.at_least, case.within, case.apart) == (MOST, LONGEST * 10**9, LONGEST * 10**9)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("events: [message]", "events: [mesage]", "there is no event 'mesage'"),
        ("events: [message]", "events: [ike-event]", "there is no event 'ike-event'"),
        ("events: [message]", "events: [_-with-capability]", "no event '_-with-capability'"),
        ("kind not in", "kimd not in", "'kimd' is in none of its events; they have account"),
        ("messages of {client}", "messages of {clint}", "'clint' is in none of its events"),
        ('"client"]', '"clients"]', "'clients' is in none of its events"),
    ],
)
def test_a_rule_that_could_never_fire_is_refused(tmp_path, old, new, said):
    """A slip of the pen in a rule of one's own must not look like a quiet network."""
    text = (rules.HERE / "cleartext-messages.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "cleartext-messages.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(said)):
        rules.read(tmp_path)
