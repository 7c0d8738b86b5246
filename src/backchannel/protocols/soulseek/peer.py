"""What two users of Soulseek say to each other, and to those below them in the tree of searches.
Bodies in, events out; one function a message, and a line in a table at the end.
"""

from collections.abc import Callable, Iterator

from backchannel.effects import FileOpen
from backchannel.events import (
    Download,
    Offer,
    OfferAnswer,
    Profile,
    Search,
    SearchHit,
    Share,
    SharedFile,
)
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.deflated import inflate
from backchannel.protocols.edonkey.events import Browse, QueueRank
from backchannel.protocols.soulseek import listing, wire
from backchannel.protocols.soulseek.talk import Talk
from backchannel.protocols.soulseek.transfer import key_of
from backchannel.reader import Reader

FILE = Capability.FILE_SHARING
OFFERED = 256
"""Offers of a connection that wait for an answer."""
UPLOAD = 1


def _asks_shares(talk: Talk, side: Side, _reader: Reader) -> Iterator[Output]:
    yield Browse(owner=talk.account(side.other), by=talk.account(side))


def _asks_folder(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(4)
    yield Browse(owner=talk.account(side.other), by=talk.account(side), folder=wire.text(reader))


def _folder(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    reader = Reader(inflate(reader.rest()))
    reader.skip(4)
    wire.text(reader)
    told: list[SharedFile] = []
    total = 0
    for _ in range(reader.u32le()):
        found, count = listing.files(reader, wire.text(reader))
        total += count
        told += found[: listing.LISTED - len(told)]
    yield Share(owner=talk.account(side), files=tuple(told), total=total)


def _hits(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    reader = Reader(inflate(reader.rest()))
    user, token = wire.text(reader), str(reader.u32le())
    talk.users[side] = talk.users[side] or user
    found, _ = listing.files(reader)
    free, speed, queue = reader.u8(), reader.u32le(), reader.u32le()
    detail = f"{'free' if free else 'busy'}, {speed} bytes/s, queue {queue}"
    end = talk.ends[side]
    yield SearchHit(owner=user, address=end.address, id=token, files=tuple(found), detail=detail)


def _about(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    if text := wire.text(reader, wire.TEXT):
        yield Profile(account=talk.account(side), text=text)


def _transfer(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    way, token, name = reader.u32le(), reader.u32le(), wire.text(reader)
    if way != UPLOAD:
        yield Download(name=name, account=talk.account(side))
        return
    size = reader.u64le() if len(reader) >= 8 else None
    sender, recipient = talk.account(side), talk.account(side.other)
    yield Offer(
        use=FILE, sender=sender, recipient=recipient, id=str(token), name=name, size=size or 0
    )
    talk.offered[side, token] = name, size
    if len(talk.offered) > OFFERED:
        talk.offered.pop(next(iter(talk.offered)))


def _transfer_answer(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    token, accepted = reader.u32le(), reader.u8() != 0
    sender, recipient = talk.account(side.other), talk.account(side)
    reason = "" if accepted or not reader else wire.text(reader)
    yield OfferAnswer(
        use=FILE,
        sender=sender,
        recipient=recipient,
        id=str(token),
        accepted=accepted,
        reason=reason,
    )
    offered = talk.offered.pop((side.other, token), None)
    if accepted and offered:
        ends = talk.ends[side.other].address, talk.ends[side].address
        yield FileOpen(
            key=key_of(token, *ends),
            shared=True,
            use=FILE,
            name=offered[0],
            size=offered[1],
            sender=sender,
            recipient=recipient,
            id=str(token),
        )


def _queue(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    yield Download(name=wire.text(reader), account=talk.account(side))


def _place(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    name, rank = wire.text(reader), reader.u32le()
    yield QueueRank(account=talk.account(side.other), rank=rank, name=name)


def _refused(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    name = wire.text(reader)
    yield OfferAnswer(
        use=FILE,
        sender=talk.account(side),
        recipient=talk.account(side.other),
        id=name,
        accepted=False,
        reason=wire.text(reader) if reader else "upload failed",
    )


def _searched(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(4)
    user, token = wire.text(reader), str(reader.u32le())
    yield Search(text=wire.text(reader), id=token, account=user, detail="tree")


def _searched_from_above(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(1)
    return _searched(talk, side, reader)


Reads = Callable[[Talk, Side, Reader], Iterator[Output]]
MESSAGES: dict[int, Reads] = {
    4: _asks_shares,
    9: _hits,
    16: _about,
    36: _asks_folder,
    37: _folder,
    40: _transfer,
    41: _transfer_answer,
    43: _queue,
    44: _place,
    46: _refused,
    50: _refused,
}
TREE: dict[int, Reads] = {3: _searched, 93: _searched_from_above}
