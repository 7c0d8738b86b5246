"""Cases for `fuzz_core --what queue`: what the kernel's packet queue would never say, and what
becomes of it.

usage: queue_cases.py SECONDS CASES FIRST FILE     (FILE is told the number of the case in hand)

Messages come over a pair of sockets instead of netlink and go the guard's way: received, read,
given to the packet core, answered. A reader written for this alone must find the same in them, and
every packet must get exactly the answers that it was given. With the sanitizer no byte behind a
message may be touched.
"""

import socket
import struct
import sys
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.core_cases import EVERY, SOME, bend, layers, meddle

from backchannel.enforce.nfqueue import ACCEPT, DROP, Queue
from backchannel.enforce.sift import Sift
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings

NUMBER = 7
PACKET, VERDICT, ERROR = 3 << 8, 3 << 8 | 1, 2
HEADER, MARK, IN, OUT, BRIDGE_IN, BRIDGE_OUT, PAYLOAD, FULL, INFO = 1, 3, 5, 6, 7, 8, 10, 13, 14
WORDS = MARK, IN, OUT, BRIDGE_IN, BRIDGE_OUT, FULL, INFO
ROOM = 66_048
"""Bytes that a message may have; a longer one is cut, and lost."""
LONGEST = 65_531
"""Bytes that a packet in an answer may have: an attribute with its head is counted in 16 bits."""


class Packet(NamedTuple):
    """What a message says."""

    payload: bytes
    identity: tuple[int, int, int, int, int]


class Answer(NamedTuple):
    """What is answered."""

    number: int
    verdict: int
    mark: int | None
    payload: bytes


# -- what the kernel would never say ---------------------------------------------------------------


def attribute(random: Random, kind: int, value: bytes) -> bytes:
    """Return an attribute, at times of a length that is not true."""
    length = 4 + len(value)
    if random.random() < 0.05:
        near = length + random.choice([-5, -4, -1, 1, 3, 4, 8])
        length = random.choice([0, 1, 3, 4, 5, near, random.getrandbits(16), 0xFFFF])
    if random.random() < 0.05:
        kind |= random.choice([0x8000, 0x4000, 0xC000])
    return struct.pack("=HH", length & 0xFFFF, kind) + value + bytes(-len(value) & 3)


def message(random: Random) -> bytes:
    """Return a message, mostly nearly sound."""
    packet = bend(random, layers(random)) if random.random() < 0.9 else random.randbytes(9)
    if random.random() < 0.01:
        packet += bytes(random.choice([1500, 60_000, LONGEST - len(packet)]))
    parts = [
        (HEADER, struct.pack(">IHB", random.getrandbits(32), 0x0800, random.randrange(5))),
        *(
            (kind, struct.pack(">I", random.randrange(99)))
            for kind in WORDS
            if random.random() < 0.5
        ),
        *((kind, random.randbytes(16)) for kind in (4, 9, 11, 99) if random.random() < 0.2),
        (PAYLOAD, packet),
    ]
    if random.random() < 0.2:
        parts.append(random.choice(parts))
    if random.random() < 0.2:
        parts.remove(random.choice(parts))
    if random.random() < 0.3:
        random.shuffle(parts)
    if random.random() < 0.1:
        at = random.randrange(len(parts))
        kind, value = parts[at]
        parts[at] = kind, value[: random.randrange(len(value) + 1)]
    body = struct.pack(">BBH", 2, 0, NUMBER)
    body += b"".join(attribute(random, kind, value) for kind, value in parts)
    size, kind = 16 + len(body), PACKET
    if random.random() < 0.05:
        size = random.choice([0, 15, 16, 19, 20, size - 1, size + 1, random.getrandbits(32)])
    if random.random() < 0.05:
        kind = random.choice([ERROR, VERDICT, 3, random.getrandbits(16)])
    whole = struct.pack("=IHHII", size, kind, 0, 0, 0) + body
    if random.random() < 0.1:
        whole = whole[: random.randrange(len(whole) + 1)]
    if random.random() < 0.05:
        whole = bend(random, whole)
    if random.random() < 0.05:
        whole += random.randbytes(random.randrange(200))
    return whole


# -- the other reader ------------------------------------------------------------------------------


def read(data: bytes) -> Packet | str:
    """Return what a message says, or the counter that it belongs to."""
    if len(data) > ROOM or len(data) < 16:
        return "malformed"
    size, kind = struct.unpack_from("=IH", data)
    if not 20 <= size <= len(data):
        return "malformed"
    if kind != PACKET:
        return "refused" if kind == ERROR else "malformed"
    found: dict[int, bytes] = {}
    at = 20
    while at + 4 <= size:
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4 or at + length > size:
            break
        value, kind = data[at + 4 : at + length], kind & 0x3FFF
        if kind == PAYLOAD or len(value) >= (7 if kind == HEADER else 4):
            found[kind] = value
        at += (length + 3) & ~3
    if HEADER not in found:
        return "malformed"
    words = {kind: int.from_bytes(found.get(kind, b"")[:4]) for kind in (MARK, IN, OUT)}
    head = found[HEADER]
    return Packet(
        found.get(PAYLOAD, b""),
        (int.from_bytes(head[:4]), words[MARK], head[6], words[IN], words[OUT]),
    )


