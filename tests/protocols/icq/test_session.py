"""ICQ over UDP: the recorded conversations, witnesses of every version, hand-made packets, laws."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Expect
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Credential,
    Gap,
    Malformed,
    Message,
    Offer,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SignOff,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.icq import names, scramble, wire
from backchannel.protocols.icq.names import Client, Server
from backchannel.protocols.icq.session import CLIENT, SERVER, Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURE = EXAMPLES / "icq/icq_v5_neticq_iserverd.pcap"
FACTS = next(
    entry
    for entry in yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())["captures"]
    if entry["path"] == "icq/icq_v5_neticq_iserverd.pcap"
)
START = Start("udp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 4000))
ME, YOU = 8562000, 2127503
IP = bytes([192, 0, 2, 9])


# -- packets, made by what the descriptions say ------------------------------------------------


def text(value):
    value = value.encode("cp1252") if isinstance(value, str) else value
    return struct.pack("<H", len(value) + 1) + value + b"\0"


def check_of(packet, table, place, other):
    fixed = packet[8] << 24 | packet[4] << 16 | packet[2] << 8 | packet[6]
    value = place << 24 | packet[place] << 16 | other << 8 | table[other]
    return fixed ^ value ^ 0x00FF00FF


def client5(command, parameters=b"", sequence=7, uin=ME, session=0x11223344):
    head = struct.pack("<HIIIHHHI", 5, 0, uin, session, command, sequence, sequence, 0)
    packet = bytearray(head + (parameters or b"rand"))
    check = check_of(packet, scramble.TABLE_5, 24, 100)
    key = len(packet) * 0x68656C6C + check
    for at in range(10, len(packet)):
        start = at - (at - 10) % 4
        word = (key + scramble.TABLE_5[start & 0xFF]) & 0xFFFFFFFF
        packet[at] ^= word >> 8 * (at - start) & 0xFF
    bits = (0x1F, 12), (0x03E003E0, 1), (0xF8000400, -10), (0xF800, 16), (0x041F0000, -15)
    moved = sum((check & m) << s if s > 0 else (check & m) >> -s for m, s in bits)
    packet[20:24] = struct.pack("<I", moved & 0xFFFFFFFF)
    return bytes(packet)


def client3(command, parameters=b"", sequence=7, uin=ME, check=True):
    packet = struct.pack("<HHHHII", 3, command, sequence, sequence, uin, 0) + parameters
    code = check_of(packet, scramble.TABLE_4, 4, 9) if check else 0
    return packet[:12] + struct.pack("<I", code) + packet[16:]


def client2(command, parameters=b"", sequence=7, uin=ME, version=2):
    return struct.pack("<HHHI", version, command, sequence, uin) + parameters


def server5(command, parameters=b"", sequence=3, uin=ME, sequence2=0):
    head = struct.pack("<HBIHHHI", 5, 0, 0x11223344, command, sequence, sequence2, uin)
    packet = head + b"\0\0\0\0" + parameters
    return head + struct.pack("<I", check_of(packet, scramble.TABLE_5, 3, 7)) + parameters


def server3(command, parameters=b"", sequence=3, uin=ME, sequence2=0):
    return struct.pack("<HHHHII", 3, command, sequence, sequence2, uin, 0) + parameters


def server2(command, parameters=b"", sequence=3, version=2):
    return struct.pack("<HHH", version, command, sequence) + parameters


def c(packet):
    return Side.CLIENT, packet


def s(packet):
    return Side.SERVER, packet


def said(*steps, kind=None, before=()):
    session = Session(START)
    kit.decode(session, before, ends=False)
    told = kit.decode(session, steps)
    return kit.events(told, kind) if kind else [value for _, value in told]


def login(version, password="secret", port=20543, status=0):
    time = struct.pack("<I", 0x37000000) if version >= 4 else b""
    middle = struct.pack("<I", 0x98) + IP + b"\4" + struct.pack("<II", status, 3)
    return time + struct.pack("<I", port) + text(password) + middle + bytes(12)


# -- the capture -------------------------------------------------------------------------------


def conversations():
    return [(flow, kit.decode(Session(flow.start), flow.steps)) for flow in kit.flows(CAPTURE)]


def everything():
    return [pair for _, told in conversations() for pair in told]


def test_golden():
    kit.check_golden(HERE / "icq_v5_neticq_iserverd.jsonl", everything())


def test_both_conversations_are_claimed_and_nothing_is_malformed():
    for flow, told in conversations():
        claim = recognise(kit.peek(flow))
        assert (claim.protocol, claim.flipped) == ("icq", False)
        assert "check code fits" in claim.evidence
        assert not kit.events(told, Malformed)
        assert not kit.events(told, Anomaly)


def test_every_check_code_of_both_sides_fits():
    packets = [wire.read(side, data) for flow in kit.flows(CAPTURE) for side, data in flow.steps]
    assert len(packets) == FACTS["packets"]
    assert all(packet.checked and packet.known for packet in packets)


def test_accounts_and_passwords_of_the_manifest():
    told = everything()
    found = {(c.account, c.secret, c.kind, c.scheme) for c in kit.events(told, Credential)}
    assert found == {
        (str(account), password, "recoverable", "icq-v5-scramble")
        for account, password in FACTS["accounts"].items()
    }
    assert {e.account for e in kit.events(told, SignOnAnswer) if e.accepted} == {
        str(account) for account in FACTS["accounts"]
    }


def test_contact_lists_of_the_manifest():
    found = {
        e.owner: [entry.account for entry in e.entries] for e in kit.events(everything(), Contacts)
    }
    assert found == {
        str(owner): [str(uin) for uin in uins] for owner, uins in FACTS["contact_lists"].items()
    }


def test_every_message_of_the_manifest_on_both_legs():
    told = [(m.sender, m.recipient, m.kind, m.text) for m in kit.events(everything(), Message)]
    for fact in FACTS["messages"]:
        wanted = fact["text"].partition(" (sent as")[0]
        kind = "url" if fact["type"] == 4 else "text"
        if kind == "url":
            wanted = wanted.removeprefix("url=").replace("description=", "")
        assert told.count((str(fact["from"]), str(fact["to"]), kind, wanted)) == 2, fact
    assert len(told) == 2 * len(FACTS["messages"])


def test_status_addresses_search_and_sign_off_of_the_manifest():
    told = everything()
    statuses = [(p.account, p.status) for p in kit.events(told, Presence)]
    assert ("1234567", "not-available") in statuses  # STATUS_CHANGE 5
    assert ("7654321", "away") in statuses  # STATUS_CHANGE 1
    addresses = {(p.account, p.address, p.how) for p in kit.events(told, PeerAddress)}
    assert ("1234567", "10.99.0.11", "contact-online") in addresses
    assert ("7654321", "10.99.0.12", "contact-online") in addresses
    assert {search.text for search in kit.events(told, Search)} == {"7654321"}
    assert {off.account for off in kit.events(told, SignOff)} == {"1234567", "7654321"}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not here")
def test_tshark_reads_the_same_headers():
    """Witness: tshark's ICQ dissector, which unscrambles on its own."""
    fields = ["icq.uin", "icq.sessionid", "icq.client_cmd", "icq.server_cmd", "icq.seqnum1"]
    options = [part for field in fields for part in ("-e", field)]
    run = subprocess.run(
        ["tshark", "-r", CAPTURE, "-Y", "icq", "-T", "fields", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    theirs = sorted(
        tuple(int(value or "0", 0) for value in line.split("\t"))
        for line in run.stdout.splitlines()
    )
    ours = []
    for flow in kit.flows(CAPTURE):
        for side, data in flow.steps:
            p = wire.read(side, data)
            command = (p.command, 0) if side is Side.CLIENT else (0, p.command)
            ours.append((p.uin, p.session, *command, p.sequence))
    assert theirs == sorted(ours)


# -- witnesses of other versions ---------------------------------------------------------------

REAL_2 = """
02 00 5A 00 00 00 8F 76 20 00 CD CD 76 10 02 00 01 00 05 00 00 00 00 00
   8C 00 00 00 F0 00 0A 00 0A 00 05 00 0A 00 01
02 00 6E 00 0B 00 8F 76 20 00 CD CD 77 90 3F 50 00 00 7F 00 00 01 04 00 00 00 00 03 00 00 00
02 00 1C 02 05 00 8F 76 20 00
02 00 8C 00 03 00 05 00 8F 76 20 00 0B 00 41 70 6F 74 68 65 6F 73 69 73
   00 07 00 47 72 61 68 61 6D 00 05 00 52 6F 66 66 00 13 00 67 72 6F 66 66 40 75
   77 61 74 65 72 6C 6F 6F 2E 63 61 00 01 02
02 00 A0 00 04 00 05 00 00
02 00 22 01 09 00 0A 00 96 3D 44 00 04 00 3F 3F 3F 00 2E 00 FE 01 00 00
   FF FF 01 01 00 00 1C 00 68 74 74 70 3A 2F 2F 68 65 6D 2E 70 61 73 73 61
   67 65 6E 2E 73 65 2F 67 72 72 2F 00 1E 00 49 27 6D 20 6A 75 73 74 20 61
   20 67 69 72 6C 20 69 6E 20 61 20 77 6F 72 6C 64 2E 2E 2E 00 FF FF FF FF
02 00 DC 00 0A 00 EC C9 45 00 CE 07 04 17 04 21 01 00 3F 00 6E 6F 2C 20
   73 74 69 6C 6C 20 68 6F 70 69 6E 67 20 66 6F 72 20 74 68 65 20 72 65 63
   6F 72 64 20 63 6F 6D 70 61 6E 79 2C 20 62 75 74 20 79 6F 75 20 6E 65 76
   65 72 20 6B 6E 6F 77 2E 2E 2E 00
02 00 DC 00 1A 00 23 64 84 00 CF 07 06 15 13 2B 13 00 1E 00 32 FE 37 33
   39 37 38 35 33 FE 46 6C 75 6E 6B 69 FE 37 33 35 37 32 31 39 FE 55 68 75 FE 00
02 00 E6 00 04 00 50 A5 82 00
02 00 04 01 08 00 8F 76 20 00 06 00 41 00 41 70 6F 74 68 65 6F 73 69 73
   FE 47 72 61 68 61 6D FE 52 6F 66 66 FE 67 72 6F 66 66 40 75 77 61 74 65
   72 6C 6F 6F 2E 63 61 FE 31 FE 50 6C 65 61 73 65 20 61 75 74 68 6F 72 69
   7A 65 20 6D 65 2E 00
02 00 04 01 28 00 0A 00 00 00 0D 00 49 00 6D 79 20 6E 61 6D 65 FE FE FE
   65 6D 61 69 6C FE 33 FE 53 65 6E 64 65 72 20 49 50 3A 20 32 30 39 2E 32
   33 39 2E 36 2E 31 33 0D 0A 53 75 62 6A 65 63 74 3A 20 73 75 62 6A 65 63
   74 0D 0A 74 68 65 20 6D 65 73 73 61 67 65 00
02 00 64 00 00 00 02 00 8F 76 20 00
02 00 0A 00 12 00
"""
REAL_2_CLIENT = """
02 00 E8 03 08 00 8F 76 20 00 34 4A 00 00 08 00 5B 63 65 50 61 62 43 00
   72 00 04 00 7F 00 00 01 04 00 00 00 00 03 00 00 00 02 00 00 00 00 00 04 00
02 00 FC 03 01 00 02 00 04 00 65 66 67 00 72 00 00 00 00 00 00 00
02 00 3C 05 06 00 50 A5 82 00 8F 76 20 00
02 00 24 04 04 00 50 A5 82 00 05 00 0B 00 41 70 6F 74 68 65 6F 73 69 73
   00 07 00 47 72 61 68 61 6D 00 05 00 52 6F 66 66 00 01 00 00
02 00 60 04 B7 00 BA 95 47 00 0A 00 8F 76 20 00
02 00 56 04 05 00 50 A5 82 00 A7 B8 19 00 08 00 01 00 00
"""


def dumped(listing):
    """Packets of a listing in which further lines of a packet are indented."""
    return [bytes.fromhex(" ".join(block.split())) for block in listing.strip().split("\n02 ")
            for block in ["02 " + block.removeprefix("02 ")]]  # fmt: skip


def test_real_packets_of_a_version_2_server():
    """Witness: packets of Mirabilis's server, as dumped in the comments of licq's icqd-udp.cpp."""
    told = said(*(s(packet) for packet in dumped(REAL_2)))
    assert not [value for value in told if isinstance(value, Malformed)]
    assert SignOnAnswer(account="2127503", accepted=True) in told
    where = [value for value in told if isinstance(value, PeerAddress)]
    assert [(p.account, p.address, p.port, p.how) for p in where] == [
        ("2127503", "205.205.118.16", 0, "login-reply"),
        ("2127503", "205.205.119.144", 20543, "contact-online"),
        ("2127503", "127.0.0.1", 20543, "contact-online"),
    ]
    expected = [value for value in told if isinstance(value, Expect)]
    assert [(e.protocol, e.address, e.port, e.source) for e in expected] == [
        ("icq-peer", "205.205.119.144", 20543, "10.0.0.1"),
        ("icq-peer", "127.0.0.1", 20543, "10.0.0.1"),
    ]
    found, more, asking = [value for value in told if isinstance(value, Profile)]
    assert found == Profile(
        account="2127503", nickname="Apotheosis", text="Graham Roff groff@uwaterloo.ca"
    )
    assert (more.account, more.text) == (
        "4472214",
        "??? http://hem.passagen.se/grr/ I'm just a girl in a world...",
    )
    assert asking.nickname == "Apotheosis"
    messages = [value for value in told if isinstance(value, Message)]
    assert [(m.sender, m.kind, m.text) for m in messages] == [
        ("4573676", "offline", "no, still hoping for the record company, but you never know..."),
        ("8676387", "contacts", "7397853 Flunki\n7357219 Uhu"),
        ("2127503", "authorization", "Please authorize me."),
        ("10", "web-pager",
         "my name <email>: Sender IP: 209.239.6.13\nSubject: subject\nthe message"),
    ]  # fmt: skip
    assert told[-1] == SignOnAnswer(account="2127503", accepted=False, reason="wrong password")


def test_real_packets_of_a_version_2_client():
    """Witness: the same comments, of what Mirabilis's client sent."""
    told = said(*(c(packet) for packet in dumped(REAL_2_CLIENT)))
    assert not [value for value in told if isinstance(value, Malformed)]
    assert SignOn(account="2127503", method="plain", client="ICQ", version="v2") in told
    credentials = [value for value in told if isinstance(value, Credential)]
    assert [(x.account, x.kind, x.scheme, x.secret) for x in credentials] == [
        ("2127503", "plain", "icq-plain", "[cePabC"),
        ("", "plain", "icq-plain", "efg"),
    ]
    assert Contacts(owner="8562000", change="add", entries=(Contact(account="2127503"),)) in told
    assert Search(text="Apotheosis Graham Roff", account="8562000") in told
    assert told[-1] == Message(sender="8562000", recipient="1685671", kind="authorization-granted")
    (where,) = [value for value in told if isinstance(value, PeerAddress)]
    assert (where.address, where.port, where.how) == ("127.0.0.1", 18996, "login")


@pytest.mark.parametrize("packet", dumped(REAL_2_CLIENT)[:1] + dumped(REAL_2)[1:2])
def test_real_packets_of_version_2_are_claimed_alone(packet):
    client = packet[2:4] == b"\xe8\x03"
    sides = (packet, b"") if client else (b"", packet)
    claim = recognise(Peek("udp", *sides, True, START))
    assert isinstance(claim, Claim)
    assert not claim.flipped


SCRAMBLED_LOGIN_4 = (
    "04006dd8deccb0c9d9cc59ca8e69daca7ef3fd2c000000373f5000000700736563726574009800"
    "0000c000020904000000000300000000000000000000001000"
)
SCRAMBLED_MESSAGE_4 = "0400a5b1288d9da22f8d92a350a582009e49fb0747f410000100060068656c6c6f00"
SCRAMBLED_INSIDE_4 = "0400aba129e899b22ee896b350a582009fa4ff1747f410000100060068656c6c6f00"
"""Its check code names a place within itself."""
SCRAMBLED_PING_4 = "04001c1db84a050b0700010050a58200b4e6fe0d"
SCRAMBLED_LOGIN_5 = (
    "05000000000050a58200bda0d269e097f7781b94ffddefc3f078f9a4cf281094f7787ff1930a95e7f0e0de93"
    "f0b8f791f97c1494f0781a94f078fa93f0781694f078e193"
)
SCRAMBLED_MESSAGE_5 = "05000000000050a58200aaa42e0ff3960b1e0e983dafe77d4beafe970d1e0398647b6df4631e"


@pytest.mark.parametrize(
    ("scrambled", "version", "command"),
    [
        (SCRAMBLED_LOGIN_4, 4, Client.LOGIN),
        (SCRAMBLED_MESSAGE_4, 4, Client.MESSAGE),
        (SCRAMBLED_INSIDE_4, 4, Client.MESSAGE),
        (SCRAMBLED_PING_4, 4, Client.KEEP_ALIVE),
        (SCRAMBLED_LOGIN_5, 5, Client.LOGIN),
        (SCRAMBLED_MESSAGE_5, 5, Client.MESSAGE),
    ],
)
def test_packets_that_licq_scrambled(scrambled, version, command):
    """Witness: licq 0.76's own Encrypt_Server, compiled and run on packets made by hand."""
    packet = bytes.fromhex(scrambled)
    read = wire.read(Side.CLIENT, packet)
    assert (read.version, read.command, read.uin, read.checked) == (version, command, ME, True)
    told = said(c(packet))
    if command == Client.LOGIN:
        (credential,) = [value for value in told if isinstance(value, Credential)]
        assert (credential.secret, credential.kind) == ("secret", "recoverable")
        assert credential.scheme == f"icq-v{version}-scramble"
    elif command == Client.MESSAGE:
        assert told == [Message(sender=str(ME), recipient="1111111", text="hello", size=5)]


# -- every version, every feature --------------------------------------------------------------

MAKERS = {1: lambda *a: client2(*a, version=1), 2: client2, 3: client3, 5: client5}


@pytest.mark.parametrize("version", MAKERS)
def test_signing_on_with_every_version(version):
    told = said(c(MAKERS[version](Client.LOGIN, login(version, status=0x10011))))
    sign_on, credential, presence, where, expect = told
    assert (sign_on.account, sign_on.version) == (str(ME), f"v{version}")
    assert (credential.secret, credential.account) == ("secret", str(ME))
    assert credential.kind == ("recoverable" if version >= 4 else "plain")
    assert (presence.account, presence.status) == (str(ME), "busy")
    assert (where.address, where.port, where.how) == ("192.0.2.9", 20543, "login")
    assert (expect.protocol, expect.address, expect.port) == ("icq-peer", "192.0.2.9", 20543)
    assert expect.repeat


def test_version_1_signs_on_with_its_first_request():
    told = said(c(client2(Client.PRE_LOGIN, text("secret") + bytes(4), version=1)))
    assert [type(value) for value in told] == [SignOn, Credential]
    asked = said(c(client3(Client.PRE_LOGIN, struct.pack("<I", ME) + text("secret"))))
    assert [type(value) for value in asked] == [Credential]


def test_the_server_tells_the_clients_address():
    outer = bytes([198, 51, 100, 7])
    hello = server5(Server.HELLO, bytes(12) + outer + bytes(4))
    told = said(s(hello), before=[c(client5(Client.LOGIN, login(5)))])
    answer, where, expect = told
    assert answer == SignOnAnswer(account=str(ME), accepted=True)
    assert (where.address, where.port, where.how) == ("198.51.100.7", 20543, "login-reply")
    assert (expect.address, expect.port) == ("198.51.100.7", 20543)
    third = said(s(server3(Server.HELLO, outer + bytes(20))), kind=PeerAddress)
    assert [(p.address, p.account) for p in third] == [("198.51.100.7", str(ME))]


@pytest.mark.parametrize(
    ("command", "parameters", "reason"),
    [
        (Server.WRONG_PASSWORD, b"", "wrong password"),
        (Server.BUSY, b"", "server busy"),
        (Server.LOGIN_ERROR, text("go away"), "go away"),
    ],
)
def test_refusals(command, parameters, reason):
    told = said(s(server5(command, parameters)))
    assert told == [SignOnAnswer(account=str(ME), accepted=False, reason=reason)]


def test_ends():
    assert said(c(client5(Client.LOGOFF, text("B_USER_DISCONNECTED") + b"\5\0"))) == [
        SignOff(account=str(ME))
    ]
    assert said(c(client5(Client.LOGOFF, text("B_MESSAGE_ACK") + b"\2\0"))) == []
    assert said(s(server5(Server.NOT_CONNECTED))) == [
        SignOff(account=str(ME), reason="not connected")
    ]
    assert said(s(server5(Server.GO_AWAY)), kind=SignOff)[0].reason == "told to go away"


def online(uin=YOU, status=0, port=1234, outer=(203, 0, 113, 5), inner=(10, 1, 1, 1)):
    place = bytes(outer) + struct.pack("<I", port) + bytes(inner) + b"\4"
    return struct.pack("<I", uin) + place + struct.pack("<II", status, 6) + bytes(26)


@pytest.mark.parametrize("maker", [server2, server3, server5])
def test_contacts_come_and_go(maker):
    told = said(
        s(maker(Server.ONLINE, online())),
        s(maker(Server.ONLINE, online(status=0x20), sequence=4)),
        s(maker(Server.STATUS, struct.pack("<II", YOU, 0x13), sequence=5)),
        s(maker(Server.STATUS, struct.pack("<IH", YOU, 0x100), sequence=6)),
        s(maker(Server.OFFLINE, struct.pack("<I", YOU), sequence=7)),
    )
    assert [v.status for v in told if isinstance(v, Presence)] == [
        "online",
        "free-for-chat",
        "do-not-disturb",
        "invisible",
        "offline",
    ]
    where = [v for v in told if isinstance(v, PeerAddress)]
    assert [(p.address, p.port, p.how) for p in where] == [
        ("203.0.113.5", 1234, "contact-online"),
        ("10.1.1.1", 1234, "contact-online"),
    ]


def test_hidden_addresses_are_not_told():
    told = said(s(server5(Server.ONLINE, online(outer=(0, 0, 0, 0), inner=(0, 0, 0, 0), port=0))))
    assert [type(value) for value in told] == [Presence]


def test_a_request_to_connect_back():
    parameters = struct.pack("<I", YOU) + IP + struct.pack("<IBIIH", 4321, 4, 20543, 4321, 6)
    where, expect = said(s(server5(Server.REVERSE, parameters)))
    assert (where.account, where.address, where.port) == (str(YOU), "192.0.2.9", 4321)
    assert where.how == "reverse-request"
    assert expect.accounts == (str(YOU), str(ME))


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        (1, "hi\r\nthere", ("text", "hi\nthere")),
        (0x8001, "to many", ("text", "to many")),
        (1, r"{\rtf1\ansi hello \b world}", ("text", "hello world")),
        (4, b"my page\xfehttp://a.example/", ("url", "http://a.example/ my page")),
        (6, b"nick\xfef\xfel\xfem@x\xfe0\xfelet me", ("authorization", "let me")),
        (7, "no", ("authorization-denied", "no")),
        (8, "", ("authorization-granted", "")),
        (9, "maintenance", ("system", "maintenance")),
        (0xE, b"n\xfe\xfe\xfem@x\xfe3\xfehi", ("mail-express", "n <m@x>: hi")),
        (0x13, b"2\xfe11\xfea\xfe22\xfeb\xfe", ("contacts", "11 a\n22 b")),
    ],
)
def test_kinds_of_messages(kind, data, told):
    parameters = struct.pack("<IH", YOU, kind) + text(data)
    out = said(c(client5(Client.MESSAGE, parameters)), kind=Message)
    assert [(m.sender, m.recipient, m.kind, m.text) for m in out] == [(str(ME), str(YOU), *told)]
    back = said(s(server5(Server.MESSAGE, parameters)), kind=Message)
    assert [(m.sender, m.recipient, m.kind, m.text) for m in back] == [(str(YOU), str(ME), *told)]


