"""Being let in: versions, programs, every kind of proof, and being sent to other servers.

    MD5   MSNP2-7    USR n MD5 I account | S challenge | S MD5(challenge + password)
    TWN   MSNP8-14   USR n TWN I account | S policy    | S ticket of Passport
    SSO   MSNP15-21  USR n SSO I account | S MBI_KEY_OLD nonce | S t=ticket blob [{endpoint}]
    SHA   MSNP18-21  USR n SHA A signed ticket (circles)
    CKI   switchboard: the cookie that the notification server gave in XFR or RNG

A ticket is a bearer token; the blob of SSO proves a key that only TLS carried, so it is none.

What ties the servers of one login together is its account and the address that it comes from: the
switchboards' cookies would tie no gateway session whose start was not seen.
"""

from backchannel.effects import Expect, Tie
from backchannel.events import Credential, SignOff, SignOn, SignOnAnswer, Software
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.msnp.names import account, digest, endpoint, nickname
from backchannel.protocols.msnp.state import State, Ticket
from backchannel.protocols.msnp.wire import Command

METHODS = {"MD5": "md5-challenge", "TWN": "passport-ticket", "SSO": "sso-ticket", "SHA": "sha"}
ERRORS = {
    "200": "invalid syntax",
    "201": "invalid parameter",
    "205": "no such account",
    "206": "no domain in the account",
    "207": "already signed on",
    "208": "invalid account",
    "209": "invalid nickname",
    "217": "not online",
    "500": "server error",
    "501": "database error",
    "540": "client challenge failed",
    "600": "server busy",
    "601": "server unavailable",
    "707": "connection refused",
    "711": "write blocked",
    "713": "too many calls",
    "715": "not expected",
    "800": "changed too often",
    "911": "authentication failed",
    "913": "not allowed while invisible",
    "917": "authentication failed",
    "921": "too many sign-ons",
    "922": "too many invitations",
    "923": "child's account without consent",
    "924": "account not verified",
    "928": "bad ticket",
    "931": "account not on this server",
}
_OUT = {"OTH": "signed on elsewhere", "SSD": "server going down", "MIG": "to be moved"}


def version(state: State, side: Side, command: Command) -> list[Output]:
    """`VER n dialects`: the client offers, the server picks one, or 0 for none."""
    state.role = "ns"
    if side is Side.CLIENT:
        return []
    picked = command.word(1)
    if picked == "0":
        reason = "no common protocol version"
        return [SignOnAnswer(account=state.account, accepted=False, reason=reason)]
    digits = picked.removeprefix("MSNP")
    state.version = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 3 else 0
    return [Software(name="MSNP", version=digits[:8], role="server")]


def client_version(state: State, side: Side, command: Command) -> list[Output]:
    """`CVR n locale system version processor program version id [account]`."""
    if side is Side.SERVER or len(command.words) < 7:
        return []
    state.role = "ns"
    who = account(command.word(8))
    state.client = command.words[5][:64], command.words[6][:64]
    name, number = state.client
    return [Software(name=name, version=number, account=who)]


def user(state: State, side: Side, command: Command) -> list[Output]:
    """`USR`: who signs on, how it is proved, and the server's word on it."""
    if side is Side.SERVER:
        return _user_answer(state, command)
    method, stage = command.word(1), command.word(2)
    if method not in METHODS:
        return _switchboard(state, command.word(1), command.word(2), command.word(0))
    state.role = "ns"
    if stage == "I":
        return _begins(state, method, command)
    if method != "SHA":
        state.ask(command.word(0), "login", state.account)
    return _proves(state, method, command)


def _begins(state: State, method: str, command: Command) -> list[Output]:
    state.account = account(command.word(3)) or state.account
    state.ask(command.word(0), "login", state.account)
    program, number = state.client
    return [
        SignOn(account=state.account, method=METHODS[method], client=program, version=number),
        _tie(state),
    ]


def _tie(state: State) -> Tie:
    who = state.account
    return Tie(key=digest("msn login", state.start.client.address, who), account=who)


