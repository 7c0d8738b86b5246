"""Logins: SASL (RFC 6120 §6, XEP-0388, 0484), `jabber:iq:auth` (XEP-0078), registration (XEP-0077),
dialback between servers (XEP-0220) and the handshake of components (XEP-0114).

| scheme | kind | secret | salt |
|---|---|---|---|
| `sasl-plain`, `jabber-plain`, `muc-password` | plain | the password | |
| `jabber-register`, `jabber-password-change` | plain | the password | |
| `sasl-digest-md5` | hash | `response` | the other fields of the client's answer, as sent |
| `sasl-cram-md5` | hash | HMAC in hexadecimal | the challenge |
| `sasl-scram-sha-1` ... | hash | the proof in hexadecimal | AuthMessage (RFC 5802 §3) |
| `jabber-digest`, `xmpp-component` | hash | SHA-1 | id of the stream |
| `sasl-oauthbearer`, `sasl-x-oauth2`, `sasl-x-google-token` ... | token | the token | |
| `xmpp-fast` | token | what the next login is made with (XEP-0484) | |
| `sasl-ht-sha-256-none` ... | token | its HMAC in hexadecimal, always the same | |
| `sasl-ht-sha-256-expr` ... | hash | the same, bound to the TLS connection | |
| `xmpp-dialback` | token | the key | |
"""

from typing import Literal

from backchannel.events import Credential, LoginOffer, SignOn, SignOnAnswer, Software
from backchannel.model import Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names, people
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.state import State, parties
from backchannel.reader import WireError
from backchannel.text import utf8

MAX_SASL = 65_536
MECHANISMS, MECHANISM = 32, 40
"""How many of them are told, and how many characters of a name."""
_FIELD = later(r'([a-z-]{1,32})=(?:"([^"]{0,1024})"|([^,"]{0,1024}))')
_RESPONSE = later(r',?\s{0,8}\bresponse="?([0-9a-fA-F]{32})"?')
_NAMED = later(r"(?:^|,)n=([^,]{1,1024})")
_AUTHZID = later(r"[nyp][^,]{0,64},a=([^,\x01]{1,1024}),")
_BEARER = later(r"auth=Bearer ([^\x01]{1,8192})")
_OLD: tuple[tuple[str, Literal["plain", "hash"]], ...] = (
    ("password", "plain"),
    ("digest", "hash"),
    ("hash", "hash"),
)
"""Fields of the login of old, and what they hold."""
_TOKENS = frozenset(("X-OAUTH2", "X-GOOGLE-TOKEN", "X-MESSENGER-OAUTH2", "X-FACEBOOK-PLATFORM"))
"""Mechanisms whose message is a token, behind the account where there are zeros."""


