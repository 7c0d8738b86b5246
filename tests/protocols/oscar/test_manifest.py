"""The facts that the examples' manifest states of AIM and ICQ, each looked for in what is decoded.

The drivers of the real clients wrote the manifest; the decoders had no part in it.
"""

import hashlib
import re
from functools import cache
from html import unescape
from pathlib import Path

import pytest
import yaml
from tests import kit

from backchannel.effects import Expect, FileClose, FileData, FileOpen, Tie
from backchannel.events import (
    Contacts,
    Credential,
    Message,
    Offer,
    OfferAnswer,
    PeerAddress,
    Presence,
    Profile,
    SignOn,
    SignOnAnswer,
    Typing,
)
from backchannel.model import Claim, Side
from backchannel.protocols import Start, load
from backchannel.protocols.oscar import passwords
from backchannel.protocols.oscar.events import ServiceRedirect

EXAMPLES = Path(__file__).parents[3] / "examples"
MANIFEST = yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())
COMMON = MANIFEST["common_aim_icq"]
ENTRIES = [
    entry for entry in MANIFEST["captures"] if entry["path"].startswith(("aim/", "icq/icq_o"))
]
PROTOCOLS = ("oscar", "oft", "odc")


def having(*keys):
    """Parametrise over the entries that state such facts."""
    chosen = [entry for entry in ENTRIES if any(key in entry for key in keys)]
    assert chosen
    return pytest.mark.parametrize("entry", chosen, ids=lambda entry: entry["path"])


def inside_proxy(flow: kit.Flow) -> kit.Flow:
    """Cut the words with an HTTP or SOCKS5 proxy off both sides of a flow."""
    first = kit.peek(flow)
    if first.client.startswith(b"CONNECT"):
        cut = [data.index(b"\r\n\r\n") + 4 for data in (first.client, first.server)]
    elif first.client.startswith(b"\5"):
        cut = [3 + 10, 2 + 10]
    else:
        return flow
    steps = []
    for side, data in flow.steps:
        taken, cut[side] = cut[side], max(0, cut[side] - len(data))
        steps.append((side, data[taken:]))
    return kit.Flow(flow.start, steps)


class Decoded:
    """All flows of a capture, each with what its announcement told its session."""

    def __init__(self, path: str) -> None:
        self.told = []
        self.flows = []
        self.services = []
        self._expected: list[Expect] = []
        flows = [inside_proxy(flow) for flow in kit.flows(EXAMPLES / path)]
        for name in PROTOCOLS:  # what announces first, so that the announced is expected
            for flow in flows:
                self._decode(name, flow)

    def _decode(self, name: str, flow: kit.Flow) -> None:
        protocol = load()[name]
        if not isinstance(protocol.recognise(kit.peek(flow)), Claim):
            return
        start = self._announced(name, flow.start)
        session = protocol.session(start)
        told = kit.decode(session, flow.steps)
        self.services.append((name, session.service))
        self._expected += kit.effects(told, Expect)
        self.flows.append((name, start, told))
        self.told += told

    def _announced(self, name: str, start: Start) -> Start:
        for expect in self._expected:
            at = (expect.address, expect.port or start.server.port)
            if (expect.protocol, *at) == (name, start.server.address, start.server.port):
                if expect.port:  # to the proxy both clients come
                    self._expected = [one for one in self._expected if one != expect]
                return Start(
                    "tcp",
                    start.client,
                    start.server,
                    accounts=expect.accounts,
                    context=expect.context,
                )
        return start

    def events(self, kind):
        return kit.events(self.told, kind)

    def effects(self, kind):
        return kit.effects(self.told, kind)

    def files(self):
        """Every file that was carried: (how it was opened, SHA-256, whether the sum agreed)."""
        for _, _, told in self.flows:
            for opened in kit.effects(told, FileOpen):
                pieces = [one for one in kit.effects(told, FileData) if one.key == opened.key]
                whole = b"".join(one.data for one in sorted(pieces, key=lambda one: one.offset))
                closed = [one for one in kit.effects(told, FileClose) if one.key == opened.key]
                yield opened, hashlib.sha256(whole).hexdigest(), closed[0].verified


decoded = cache(Decoded)


