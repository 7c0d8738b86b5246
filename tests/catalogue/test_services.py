"""The files that ship: they load, fit the schema, and say what the texts and captures say."""

import json
import re
from collections import defaultdict
from hashlib import md5
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import msgspec
import pytest
import yaml

from backchannel import protocols
from backchannel.catalogue import index
from backchannel.catalogue.load import HERE, load

ROOT = Path(__file__).parents[2]
RULES = ROOT / "src/backchannel/detect/rules"
KNOWN = load(protocols=protocols.load())
PAPER = ("aim", "icq", "msn", "yahoo", "kazaa", "gnutella")
SERVICES = pytest.mark.parametrize("service", KNOWN.values(), ids=list(KNOWN))


def test_the_services_of_the_texts_and_of_today_are_there():
    assert {*PAPER, "ipsec", "socks", "http-proxy"} <= set(KNOWN)
    assert {"bittorrent", "edonkey", "soulseek", "direct-connect"} <= set(KNOWN)


def test_every_decoder_belongs_to_a_service_that_has_a_sheet():
    """Plain web, names and TLS are carriers; RTP, T.120 and RDP say themselves whose they are."""
    sheets = {name for service in KNOWN.values() for name in service.protocols}
    shared = {"dns", "tls", "quic", "http", "rtp", "oscar-http"}
    assert set(protocols.load()) - sheets <= shared