class Login:
    """The login of one connection: one SASL exchange at a time."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._mechanism = ""
        self._first = ""
        """What the client said first, and what the server answered: SCRAM's proof covers both."""
        self._challenge = ""

    # -- SASL --------------------------------------------------------------------------------------

    def begin(self, element: Element) -> list[Output]:
        """`auth`, or `authenticate` of SASL2: the client chooses a mechanism."""
        self._mechanism = element.get("mechanism").upper()[:40]
        self._first = self._challenge = ""
        initial = element.child("initial-response")
        text = initial.text if initial else element.text
        if self._mechanism in ("EXTERNAL", "ANONYMOUS"):
            said = _decoded(text) if self._mechanism == "EXTERNAL" else ""
            return [self._sign_on(said)]
        told = self.respond(text) if text.strip() not in ("", "=") else []
        if (agent := element.child("user-agent")) and (name := agent.said("software")[:128]):
            told.append(Software(name=name, account=self._state.account))
        if resume := element.child("resume"):
            told += people.resumable(self._state, Side.CLIENT, resume)
        return told

    def challenge(self, element: Element) -> list[Output]:
        """`challenge`: the server asks."""
        if not self._challenge:
            self._challenge = _decoded(element.text)
        return []

    def respond(self, text: str) -> list[Output]:
        """`response`, or what came with `auth`."""
        said, mechanism = _decoded(text), self._mechanism
        if not said:
            return []
        if mechanism.startswith("HT-"):
            return self._hashed_token(_bytes(text.strip()))
        if mechanism == "PLAIN":
            return self._plain(said)
        if mechanism == "DIGEST-MD5":
            return self._digest(said)
        if mechanism == "CRAM-MD5":
            return self._cram(said)
        if mechanism.startswith("SCRAM-"):
            return self._scram(said)
        if mechanism == "OAUTHBEARER":
            bearer, named = _BEARER.search(said), _AUTHZID.match(said)
            return self._token(named[1] if named else "", bearer[1] if bearer else "")
        if mechanism in _TOKENS:
            name, _, token = said.strip("\0").rpartition("\0")
            return self._token(name, token)
        if self._first or not mechanism:
            return []
        self._first = "begun"
        return [self._sign_on("")]

    def answered(self, element: Element, *, accepted: bool) -> list[Output]:
        """`success` or `failure`."""
        reason = ""
        if not accepted:
            reason = element.children[0].name if element.children else "failure"
            reason = f"{reason}: {text}" if (text := element.said("text")) else reason
        identity, state = element.said("authorization-identifier"), self._state
        if accepted and identity:
            state.meet(identity)
        self._first = self._challenge = ""
        told: list[Output] = [
            SignOnAnswer(account=state.account, accepted=accepted, reason=reason[:200])
        ]
        bound = element.child("bound", names.BIND2)
        if bound is not None and accepted and names.resource(identity):
            told += people.bound(state, identity)
            if enabled := bound.child("enabled"):
                told += people.resumable(state, Side.SERVER, enabled)
        fast = element.child("token", names.FAST)
        if fast is not None and (token := fast.get("token")):
            told.append(
                Credential(account=state.account, kind="token", scheme="xmpp-fast", secret=token)
            )
        return told

    def _plain(self, said: str) -> list[Output]:
        parts = said.split("\0")
        if len(parts) != 3:
            raise WireError("SASL PLAIN without its three parts")
        return [self._sign_on(parts[1]), self._credential("plain", parts[2])]

    def _digest(self, said: str) -> list[Output]:
        found = _RESPONSE.search(said)
        if found is None:
            return []
        fields = {name: quoted or plain for name, quoted, plain in _FIELD.findall(said)}
        name, realm = fields.get("username", ""), fields.get("realm", "")
        on = self._sign_on(f"{name}@{realm}" if realm and "@" not in name else name)
        salt = (said[: found.start()] + said[found.end() :]).strip(", ")
        return [on, self._credential("hash", found[1], salt)]

    def _cram(self, said: str) -> list[Output]:
        name, _, digest = said.rpartition(" ")
        return [self._sign_on(name), self._credential("hash", digest, self._challenge)]

    def _scram(self, said: str) -> list[Output]:
        without, mark, proof = said.rpartition(",p=")
        if not mark:
            self._first = said.split(",", 2)[-1]
            name = _NAMED.search(self._first)
            named = name[1].replace("=2C", ",").replace("=3D", "=") if name else ""
            return [self._sign_on(named)]
        salt = f"{self._first},{self._challenge},{without}"
        whole = salt if self._first and self._challenge else ""
        return [self._credential("hash", _bytes(proof).hex(), whole)]

    def _hashed_token(self, said: bytes) -> list[Output]:
        """The account, and a token under HMAC."""
        name, _, digest = said.partition(b"\0")
        kind: Literal["hash", "token"] = "token" if self._mechanism.endswith("-NONE") else "hash"
        return [self._sign_on(utf8(name)), self._credential(kind, digest.hex())]

    def _token(self, name: str, token: str) -> list[Output]:
        on = self._sign_on(name)
        return [on, self._credential("token", token)] if token else [on]

    def _sign_on(self, name: str) -> SignOn:
        state, account = self._state, names.bare(name)
        if account and "@" not in account and state.stream.content != names.SERVER:
            account = f"{account}@{state.stream.to}" if state.stream.to else account
        state.account = account or state.account
        return SignOn(account=state.account, method=f"sasl-{self._mechanism.lower()}")

    def _credential(
        self, kind: Literal["plain", "hash", "token"], secret: str, salt: str = ""
    ) -> Credential:
        return Credential(
            account=self._state.account,
            kind=kind,
            scheme=f"sasl-{self._mechanism.lower()}",
            secret=secret,
            salt=salt,
        )

    # -- the logins of old, registration -----------------------------------------------------------

    def old(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        """`jabber:iq:auth`: a password, or its SHA-1 behind the stream's id."""
        if stanza.get("type") != "set":
            return []
        state = self._state
        name = query.said("username")
        where = state.stream.to or names.domain(stanza.get("to"))
        account = names.bare(f"{name}@{where}" if where else name)
        state.meet(f"{account}/{query.said('resource')}", account)
        told: list[Output] = []
        for tag, kind in _OLD:
            if secret := query.said(tag):
                scheme = "jabber-plain" if kind == "plain" else f"jabber-{tag}"
                salt = state.stream.id if tag == "digest" else ""
                told = [
                    SignOn(account=account, method=scheme),
                    Credential(account=account, kind=kind, scheme=scheme, secret=secret, salt=salt),
                ]
                break
        if told:
            state.ask(side, stanza, self._old_answered)
        return told

    def _old_answered(self, stanza: Element, accepted: bool) -> list[Output]:
        reason = "" if accepted else condition(stanza)
        return [SignOnAnswer(account=self._state.account, accepted=accepted, reason=reason)]

    def register(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        """`jabber:iq:register`: a new account, or a new password for the one signed on."""
        if stanza.get("type") != "set":
            return []
        fields = form(query) or {each.name: each.text for each in query.children}
        password = fields.get("password", "")
        if not password:
            return []
        who = parties(self._state, side, stanza)
        where = names.domain(stanza.get("to")) or self._state.stream.to
        name = fields.get("username", "")
        account = names.bare(f"{name}@{where}" if where and "@" not in name else name)
        signed_on = who.sender == account
        scheme = "jabber-password-change" if signed_on else "jabber-register"
        return [Credential(account=account, kind="plain", scheme=scheme, secret=password)]

    # -- servers and components --------------------------------------------------------------------

    def dialback(self, element: Element) -> list[Output]:
        """`db:result`: a server shows a key, or is told whether it is good."""
        caller, called = names.bare(element.get("from")), names.bare(element.get("to"))
        if kind := element.get("type"):
            return [SignOnAnswer(account=called, accepted=kind == "valid", reason=kind[:40])]
        key = element.text.strip()
        self._state.account = caller
        return [
            SignOn(account=caller, method="dialback"),
            Credential(account=caller, kind="token", scheme="xmpp-dialback", secret=key),
        ]

    def handshake(self, side: Side, element: Element) -> list[Output]:
        """`handshake`: a component proves its secret; the server's is empty."""
        state = self._state
        if side is Side.SERVER:
            return [SignOnAnswer(account=state.account, accepted=True)]
        account = state.account = names.bare(state.stream.to)
        secret = element.text.strip().lower()
        return [
            SignOn(account=account, method="component"),
            Credential(
                account=account,
                kind="hash",
                scheme="xmpp-component",
                secret=secret,
                salt=state.stream.id,
            ),
        ]


def offer(state: State, features: Element) -> list[Output]:
    """Return what a server's features say of logins, once of each kind (RFC 6120 §5.3.1, §6.3.3;
    XEP-0388 §2, XEP-0077 §8).
    """
    tls, sasl = features.child("starttls", names.TLS), features.child("mechanisms", names.SASL)
    named = [each for each in (sasl, features.child("authentication", names.SASL2)) if each]
    found = [each.text.strip()[:MECHANISM] for one in named for each in one.all("mechanism")]
    found += ["jabber-register"] if features.child("register", names.REGISTERING) else []
    methods = tuple(dict.fromkeys(filter(None, found)))[:MECHANISMS]
    needed: Literal["", "offered", "required"] = ""
    if tls is not None:
        needed = "required" if tls.child("required") else "offered"
    if not (methods or needed) or not state.changed("offer", "", " ".join((needed, *methods))):
        return []
    return [LoginOffer(methods=methods, realm=state.stream.told, tls=needed)]


def form(query: Element) -> dict[str, str]:
    """Return the fields of a data form (XEP-0004), where there is one."""
    x = query.child("x", names.DATA_FORM)
    return {field.get("var"): field.said("value") for field in x.all("field")} if x else {}


def condition(stanza: Element) -> str:
    """Return an error's condition, and its text where it has one."""
    error = stanza.child("error")
    if error is None:
        return "error"
    named = next((each.name for each in error.children if each.name != "text"), "")
    text = error.said("text") or error.text.strip()
    return f"{named or error.get('code') or 'error'}{': ' + text if text else ''}"[:200]


def _bytes(text: str) -> bytes:
    if len(text) > MAX_SASL:
        raise WireError(f"SASL message of {len(text)} characters")
    return names.base64(text)


def _decoded(text: str) -> str:
    return "" if text.strip() == "=" else utf8(_bytes(text.strip()))