def _proves(state: State, method: str, command: Command) -> list[Output]:
    proof = command.word(3)
    who = state.account
    if method == "MD5":
        return [
            Credential(
                account=who, kind="hash", scheme="msn-md5", secret=proof, salt=state.challenge
            )
        ]
    if method == "SHA":
        return [Credential(account=who, kind="token", scheme="msn-circle-ticket", secret=proof)]
    scheme = "msn-passport-ticket" if method == "TWN" else "msn-sso-ticket"
    return [Credential(account=who, kind="token", scheme=scheme, secret=proof)]


def _user_answer(state: State, command: Command) -> list[Output]:
    trid, method = command.word(0), command.word(1)
    if method != "OK":
        state.challenge = command.word(3) if method == "MD5" else ""
        return []
    what, known = state.answer(trid)[0], state.account
    state.account = account(command.word(2)) or known
    nick = nickname(command.word(3)) if state.role == "sb" or 0 < state.version < 10 else ""
    state.changed("nickname", state.account, nick)
    if what != "login" and known:
        return []
    return [SignOnAnswer(account=state.account, accepted=True)]


def _switchboard(state: State, who: str, cookie: str, trid: str) -> list[Output]:
    """A client shows the cookie for a switchboard."""
    state.role = "sb"
    state.account = account(who)
    state.ask(trid, "login", state.account)
    return [
        SignOn(account=state.account, method="switchboard-cookie"),
        Credential(
            account=state.account, kind="token", scheme="msn-switchboard-cookie", secret=cookie
        ),
        _tie(state),
    ]


def answer_call(state: State, side: Side, command: Command) -> list[Output]:
    """`ANS n account cookie session`: who was called joins; `ANS n OK`."""
    if side is Side.CLIENT:
        state.room = command.word(3)[:64]
        return _switchboard(state, command.word(1), command.word(2), command.word(0))
    what, who = state.answer(command.word(0))
    if what != "login" or command.word(1) != "OK":
        return []
    return [SignOnAnswer(account=who, accepted=True)]


def transfer(state: State, side: Side, command: Command) -> list[Output]:
    """`XFR n NS address ...` or `XFR n SB address CKI cookie`: go to another server."""
    if side is Side.CLIENT:
        return []
    purpose = Capability.LOGIN if command.word(1) == "NS" else Capability.MESSAGE
    return _announce(state, command.word(2), purpose)


def ring(state: State, side: Side, command: Command) -> list[Output]:
    """`RNG session address CKI cookie account nickname`: somebody calls to a switchboard."""
    if side is Side.CLIENT:
        return []
    return _announce(state, command.word(1), Capability.MESSAGE)


def _announce(state: State, where: str, purpose: Capability) -> list[Output]:
    host, port = endpoint(where)
    if not host or not port:
        return []
    who = state.account
    return [
        Expect(
            protocol="msnp",
            purpose=purpose,
            address=host,
            port=port,
            source=state.start.client.address,
            accounts=(who,) if who else (),
            context=Ticket(who),
        )
    ]


def leave(state: State, side: Side, command: Command) -> list[Output]:
    """`OUT`: the end. On a switchboard it only ends a conversation."""
    if state.role == "sb":
        return []
    reason = _OUT.get(command.word(0), command.word(0)[:20]) if side is Side.SERVER else ""
    return [SignOff(account=state.account, reason=reason)]


def error(state: State, side: Side, command: Command) -> list[Output]:
    """`NNN n`: a transaction failed. Only a failed sign-on is told."""
    what, who = state.answer(command.word(0))
    if side is Side.CLIENT or what != "login":
        return []
    reason = f"{command.name} {ERRORS.get(command.name, '')}".strip()
    return [SignOnAnswer(account=who, accepted=False, reason=reason)]


def challenge(state: State, side: Side, command: Command) -> list[Output]:
    """`QRY n product 32`: the answer to a challenge names the program's product id."""
    product = command.word(1)
    if side is Side.SERVER or not product or not state.changed("product", "", product):
        return []
    return [Software(name=product[:64], account=state.account)]