@SERVICES
def test_a_sheet_fits_the_schema_that_ships(service):
    schema = json.loads((ROOT / "docs/schema/service.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    text = (HERE / f"{service.id}.yaml").read_text(encoding="utf-8")
    data = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.validate(data, schema)


def test_the_schema_refuses_what_the_loader_refuses():
    schema = json.loads((ROOT / "docs/schema/service.json").read_text(encoding="utf-8"))
    data = msgspec.to_builtins(KNOWN["icq"])
    data["kind"] = "plate"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


@SERVICES
def test_the_index_says_what_the_sheet_says(service):
    entry = index.load().services[service.id]
    assert entry == index.build(KNOWN).services[service.id]
    assert entry.risks == {risk.id: risk.severity for risk in service.risks}


def test_the_index_knows_no_service_without_a_sheet():
    assert set(index.load().services) == set(KNOWN)


@SERVICES
def test_risks_are_seen_as_rules_that_exist_and_of_each_kind_once(service):
    rules = {path.stem for path in RULES.glob("*.yaml")}
    for risk in service.risks:
        assert set(risk.seen_as) <= rules, (risk.id, set(risk.seen_as) - rules)
    assert len({risk.id for risk in service.risks}) == len(service.risks)


def facts(service):
    """Yield the sources of every fact of a service."""
    waiting = [msgspec.to_builtins(service)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            cited = value.get("sources")
            if isinstance(cited, list | tuple):
                yield tuple(cited)
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


def author(service, name):
    """Return who speaks in a source: its author, that of the work it repeats, or itself."""
    source = service.sources[name]
    return author(service, source.copy_of) if source.copy_of else source.by or name


@SERVICES
def test_at_least_three_facts_have_a_second_author(service):
    """Not counted: a maker's manual beside his source code, a work beside its translation."""
    told = [{author(service, name) for name in cited} for cited in facts(service)]
    assert sum(len(authors) > 1 for authors in told) >= 3


OTHERS = {"docslib.org", "de.scribd.com", "pastebin.com"}
"""Hosts of what others wrote."""


def home(url):
    """Return the host of a page, with the owner on hosts of code; empty where anybody writes."""
    parts = urlsplit(url)
    owner, *rest = parts.path.strip("/").split("/")
    if parts.hostname in OTHERS or {"issues", "pull", "work_items"} & set(rest):
        return ""
    code = parts.hostname in {"github.com", "gist.github.com", "gitlab.com"}
    return f"{parts.hostname}/{owner}" if code else parts.hostname or ""


@SERVICES
def test_what_comes_from_one_place_has_one_author(service):
    """So that `by` is not forgotten when a second page of a maker is cited."""
    places = defaultdict(set)
    for name, source in service.sources.items():
        if where := home(source.url):
            places[where].add(author(service, name))
    assert {where: who for where, who in places.items() if len(who) > 1} == {}


@SERVICES
def test_a_sheet_says_everything_that_is_asked_of_one(service):
    for part in ("clients", "filtering", "proxying", "capabilities", "risks"):
        assert getattr(service, part), part
    for part in ("countermeasures", "practice", "recommendations"):
        assert getattr(service, part), part
    assert service.nat is not None
    assert service.nat.embedded or service.nat.fails or service.nat.mends
    for measure in service.countermeasures:
        assert measure.misses, measure.id
    for row in service.capabilities:
        assert row.ports, row.capability


@SERVICES
def test_ports_of_capabilities_can_become_rules(service):
    """A range that takes in half of all ports is no port: it is `dynamic`."""
    one = re.compile(r"(tcp|udp)/(\d+)(?:-(\d+))?\Z|(?:tcp|udp)/dynamic\Z|(?:esp|ah)\Z")
    for row in service.capabilities:
        for spec in row.ports:
            found = one.match(spec)
            assert found, (row.capability, spec)
            if found[2]:
                low, high = int(found[2]), int(found[3] or found[2])
                assert 0 < low <= high <= 65_535, spec
                assert high - low < 16_384, spec
        assert len(set(row.ports)) == len(row.ports), row.capability


@SERVICES
def test_every_capability_that_a_row_names_is_listed(service):
    listed = {row.capability for row in service.capabilities}
    assert {row.capability for row in service.filtering if row.capability} <= listed


@SERVICES
def test_ports_can_be_read_by_a_program(service):
    part = re.compile(r"(any|\d+(-\d+)?(,\s*\d+(-\d+)?)*)\Z")
    for row in service.filtering:
        for spec in (row.source_port, row.destination_port):
            assert part.match(spec), spec
            assert all(int(number) <= 65_535 for number in re.findall(r"\d+", spec))
        assert (row.ack == "none") == (row.transport != "tcp"), row.what


@SERVICES
def test_captures_that_are_evidence_are_there(service):
    for dispute in service.disputes:
        for name in re.findall(r"examples/[\w./-]+\.pcap", dispute.evidence):
            assert (ROOT / name).exists(), name


# The appendix of the white paper, cell by cell in its columns: Unencrypted, File Transfer, Known
# Buffer Overflows, Remote Control, Known Worms, Spyware, Social Engineering, Misuse of
# Bandwidth/Copyright, Targeted by known viruses.
MATRIX = {
    "aim": "X X X _ _ _ X X X",
    "msn": "X X _ X X _ X X X",
    "yahoo": "X X _ _ _ _ X X _",
    "icq": "X X X _ _ _ X X _",
    "kazaa": "X X _ _ _ X _ X X",
    "gnutella": "X X _ _ _ _ _ X X",
}


@pytest.mark.parametrize("name", PAPER)
def test_the_matrix_of_2002_is_the_papers(name):
    row = msgspec.structs.asdict(KNOWN[name].matrix2002)
    assert row.pop("source") == "iss-2002"
    assert ["X" if cell else "_" for cell in row.values()] == MATRIX[name].split()


def test_only_the_papers_services_have_a_row_of_2002():
    assert {name for name, service in KNOWN.items() if service.matrix2002} == set(PAPER)


def test_icqs_table_is_the_books():
    """Rebuilt from its prose: server over UDP 4000, over TCP above 1023, clients both ways."""
    rows = [row for row in KNOWN["icq"].filtering if "oreilly-2000" in row.sources]
    assert [(row.direction, row.transport, row.destination_port, row.ack) for row in rows] == [
        ("out", "udp", "4000", "none"),
        ("in", "udp", "1024-65535", "none"),
        ("out", "tcp", "1024-65535", "first-no"),
        ("in", "tcp", "1024-65535", "yes"),
        ("out", "tcp", "1024-65535", "first-no"),
        ("in", "tcp", "1024-65535", "first-no"),
    ]


def test_the_papers_md5_example_does_not_reproduce_and_the_sheet_says_what_it_gives():
    challenge, key = "989048851.1851137130", "Q1P7W2E4J9R8U3S5"
    made = md5(f"{challenge}{key}".encode()).hexdigest()
    (dispute,) = (each for each in KNOWN["msn"].disputes if challenge in each.says)
    assert "0212eaad0876afb8505859ca75d21a78" in dispute.says
    assert made in dispute.evidence
    assert made not in dispute.says


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("login.icq.com", "icq"),
        ("LOGIN.ICQ.COM.", "icq"),
        ("www.icq.com", ""),
        ("online.mirabilis.com", ""),
        ("baym-sb9.msgr.hotmail.com", "msn"),
        ("gateway.messenger.hotmail.com", "msn"),
        ("www.hotmail.com", ""),
        ("messenger.msn.com", ""),
        ("scs.msg.yahoo.com", "yahoo"),
        ("scsa.msg.yahoo.com", "yahoo"),
        ("cs12.msg.sc5.yahoo.com", "yahoo"),
        ("vcs1.msg.yahoo.com", "yahoo"),
        ("presence.msg.yahoo.com", ""),
        ("www.yahoo.com", ""),
        ("mail.yahoo.com", ""),
        ("login.oscar.aol.com", "aim"),
        ("www.aol.com", ""),
        ("router.limewire.com", "gnutella"),
        ("www.limewire.com", ""),
        ("www.kazaa.com", ""),
        ("server.slsknet.org", "soulseek"),
        ("www.slsknet.org", ""),
        ("router.utorrent.com", "bittorrent"),
        ("www.utorrent.com", ""),
        ("evil-login.icq.com.example", ""),
    ],
)
def test_host_names_are_the_services_own_and_no_web_hosts(host, service):
    assert index.load().service_of(host) == service


@SERVICES
def test_no_pattern_takes_in_a_whole_domain_of_others(service):
    for domain in service.domains:
        assert domain.name == domain.name.lower().strip(".")
        whole = domain.name.rpartition("*")[2].strip(".")
        assert whole == "onion" or len(whole.split(".")) >= 2, domain.name  # RFC 7686: Tor's alone
