"""HTTP/1.x as a conversation: both directions' bytes in, messages out (RFC 9112, sans-IO).

    Head      start line and headers; an answer's Head names the request that it answers. Where its
              end was not captured: those that were, and a Done that is not whole
    Body      bytes of the body; chunks joined and gzip/deflate undone unless asked otherwise
    Skipped   bytes of the body, or of what follows an upgrade, that nobody saw
    Done      the message is over; every Head has exactly one
    Broken    a fault; when `lost`, this side is silent until its next gap
    Raw       what follows a CONNECT that was accepted, a 101 answer, or is HTTP/2

Pipelined answers are matched to their requests. Bytes that a client sends behind a CONNECT or an
Upgrade wait for the answer, which decides whether they are Raw or the next request. Each side holds
at most one head of *limit* bytes, or HELD bytes that wait, and less than 10 KiB beside.
"""

import re
from collections import deque

from backchannel.model import Side
from backchannel.protocols.http import METHODS
from backchannel.protocols.http.bodies import decoder_for, framing
from backchannel.protocols.http.heads import (
    OPENING,
    Head,
    end_of_head,
    is_start_line,
    leaves_http,
    may_leave_http,
    opens,
    read_head,
)
from backchannel.protocols.http.items import Body, Broken, Done, Item, Raw, Skipped, Told
from backchannel.protocols.http.lane import BODY, HEAD, HOLD, LOST, RAW, SEEK, Lane
from backchannel.reader import WireError, cut, cut_buffer

__all__ = [
    "Body",
    "Broken",
    "Conversation",
    "Done",
    "Item",
    "Raw",
    "Skipped",
    "Told",
]

LIMIT = 65536
HELD = 65536
PENDING = 1024
_WHOLE, _CUT = Done(complete=True), Done(complete=False)
_SIDES = tuple(Side)
_SEEK_TAIL = 4200
_LONGEST_METHOD = max(map(len, METHODS))
_SEEK = {
    True: re.compile(rb"(?:CONNECT|" + b"|".join(METHODS) + rb") [^\s]{1,4096} HTTP/1\.[01]\r?\n"),
    False: re.compile(rb"HTTP/1\.[01] [1-5]\d\d[ \r\n]"),
}


