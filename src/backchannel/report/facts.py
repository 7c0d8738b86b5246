"""What some events tell beyond that they happened: accounts, credentials, files, addresses, where
proxies led, and who talks to whom. One table each, within bounds.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec.structs import replace

from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.events import (
    Anomaly,
    Contacts,
    Credential,
    Malformed,
    Message,
    NameLearned,
    PeerAddress,
    Profile,
    ProxyAnswer,
    ProxyRequest,
    SignOn,
    Software,
    Transfer,
    tag_of,
)
from backchannel.model import Side
from backchannel.privacy import REDACTED, Disclosure
from backchannel.report import document as doc
from backchannel.report.associations import Associations
from backchannel.report.rows import ROWS, AccountRow, Pairs, ServiceRow
from backchannel.report.tunnels import Tunnels
from backchannel.when import rfc3339

if TYPE_CHECKING:  # they are loaded with their decoders
    from backchannel.protocols.esp.events import EspTraffic, NatKeepalive
    from backchannel.protocols.ike.events import IkeStage, NatDetection

_CLIENT, _ = Side
"""By a name of our own: Python 3.11 takes half a microsecond to look one up in its class."""
SIGN_ONS = 16
_SecretKey: TypeAlias = tuple[str, str, str, str, str]


class _Nameless:
    """What a stream told of an account before it told which: SIGN_ONS at most, and as many secrets
    as have a row.
    """

    def __init__(self) -> None:
        self.sign_ons: list[tuple[str, str]] = []
        """From where, and with what program."""
        self.secrets: list[_SecretKey] = []

    def signed_on(self, address: str, program: str) -> None:
        """Keep a sign-on, within the bound."""
        if len(self.sign_ons) < SIGN_ONS:
            self.sign_ons.append((address, program))


class Facts:
    """Tables of what events tell, and what takes each kind of event in."""

    def __init__(self, disclosure: Disclosure, unseen: Counter[str]) -> None:
        """*unseen* counts what did not fit."""
        self._disclosure, self._unseen = disclosure, unseen
        self._accounts: dict[tuple[str, str], AccountRow] = {}
        self._secrets: dict[_SecretKey, doc.Secret] = {}
        self._nameless: dict[tuple[int, str], _Nameless] = {}
        """By flow and stack, as long as the stream lives."""
        self._files: list[doc.File] = []
        self._addresses: dict[tuple[str, str, str, int, str], doc.Address] = {}
        self._anomalies: Counter[str] = Counter()
        self._talks = Pairs(unseen)
        self.tunnels = Tunnels(unseen)
        self._associations = Associations(unseen)

    def _account(self, seen: Observation, name: str) -> AccountRow | None:
        if not name:
            return None
        key = seen.service, name
        found = self._accounts.get(key)
        if found is None:
            if len(self._accounts) >= ROWS:
                self._unseen["account rows not shown: table full"] += 1
                return None
            found = self._accounts[key] = AccountRow()
        return found

    def ended(self, stream: Ended) -> None:
        """Put down to the account of *stream* what it told before it told the account."""
        nameless = self._nameless.pop((stream.flow.serial, stream.stack), None)
        account = self._accounts.get((stream.service, stream.account))
        if nameless is None or account is None:
            return
        for address, program in nameless.sign_ons:
            account.signed_on(address, program)
        for key in nameless.secrets:
            secret = self._secrets[key]
            account.credentials.add(f"{secret.kind}: {secret.scheme}")
            self._secrets[key] = replace(secret, account=stream.account)

    def _later(self, seen: Observation) -> _Nameless | None:
        key = seen.flow.serial, seen.stack
        nameless = self._nameless.get(key)
        if nameless is None and len(self._nameless) < ROWS:
            nameless = self._nameless[key] = _Nameless()
        return nameless

    def _sign_on(self, seen: Observation, event: SignOn, row: ServiceRow) -> None:
        address, program = _near(seen), f"{event.client} {event.version}".strip()
        if (account := self._account(seen, event.account)) is not None:
            account.signed_on(address, program)
        elif not event.account and (nameless := self._later(seen)):
            nameless.signed_on(address, program)
        row.accounts.add(event.account)
        row.software.add(program)

    def _credential(self, seen: Observation, event: Credential, row: ServiceRow) -> None:
        if (account := self._account(seen, event.account)) is not None:
            account.credentials.add(f"{event.kind}: {event.scheme}")
            if seen.side is _CLIENT:  # a proxy's client shows a password and never signs on
                account.addresses.add(_near(seen))
        row.accounts.add(event.account)
        key = seen.service, event.account, event.kind, event.scheme, event.secret
        if key in self._secrets:
            return
        if len(self._secrets) >= ROWS:
            self._unseen["credentials not shown: table full"] += 1
            return
        hide = self._disclosure.hides("secret")
        self._secrets[key] = doc.Secret(
            service=seen.service,
            account=event.account,
            kind=event.kind,
            scheme=event.scheme,
            secret=REDACTED if hide else event.secret,
            salt=REDACTED if hide and event.salt else event.salt,
            client=str(seen.flow.client),
            server=str(seen.target or seen.flow.server),
            time=rfc3339(seen.time),
            frame=seen.frame,
        )
        if not event.account and (nameless := self._later(seen)):
            nameless.secrets.append(key)

    def _message(self, seen: Observation, event: Message, _row: ServiceRow) -> None:
        sender, recipient = event.sender, event.recipient
        if (account := self._account(seen, sender)) is not None:
            account.sent += 1
        if (account := self._account(seen, recipient)) is not None:
            account.received += 1
        if sender and (to := recipient or event.room):
            counts = self._talks.of(seen.service, sender, to)
            counts[0] += 1

    def _contacts(self, seen: Observation, event: Contacts, _row: ServiceRow) -> None:
        account = self._account(seen, event.owner or seen.account)
        if account is None or event.change == "remove":
            return
        for entry in event.entries:
            account.contacts.add(entry.account)

    def _profile(self, seen: Observation, event: Profile, _row: ServiceRow) -> None:
        if (account := self._account(seen, event.account)) is not None:
            account.names.add(event.nickname)

    def _software(self, seen: Observation, event: Software, row: ServiceRow) -> None:
        text = f"{event.name} {event.version}".strip()
        row.software.add(text)
        if (account := self._account(seen, event.account)) is not None:
            account.software.add(text)

    def _transfer(self, seen: Observation, event: Transfer, row: ServiceRow) -> None:
        if event.sender and event.recipient:
            counts = self._talks.of(seen.service, event.sender, event.recipient)
            counts[1] += 1
        row.accounts.add(event.sender)
        row.accounts.add(event.recipient)
        if len(self._files) >= ROWS:
            self._unseen["files not shown: table full"] += 1
            return
        self._files.append(
            doc.File(
                service=seen.service,
                capability=event.use,
                name=event.name,
                size=event.size,
                seen=event.seen,
                complete=event.complete,
                sha256=event.sha256,
                verified=event.verified,
                media=event.media,
                sender=event.sender,
                recipient=event.recipient,
                client=str(seen.flow.client),
                server=str(seen.target or seen.flow.server),
                stack=seen.stack,
                time=rfc3339(seen.time),
                frame=seen.frame,
            )
        )

    def _peer_address(self, seen: Observation, event: PeerAddress, _row: ServiceRow) -> None:
        if (account := self._account(seen, event.account)) is not None:
            account.disclosed.add(event.address)
        key = seen.service, event.account, event.address, event.port, event.how
        if key in self._addresses:
            return
        if len(self._addresses) >= ROWS:
            self._unseen["disclosed addresses not shown: table full"] += 1
            return
        self._addresses[key] = doc.Address(
            service=seen.service,
            account=event.account,
            address=event.address,
            port=event.port,
            capability=event.use,
            how=event.how,
            time=rfc3339(seen.time),
            frame=seen.frame,
        )

    def _proxy_request(self, seen: Observation, event: ProxyRequest, _row: ServiceRow) -> None:
        self.tunnels.asked(seen, event)

    def _proxy_answer(self, seen: Observation, event: ProxyAnswer, _row: ServiceRow) -> None:
        self.tunnels.answered(seen, event)

    def _name(self, seen: Observation, event: NameLearned, _row: ServiceRow | None) -> None:
        if seen.target is not None:
            self.tunnels.named(seen, event, seen.target)

    def _stage(self, seen: Observation, event: "IkeStage", _row: ServiceRow) -> None:
        self._associations.stage(seen, event)

    def _nat(self, seen: Observation, event: "NatDetection", _row: ServiceRow) -> None:
        self._associations.nat(seen, event)

    def _esp(self, seen: Observation, event: "EspTraffic", _row: ServiceRow) -> None:
        self._associations.traffic(seen, event)

    def _keepalive(self, seen: Observation, event: "NatKeepalive", _row: ServiceRow) -> None:
        self._associations.keepalive(seen, event)

    def _anomaly(self, seen: Observation, event: Anomaly, _row: ServiceRow) -> None:
        self._anomalies[f"{seen.service}: {event.kind}"] += 1

    def _malformed(self, seen: Observation, _event: Malformed, _row: ServiceRow | None) -> None:
        self._unseen[f"malformed {seen.protocol} messages"] += 1

    def document(self) -> dict[str, Any]:
        """Return all tables as they stand in the document, by field."""
        return {
            "accounts": tuple(row.done(*key) for key, row in sorted(self._accounts.items())),
            "credentials": tuple(self._secrets.values()),
            "files": tuple(self._files),
            "addresses": tuple(self._addresses.values()),
            "tunnels": self.tunnels.document(),
            "associations": self._associations.document(),
            "conversations": tuple(
                doc.Conversation(
                    service=key[0], sender=key[1], recipient=key[2], messages=messages, files=files
                )
                for key, (messages, files) in self._talks.sorted()
            ),
            "anomalies": dict(sorted(self._anomalies.items())),
        }


def _near(seen: Observation) -> str:
    """The address from which somebody signs on: the side that sent it."""
    return (seen.flow.client if seen.side is _CLIENT else seen.flow.server).address


_METHODS: dict[str, str] = {
    tag_of(SignOn): "_sign_on",
    tag_of(Credential): "_credential",
    tag_of(Message): "_message",
    tag_of(Contacts): "_contacts",
    tag_of(Profile): "_profile",
    tag_of(Software): "_software",
    tag_of(Transfer): "_transfer",
    tag_of(PeerAddress): "_peer_address",
    tag_of(ProxyRequest): "_proxy_request",
    tag_of(ProxyAnswer): "_proxy_answer",
    tag_of(NameLearned): "_name",
    tag_of(Anomaly): "_anomaly",
    tag_of(Malformed): "_malformed",
    "ike-stage": "_stage",
    "nat-detection": "_nat",
    "esp-traffic": "_esp",
    "nat-keepalive": "_keepalive",
}
HANDLERS: dict[str, Any] = {tag: getattr(Facts, name) for tag, name in _METHODS.items()}
"""What takes in an event with that tag; called with `Facts`, the observation, the event and its
row, which only those ANYWHERE may be without.
"""
ANYWHERE = frozenset({Malformed, NameLearned})
"""What is taken in also where no service is known."""
