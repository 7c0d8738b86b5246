"""What announcements and answers mean, whichever way they came. Values in, events out."""

from collections.abc import Iterable

from backchannel.events import Credential, PeerAddress, Search, SearchHit, Software
from backchannel.model import Capability, Endpoint
from backchannel.protocols import Output
from backchannel.protocols.bittorrent.meeting import meet
from backchannel.protocols.bittorrent_dht.events import Swarm
from backchannel.protocols.bittorrent_tracker.events import TrackerAnnounce, TrackerAnswer
from backchannel.protocols.bittorrent_tracker.model import SWARMS, Announce, Answer
from backchannel.protocols.peer_id import shown, software

HITS = 256
"""Peers of one answer that are told."""
SHOWN = 256
"""Characters of a tracker's words."""
_MOST = 1 << 60


def announced(made: Announce, client: Endpoint) -> list[Output]:
    """Tell an announcement, and where the program that made it can be met."""
    peer, found = shown(made.peer), made.hash.hex()
    out: list[Output] = []
    if made.key:
        out.append(
            Credential(account=made.tracker, kind="token", scheme="tracker-key", secret=made.key)
        )
    out += [
        TrackerAnnounce(
            hash=found,
            peer=peer,
            stage=made.stage,
            uploaded=min(made.uploaded, _MOST),
            downloaded=min(made.downloaded, _MOST),
            left=min(made.left, _MOST),
            port=made.port,
            tracker=made.tracker,
        )
    ]
    name, version = software(made.peer)
    if name:
        out.append(Software(name=name, version=version, role="peer", account=peer))
    if not made.port or made.stage == "stopped":
        return out
    for address in dict.fromkeys((client.address, *made.addresses)):
        told = PeerAddress(
            use=Capability.FILE_SHARING,
            account=peer,
            address=address,
            port=made.port,
            how="announce" if address == client.address else "tracker-announce",
        )
        out += [told, *meet(address, made.port)]
    return out


def answered(made: Answer, asked: Announce | None, client: Endpoint) -> list[Output]:
    """Tell an answer: the swarm's size, and its peers, whom the asker may meet."""
    found = asked.hash.hex() if asked else ""
    out: list[Output] = [
        TrackerAnswer(
            hash=found,
            interval=made.interval,
            peers=len(made.peers),
            failure=made.failure[:SHOWN],
            warning=made.warning[:SHOWN],
        )
    ]
    if made.failure:
        return out
    out.append(Swarm(hash=found, seeds=made.seeds, peers=made.others, downloads=made.downloads))
    for address, port in made.peers[:HITS]:
        out.append(SearchHit(owner="", address=address, port=port, id=found))
        out += meet(address, port, client.address)
    return out


def scraped(hashes: Iterable[bytes]) -> list[Output]:
    """Tell that somebody asks how large swarms are."""
    found = [each.hex() for each in hashes]
    return [Search(text=each, id=each, detail="scrape") for each in found[:SWARMS]]
