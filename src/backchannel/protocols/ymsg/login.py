"""Signing on and off: challenge, responses, cookies, tokens.

How a client proved itself, by age (each seen in the named sources):

    5-6    LOGON, key 6 = md5-crypt of the password with a salt that never changed (gaim 0.54)
    web    WEBLOGIN, key 6 = the cookies (libpurple)
    9-12   AUTH -> 94 challenge, 13 = 0 -> AUTHRESP, keys 6 and 96 (libpurple 2.0 yahoo.c)
    11-15  the same with 13 = 1, another computation (libpurple 2.0 yahoo_auth.c)
    13-19  13 = 2: a token fetched by HTTPS; AUTHRESP with 277 Y, 278 T, 307 proof (libpurple 2.10)

`crypt.py` beside this file computes the 13 = 0 responses, so that guesses can be tested.
"""

import hashlib
from collections.abc import Iterator

from backchannel.effects import Tie
from backchannel.events import Credential, Presence, SignOff, SignOn, SignOnAnswer, Software
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.ymsg import cookies, tables
from backchannel.protocols.ymsg.state import Body, State

CLIENT = "Yahoo! Messenger"
_SCHEMES = {
    "": ("yahoo-md5", "yahoo-md5crypt"),
    "0": ("yahoo-md5", "yahoo-md5crypt"),
    "1": ("yahoo-sha1", "yahoo-sha1crypt"),
}
_METHODS = {"": "md5-challenge", "0": "md5-challenge", "1": "sha1-challenge", "2": "token"}


def auth(state: State, body: Body) -> Iterator[Output]:
    """AUTH: a client names itself, the server answers with a challenge."""
    if body.side is Side.CLIENT and 94 not in body:
        state.asked = body.account(1, 0) or state.asked
        state.account = state.account or state.asked
        return
    state.challenge = body.text(94)[:512]
    state.method = body.text(13)[:8]
    yield from ()


def response(state: State, body: Body) -> Iterator[Output]:
    """AUTHRESP: the client's proof, or the server's refusal."""
    token = 307 in body or 277 in body or 278 in body
    if body.side is Side.SERVER and not token and 6 not in body:
        yield from _refused(state, body)
        return
    account = body.account(0, 2, 1) or state.asked
    method = "token" if token else _METHODS.get(state.method, f"method-{state.method}")
    yield from _sign_on(state, body, account, method)
    jar = {"Y": body.text(277), "T": body.text(278), "B": body.text(59)}
    yield from cookies.outputs(account, {name: value for name, value in jar.items() if value})
    if proof := body.text(307):
        yield Credential(
            account=account,
            kind="token",
            scheme="yahoo-token",
            secret=proof,
            salt=state.challenge,
        )
    if not token:
        yield from _responses(state, body, account)


def _responses(state: State, body: Body, account: str) -> Iterator[Output]:
    schemes = _SCHEMES.get(state.method, ("yahoo-response", "yahoo-response-crypt"))
    for key, scheme in zip((6, 96), schemes, strict=True):
        if secret := body.text(key):
            yield Credential(
                account=account, kind="hash", scheme=scheme, secret=secret, salt=state.challenge
            )


def logon(state: State, body: Body) -> Iterator[Output]:
    """LOGON, WEBLOGIN, CHATLOGON: of versions 5 to 8, of the web client, of rooms alone."""
    account = body.account(0, 1)
    secret = body.text(6)
    if secret.startswith("$1$"):
        yield from _sign_on(state, body, account, "md5-crypt")
        salt = secret[: secret.rfind("$") + 1]
        yield Credential(account=account, kind="hash", scheme="md5-crypt", secret=secret, salt=salt)
    elif (jar := cookies.parse(secret)) and ("Y" in jar or "T" in jar):
        yield from _sign_on(state, body, account, "cookie")
        yield from cookies.outputs(account, jar)
    else:
        yield from _sign_on(state, body, account, "plain" if secret else "")
        if secret:
            yield Credential(account=account, kind="plain", scheme="yahoo-plain", secret=secret)


def _sign_on(state: State, body: Body, account: str, method: str) -> Iterator[Output]:
    version = body.text(135)
    state.account = state.account or account
    state.asked, state.signed_on = "", True
    yield SignOn(
        account=account,
        method=method,
        client=CLIENT,
        version=version or f"YMSG {body.packet.version}",
    )
    if version:
        yield Software(name=CLIENT, version=version, role="client", account=account)
    if body.packet.status in {12, 99, 999} or 1 <= body.packet.status <= 9:
        status = tables.STATUS.get(body.packet.status, "away")
        yield Presence(account=account, status=status)


def _refused(state: State, body: Body) -> Iterator[Output]:
    code = body.number(66)
    if not code and body.packet.status != tables.FAILED:
        return
    reason = tables.REFUSALS.get(code, f"error {code}")
    yield SignOnAnswer(account=body.account(0, 1) or state.account, accepted=False, reason=reason)


def accepted(state: State, account: str) -> Iterator[Output]:
    """Tell once that the server let *account* in; its first list or status packet shows it."""
    state.account = account or state.account
    if not state.accepted:
        state.accepted = True
        yield SignOnAnswer(account=state.account, accepted=True)


def identity(state: State, body: Body) -> Iterator[Output]:
    """IDACT, IDDEACT: one of the account's other names is switched on or off."""
    name = body.account(3, 1)
    if body.side is Side.CLIENT and name and name != state.account:
        online = body.packet.service == tables.Service.IDACT
        yield Presence(account=name, status="online" if online else "offline")


def alive(state: State, body: Body) -> Iterator[Output]:
    """KEEPALIVE names who is on; of a flow joined in the middle it may be all there is."""
    name = body.account(0)
    if body.side is Side.CLIENT and name and not state.account:
        state.account = name
        whose = f"{state.start.client.address} {name.lower()}"
        digest = hashlib.sha256(whose.encode()).hexdigest()[:32]
        yield Tie(key=f"yahoo-account:{digest}", account=name)


def disconnect(state: State, body: Body) -> Iterator[Output]:
    """DISCONNECT: the server ends the session and says why."""
    code = body.number(66) or body.packet.status
    reason = tables.DISCONNECTS.get(code, f"disconnected, code {code}")
    yield SignOff(account=state.account, reason=body.text(16) or reason)