def test_messages_that_are_more_than_text():
    added = struct.pack("<IH", YOU, 0xC) + text(b"nick\xfeFirst\xfeLast\xfem@x")
    assert said(s(server5(Server.MESSAGE, added))) == [
        Profile(account=str(YOU), nickname="nick", text="First Last m@x"),
        Contacts(owner=str(YOU), change="add", entries=(Contact(account=str(ME)),)),
    ]
    chat = struct.pack("<IH", YOU, 2) + text("come")
    assert [type(v) for v in said(s(server5(Server.MESSAGE, chat)))] == [Room, Message]
    file = struct.pack("<IH", YOU, 3) + text("take it")
    assert [type(v) for v in said(s(server5(Server.MESSAGE, file)))] == [Offer]


def test_messages_that_waited():
    when = struct.pack("<HBBBB", 1998, 4, 23, 4, 33)
    told = said(
        s(
            server5(
                Server.OFFLINE_MESSAGE,
                struct.pack("<I", YOU) + when + struct.pack("<H", 1) + text("late"),
            )
        )
    )
    assert told == [
        Message(sender=str(YOU), recipient=str(ME), text="late", kind="offline", size=4)
    ]  # fmt: skip
    seconds = struct.pack("<II", YOU, 893304000) + struct.pack("<H", 1) + text("late")
    assert said(s(server3(Server.OFFLINE_MESSAGE, seconds)), kind=Message)[0].text == "late"


