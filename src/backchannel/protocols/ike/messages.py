"""Payloads in clear to events: one small function a payload, two tables at the bottom.

What a message says of its SA (hashes, identities, what was chosen) is left in the `Association`;
what decides how far the SA came is left in the `Reading`.
"""

from collections.abc import Callable
from typing import Literal

from backchannel.effects import Expect
from backchannel.events import Credential, Malformed, PeerAddress, SignOn, Software
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.ike import algorithms, nat, notifies, proposals, registry, vendors
from backchannel.protocols.ike.association import PARTS
from backchannel.protocols.ike.events import (
    IkeCertificate,
    IkeDelete,
    IkeIdentity,
    IkeNotify,
    IkeProposals,
    VendorIds,
)
from backchannel.protocols.ike.identities import ADDRESSES, distinguished_name, read_identity
from backchannel.protocols.ike.reading import Reading
from backchannel.protocols.ike.wire import AGGRESSIVE, MAIN, Payload, attributes
from backchannel.reader import Reader, WireError
from backchannel.text import decode

_MAX_NAMES = 64
_MAX_SPIS = 64
_KEY_HASH = 20


def read(reading: Reading, payloads: list[Payload]) -> list[Output]:
    """Return what *payloads* mean; a broken one costs itself only."""
    table = _PAYLOADS_1 if reading.header.version == 1 else _PAYLOADS_2
    told: list[Output] = []
    for payload in payloads:
        meaning = table.get(payload.kind)
        if meaning is None:
            continue
        try:
            told += meaning(reading, payload)
        except WireError as error:
            name = registry.payload(reading.header.version, payload.kind)
            told.append(Malformed(reason=f"{name} payload: {error}"))
    if reading.vendors or reading.unnamed:
        told += _vendor_events(reading)
    if reading.association.parts is not None:
        told += _credential(reading)
    return told


# -- what both versions have -------------------------------------------------------------------


def _security_association(reading: Reading, payload: Payload) -> list[Output]:
    header, association = reading.header, reading.association
    suites, weak, weak_aggressive, method = proposals.read_offer(header.version, payload.body)
    reading.proposed = bool(suites)
    chosen = reading.sender == "responder" or (not reading.sender and not header.opens)
    aggressive = header.version == 1 and header.exchange == AGGRESSIVE
    if chosen:
        reading.answer = "answered"
        association.method = method
    elif aggressive:
        _keep(reading, "sai", payload)
    if aggressive:
        weak = weak_aggressive
    if not weak and not reading.told.reads(IkeProposals, weak=weak):
        return [IkeProposals]
    return [
        IkeProposals(
            **reading.common,
            exchange=registry.exchange(header.version, header.exchange),
            chosen=chosen,
            suites=suites,
            weak=weak,
        )
    ]


def _vendor_id(reading: Reading, payload: Payload) -> list[Output]:
    vendor = vendors.identify(payload.body)
    if vendor is None:
        reading.unnamed.append(payload.body[:64].hex())
    else:
        reading.vendors.append(vendor)
    return []


def _vendor_events(reading: Reading) -> list[Output]:
    names = tuple(vendor.name for vendor in reading.vendors)
    told: list[Output] = [
        VendorIds(**reading.common, names=names, unknown=tuple(reading.unnamed)),
    ]
    products = {v.product: v for v in reading.vendors if v.product}
    role: Literal["client", "server", "peer"] = "peer"
    if reading.sender:
        role = "client" if reading.sender == "initiator" else "server"
    told += [
        Software(name=product, version=vendor.version, role=role)
        for product, vendor in products.items()
    ]
    return told


def _certificate(reading: Reading, payload: Payload) -> list[Output]:
    reader = Reader(payload.body)
    encoding = reader.u8()
    return [
        IkeCertificate(
            **reading.common,
            request=False,
            encoding=registry.CERTIFICATES.get(encoding, f"encoding {encoding}"),
            size=len(reader),
        )
    ]