class Conversation:
    """Both directions of one connection. *client* says which side sends the requests.

    *decode*: undo gzip and deflate. *verbatim*: hand bodies on exactly as sent, chunk sizes
    included (and then nothing is decoded). *begun*: False when the beginning was not seen.
    *bodies*: False where nobody wants them; then no Body is told.
    """

    def __init__(
        self,
        *,
        client: Side = Side.CLIENT,
        decode: bool = True,
        verbatim: bool = False,
        begun: bool = True,
        bodies: bool = True,
        limit: int = LIMIT,
    ) -> None:
        state = HEAD if begun else SEEK
        self._client = Lane(client, True, state)
        self._server = Lane(_SIDES[1 - client], False, state)
        self._decode, self._verbatim, self._limit = decode and not verbatim, verbatim, limit
        self._bodies = bodies
        self._pending: deque[tuple[str, str]] = deque(maxlen=PENDING)

    @property
    def switched(self) -> bool:
        """Whether both sides have left HTTP/1, so that only Raw and Skipped can follow."""
        return self._client.state == RAW and self._server.state == RAW

    def within_head(self, side: Side) -> bool:
        """Whether *side* has begun the head of a message and not ended it."""
        lane = self._lane(side)
        return lane.state == HEAD and bool(lane.held)

    def feed(self, side: Side, data: bytes) -> Told:
        """Take the next in-order bytes of *side*; return what they meant, in order."""
        told: Told = []
        self._run(self._lane(side), data, told)
        return told

    def gap(self, side: Side, size: int) -> Told:
        """*size* bytes of *side* were never seen: inside a body they are counted off it."""
        told: Told = []
        self._skip(self._lane(side), size, told)
        return told

    def end(self, side: Side) -> Told:
        """*side* sends no more: a body that lasts until then is whole, any other is cut."""
        told: Told = []
        lane = self._lane(side)
        lane.ended = True
        if lane.state == BODY and lane.body is not None:
            lane.whole = lane.whole and lane.body.until_close
            self._finish(lane, told)
        while self._client.ended and self._server.ended and self._client.state == HOLD:
            self._run(self._client, self._guess(told), told)
        return told

    def _lane(self, side: Side) -> Lane:
        return self._client if side is self._client.side else self._server

    def _run(self, lane: Lane, data: bytes, told: Told) -> None:
        while data:
            try:
                data = self._step(lane, data, told)
            except WireError as error:
                self._lose(lane, str(error), told)
                return

    def _step(self, lane: Lane, data: bytes, told: Told) -> bytes:
        """Take what belongs to the lane's state; return the rest."""
        state = lane.state
        if state == HEAD:
            return self._head(lane, data, told)
        if state == BODY:
            return self._body(lane, data, told)
        if state == HOLD:
            return self._guess(told) if lane.wait(data) > HELD else b""
        if state == SEEK:
            return self._seek(lane, data, told)
        if state == RAW:
            told.append((lane.side, Raw(data)))
        return b""

    def _lose(self, lane: Lane, reason: str, told: Told) -> None:
        told.append((lane.side, Broken(reason, lost=True)))
        if lane.state == BODY:
            lane.whole = False
            self._finish(lane, told)
        lane.state = LOST
        lane.forget()

    # -- heads ---------------------------------------------------------------------------------

    def _head(self, lane: Lane, data: bytes, told: Told) -> bytes:
        held, seen, fresh, start = lane.held, 0, data, 0
        if held:
            seen = max(0, lane.scanned - 2)  # where an empty line may have begun
            held += data
            fresh = cut_buffer(held, seen, len(held))
        elif data[0] in b"\r\n":  # RFC 9112 §2.2: empty lines before a start line are passed over
            fresh = data.lstrip(b"\r\n")
        if not lane.checked:
            start = self._check(lane, fresh, seen)
        end = end_of_head(fresh, start, self._limit - seen) if lane.checked else -1
        if end < 0:
            if seen + len(fresh) >= self._limit:
                raise WireError(f"head longer than {self._limit} bytes")
            lane.scanned = seen + len(fresh)
            if not held:
                held += fresh
            return b""
        alone = end == len(fresh)  # as nearly always, and then nothing is cut
        block = fresh if alone else cut(fresh, 0, end)
        if held:
            block = cut_buffer(held, 0, seen + end)
        line = lane.line
        lane.forget()
        self._begin(lane, block, line, told)
        return b"" if alone else cut(fresh, end, len(fresh))

    def _check(self, lane: Lane, fresh: bytes, seen: int) -> int:
        """Look at the start line, or at what there is of it; *fresh* is what came behind *seen*
        bytes. Return where in it the line ends, -1 where it does not.
        """
        start, stop = lane.scanned - seen, self._limit - seen
        if start or stop < len(fresh):
            newline = fresh.find(b"\n", start, stop)
        else:  # as nearly always; positions cost more than looking
            newline = fresh.find(b"\n")
        held = lane.held
        if newline < 0:
            line = cut_buffer(held, 0, OPENING) if held else cut(fresh, 0, OPENING)
            fits = opens(line, lane.request)
        else:
            lane.line = seen + newline
            line = cut_buffer(held, 0, lane.line) if held else fresh
            fits = is_start_line(line, lane.line, lane.request)
        if not fits:
            raise WireError("not an HTTP request" if lane.request else "not an HTTP answer")
        lane.checked = newline >= 0
        return newline

    def _begin(self, lane: Lane, block: bytes, line: int, told: Told) -> None:
        """A message begins: its head is *block*, whose first line ends at *line*."""
        if lane.request:
            head = read_head(block, None, line)
            if head.method == "PRI" and head.version == "2.0":
                self._switch(told)
                told.append((lane.side, Raw(block)))
                return
            self._pending.append((head.method, head.target))
            tunnel = False
        else:
            if not self._pending and self._client.state == HEAD:
                self._sever(self._client, told)
            head = read_head(block, self._pending[0] if self._pending else ("", ""), line)
            tunnel = leaves_http(head)
        told.append((lane.side, head))
        if head.faults:
            told += [(lane.side, Broken(fault)) for fault in head.faults]
        if lane.request:
            lane.after = HOLD if may_leave_http(head) else HEAD
        self._frame(lane, head, told, tunnel)
        if not lane.request:
            self._answered(head, told, tunnel)

    def _sever(self, lane: Lane, told: Told) -> None:
        """The end of a head was not captured: tell what was, if that is a start line at least."""
        if not lane.checked:
            return
        if not lane.request and not self._pending and self._client.state == HEAD:
            self._sever(self._client, told)  # which is answered, so its end was not captured either
        block = bytes(lane.held[: lane.held.rfind(b"\n") + 1])
        lane.forget()
        asked = None if lane.request else (self._pending[0] if self._pending else ("", ""))
        head = read_head(block, asked)
        told += [(lane.side, head), (lane.side, _CUT)]
        lane.state = HOLD if lane.request and may_leave_http(head) else SEEK
        if lane.request:
            self._pending.append((head.method, head.target))
        else:
            self._answered(head, told, leaves_http(head))

    def _frame(self, lane: Lane, head: Head, told: Told, tunnel: bool) -> None:
        """Make *lane* ready for the body of *head*, or finish the message."""
        lane.whole, lane.mute = True, False
        if tunnel or (lane.request and head.method == "CONNECT"):
            lane.body, faults = None, tuple[str, ...]()
        else:
            lane.body, faults = framing(head, self._verbatim)
        if faults:
            told += [(lane.side, Broken(fault)) for fault in faults]
        if lane.body is None:
            self._finish(lane, told)
            return
        lane.state = BODY
        lane.decoder = decoder_for(head) if self._decode else None

    def _answered(self, head: Head, told: Told, tunnel: bool) -> None:
        """Take the request that *head* answers off the list, and decide what waits for it."""
        if head.status < 200 and not tunnel:
            return
        if self._pending:
            self._pending.popleft()
        if tunnel:
            self._switch(told)
        elif not self._pending:
            self._refused(told)

    # -- bodies --------------------------------------------------------------------------------

    def _body(self, lane: Lane, data: bytes, told: Told) -> bytes:
        body = lane.body
        assert body is not None
        if not self._bodies:
            end = body.feed(data, 0, None)
        else:
            pieces: list[bytes] = []
            try:
                end = body.feed(data, 0, pieces)
            finally:
                self._piece(lane, pieces[0] if len(pieces) == 1 else b"".join(pieces), told)
        if body.done:
            self._finish(lane, told)
        return data[end:] if end < len(data) else b""

    def _piece(self, lane: Lane, piece: bytes, told: Told) -> None:
        if lane.decoder is not None:
            try:
                piece = lane.decoder.feed(piece)
            except WireError as error:
                self._spoilt(lane, str(error), told)
        if piece and not lane.mute:
            told.append((lane.side, Body(piece)))

    def _spoilt(self, lane: Lane, reason: str, told: Told) -> None:
        told.append((lane.side, Broken(reason)))
        lane.decoder, lane.mute, lane.whole = None, True, False

    def _flush(self, lane: Lane, told: Told) -> None:
        if lane.decoder is None:
            return
        try:
            if piece := lane.decoder.end():
                told.append((lane.side, Body(piece)))
        except WireError as error:
            self._spoilt(lane, str(error), told)

    def _finish(self, lane: Lane, told: Told) -> None:
        self._flush(lane, told)
        told.append((lane.side, _WHOLE if lane.whole else _CUT))
        lane.body = lane.decoder = None
        lane.state, lane.after = lane.after, HEAD

    # -- gaps ----------------------------------------------------------------------------------

    def _skip(self, lane: Lane, size: int, told: Told) -> None:
        if lane.state == HEAD:
            self._sever(lane, told)
        if lane.state == RAW:
            told.append((lane.side, Skipped(size)))
        elif lane.state == HOLD:
            if lane.wait(size) > HELD:
                self._run(lane, self._guess(told), told)
        elif lane.state == BODY:
            self._skip_body(lane, size, told)
        else:
            lane.state = SEEK
            lane.forget()
            if not lane.request:  # whose answers were lost, nobody knows
                last = self._pending.pop() if self._client.state == HOLD else None
                self._pending.clear()
                self._pending += [last] if last else []

    def _skip_body(self, lane: Lane, size: int, told: Told) -> None:
        body = lane.body
        assert body is not None
        taken = body.skip(size)
        if taken:
            self._flush(lane, told)
            lane.mute, lane.decoder = lane.mute or lane.decoder is not None, None
            told.append((lane.side, Skipped(taken)))
        lane.whole = False
        if body.done or taken < size:
            self._finish(lane, told)
        if taken < size:
            self._skip(lane, size - taken, told)

    def _seek(self, lane: Lane, data: bytes, told: Told) -> bytes:
        held = lane.held
        held += data
        if not lane.request and self._client.state == HOLD:
            return self._seek_tunnel(lane, told)
        at = held.find(b"HTTP/1.")
        if at > 0 and lane.request:  # its line has a space before the target, and a method
            at = max(0, held.rfind(b" ", 0, at - 1) - _LONGEST_METHOD)
        found = _SEEK[lane.request].search(held, at) if at >= 0 else None
        if found is None:
            del held[:-_SEEK_TAIL]
            return b""
        rest = cut_buffer(held, found.start(), len(held))
        held.clear()
        lane.state = HEAD
        return rest

    def _seek_tunnel(self, lane: Lane, told: Told) -> bytes:
        """The answer to a CONNECT may be lost: what is no answer now shows it was accepted."""
        start = bytes(lane.held[:7])
        if len(start) < 7 and b"HTTP/1."[: len(start)] == start:
            return b""
        rest = bytes(lane.held)
        lane.held.clear()
        if start == b"HTTP/1.":
            lane.state = HEAD
        else:
            self._switch(told)
        return rest

    # -- upgrades and tunnels ------------------------------------------------------------------

    def _guess(self, told: Told) -> bytes:
        """No answer was seen: what waits is taken for what it looks like, and returned."""
        lane = self._client
        first = next((part for part in lane.waiting if isinstance(part, bytearray)), bytearray())
        asks = b"\n" in first and opens(bytes(first), True)
        lane.state = HEAD if asks else RAW
        if not asks:
            self._server.state = RAW
        # A caller that runs in a loop takes it from here: a client may ask a thousand times.
        if len(lane.waiting) == 1:
            lane.waiting = []
            return bytes(first)
        self._release(told)
        return b""

    def _switch(self, told: Told) -> None:
        """Both sides leave HTTP/1."""
        lane = self._client
        if lane.state == BODY:
            lane.after = RAW
        else:
            lane.state = RAW
        self._server.state = RAW
        self._release(told)

    def _refused(self, told: Told) -> None:
        lane = self._client
        if lane.state == HOLD:
            lane.state = HEAD
            self._release(told)
        elif lane.state == BODY:
            lane.after = HEAD

    def _release(self, told: Told) -> None:
        lane = self._client
        waiting: list[bytes | bytearray | int] = [*lane.waiting]
        if lane.held:
            waiting.append(bytes(lane.held))
        lane.waiting = []
        lane.forget()
        for part in waiting:
            if isinstance(part, int):
                self._skip(lane, part, told)
            else:
                self._run(lane, bytes(part), told)