def test_lists_and_additions():
    uins = struct.pack("<BII", 2, 11, 22)
    shown = said(c(client5(Client.CONTACTS, uins)))
    assert shown == [
        Contacts(owner=str(ME), entries=(Contact(account="11"), Contact(account="22")))
    ]
    hidden = said(c(client5(Client.INVISIBLE_LIST, uins)))
    assert all(entry.blocked for entry in hidden[0].entries)
    assert said(c(client5(Client.ADD, struct.pack("<I", 11))))[0].change == "add"


def test_searches_in_every_way():
    meta = struct.pack
    told = said(
        c(client2(Client.SEARCH_UIN, struct.pack("<HI", 1, 99))),
        c(client5(Client.SEARCH_UIN, struct.pack("<I", 98))),
        c(client3(Client.SEARCH, b"\xff\1\0\1" + text("ann"))),
        c(client5(Client.META, meta("<HI", 0x51F, 97), 8)),
        c(client5(Client.META, meta("<H", 0x529) + text("a@x"), 9)),
        c(client5(Client.META, meta("<H", 0x515) + text("Ann") + text("Lee") + text(""), 10)),
        kind=Search,
    )
    assert [search.text for search in told] == ["99", "98", "ann", "97", "a@x", "Ann Lee"]


def test_profiles_asked_for_and_answered():
    names = text("nick") + text("Ann") + text("Lee") + text("a@x") + bytes(40)
    told = said(
        c(client5(Client.META, struct.pack("<HI", 0x4B0, YOU), 9)),
        s(server5(Server.META, struct.pack("<HB", 0xC8, 0x0A) + names, 1, sequence2=9)),
        s(server5(Server.META, struct.pack("<HB", 0xE6, 0x0A) + text("about"), 2, sequence2=9)),
        s(server5(Server.META, struct.pack("<HB", 0xE6, 0x32), 3, sequence2=9)),
        s(server5(Server.META, struct.pack("<HBI", 0x19A, 0x0A, 77) + names, 4)),
        s(server5(Server.META, struct.pack("<HBHI", 0x19A, 0x0A, 9, 78) + names[:30], 5)),
        kind=Profile,
    )
    assert [(p.account, p.nickname, p.text) for p in told][:3] == [
        (str(YOU), "nick", "Ann Lee a@x"),
        (str(YOU), "", "about"),
        ("77", "nick", "Ann Lee a@x"),
    ]


