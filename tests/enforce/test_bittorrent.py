"""Two real BitTorrent peers, watched and guarded: allowed, refused, and not recognised."""

import os
import random
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.enforce.guarding import guard, services, until
from tests.enforce.lab import CLIENT, PATIENCE, SERVER, World, isolated, play
from tests.live.world import Watch
from tests.protocols.bittorrent import test_session as peers
from tests.protocols.bittorrent_tracker import test_session as tracker

from backchannel.model import Side
from backchannel.protocols import bencode

DENIED = "rules: [{deny: bittorrent, capabilities: [file-sharing]}]\n"
ALLOWED = """rules:
  - allow: bittorrent
  - deny: [aim, icq, msn, yahoo, kazaa, gnutella, ipsec, rdp, socks, http-proxy]
"""
PORT, SIZE = 6881, 4 << 20
PORTS, BYTES = ("client_port", "server_port"), ("client_bytes", "server_bytes")
NAMES = ("service", "stack")
C, S = Side.CLIENT, Side.SERVER
ALONE = {"enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False}
KINDS = {
    "plain": {"out_enc_policy": 2, "in_enc_policy": 2, "enable_outgoing_utp": False},
    "encrypted": {
        "out_enc_policy": 0,
        "in_enc_policy": 0,
        "allowed_enc_level": 2,
        "enable_outgoing_utp": False,
    },
    "utp": {
        "out_enc_policy": 2,
        "in_enc_policy": 2,
        "enable_outgoing_tcp": False,
        "enable_incoming_tcp": False,
    },
}
STACKS = {"plain": ["bittorrent"], "encrypted": [], "utp": ["bittorrent-utp"]}


@pytest.fixture(scope="module", autouse=True)
def _needed():
    try:
        import libtorrent  # noqa: F401, PLC0415 - has no wheel for every Python
    except ImportError as error:
        if os.environ.get("CI") == "true" and sys.version_info < (3, 14):
            pytest.fail(str(error))
        pytest.skip(str(error))
    services()


class Peer:
    """One peer and its folder."""

    def __init__(self, net, address, settings):
        import libtorrent as lt  # noqa: PLC0415 - see above

        self.folder = Path(f"/run/{address}")
        self.folder.mkdir()
        with net.inside():  # where its threads are made, its sockets are
            self.session = lt.session(
                {"listen_interfaces": f"{address}:{PORT}", **ALONE, **settings}
            )

    def share(self):
        """Make a torrent of random bytes; return it, and offer it."""
        import libtorrent as lt  # noqa: PLC0415 - see above

        (self.folder / "book").write_bytes(os.urandom(SIZE))
        made = lt.create_torrent(lt.list_files(str(self.folder / "book")))
        lt.set_piece_hashes(made, str(self.folder))
        torrent = lt.bencode(made.generate())
        self.add(torrent)
        return torrent

    def add(self, torrent):
        """Take part in a torrent; return when what is here was looked at."""
        import libtorrent as lt  # noqa: PLC0415 - see above

        wanted = lt.load_torrent_buffer(torrent)
        wanted.save_path = str(self.folder)
        self.torrent = self.session.add_torrent(wanted)
        assert until(lambda: not str(self.torrent.status().state).startswith("check"))


@pytest.mark.parametrize(("kind", "stacks"), STACKS.items())
@isolated
def test_what_is_allowed_passes_by_the_kernel_alone(kind, stacks, tmp_path):
    world = World()
    flows = tmp_path / "flows.parquet"
    watch = Watch(world.router, tmp_path, "--plain", "--flows", flows, interface="r1")
    with guard(world, ALLOWED) as running:
        one = Peer(world.server, SERVER[4], KINDS[kind])
        other = Peer(world.client, CLIENT[4], KINDS[kind])
        torrent = one.share()
        other.add(torrent)
        other.torrent.connect_peer((SERVER[4], PORT))
        assert until(lambda: other.torrent.status().is_seeding, 2 * PATIENCE)
        assert (other.folder / "book").read_bytes() == (one.folder / "book").read_bytes()
        status = running.status()
        assert status["packets"] < 64  # of some thousands: the kernel alone passes it
        assert status["given_to_kernel"] >= 1
        one.session.pause()
        other.session.pause()
    assert running.actions() == []
    assert watch.stop() == 0
    assert bool(watch.out()) is bool(stacks)  # of an encrypted one nothing is known
    table = pq.read_table(flows, columns=[*PORTS, *BYTES, *NAMES]).to_pylist()
    rows = [row for row in table if PORT in (row[port] for port in PORTS)]
    assert sum(row[size] for row in rows for size in BYTES) > SIZE
    assert {row["stack"] for row in rows} - {""} == set(stacks)


@pytest.mark.parametrize("kind", ["plain", "utp"])
@isolated
def test_what_is_denied_is_refused(kind):
    world = World()
    with guard(world, DENIED) as running:
        one = Peer(world.server, SERVER[4], KINDS[kind])
        other = Peer(world.client, CLIENT[4], KINDS[kind])
        other.add(one.share())
        other.torrent.connect_peer((SERVER[4], PORT))
        told = running.told()
        status = other.torrent.status()
        one.session.pause()
        other.session.pause()
    assert {(service, use) for _, service, use in told} == {("bittorrent", "file-sharing")}
    assert status.total_payload_download == 0


ANNOUNCED = bencode.write(
    {b"interval": 1800, b"peers": bytes(map(int, SERVER[4].split("."))) + PORT.to_bytes(2)}
)
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(ANNOUNCED), ANNOUNCED)


@isolated
def test_an_encrypted_peer_that_a_tracker_named_is_refused():
    """The tracker may answer; whom it names is known then, whatever the bytes look like."""
    world = World()
    noise = random.Random(1).randbytes(700)
    with guard(world, DENIED) as running:
        before = play(world, [(C, noise), (S, noise)], PORT)
        assert not before.failed
        asked = play(world, [(C, tracker.request()), (S, PAGE)], 8080)
        assert not asked.failed
        assert running.actions() == []
        after = play(world, [(C, noise), (S, noise)], PORT)
        assert running.told() == [("reset", "bittorrent", "file-sharing")]
    assert after.failed


@isolated
def test_searches_may_be_denied_alone():
    world = World()
    with guard(world, "rules: [{deny: bittorrent, capabilities: [search]}]\n") as running:
        asked = play(world, [(C, tracker.request()), (S, PAGE)], 8080)
        assert running.told() == [("reset", "bittorrent", "search")]
        shared = play(world, peers.UNNAMED, 8081)
    assert asked.failed
    assert not shared.failed