def answers(data: bytes) -> list[Answer]:
    """Return what a datagram of answers says. Raises ValueError where it is not sound."""
    found = []
    while data:
        size, kind, flags = struct.unpack_from("=IHH", data)
        number = struct.unpack_from(">H", data, 18)[0]
        if (kind, flags, number) != (VERDICT, 1, NUMBER) or size > len(data) or size & 3:
            raise ValueError(f"answer {data[:20].hex()}")
        parts, at = dict[int, bytes](), 20
        while at < size:
            length, kind = struct.unpack_from("=HH", data, at)
            if length < 4 or at + length > size or kind in parts:
                raise ValueError(f"attribute {data[at : at + 4].hex()}")
            parts[kind] = data[at + 4 : at + length]
            at += (length + 3) & ~3
        verdict, packet = struct.unpack(">II", parts.pop(2))
        mark, payload = parts.pop(MARK, None), parts.pop(PAYLOAD, b"")
        if parts:
            raise ValueError(f"attributes {sorted(parts)}")
        found.append(
            Answer(packet, verdict, None if mark is None else int.from_bytes(mark), payload)
        )
        data = data[size:]
    return found


# -- running ---------------------------------------------------------------------------------------


class Pair:
    """A queue, and the kernel's end of its socket."""

    def __init__(self) -> None:
        self.kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.kernel, ours):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self.kernel.setblocking(False)
        self.queue = Queue(NUMBER, handle=ours.detach())

    def close(self) -> None:
        """Close both ends."""
        self.queue.close()
        self.kernel.close()

    def answered(self) -> list[Answer]:
        """Return all answers that were sent."""
        found = []
        while True:
            try:
                found += answers(self.kernel.recv(1 << 20))
            except BlockingIOError:
                return found


def reading(random: Random, pair: Pair, messages: list[bytes]) -> str:
    """Send messages and answer them; return what is wrong, or nothing."""
    queue = pair.queue
    wanted = [read(each) for each in messages]
    packets = [each for each in wanted if isinstance(each, Packet)]
    before = queue.malformed, queue.refused
    for each in messages:
        pair.kernel.send(each)
    if queue.receive() != len(packets):
        return "another number of packets"
    found = [Packet(queue.payload(at), queue.identity(at)) for at in range(len(packets))]
    if found != packets:
        return f"read {found}\\nnot {packets}"
    counted = queue.malformed - before[0], queue.refused - before[1]
    if counted != (wanted.count("malformed"), wanted.count("refused")):
        return f"counted {counted}"
    given = []
    for each in packets:
        mark = random.choice([None, random.getrandbits(32)])
        body = random.choice([b"", b"", each.payload, random.randbytes(random.randrange(99))])
        given.append(Answer(each.identity[0], random.choice([ACCEPT, DROP]), mark, body[:LONGEST]))
        queue.judge(*given[-1])
    queue.flush()
    return "" if pair.answered() == given else "other answers than were given"


def sifting(random: Random, pair: Pair, messages: list[bytes]) -> str:
    """Send messages the guard's way; each gets one answer, and keeps the other bits of its mark."""
    magics, _ = random.choice([(SOME, []), (EVERY, [])])
    core = FlowCore(magics, FlowSettings(max_flows=random.choice([2, 100]), payloads=8))
    kept: list[int] = []

    def judge(packet: object) -> None:
        number, mark = packet.number, packet.mark  # type: ignore[attr-defined]
        if random.random() < 0.1:
            kept.append(number)
        else:
            pair.queue.judge(number, random.choice([ACCEPT, DROP]), mark ^ 1 << 26)

    sift = Sift(
        core,
        lambda batch: meddle(core, batch, random),
        judge,
        pass_mark=1 << 26,
        mask=7 << 26,
        patience=random.choice([1, 8]),
        unknown=random.random() < 0.7,
    )
    wanted = [found for each in messages if isinstance(found := read(each), Packet)]
    for each in messages:
        pair.kernel.send(each)
    if sift.turn(pair.queue, time.time_ns()) != len(wanted):
        return "another number of packets"
    told = pair.answered()
    if sorted([each.number for each in told] + kept) != sorted(p.identity[0] for p in wanted):
        return "not one answer for each packet"
    marks = {each.identity[0]: each.identity[1] for each in wanted}
    changed = [e for e in told if e.mark is not None and (e.mark ^ marks[e.number]) & ~(7 << 26)]
    return f"changed marks of others: {changed}" if changed else ""


def one_case(number: int) -> bool:
    """Run case *number*; say whether nothing is wrong."""
    random = Random(number)
    pair = Pair()
    try:
        for _ in range(random.randrange(1, 4)):  # what is left in the store is of the turn before
            messages = [message(random) for _ in range(random.randrange(1, 9))]
            if wrong := random.choice([reading, sifting])(random, pair, messages):
                print(f"case {number}: {wrong}", file=sys.stderr)
                return False
    finally:
        pair.close()
    return True


def fuzz(seconds: float, cases: int, seed: int, last: Path) -> int:
    """Run cases until the time is up; return 1 where something is wrong."""
    began, done = time.monotonic(), 0
    while done < cases and time.monotonic() - began < seconds:
        last.write_text(str(seed + done))
        if not one_case(seed + done):
            return 1
        done += 1
    used = time.process_time()
    print(f"{done} cases from seed {seed}, {used:.0f} s of processor: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(fuzz(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