def texts(*values):
    return b"".join(map(text, values))


@pytest.mark.parametrize("late", [False, True])
def test_profiles_in_all_their_blocks(late):
    """iserverd v5_proto/make_meta.cpp: a zip is u32 and a year u8 for programs before ICQ 99b
    (v5_send_meta_info2, _work, _more), a string and u16 for later ones (_info3, _work2, _more2).
    """
    zip_code = text("31000") if late else struct.pack("<I", 31000)
    year = struct.pack("<H", 1975) if late else b"\x4b"
    general = texts("nick", "Ann", "Lee", "a@x", "b@x", "", "Haifa", "", "555", "", "1 St", "777")
    work = texts("Jaffa", "", "556", "", "2 St") + zip_code + struct.pack("<H", 972)
    work += texts("Acme", "", "boss") + struct.pack("<H", 4) + text("http://acme")
    more = struct.pack("<HB", 25, 1) + text("http://ann") + year + b"\5\6\0\0\0"
    interests = b"\2" + struct.pack("<H", 100) + text("art") + struct.pack("<H", 137) + text("go")
    past = b"\1" + struct.pack("<H", 300) + text("school") + b"\0"
    blocks = [
        (0xC8, 0x3E9, general + zip_code + struct.pack("<HHBBBBB", 972, 2, 1, 0, 0, 0, 0)),
        (0xD2, 0x3F3 if late else 0x3F2, work),
        (0xDC, 0x3FD if late else 0x3FC, more),
        (0xF0, 0x410, interests),
        (0xFA, 0x41A, past),
        (0x10E, 0x442, b"\1" + struct.pack("<H", 906) + text("maps")),
    ]
    answers = [
        s(server5(Server.META, struct.pack("<HB", kind, 0x0A) + block, sequence, sequence2=9))
        for sequence, (kind, _, block) in enumerate(blocks)
    ]
    own = [
        c(client5(Client.META, struct.pack("<H", kind) + block, 20 + sequence))
        for sequence, (_, kind, block) in enumerate(blocks)
    ]
    asked = c(client5(Client.META, struct.pack("<HI", 0x4CE, YOU), 9))
    told = [
        (
            "Ann Lee a@x, second email: b@x, city: Haifa, phone: 555, street: 1 St, mobile: 777, "
            "zip: 31000"
        ),
        (
            "work city: Jaffa, work phone: 556, work street: 2 St, work zip: 31000, company: Acme, "
            "position: boss, work page: http://acme"
        ),
        "home page: http://ann, age: 25, sex: female, born: 1975-05-06",
        "interests: art; go",
        "past: school",
        "home page words: maps",
    ]
    found = said(asked, *answers, *own, kind=Profile)
    assert [(p.account, p.text) for p in found] == [(str(w), t) for w in (YOU, ME) for t in told]
    assert [p.nickname for p in found if p.nickname] == ["nick", "nick"]