def _certificate_request(reading: Reading, payload: Payload) -> list[Output]:
    reader = Reader(payload.body)
    encoding = reader.u8()
    wanted, names = reader.rest(), tuple[str, ...]()
    if reading.header.version == 1:
        names = tuple(name for name in (distinguished_name(wanted),) if name)
    elif len(wanted) % _KEY_HASH == 0:
        ends = range(0, min(len(wanted), _MAX_NAMES * _KEY_HASH), _KEY_HASH)
        names = tuple(wanted[at : at + _KEY_HASH].hex() for at in ends)
    return [
        IkeCertificate(
            **reading.common,
            request=True,
            encoding=registry.CERTIFICATES.get(encoding, f"encoding {encoding}"),
            names=names,
            size=len(wanted),
        )
    ]


def _identity(reading: Reading, payload: Payload) -> list[Output]:
    kind, word, value = read_identity(payload.body)
    told: list[Output] = [IkeIdentity(**reading.common, kind=word, value=value)]
    if reading.sender == "initiator" and reading.header.exchange != MAIN:  # where it is no login
        reading.association.account = value
        exchange = registry.exchange(reading.header.version, reading.header.exchange)
        method = f"ikev{reading.header.version} {exchange}".lower().replace(" ", "-")
        told.append(SignOn(account=value, method=method))
    if kind in ADDRESSES and value != reading.source.address:
        told.append(
            PeerAddress(
                use=Capability.TUNNEL,
                account=reading.association.account,
                address=value,
                transport="udp",
                how="ike-identity",
            )
        )
    return told


def _delete(reading: Reading, payload: Payload) -> list[Output]:
    reader = Reader(payload.body)
    if reading.header.version == 1:
        reader.skip(4)  # domain of interpretation
    protocol, size, count = reader.u8(), reader.u8(), reader.u16()
    spis = [reader.take(size).hex() for _ in range(min(count, _MAX_SPIS))] if size else []
    name = registry.protocol(reading.header.version, protocol)
    return [IkeDelete(**reading.common, protocol=name, spis=tuple(spis))]


def _notify(reading: Reading, payload: Payload) -> list[Output]:
    version = reading.header.version
    protocol, number, spi, data = notifies.read(version, payload.body)
    detail = notifies.detail(version, number, data)
    error = notifies.is_error(version, number)
    told: list[Output] = []
    if not reading.told.notify:
        told.append(IkeNotify)
    else:
        fact = IkeNotify(
            **reading.common,
            name=notifies.name(version, number),
            number=number,
            error=error,
            protocol=registry.protocol(version, protocol),
            spi=spi.hex(),
            detail=detail,
        )
        told.append(fact)
    if version == 2:
        _consequence(reading, number, data, detail, told)
    if error and number != notifies.INVALID_KE and reading.header.response is not False:
        reading.answer, reading.detail = "refused", notifies.name(version, number)
    return told


def _consequence(
    reading: Reading, number: int, data: bytes, detail: str, told: list[Output]
) -> None:
    """What an IKEv2 notify means for the SA."""
    if number in (notifies.NAT_SOURCE, notifies.NAT_DESTINATION):
        reading.association.method_of_nat = "RFC 7296"
        _nat_hash(reading, data, number == notifies.NAT_SOURCE)
    elif not reading.header.response:
        return
    elif number == notifies.COOKIE:
        reading.answer, reading.detail = "cookie-required", detail
    elif number == notifies.INVALID_KE:
        reading.answer, reading.detail = "retry-required", f"wants group {detail}"
    elif number == notifies.REDIRECT:
        reading.answer, reading.detail = "redirected", f"to {detail}"
        told += _redirect(reading, detail)


def _redirect(reading: Reading, gateway: str) -> list[Output]:
    """RFC 5685: the responder sends the initiator to another gateway."""
    if not gateway:
        return []
    disclosed = PeerAddress(
        use=Capability.TUNNEL,
        account="",
        address=gateway,
        port=500,
        transport="udp",
        how="ike-redirect",
    )
    coming = Expect(
        protocol="ike",
        purpose=Capability.TUNNEL,
        address=gateway,
        port=500,
        source=reading.target.address,
        transport="udp",
        repeat=True,
    )
    return [disclosed, coming]


