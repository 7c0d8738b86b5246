"""What several parsers tell becomes one story: numbers, figures, findings, reports."""

import msgspec
import pytest
from tests.flows.frames import ethernet, ip, pcap, udp
from tests.live.world import EXAMPLES

from backchannel import scan
from backchannel.capture import sources
from backchannel.capture.records import Records
from backchannel.catalogue import index
from backchannel.detect import rules
from backchannel.flows.settings import FlowSettings
from backchannel.live import framing, messages
from backchannel.live.collector import Collector, chosen
from backchannel.live.messages import Inbox, Task, packed
from backchannel.live.parser import Parser
from backchannel.privacy import Disclosure
from backchannel.protocols.ike.events import IkeProposals

CAPTURE = EXAMPLES / "aim/aim_presence.pcap"
IPSEC = EXAMPLES / "ipsec/natt_client_side.pcap"
PROXY = EXAMPLES / "aim/aim_socks5.pcap"


def collector(workers=1, **options):
    return Collector(
        rules=tuple(rules.load().values()),
        index=index.load(),
        disclosure=Disclosure(),
        repeat=3600,
        workers=workers,
        **options,
    )


def parsed(capture, read=None):
    """Return what a parser tells of *capture*, after the way over the socket."""
    told = []
    task = Task(captures=(), settings=FlowSettings(), index=index.load(), read=read)
    parser = Parser(task, told.append)
    for source in sources([str(capture)]):
        for chunk in source.chunks():
            parser.read(chunk)
    parser.finish()
    told += [parser.status({"eth0": (300, 2)}), parser.logins()]
    inbox = Inbox("report")
    return [message for sent in told for message in inbox.feed(packed(sent))]


@pytest.mark.parametrize("shown", [False, True])
def test_who_talks_is_counted_where_it_is_shown(shown):
    task = Task(captures=(), settings=FlowSettings(), index=index.load(), talkers=shown)
    parser = Parser(task, lambda _: None)
    for source in sources([str(IPSEC)]):
        for chunk in source.chunks():
            parser.read(chunk)
    made = collector()
    made.take(0, parser.status({}))
    traffic = scan(IPSEC).document.traffic
    told = sum(made.talkers().values())
    assert traffic.bytes / 2 < told <= traffic.bytes if shown else not told


@pytest.mark.parametrize("capture", [CAPTURE, IPSEC], ids=lambda path: path.stem)
@pytest.mark.parametrize("everything", [False, True])
def test_the_document_is_that_of_a_scan(capture, everything):
    """Also where parsers tell only the kind of what nobody reads."""
    made = collector()
    for message in parsed(capture, None if everything else made.read):
        made.take(0, message)
    made._began = 0  # the capture is older than this test
    told, wanted = made.document(), scan(capture).document
    for part in ("services", "accounts", "sessions", "credentials", "files", "pairs",
                 "conversations", "addresses", "anomalies", "associations"):  # fmt: skip
        assert getattr(told, part) == getattr(wanted, part), part

    def plain(found):
        return [
            msgspec.structs.replace(each, evidence=tuple(p.time for p in each.evidence))
            for each in found
        ]

    assert plain(told.findings) == plain(wanted.findings)
    assert told.traffic.packets == wanted.traffic.packets
    assert told.unseen["packets dropped by the kernel"] == 2
    assert sum(made.events.values()) == sum(sum(row.events.values()) for row in wanted.services)


def test_a_parser_tells_no_more_of_an_event_than_is_read():
    read = collector().read
    assert read["ike-proposals"].without == ("suites",)  # rules name `weak`, the other list
    assert read["message"] == messages.Wanted(("True",))
    assert "typing" not in read
    told, all_of_it = [
        [each.event for heard in parsed(IPSEC, asked) if isinstance(heard, messages.Heard)
         for each in heard.seen]
        for asked in (read, None)
    ]  # fmt: skip
    offers = [event for event in told if isinstance(event, IkeProposals)]
    assert offers
    assert not any(event.suites for event in offers)
    assert any(event.weak for event in offers)
    for event in offers:
        assert any(
            msgspec.structs.replace(other, suites=()) == event
            for other in all_of_it
            if isinstance(other, IkeProposals)
        )


@pytest.mark.parametrize("capture", [CAPTURE, IPSEC, PROXY], ids=lambda path: path.stem)
def test_without_a_report_parsers_tell_less_and_what_is_found_is_the_same(capture):
    """Nobody reads then what only a report shows."""
    told, found = [], []
    for made in (collector(), collector(report=False)):
        heard = parsed(capture, made.read)
        for message in heard:
            made.take(0, message)
        seen = [each for each in heard if isinstance(each, messages.Heard)]
        told.append(sum(len(each.seen) for each in seen))
        found.append((made.fresh(), made.events, made.flows, made.clients))
    assert found[0] == found[1]
    assert found[0][0]
    assert told[0] > told[1]