@pytest.mark.parametrize("late", [False, True])
def test_a_search_in_the_white_pages(late):
    """iserverd v5_proto/search.cpp, v5_search_by_white and _white2."""
    body = texts("Ann", "", "", "") + struct.pack("<HHBB", 18, 22, 1, 12) + texts("Haifa", "")
    body += struct.pack("<H", 972) + texts("Acme", "", "boss") + b"\4"
    body += struct.pack("<H", 300) + text("school") + struct.pack("<H", 100) + text("art")
    body += struct.pack("<H", 200) + text("")
    if late:
        body += struct.pack("<H", 906) + text("maps")
    about = struct.pack("<H", 0x533 if late else 0x532)
    (told,) = said(c(client5(Client.META, about + body + b"\1")), kind=Search)
    assert (
        told.text
        == (
            "first name: Ann, age: 18 to 22, sex: female, city: Haifa, company: Acme, "
            "position: boss, past: school, interests: art"
        )
        + late * ", home page words: maps"
    )


def test_work_as_licq_sets_it():
    """licq 0.85 `CPU_Meta_SetWorkInfo`: 0x100 and 0xffff where zip and country belong."""
    work = texts("Jaffa", "", "", "", "") + struct.pack("<IH", 0x100, 0xFFFF)
    work += texts("Acme", "", "") + struct.pack("<H", 4) + text("")
    (told,) = said(c(client5(Client.META, struct.pack("<H", 0x3F2) + work)), kind=Profile)
    assert told.text == "work city: Jaffa, work zip: 256, company: Acme"


