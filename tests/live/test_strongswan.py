"""A real tunnel of strongSwan, watched on its way; charon's own log is the witness."""

import json
import re
import signal
import socket
import subprocess
import time

import pytest
from tests.enforce import swan
from tests.enforce.lab import CLIENT, PATIENCE, SERVER, World, isolated
from tests.enforce.swan import HOME, ODD, USUAL, Swan
from tests.live.test_parser import of_file, of_lines
from tests.live.world import Watch

MARK = b"the last of what is recorded here"
SELECTED = re.compile(r"selected proposal: IKE:(\S+)")


def renumbered(rows):
    """Number flows by what is told of them: one program may have begun a packet of IPv6 earlier."""
    numbers = {}
    for row in rows:
        flow = row["flow"]
        flow["serial"] = numbers.setdefault(flow["serial"], len(numbers))
    return rows


def _mark(net):
    """Send a datagram that says nothing to anybody: who recorded it has recorded all before."""
    with net.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(MARK, (SERVER[4], 9))


class Seen:
    """What the watch told of one negotiation, and what the two ends say of it themselves."""

    def __init__(self, folder, *, nat=True, ping=0, ports=(USUAL, USUAL), **options):
        world = World()
        near = swan.behind_nat(world) if nat else world.client
        recorded = folder / "recorded.pcap"
        dumpcap = world.router.start(
            *("dumpcap", "-q", "-P", "-i", "r1", "-w", recorded), stderr=subprocess.PIPE, text=True
        )
        while "File:" not in dumpcap.stderr.readline():
            assert dumpcap.poll() is None
        shown = ("--secrets", "--content", "--plain", "--events", folder / "events")
        watch = Watch(world.router, folder, *shown, interface="r1")
        here = HOME if nat else CLIENT[4]
        self.left = Swan(near, "left", here, SERVER[4], ports=ports[0], **options)
        self.right = Swan(world.server, "right", SERVER[4], "%any", ports=ports[1], **options)
        assert self.left.initiate(tunnel=bool(ping)), self.left.told()
        assert self.left.ping(ping) == ping
        self.left.close()  # both are killed and say no more: then both recorders have seen the same
        self.right.close()
        _mark(near)
        wait = time.monotonic() + PATIENCE
        while MARK not in recorded.read_bytes():
            assert time.monotonic() < wait
            time.sleep(0.05)
        assert watch.stop() == 0
        dumpcap.send_signal(signal.SIGTERM)
        dumpcap.communicate(timeout=PATIENCE)
        self.rows = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
        self.said = watch.out()
        self.lines, self.recorded = (
            renumbered(of_lines(folder / "events")),
            renumbered(of_file(recorded)),
        )

    def all(self, event, **fields):
        """The rows of one kind that have these values."""
        of_kind = [row for row in self.rows if row["event"] == event]
        return [row for row in of_kind if fields.items() <= row.items()]

    def one(self, event, **fields):
        (row,) = self.all(event, **fields)
        return row

    def algorithms(self):
        """What was chosen for the association of IKE."""
        (suite,) = self.all("ike-proposals", chosen=True)[0]["suites"]
        return {
            f"{each['name']}_{each['bits']}" if each["bits"] else each["name"]
            for each in suite["algorithms"]
        }

    def selected(self):
        """The same by charon's log."""
        return set(SELECTED.search(self.left.told())[1].replace("PRF_", "").split("/"))

    def check_bulk(self, count):
        """Each end's ESP has the number that it chose itself, and holds a packet for a ping."""
        incoming, outgoing = swan.SPIS.search(self.left.told()).groups()
        for side, spi in (("client", outgoing), ("server", incoming)):
            row = self.one("esp-traffic", side=side, final=True)
            assert (row["spi"], row["packets"], row["missing"]) == (spi, count, 0)
        assert self.one("ike-stage", stage="established")["service"] == "ipsec"


@pytest.fixture(autouse=True)
def _programs():
    swan.needed("dumpcap")


@isolated
def test_a_tunnel_behind_a_translator(tmp_path):
    seen = Seen(tmp_path, ping=3)
    assert seen.lines == seen.recorded
    assert seen.algorithms() == seen.selected()
    seen.check_bulk(3)
    found = seen.one("nat-detection")
    assert (found["behind_nat"], found["claimed"]) == ("both", ["initiator", "responder"])
    assert [(row["stage"], row["flow"]["server"]) for row in seen.all("ike-stage")] == [
        ("initiated", "10.2.0.2:500"),
        ("answered", "10.2.0.2:500"),
        ("authenticating", "10.2.0.2:4500"),
        ("authentication-answered", "10.2.0.2:4500"),
        ("established", "10.2.0.2:4500"),
    ]
    framings = {(row["exchange"], row["framing"]) for row in seen.all("ike-message")}
    assert {("IKE_SA_INIT", "plain"), ("IKE_AUTH", "non-esp-marker")} <= framings
    assert "IPsec (NAT-T) over ike" in seen.said
    assert "ipsec: a tunnel from 10.1.0.2 to 10.2.0.2" in seen.said


@isolated
def test_on_ports_that_nobody_knows(tmp_path):
    seen = Seen(tmp_path, ping=3, ports=ODD)
    assert seen.lines == seen.recorded
    assert seen.algorithms() == seen.selected()
    seen.check_bulk(3)
    assert {row["flow"]["server"] for row in seen.rows} == {"10.2.0.2:4712"}


@isolated
def test_who_they_are_in_aggressive_mode(tmp_path):
    """Version 1 in three messages shows both names; version 2 shows none."""
    seen = Seen(tmp_path, ping=2, aggressive=True)
    assert seen.lines == seen.recorded
    assert seen.algorithms() == {"AES_CBC_256", "SHA2_256", "MODP_2048", "PSK"}
    seen.check_bulk(2)
    assert [(row["sender"], row["kind"], row["value"]) for row in seen.all("ike-identity")] == [
        ("initiator", "USER_FQDN", "left@lab.example"),
        ("responder", "USER_FQDN", "right@lab.example"),
    ]
    assert seen.one("sign-on")["account"] == "left@lab.example"


@pytest.mark.parametrize("nat", [False, True])
@isolated
def test_a_translator_is_told_where_there_is_one(tmp_path, nat):
    """Without ESP in charon, which would pretend that there were translators."""
    seen = Seen(tmp_path, nat=nat, tunnels=False)
    assert seen.lines == seen.recorded
    found = seen.one("nat-detection")
    assert ("local host is behind NAT" in seen.left.told()) == nat
    assert found["behind_nat"] == ("initiator" if nat else "none")