def test_a_report_that_a_reload_asks_for_begins_then():
    made = collector(report=False)
    bare = made.read
    for message in parsed(CAPTURE, bare):
        made.take(0, message)
    before, wanted = made.totals(), collector()
    made.reload(
        rules=tuple(rules.load().values()),
        index=made.index,
        disclosure=Disclosure(),
        repeat=3600,
        suppressions=(),
        report=True,
    )
    assert made.read == wanted.read != bare
    assert made.document().services == ()
    for message in parsed(CAPTURE, made.read):
        if isinstance(message, messages.Heard):
            made.take(0, message)
            wanted.take(0, message)
    assert made.document().services == wanted.document().services != ()
    assert made.document().traffic.packets == made.totals().packets - before.packets == 0


def test_numbers_of_several_parsers_never_meet():
    made, seen = collector(3), []
    made.listeners = [seen.append]
    for number in range(3):
        for message in parsed(CAPTURE):
            made.take(number, message)
    serials = [each.flow.serial for each in seen]
    third = len(seen) // 3
    groups = [set(serials[at * third : (at + 1) * third]) for at in range(3)]
    assert not groups[0] & groups[1]
    assert not groups[1] & groups[2]
    assert made.totals().packets == 3 * 294
    assert made.kernel() == {"eth0": (900, 6)}
    flows = {serial for session in made.document().sessions for serial in session.flows}
    assert flows <= set(serials)


def test_a_new_period_begins_empty_but_for_findings_that_go_on():
    made = collector()
    told = parsed(CAPTURE)
    for message in told:
        made.take(0, message)
    before = made.document()
    made.turn()
    after = made.document()
    assert before.services
    assert after.services == ()
    assert after.traffic.packets == 0
    assert after.findings == ()


def test_a_tunnel_that_ends_in_a_later_period_is_in_its_report():
    made = collector()
    told = parsed(PROXY, made.read)
    for message in told:
        made.take(0, message)
    whole = made.document().tunnels[0]
    made = collector()
    heard = [each for each in told if isinstance(each, messages.Heard)]
    for message in heard:
        made.take(0, msgspec.structs.replace(message, ended=()))
    asked = made.document().tunnels[0]
    made.turn()
    assert made.document().tunnels == ()
    made.turn()
    for message in heard:
        made.take(0, msgspec.structs.replace(message, seen=(), counted=()))
    ended = made.document().tunnels[0]
    assert whole.bytes > 0
    assert (asked.asked, asked.granted, asked.bytes) == (1, 1, 0)
    assert (ended.asked, ended.granted, ended.bytes) == (0, 0, whole.bytes)
    same = {"asked": 1, "granted": 1, "answers": whole.answers}
    assert msgspec.structs.replace(ended, **same) == whole


def test_new_services_are_told_once():
    made, told = collector(), []
    made.on_service = told.append
    for message in parsed(IPSEC, made.read) * 2:
        made.take(0, message)
    assert [each.service for each in told] == ["ipsec"]
    assert told[0].title == index.load().title("ipsec")


def test_a_kind_of_event_that_is_none_is_refused():
    made = collector()
    (counted, *_) = [c for m in parsed(IPSEC, made.read) if isinstance(m, messages.Heard)
                     for c in m.counted]  # fmt: skip
    wrong = msgspec.structs.replace(counted, tag="no-such-event")
    with pytest.raises(framing.Broken, match="no-such-event"):
        made.take(0, messages.Heard((), (), (wrong,)))


def test_findings_are_looked_through():
    found = scan(CAPTURE).document.findings
    assert chosen(found, "ALICEREC") == [each for each in found if "alicerec" in each.summary]
    assert chosen(found, "high aim")
    assert chosen(found, "10.61.0.12") != list(found)
    assert chosen(found, "no such thing") == []


def answer(name, number):
    """A DNS answer that gives *name* an address."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x33\x64" + bytes([number])
    told = b"\0\1\x81\x80\0\1\0\1\0\0\0\0" + labels + b"\0\1\0\1" + record
    return ethernet(ip("10.0.0.53", "10.0.0.1", 17, udp((53, 40_000 + number), told)))


def test_a_reload_looks_for_the_names_of_the_new_catalogue():
    told, number = [], iter(range(1, 9))
    task = Task(captures=(), settings=FlowSettings(), index=index.Index(services={}))
    parser = Parser(task, told.append)

    def hear(name):
        capture = pcap([(0.0, answer(name, next(number)))])
        parser.read(Records(capture[:24]).cut(memoryview(capture), len(capture)))
        parser.flush()
        seen = [each for message in told for each in message.seen]
        told.clear()
        return [(each.event.name, each.service) for each in seen]

    assert hear("web.whatsapp.com") == []
    parser.reload(messages.Reload(index.load()))
    assert hear("web.whatsapp.com") == [("web.whatsapp.com", "")]  # a name of no flow yet
    parser.reload(messages.Reload(index.Index(services={})))
    assert hear("web.whatsapp.com") == []