def test_version_3_profiles_and_own_changes():
    names = text("nick") + text("Ann") + text("Lee") + text("a@x")
    told = said(
        c(client3(Client.USER_INFO, struct.pack("<I", YOU), 9)),
        s(server3(Server.BASIC_INFO, names, sequence2=9)),
        s(server3(Server.NOTES, text("about"), 4, sequence2=9)),
        c(client5(Client.UPDATE_BASIC_4, names)),
        c(client5(Client.META, struct.pack("<H", 0x406) + text("mine"), 10)),
        kind=Profile,
    )
    assert [(p.account, p.nickname, p.text) for p in told] == [
        (str(YOU), "nick", "Ann Lee a@x"),
        (str(YOU), "", "about"),
        (str(ME), "nick", "Ann Lee a@x"),
        (str(ME), "", "mine"),
    ]


@pytest.mark.parametrize("version", [2, 3, 5])
def test_what_somebody_tells_of_themselves_in_detail(version):
    """open-oscar-server v2_handler.go and v4_handler.go: in version 2 a number stands before it."""
    body = text("Ulm") + b"\x31\0\x08" + text("BW") + b"\x21\0\x02"
    body += text("123") + text("http://h") + text("about me")
    make = {2: client2, 3: client3, 5: client5}[version]
    told = said(c(make(Client.UPDATE_DETAIL, (b"\x07\0" if version == 2 else b"") + body)))
    assert told == [Profile(account=str(ME), text="Ulm BW 123 http://h about me")]