def _nat_hash(reading: Reading, value: bytes, of_sender: bool) -> None:
    if reading.sender is None:
        return
    header = reading.header
    of = reading.sender if of_sender else reading.other()
    seen = reading.source if of_sender else reading.target
    spis = header.initiator + header.responder
    item = nat.Heard(of, reading.sender, value, spis, seen)
    reading.association.keep(item)
    reading.nat_hashes += 1


# -- IKEv1 -------------------------------------------------------------------------------------


def _nat_discovery(reading: Reading, payload: Payload) -> list[Output]:
    """RFC 3947 §3.2: the first is the receiver's address, all others the sender's."""
    reading.association.method_of_nat = _NAT_METHODS[payload.kind]
    _nat_hash(reading, payload.body, reading.nat_hashes > 0)
    return []


_NAT_METHODS = {
    15: "draft-ietf-ipsec-nat-t-ike-04 to 07",
    20: "RFC 3947",
    130: "draft-ietf-ipsec-nat-t-ike-00 to 03",
}


def _identity_1(reading: Reading, payload: Payload) -> list[Output]:
    if reading.sender == "responder":
        _keep(reading, "idir", payload)
    return _identity(reading, payload)


def _key_exchange_1(reading: Reading, payload: Payload) -> list[Output]:
    return _keep(reading, "g_xi" if reading.sender == "initiator" else "g_xr", payload)


def _nonce_1(reading: Reading, payload: Payload) -> list[Output]:
    return _keep(reading, "ni" if reading.sender == "initiator" else "nr", payload)


def _hash_1(reading: Reading, payload: Payload) -> list[Output]:
    return _keep(reading, "hash_r", payload) if reading.sender == "responder" else []


def _keep(reading: Reading, name: str, payload: Payload) -> list[Output]:
    """Keep what HASH_R covers, the first of its kind; one that is too long spoils it all."""
    parts = reading.association.parts
    if parts is not None and len(payload.body) > PARTS:
        reading.association.parts = None
    elif parts is not None and not getattr(parts, name):
        setattr(parts, name, payload.body)
    return []


def _credential(reading: Reading) -> list[Output]:
    """Aggressive mode with a pre-shared key: what a guess can be tested against."""
    association, parts = reading.association, reading.association.parts
    if parts is None or not parts.complete():
        return []
    association.parts = None
    if association.method not in algorithms.PSK_METHODS:
        return []
    header = reading.header
    return [parts.credential(association.account, header.initiator, header.responder)]


_USER_NAME, _PASSWORD, _PASSCODE = 16521, 16522, 16523


def _configuration_1(reading: Reading, payload: Payload) -> list[Output]:
    """Mode config and XAUTH, which are in clear only where somebody forgot the first phase."""
    reader = Reader(payload.body)
    reader.skip(4)
    found = dict(attributes(reader))
    account = decode(found.get(_USER_NAME, b""))
    told: list[Output] = []
    if account:
        reading.association.account = account
        told.append(SignOn(account=account, method="xauth"))
    account = reading.association.account
    told += [
        Credential(account=account, kind="plain", scheme="xauth", secret=decode(found[kind]))
        for kind in (_PASSWORD, _PASSCODE)
        if found.get(kind)
    ]
    return told


Meaning = Callable[[Reading, Payload], list[Output]]

_PAYLOADS_1: dict[int, Meaning] = {
    1: _security_association,
    4: _key_exchange_1,
    5: _identity_1,
    6: _certificate,
    7: _certificate_request,
    8: _hash_1,
    10: _nonce_1,
    11: _notify,
    12: _delete,
    13: _vendor_id,
    14: _configuration_1,
    15: _nat_discovery,
    20: _nat_discovery,
    130: _nat_discovery,
}
_PAYLOADS_2: dict[int, Meaning] = {
    33: _security_association,
    35: _identity,
    36: _identity,
    37: _certificate,
    38: _certificate_request,
    41: _notify,
    42: _delete,
    43: _vendor_id,
}
