"""One TCP connection to a SOCKS proxy: the negotiation, and then the stream that it carries.

    SOCKS5   greeting > choice > [login] > request > reply [> second reply of a BIND] > stream
    SOCKS4   request > reply [> second reply] > stream

A step waits until its side has sent what it needs; what the other side sends ahead of its turn
waits too. Where one side was not captured, the other is read without it, once both have ended or
HELD bytes wait. Holds at most HELD bytes of each side, and nothing once the stream runs.
"""

from collections.abc import Callable
from typing import TypeAlias

from backchannel.decoder import Decoder
from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import (
    Gap,
    Malformed,
    NameLearned,
    ProxyAnswer,
    ProxyRequest,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.socks import wire
from backchannel.protocols.socks.contexts import Inbound, Relay, announced, inside
from backchannel.protocols.socks.login import FOLLOWED, Login
from backchannel.protocols.socks.signature import PREAMBLE, preamble
from backchannel.protocols.socks.speakers import attributed
from backchannel.reader import WireError

HELD = 70_000
"""More than the longest message, a GSSAPI token."""
_CLIENT, _SERVER = Side
_REFUTED, _CLAIMED, _PARSED = Standing
_FROM_SERVER, _FROM_CLIENT = (_CLIENT, _SERVER), (_SERVER, _CLIENT)
"""In which order the sides' bytes came, by whose were the last."""

Step: TypeAlias = Callable[[list[Output]], bool]
"""Takes one message if it is there; returns whether it was."""


class Negotiation(Decoder):
    """Decodes a TCP flow. See `backchannel.protocols.Session`."""

    def __init__(self, start: Start) -> None:
        self.service = "socks"
        self.standing = _CLAIMED
        self.done = False
        self._start = start
        self._buffers = bytearray(), bytearray()
        self._order = _FROM_SERVER
        """Which side's bytes came first: what waits is older than what comes now."""
        self._step: Step | None = self._greeting
        """None while the stream runs."""
        self._blind = False
        """True once a silent side is no longer waited for."""
        self._lossy = False
        self._ended = [False, False]
        self._inbound = False
        self._methods = b""
        self._login = Login(wire.NONE)
        self._scheme = "socks5"
        self._user = ""
        self._request: wire.Request | None = None

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        if self._step is None:
            return [Inner(side=self._inner(side), data=data)]
        buffer = self._buffers[side]
        buffer += data
        self._order = _FROM_SERVER if side is _SERVER else _FROM_CLIENT
        out: list[Output] = []
        self._advance(out)
        if len(buffer) > HELD:
            self._look_no_further(out)
        return attributed(side, out, self._inbound)

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were never seen: the stream goes on, and a negotiation where it can."""
        out: list[Output] = [Gap(size=size)]
        if self.done:
            return out
        if self._step is not None:
            self._lossy = True
            self._buffers[side].clear()
            if self._request is not None:
                if side is _SERVER:  # the reply is gone; what comes next shows it was a good one
                    self._enter(self._request.host, self._request.port, out)
            else:
                if side is _SERVER:
                    self._read_alone(out)
                if side is _CLIENT and self._step in (self._greeting, self._choice):
                    self._step = self._choice  # the server's is still to come, or waits
                elif self._step in (self._greeting, self._choice) or side is _CLIENT:
                    self._step = self._ask
        if self._step is None:
            out.append(InnerGap(side=self._inner(side), size=size))
        return attributed(side, out, self._inbound)

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._ended[side] = True
        out: list[Output] = []
        if self.done:
            return out
        if self._step is None:
            return [InnerEnd(side=self._inner(side))]
        if side is _SERVER:
            self._short_refusal(out)
        if all(self._ended) and not self.done:
            self._look_no_further(out)
        return attributed(side, out, self._inbound)

    def _inner(self, side: Side) -> Side:
        if self._inbound:
            return _CLIENT if side is _SERVER else _SERVER
        return side

    def _advance(self, out: list[Output]) -> None:
        try:
            while self._step is not None and not self.done and self._step(out):
                pass
        except WireError as error:
            out.append(Malformed(reason=str(error)))
            self._finish()

    def _look_no_further(self, out: list[Output]) -> None:
        """Read on without the side that is silent."""
        self._blind = True
        self._advance(out)
        if self._step is not None and max(map(len, self._buffers)) > HELD:
            self._finish()

    def _read_alone(self, out: list[Output]) -> None:
        """What the server said is gone; what the client has done since tells what it was."""
        blind, self._blind = self._blind, True
        self._advance(out)
        self._blind = blind

    def _finish(self) -> None:
        """Nothing more can be said of this connection."""
        self.done = True
        for buffer in self._buffers:
            buffer.clear()
        if self.standing is _CLAIMED and not self._lossy:
            self.standing = _REFUTED

    def _silent(self, side: Side) -> bool:
        """Whether *side* has nothing to show and the other is read without it."""
        return self._blind and not self._buffers[side]

    def _consume(self, side: Side, size: int) -> None:
        del self._buffers[side][:size]

    # -- SOCKS5: greeting and login ------------------------------------------------------------

    def _greeting(self, _out: list[Output]) -> bool:
        client = self._buffers[_CLIENT]
        if client[:1] == b"\4":
            self._scheme, self._step = "socks4", self._ask4
            return True
        if self._silent(_CLIENT) and self._buffers[_SERVER]:
            self._step = self._choice
            return True
        if (found := wire.read_greeting(client)) is None:
            return False
        self._methods = found[0]
        self._consume(_CLIENT, found[1])
        self._step = self._choice
        return True

    def _choice(self, out: list[Output]) -> bool:
        server = self._buffers[_SERVER]
        if self._silent(_SERVER):
            return self._guess_method(out)
        if server and server[0] in (0, 4):
            return self._other_version(out)
        if server and server[0] != 5 and not self._skip_preamble() and not self._blind:
            return False
        if (found := wire.read_pair(server, b"\5")) is None:
            return False
        self._consume(_SERVER, 2)
        if found[0] == wire.REFUSED:
            self._refuse("no-acceptable-method", out)
        else:
            self._begin_login(found[0], out)
        return True

    def _skip_preamble(self) -> bool:
        """A proxy that connects back may introduce itself; say whether its answer has come."""
        server = self._buffers[_SERVER]
        self._consume(_SERVER, preamble(server))
        return server[0] == 5 or len(server) > PREAMBLE

    def _other_version(self, out: list[Output]) -> bool:
        """A server that knows only SOCKS4 answers a greeting in its own way."""
        if wire.read_reply4(self._buffers[_SERVER]) is None:
            return False
        self._refuse("socks4-server", out)
        return True

    def _guess_method(self, out: list[Output]) -> bool:
        """Tell the method that an unseen server chose by what the client did next."""
        first = self._buffers[_CLIENT][:1]
        if not first:
            return False
        logins = [method for method in (wire.USERPASS, wire.GSSAPI) if method in self._methods]
        self._begin_login(logins[0] if first == b"\1" and logins else wire.NONE, out)
        return True

    def _begin_login(self, method: int, out: list[Output]) -> None:
        self._login = Login(method)
        self._step = self._log_in if method in FOLLOWED else self._ask
        if method not in (wire.NONE, wire.USERPASS, wire.CHAP):
            out.append(SignOn(account="", method=f"socks5-{_called(method)}"))

    def _log_in(self, out: list[Output]) -> bool:
        login = self._login
        moved = login.take(self._buffers, self._order, out, blind=self._blind)
        self._user = login.user
        if login.accepted is not None:
            self._let_in(login.accepted, out)
        elif login.skipped:
            self._step = self._ask
        return moved

    def _let_in(self, accepted: bool, out: list[Output]) -> None:
        self.standing = _PARSED
        out.append(SignOnAnswer(account=self._user, accepted=accepted))
        if accepted:
            self._step = self._ask
        else:
            self._refuse("authentication-failed", out)

    # -- requests and replies ------------------------------------------------------------------

    def _ask(self, out: list[Output]) -> bool:
        client = self._buffers[_CLIENT]
        if self._silent(_CLIENT) and self._buffers[_SERVER]:
            self._step = self._reply
            return True
        if client and self._is_protected(client[0]):
            return self._protected(out)
        if (found := wire.read_request5(client)) is None:
            return False
        self._consume(_CLIENT, found[1])
        self._asked(found[0], self._reply, out)
        return True

    def _is_protected(self, first: int) -> bool:
        """Whether what comes behind the choice of method is no request, by its first byte."""
        method = self._login.method
        if method in FOLLOWED:
            return method != wire.USERPASS and first == 1
        return method != wire.NONE and first != 5

    def _protected(self, out: list[Output]) -> bool:
        """Behind a login: its last message, a request that GSSAPI protects (RFC 1961 §5), or what
        belongs to a method that nobody can follow. Over SSL it is TLS, whose hello is readable.
        """
        method = self._login.method
        if method == wire.CHAP:
            found = wire.read_chap(self._buffers[_CLIENT])
            self._consume(_CLIENT, found[1] if found else 0)
            return found is not None
        command = f"{_called(method)}-protected"
        out.append(ProxyRequest(scheme="socks5", command=command, host="", port=0))
        if self._methods:
            self.standing = _PARSED
        if method == wire.SSL:
            self._enter("", 0, out)
        else:
            self.done = True
        return True

    def _ask4(self, out: list[Output]) -> bool:
        if (found := wire.read_request4(self._buffers[_CLIENT])) is None:
            return False
        self._consume(_CLIENT, found[1])
        self._user = found[0].user
        self._asked(found[0], self._reply4, out)
        return True

    def _asked(self, request: wire.Request, then: Step, out: list[Output]) -> None:
        self._request, self._scheme, self._step = request, request.scheme, then
        out.append(
            ProxyRequest(
                scheme=request.scheme,
                command=request.verb,
                host=request.host,
                port=request.port,
                user=self._user,
            )
        )

    def _reply(self, out: list[Output]) -> bool:
        if self._silent(_SERVER):
            return self._assume(out)
        if (found := wire.read_reply5(self._buffers[_SERVER])) is None:
            return False
        self._consume(_SERVER, found[1])
        reply = found[0]
        self._answer(reply, wire.REPLIES.get(reply.code, f"reply-{reply.code:#04x}"), out)
        self._act(reply, accepted=reply.code == 0, out=out)
        return True

    def _reply4(self, out: list[Output]) -> bool:
        server = self._buffers[_SERVER]
        if self._silent(_SERVER):
            return self._assume(out)
        if server[:1] == b"\5":
            self._refuse("socks5-server", out)
            return True
        if (found := wire.read_reply4(server)) is None:
            return False
        self._consume(_SERVER, found[1])
        reply = found[0]
        self._answer(reply, wire.REPLIES4[reply.code], out)
        self._act(reply, accepted=reply.code == wire.GRANTED, out=out)
        return True

    def _answer(self, reply: wire.Reply, code: str, out: list[Output]) -> None:
        if self._request is not None:
            self.standing = _PARSED
        accepted = reply.code in (0, wire.GRANTED)
        self._told(code, out, accepted=accepted, address=reply.address, port=reply.port)

    def _refuse(self, code: str, out: list[Output]) -> None:
        self.standing = _PARSED
        self._told(code, out, accepted=False)
        self.done = True

    def _told(
        self, code: str, out: list[Output], *, accepted: bool, address: str = "", port: int = 0
    ) -> None:
        request = self._request
        out.append(
            ProxyAnswer(
                scheme=self._scheme,
                accepted=accepted,
                code=code,
                address=address,
                port=port,
                asked_host=request.host if request else "",
                asked_port=request.port if request else 0,
            )
        )

    def _short_refusal(self, out: list[Output]) -> None:
        """Some servers hang up after the code of a refusal."""
        server = self._buffers[_SERVER]
        if self._step == self._reply and 2 <= len(server) < 10 and server[0] == 5 and server[1]:
            self._refuse(wire.REPLIES.get(server[1], f"reply-{server[1]:#04x}"), out)

    def _assume(self, out: list[Output]) -> bool:
        """The reply was not captured; bytes behind the request show that it was a good one."""
        if not self._buffers[_CLIENT] or self._request is None:
            return False
        self._enter(self._request.host, self._request.port, out)
        return True

    # -- what follows a reply ------------------------------------------------------------------

    def _act(self, reply: wire.Reply, *, accepted: bool, out: list[Output]) -> None:
        request = self._request
        command = request.command if request else wire.CONNECT
        if not accepted:
            self.done = True
        elif command == wire.BIND:
            self._bound(reply, out)
        elif command == wire.UDP_ASSOCIATE:
            out.append(announced(Relay(self._user), reply, self._start, self._user))
            self.done = True
        elif command in (wire.RESOLVE, wire.RESOLVE_PTR):
            self._resolved(reply, out)
        elif request is None:
            self._enter("", 0, out)
        else:
            self._enter(request.host, request.port, out)

    def _bound(self, reply: wire.Reply, out: list[Output]) -> None:
        """The first reply to a BIND says where the proxy listens, the second who connected."""
        if self._inbound:
            self._enter(reply.address, reply.port, out)
            return
        self._inbound = True
        proxy = self._start.server
        context = Inbound(self._scheme, self._start.client.address)
        expected = announced(context, reply, self._start, self._user)
        if (expected.address, expected.port) != (proxy.address, proxy.port):
            out.append(expected)  # else every new client of the proxy would be taken for it

    def _resolved(self, reply: wire.Reply, out: list[Output]) -> None:
        """Tor's look-ups end with the answer."""
        request = self._request
        if request is not None and request.command == wire.RESOLVE:
            out.append(NameLearned(name=request.host, addresses=(reply.address,)))
        elif request is not None:
            out.append(NameLearned(name=reply.address, addresses=(request.host,)))
        self.done = True

    def _enter(self, host: str, port: int, out: list[Output]) -> None:
        """The stream begins; what was sent ahead of it is its first part."""
        self._step = None
        inbound = self._inbound  # whose sides are the other way round inside
        opened = Open(host=host, port=port, label=self._scheme, inbound=inbound, whole=not inbound)
        out += [*inside(host, port), opened]
        for side in self._order:
            if held := bytes(self._buffers[side]):
                out.append(Inner(side=self._inner(side), data=held))
            self._buffers[side].clear()
            if self._ended[side]:
                out.append(InnerEnd(side=self._inner(side)))


def _called(method: int) -> str:
    """Return a method by name."""
    return wire.METHODS.get(method, f"method-{method:#04x}")