def test_new_passwords_and_new_accounts():
    told = said(
        c(client5(Client.META, struct.pack("<H", 0x42E) + text("fresh"))),
        c(client2(Client.PASSWORD, text("other"))),
        c(client5(Client.REGISTER, text("first") + bytes(12), 9, 0)),
        s(server3(Server.NEW_UIN, bytes(4), uin=4711)),
    )
    assert [v.secret for v in told if isinstance(v, Credential)] == ["fresh", "other", "first"]
    assert told[-1] == SignOnAnswer(account="4711", accepted=True, reason="registered")


def test_many_packets_in_one():
    one = server5(Server.ONLINE, online(outer=(0,) * 4, inner=(0,) * 4))
    two = server5(Server.OFFLINE, struct.pack("<I", YOU))
    body = b"".join(struct.pack("<H", len(p)) + p for p in (one, two))
    told = said(s(server5(Server.MULTI, b"\2" + body)))
    assert [v.status for v in told] == ["online", "offline"]
    nested = server5(Server.MULTI, b"\1" + struct.pack("<H", len(one)) + one)
    bad = said(s(server5(Server.MULTI, b"\1" + struct.pack("<H", len(nested)) + nested)))
    assert [type(v) for v in bad] == [Malformed]
    assert [type(v) for v in said(s(server5(Server.MULTI, b"\2" + body[:30])))] == [Malformed]


def test_a_packet_in_pieces_in_any_order():
    whole = client3(Client.MESSAGE, struct.pack("<IH", YOU, 1) + text("x" * 900))
    parts = [whole[:450], whole[450:900], whole[900:]]
    pieces = [client3(Client.FRAGMENT, bytes([n, 3]) + p, 9) for n, p in enumerate(parts)]
    told = said(*(c(pieces[n]) for n in (2, 0, 1)))
    assert [m.text for m in told] == ["x" * 900]
    twisted = client3(Client.FRAGMENT, bytes([0, 1]) + client3(Client.FRAGMENT, b"\0\1x"), 10)
    assert [type(v) for v in said(c(twisted))] == [Malformed]


def test_what_is_sent_again_is_told_once():
    packet = client5(Client.MESSAGE, struct.pack("<IH", YOU, 1) + text("hi"))
    assert len(said(c(packet), c(packet), kind=Message)) == 1
    again = client5(Client.MESSAGE, struct.pack("<IH", YOU, 1) + text("hi"), sequence=8)
    assert len(said(c(packet), c(again), kind=Message)) == 2