def accounts_of(entry) -> dict[str, str]:
    """Account -> password of those who sign on."""
    if "accounts" in entry:
        return entry["accounts"]
    users = {event["from"] for event in entry["events"]}
    users |= {"bobrec"} if entry["path"].startswith("aim/") else {"700100300"}
    users -= {"bobrec"} if entry.get("leg") else set()
    return {user: COMMON["accounts"][user] for user in users}


def read(text: str) -> str:
    """Text as a reader sees it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", text)).split())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["path"])
def test_every_account_signs_on_and_is_let_in(entry):
    found = decoded(entry["path"])
    wanted = set(accounts_of(entry))
    assert {event.account for event in found.events(SignOn)} - {""} == wanted
    assert {event.account for event in found.events(SignOnAnswer) if event.accepted} == wanted


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["path"])
def test_every_password_is_recovered_or_can_be_tested(entry):
    found = {e.account: e for e in decoded(entry["path"]).events(Credential) if e.kind != "token"}
    for account, password in accounts_of(entry).items():
        secret = found[account]
        if entry["path"].startswith("icq/"):
            assert (secret.kind, secret.secret) == ("recoverable", password)
        else:
            assert (secret.kind, secret.salt) == ("hash", "1234567890")
            assert secret.secret == passwords.response(secret.scheme, secret.salt, password)
            assert secret.scheme == passwords.MD5_TWICE


def texts_of(entry) -> dict[str, list[str]]:
    """Sender -> texts in order."""
    texts = dict[str, list[str]]()
    for event in entry.get("events", ()):
        if event["kind"] in {"im", "im_auto_response"}:
            texts.setdefault(event["from"], []).append(event["value"])
    for message in entry.get("messages_interleaved", ()):
        texts.setdefault(message["from"], []).append(message["html"])
    return texts


@having("events", "messages_interleaved")
def test_every_message_is_told_in_order(entry):
    """By each flow that carries them: the sender's, and the recipient's where it is captured."""
    texts = texts_of(entry)
    direct = {e["value"] for e in entry.get("events", ()) if e.get("via") == "ODC2"}
    for name, start, told in decoded(entry["path"]).flows:
        for sender, sent in texts.items():
            messages = [m for m in kit.events(told, Message) if m.sender == sender]
            wanted = [read(text) for text in sent if (text in direct) is (name == "odc")]
            assert [read(m.text) for m in messages] in ([], wanted), (name, start)
            assert all(m.size == len(m.text) for m in messages)
    carriers = decoded(entry["path"]).events(Message)
    assert len(carriers) >= sum(map(len, texts.values()))


def test_html_is_kept_beside_the_readable_text():
    entry = next(one for one in ENTRIES if "messages_interleaved" in one)
    kept = {message.markup for message in decoded(entry["path"]).events(Message)}
    assert {message["html"] for message in entry["messages_interleaved"]} <= kept


def test_the_eight_messages_and_the_contact_of_the_roasted_capture():
    """The manifest says so in a note: 8 messages delivered; contact 333333 "Charlie"."""
    found = decoded("icq/icq_oscar_roast_8im.pcap")
    delivered = [m for m in found.told if isinstance(m[1], Message) and m[0] is Side.SERVER]
    assert len(delivered) == 8
    entries = [entry for event in found.events(Contacts) for entry in event.entries]
    assert ("333333", "Charlie", "General") in {(e.account, e.nickname, e.group) for e in entries}


@having("received_files")
def test_every_file_is_whole_and_belongs_to_its_people(entry):
    found = list(decoded(entry["path"]).files())
    names = {file["sha256"]: file["equals"] for file in entry["received_files"]}
    sizes = {file["name"]: file["size"] for file in COMMON["sent_files"]}
    assert {sha256 for _, sha256, _ in found} == set(names)
    for opened, sha256, verified in found:
        assert opened.size == sizes[names[sha256]]
        assert verified is not False
        if opened.name != "buddy icon":
            assert opened.name == names[sha256]
            both = {opened.sender, opened.recipient}
            assert both - {""} <= set(accounts_of(entry))
            assert opened.sender == next(
                e["from"] for e in entry["events"] if opened.name in (e["value"], e.get("image"))
            )


@having("carved_from_pcap")
def test_every_carved_file_is_found_on_its_connection(entry):
    carved = [one for one in entry["carved_from_pcap"] if isinstance(one, dict)]
    for file in carved:
        if "oft_name" not in file:
            continue
        carriers = [
            f"{start.client}<->{start.server}"
            for name, start, told in decoded(entry["path"]).flows
            if name == "oft" and file["oft_name"] in {o.name for o in kit.effects(told, FileOpen)}
        ]
        assert file["connection"] in carriers
        verdicts = [v for o, _, v in decoded(entry["path"]).files() if o.name == file["oft_name"]]
        assert set(verdicts) == {True}


@pytest.mark.parametrize(
    "entry",
    [e for e in ENTRIES if any(x["kind"] == "file" for x in e.get("events", ()))],
    ids=lambda entry: entry["path"],
)
def test_every_offer_is_told_and_answered(entry):
    found = decoded(entry["path"])
    sizes = {file["name"]: file["size"] for file in COMMON["sent_files"]}
    wanted = {(e["from"], e["value"]) for e in entry["events"] if e["kind"] == "file"}
    offers = found.events(Offer)
    assert {(offer.sender, offer.name) for offer in offers} == wanted
    assert all(offer.size == sizes[offer.name] for offer in offers)
    accepted = {answer.id for answer in found.events(OfferAnswer) if answer.accepted}
    assert {offer.id for offer in offers} <= accepted


@having("tcp_streams")
def test_every_peer_connection_was_disclosed_and_announced(entry):
    found = decoded(entry["path"])
    places = {(e.address, e.port) for e in found.events(PeerAddress)}
    announced = {(e.protocol, e.address, e.port) for e in found.effects(Expect)}
    for stream in entry["tcp_streams"]:
        _, _, server, kind, _ = stream.split(" ", 4)
        address, port = server.split(":")
        if kind in {"oft", "odc"}:
            proxied = address == COMMON["hosts"]["proxy"]
            place = address, 0 if proxied else int(port)
            assert place in places
            assert (kind, *place) in announced


@having("ports")
def test_every_service_was_announced_at_its_port(entry):
    redirects = decoded(entry["path"]).events(ServiceRedirect)
    ports = {"bos": "messaging", "bart": "buddy icons"}
    wanted = {(name, entry["ports"][key]) for key, name in ports.items() if key in entry["ports"]}
    assert {(event.service, event.port) for event in redirects} == wanted


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["path"])
def test_a_cookie_ties_all_connections_of_an_account(entry):
    """One session an account: the keys of its connections hang together."""
    for account in accounts_of(entry):
        keys = [
            {tie.key for tie in kit.effects(told, Tie)}
            for name, _, told in decoded(entry["path"]).flows
            if name == "oscar" and account in {tie.account for tie in kit.effects(told, Tie)}
        ]
        assert len(keys) >= 2
        assert set.intersection(*keys)


def test_presence_profile_and_typing():
    entry = next(one for one in ENTRIES if one["path"] == "aim/aim_presence.pcap")
    found = decoded(entry["path"])
    for event in entry["events"]:
        who, what = event["from"], event["value"]
        if event["kind"] == "profile":
            assert (who, what) in {(e.account, e.text) for e in found.events(Profile)}
        elif event["kind"] == "away":
            assert (who, "away", what) in {
                (e.account, e.status, e.text) for e in found.events(Presence)
            }
        elif event["kind"] == "idle":
            assert (who, int(what)) in {(e.account, e.idle) for e in found.events(Presence)}
        elif event["kind"] == "im_auto_response":
            kinds = {e.kind for e in found.events(Message) if e.text == what}
            assert kinds == {"auto-response"}
    own = [e for s, e in found.told if isinstance(e, Typing) and s is Side.CLIENT]
    assert [(e.sender, e.active) for e in own if e.sender == "alicerec"] == [
        ("alicerec", True),
        ("alicerec", False),
        ("alicerec", False),
    ]
    assert [(e.sender, e.active) for e in own if e.sender == "bobrec"] == [("bobrec", True)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["path"])
def test_the_service_is_told_from_the_accounts(entry):
    services = {(name, service) for name, service in decoded(entry["path"]).services}
    wanted = entry["path"].split("/")[0]
    assert {service for _, service in services} - {""} == {wanted}
