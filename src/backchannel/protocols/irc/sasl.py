"""AUTHENTICATE: SASL inside IRC, in lines of base64 (IRCv3 `sasl`).

A line of 400 characters goes on in the next; `+` stands for nothing, `*` breaks off. PLAIN is RFC
4616, SCRAM RFC 5802; LOGIN asks for the name and then for the password; EXTERNAL and
ECDSA-NIST256P-CHALLENGE show nothing that could be used again.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator

from backchannel.events import Credential, SignOn
from backchannel.model import Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.irc.state import NAME, SECRET, Sasl, State
from backchannel.protocols.irc.wire import Line
from backchannel.text import decode

CHUNK = 400
LONGEST = 8192
"""Characters of base64 in one message."""
_MECHANISM = later(
    r"PLAIN|EXTERNAL|LOGIN|ANONYMOUS|OAUTHBEARER|(?=.{3,40}\Z)[A-Z0-9]+(?:[-_][A-Z0-9]+)+"
)
"""What is no base64: those with a dash, and the known ones without."""


def authenticate(state: State, side: Side, line: Line) -> Iterator[Output]:
    """One line of either side."""
    word = line.word(0)
    if side is Side.CLIENT and _MECHANISM.fullmatch(word.upper()):
        state.sasl = Sasl(mechanism=word.upper())
        return
    message = _whole(state.sasl, side, word)
    if message is None or not state.sasl.mechanism:
        return
    if side is Side.SERVER:
        state.sasl.challenge = decode(message)[:SECRET]
    elif state.sasl.mechanism.startswith("SCRAM-"):
        yield from _scram(state, decode(message))
    elif state.sasl.mechanism == "PLAIN":
        yield from _plain(state, message)
    elif state.sasl.mechanism == "OAUTHBEARER":
        yield from _bearer(state, decode(message))
    elif state.sasl.mechanism == "LOGIN" and state.sasl.account:
        yield _secret(state, decode(message))
    elif not state.sasl.account:
        yield from _named(state, decode(message.split(b"\0")[0]) or state.nick)


def _whole(sasl: Sasl, side: Side, word: str) -> bytes | None:
    """Return a message when its last line came."""
    if word == "*":
        sasl.parts.pop(side, None)
        return None
    text = sasl.parts.get(side, "") + ("" if word == "+" else word)
    if len(word) == CHUNK and len(text) <= LONGEST:
        sasl.parts[side] = text
        return None
    sasl.parts.pop(side, None)
    return _bytes(text)


def _bytes(text: str) -> bytes:
    """Return what base64 stands for; nothing where it is none."""
    try:
        return b64decode(text)
    except (Base64Error, ValueError):
        return b""


def _named(state: State, account: str) -> Iterator[Output]:
    sasl = state.sasl
    sasl.account = account[:NAME]
    method = f"sasl-{sasl.mechanism.lower()}"
    yield SignOn(account=sasl.account, method=method)


def _plain(state: State, message: bytes) -> Iterator[Output]:
    """`identity NUL account NUL password`."""
    parts = message.split(b"\0")
    if len(parts) < 3:
        return
    account = decode(parts[1]) or decode(parts[0])
    yield from _named(state, account)
    yield _secret(state, decode(b"\0".join(parts[2:])))


def _secret(state: State, secret: str) -> Credential:
    sasl = state.sasl
    scheme = f"sasl-{sasl.mechanism.lower()}"
    return Credential(account=sasl.account, kind="plain", scheme=scheme, secret=secret[:SECRET])


def _bearer(state: State, text: str) -> Iterator[Output]:
    """`n,a=account,^Aauth=Bearer token^A^A`."""
    head, *parts = text.split("\x01")
    account = _fields(head).get("a", "")
    yield from _named(state, account)
    for part in parts:
        if part.startswith("auth=Bearer "):
            token = part.removeprefix("auth=Bearer ")[:SECRET]
            yield Credential(account=account[:NAME], kind="token", scheme="oauth", secret=token)


def _scram(state: State, text: str) -> Iterator[Output]:
    """First `n,,n=account,r=nonce`, then `c=..,r=nonce,p=proof`."""
    sasl, fields = state.sasl, _fields(text)
    if "n" in fields:
        sasl.first = text.split(",", 2)[-1][:SECRET]
        account = fields["n"].replace("=2C", ",").replace("=3D", "=")
        yield from _named(state, account)
    elif "p" in fields and sasl.challenge:
        without = text.rpartition(",p=")[0][:SECRET]
        yield Credential(
            account=sasl.account,
            kind="hash",
            scheme=f"sasl-{sasl.mechanism.lower()}",
            secret=_bytes(fields["p"][:SECRET]).hex(),
            salt=f"{sasl.first},{sasl.challenge},{without}",
        )


def _fields(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name: value for name, equals, value in pairs if equals}