def test_a_check_code_that_does_not_fit_is_an_anomaly():
    packet = bytearray(client5(Client.MESSAGE, struct.pack("<IH", YOU, 1) + text("hello there")))
    packet[24] ^= 1  # the byte that the check code is made of
    told = said(c(bytes(packet)))
    assert [v.kind for v in told if isinstance(v, Anomaly)] == ["icq-check-code"]


def test_broken_bodies_cost_one_datagram():
    session = Session(START)
    told = kit.decode(session, [
        s(server5(Server.MESSAGE, struct.pack("<IHH", YOU, 1, 500) + b"short")),
        s(server5(Server.OFFLINE, struct.pack("<I", YOU), 4)),
    ])  # fmt: skip
    assert [type(v) for v in kit.events(told)] == [Malformed, Presence]
    assert session.standing is Standing.PARSED
    assert session.gap(Side.CLIENT, 9) == [Gap(size=9)]


# -- recognition -------------------------------------------------------------------------------


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("udp", client, server, begun, START))


def test_any_version_from_any_side():
    for maker in (client2, client3, client5):
        version = {client2: 2, client3: 3, client5: 5}[maker]
        packet = maker(Client.LOGIN, login(version))
        assert isinstance(peeked(packet), Claim)
        assert peeked(b"", packet).flipped
    for maker in (server2, server3, server5):
        packet = maker(Server.ONLINE, online())
        assert isinstance(peeked(b"", packet), Claim)
        assert peeked(packet).flipped


def test_weak_packets_need_the_other_side():
    ping, ack = client2(Client.KEEP_ALIVE), server2(Server.ACK)
    assert peeked(ping) is MORE
    assert isinstance(peeked(ping, ack), Claim)
    assert peeked(ping, b"hello") is None
    assert peeked(client3(Client.KEEP_ALIVE, check=False)) is MORE


def test_a_wrong_check_code_or_command_is_nobodys():
    packet = bytearray(client5(Client.LOGIN, login(5)))
    packet[30] ^= 0xFF
    assert peeked(bytes(packet[:24]) + bytes(40)) is None
    assert peeked(client2(0x0777)) is None
    assert peeked(client2(Client.LOGIN, login(2)[:8])) is None
    assert peeked(b"\x04\0" + bytes(30)) is None
    assert recognise(Peek("tcp", client2(Client.LOGIN, login(2)), b"", True, START)) is None


def test_other_protocols_on_their_port_are_not_claimed():
    """DNS with unlucky identifiers."""
    query = b"\x01\0\0\1\0\0\0\0\0\0\x03www\x07example\3com\0\0\1\0\1"
    for low in range(1, 6):
        assert peeked(bytes([low]) + b"\0" + query[1:]) is None
        assert peeked(bytes([low]) + query) is None


@given(st.binary(max_size=120), st.binary(max_size=120), st.booleans())
def test_random_bytes_are_never_claimed(client, server, begun):
    assert not isinstance(peeked(client, server, begun), Claim)


@settings(max_examples=300)
@given(st.integers(1, 5), st.binary(min_size=4, max_size=100))
def test_scrambled_looking_bytes_are_never_claimed(version, rest):
    assert not isinstance(peeked(bytes([version, 0]) + rest), Claim)


# -- laws --------------------------------------------------------------------------------------

commands = st.sampled_from([*CLIENT, *names.CLIENT_COMMANDS])
ABOUT = sorted(names.numbers(names.Meta) | names.numbers(names.Answer))
server_commands = st.sampled_from([*SERVER, *names.SERVER_COMMANDS])
bodies = st.one_of(
    st.binary(max_size=80),
    st.builds(lambda n, k, t: struct.pack("<IH", n, k) + text(t), st.integers(0, 2**32 - 1),
              st.sampled_from([1, 2, 3, 4, 6, 12, 13, 14, 19, 26, 1000]), st.binary(max_size=40)),
    st.builds(lambda about, t: struct.pack("<HB", about, 10) + text(t) * 4,
              st.sampled_from(ABOUT), st.binary(max_size=9)),
)  # fmt: skip
datagrams = st.one_of(
    st.tuples(st.sampled_from(Side), st.binary(max_size=90)),
    st.builds(lambda f, k, b: c(f(k, b)), st.sampled_from([client2, client3, client5]), commands,
              bodies),
    st.builds(lambda f, k, b: s(f(k, b)), st.sampled_from([server2, server3, server5]),
              server_commands, bodies),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(datagrams, max_size=8))
def test_garbage_and_well_framed_badly_filled(chunks):
    kit.check_garbage(lambda: Session(START), chunks)


def test_memory_is_bounded():
    session = Session(START)
    for n in range(5000):
        session.feed(*s(server5(Server.ONLINE, online(uin=n + 1), n & 0xFFFF)))
        session.feed(*c(client5(Client.INFO, struct.pack("<I", n), n)))
    for n in range(300):
        piece = bytes([n % 200, 255]) + b"x" * 4000
        session.feed(*c(client3(Client.FRAGMENT, piece, n)))
    assert kit.footprint(session) < 1 << 20


def test_the_order_of_retransmissions_changes_nothing():
    steps = [pair for flow in kit.flows(CAPTURE)[:1] for pair in flow.steps]
    twice = [pair for step in steps for pair in (step, step)]
    assert kit.decode(Session(START), twice) == kit.decode(Session(START), steps)
