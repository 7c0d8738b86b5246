"""Payloads in clear to events: one small function a payload, two tables at the bottom.

What a message says of its SA (hashes, identities, what was chosen) is left in the `Association`;
what decides how far the SA came is left in the `Reading`.
"""

from collections.abc import Callable
from typing import Literal

from backchannel.effects import Expect
from backchannel.events import Credential, Malformed, PeerAddress, SignOn, Software
from backchannel.model import Capability
from backchannel.protocols.ike import algorithms, notifies, proposals, registry, vendors
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
from backchannel.protocols.ike.numbers import (
    AGGRESSIVE,
    COOKIE,
    INVALID_KE,
    MAIN,
    NAT_DESTINATION,
    NAT_SOURCE,
    REDIRECT,
)
from backchannel.protocols.ike.reading import Reading
from backchannel.protocols.ike.wire import Payloads, attributes
from backchannel.reader import Reader, WireError
from backchannel.text import decode

_MAX_NAMES = 64
_MAX_SPIS = 64
_KEY_HASH = 20


def read(reading: Reading, payload: Payloads) -> None:
    """Tell what each *payload* means; a broken one costs itself only."""
    table = _PAYLOADS_1 if reading.header.version == 1 else _PAYLOADS_2
    payload.again()
    while payload.step():
        meaning = table[payload.kind]
        if meaning is None:
            continue
        try:
            meaning(reading, payload)
        except WireError as error:
            name = registry.payload(reading.header.version, payload.kind)
            reading.events.append(Malformed(reason=f"{name} payload: {error}"))
    if reading.vendors:
        _vendor_events(reading, payload)
    if reading.association.parts is not None:
        _credential(reading)


# -- what both versions have -------------------------------------------------------------------


def _security_association(reading: Reading, payload: Payloads) -> None:
    header, association = reading.header, reading.association
    read = proposals.read_offer(header.version, payload)
    reading.proposed = bool(read.suites)
    chosen = reading.sender == "responder" or (not reading.sender and not header.opens)
    aggressive = header.version == 1 and header.exchange == AGGRESSIVE
    if chosen:
        reading.answer = "answer-alone" if association.one_sided() else "answered"
        association.method = read.method
    elif aggressive:
        _keep(reading, "sai", payload)
    weak = read.weak_aggressive if aggressive else read.weak
    if not weak and not reading.told.offer:
        reading.events.append(IkeProposals)
        return
    offer = IkeProposals(  # told more than others: its fields by name, which takes half the time
        initiator_spi=association.initiator_spi(),
        responder_spi="" if header.opens else association.responder_spi(),
        version=header.version,
        sender=reading.sender or "",
        exchange=registry.exchange(header.version, header.exchange),
        chosen=chosen,
        suites=read.suites,
        weak=weak,
    )
    reading.events.append(offer)


def _vendor_id(reading: Reading, _payload: Payloads) -> None:
    reading.vendors = True  # told of together, at the end


def _vendor_events(reading: Reading, payload: Payloads) -> None:
    known: list[vendors.Vendor] = []
    unnamed: list[str] = []
    kind = _VENDOR_ID_1 if reading.header.version == 1 else _VENDOR_ID_2
    payload.again()
    while payload.step():
        if payload.kind != kind:
            continue
        body = payload.body()
        vendor = vendors.identify(body)
        if vendor is None:
            unnamed.append(body[:64].hex())
        else:
            known.append(vendor)
    names = tuple([vendor.name for vendor in known])
    told = VendorIds(**reading.common(), names=names, unknown=tuple(unnamed))
    reading.events.append(told)
    products = {v.product: v for v in known if v.product}
    role: Literal["client", "server", "peer"] = "peer"
    if reading.sender:
        role = "client" if reading.sender == "initiator" else "server"
    for product, vendor in products.items():
        reading.events.append(Software(name=product, version=vendor.version, role=role))


def _certificate(reading: Reading, payload: Payloads) -> None:
    reader = Reader(payload.body())
    encoding = reader.u8()
    told = IkeCertificate(
        **reading.common(),
        request=False,
        encoding=registry.CERTIFICATES.get(encoding, f"encoding {encoding}"),
        size=len(reader),
    )
    reading.events.append(told)


def _certificate_request(reading: Reading, payload: Payloads) -> None:
    reader = Reader(payload.body())
    encoding = reader.u8()
    wanted, names = reader.rest(), tuple[str, ...]()
    if reading.header.version == 1:
        names = tuple(name for name in (distinguished_name(wanted),) if name)
    elif len(wanted) % _KEY_HASH == 0:
        ends = range(0, min(len(wanted), _MAX_NAMES * _KEY_HASH), _KEY_HASH)
        names = tuple(wanted[at : at + _KEY_HASH].hex() for at in ends)
    told = IkeCertificate(
        **reading.common(),
        request=True,
        encoding=registry.CERTIFICATES.get(encoding, f"encoding {encoding}"),
        names=names,
        size=len(wanted),
    )
    reading.events.append(told)


def _identity(reading: Reading, payload: Payloads) -> None:
    kind, word, value = read_identity(payload.body())
    reading.events.append(IkeIdentity(**reading.common(), kind=word, value=value))
    if reading.sender == "initiator" and reading.header.exchange != MAIN:  # where it is no login
        reading.association.account = value
        exchange = registry.exchange(reading.header.version, reading.header.exchange)
        method = f"ikev{reading.header.version} {exchange}".lower().replace(" ", "-")
        reading.events.append(SignOn(account=value, method=method))
    if kind in ADDRESSES and value != reading.source().address:
        disclosed = PeerAddress(
            use=Capability.TUNNEL,
            account=reading.association.account,
            address=value,
            transport="udp",
            how="ike-identity",
        )
        reading.events.append(disclosed)


def _delete(reading: Reading, payload: Payloads) -> None:
    reader = Reader(payload.body())
    if reading.header.version == 1:
        reader.skip(4)  # domain of interpretation
    protocol, size, count = reader.u8(), reader.u8(), reader.u16()
    spis = [reader.take(size).hex() for _ in range(min(count, _MAX_SPIS))] if size else []
    name = registry.protocol(reading.header.version, protocol)
    reading.events.append(IkeDelete(**reading.common(), protocol=name, spis=tuple(spis)))


def _notify(reading: Reading, payload: Payloads) -> None:
    version, octets = reading.header.version, payload.octets
    at = notifies.spi_at(version, payload)
    number = octets[at - 2] << 8 | octets[at - 1]
    begin, end, detail = at + octets[at - 3], payload.end, ""
    if reading.told.notify or notifies.matters(version, number, reading.header.answers):
        detail = notifies.detail(version, number, octets[begin:end])
    error = notifies.is_error(version, number)
    if not reading.told.notify:
        reading.events.append(IkeNotify)
    else:
        told = IkeNotify(
            **reading.common(),
            name=notifies.name(version, number),
            number=number,
            error=error,
            protocol=registry.protocol(version, octets[at - 4]),
            spi=octets[at:begin].hex(),
            detail=detail,
        )
        reading.events.append(told)
    if version == 2:
        if number in (NAT_SOURCE, NAT_DESTINATION):
            reading.association.method_of_nat = "RFC 7296"
            _nat_hash(reading, octets[begin:end], number == NAT_SOURCE)
        elif reading.header.answers:
            _consequence(reading, number, detail)
    if error and number != INVALID_KE and (version == 1 or reading.header.answers):
        reading.answer, reading.detail = "refused", notifies.name(version, number)


def _consequence(reading: Reading, number: int, detail: str) -> None:
    """What a notify in an IKEv2 answer means for the SA."""
    if number == COOKIE:
        reading.answer, reading.detail = "cookie-required", detail
    elif number == INVALID_KE:
        reading.answer, reading.detail = "retry-required", f"wants group {detail}"
    elif number == REDIRECT:
        reading.answer, reading.detail = "redirected", f"to {detail}"
        _redirect(reading, detail)


def _redirect(reading: Reading, gateway: str) -> None:
    """RFC 5685: the responder sends the initiator to another gateway."""
    if not gateway:
        return
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
        source=reading.target().address,
        transport="udp",
        repeat=True,
    )
    reading.events.extend((disclosed, coming))


def _nat_hash(reading: Reading, value: bytes, of_sender: bool) -> None:
    if reading.sender is None:
        return
    of = reading.sender if of_sender else reading.other()
    seen = reading.source() if of_sender else reading.target()
    reading.association.keep(of, reading.sender, value, reading.header, seen)
    reading.nat_hashes += 1


# -- IKEv1 -------------------------------------------------------------------------------------


def _nat_discovery(reading: Reading, payload: Payloads) -> None:
    """RFC 3947 §3.2: the first is the receiver's address, all others the sender's."""
    reading.association.method_of_nat = _NAT_METHODS[payload.kind]
    _nat_hash(reading, payload.body(), reading.nat_hashes > 0)


_NAT_METHODS = {
    15: "draft-ietf-ipsec-nat-t-ike-04 to 07",
    20: "RFC 3947",
    130: "draft-ietf-ipsec-nat-t-ike-00 to 03",
}


def _identity_1(reading: Reading, payload: Payloads) -> None:
    if reading.sender == "responder":
        _keep(reading, "idir", payload)
    _identity(reading, payload)


def _key_exchange_1(reading: Reading, payload: Payloads) -> None:
    _keep(reading, "g_xi" if reading.sender == "initiator" else "g_xr", payload)


def _nonce_1(reading: Reading, payload: Payloads) -> None:
    _keep(reading, "ni" if reading.sender == "initiator" else "nr", payload)


def _hash_1(reading: Reading, payload: Payloads) -> None:
    if reading.sender == "responder":
        _keep(reading, "hash_r", payload)


def _keep(reading: Reading, name: str, payload: Payloads) -> None:
    """Keep what HASH_R covers, the first of its kind; one that is too long spoils it all."""
    parts = reading.association.parts
    if parts is not None and payload.end - payload.start > PARTS:
        reading.association.parts = None
    elif parts is not None and not getattr(parts, name):
        setattr(parts, name, payload.body())


def _credential(reading: Reading) -> None:
    """Aggressive mode with a pre-shared key: what a guess can be tested against."""
    association, parts = reading.association, reading.association.parts
    if parts is None or not parts.complete():
        return
    association.parts = None
    if association.method in algorithms.PSK_METHODS:
        header, account = reading.header, association.account
        reading.events.append(
            parts.credential(account, header.initiator.to_bytes(8), header.responder.to_bytes(8))
        )


_USER_NAME, _PASSWORD, _PASSCODE = 16521, 16522, 16523


def _configuration_1(reading: Reading, payload: Payloads) -> None:
    """Mode config and XAUTH, which are in clear only where somebody forgot the first phase."""
    reader = Reader(payload.body())
    reader.skip(4)
    found = dict(attributes(reader))
    account = decode(found.get(_USER_NAME, b""))
    if account:
        reading.association.account = account
        reading.events.append(SignOn(account=account, method="xauth"))
    account = reading.association.account
    for secret in (found.get(_PASSWORD), found.get(_PASSCODE)):
        if secret:
            told = Credential(account=account, kind="plain", scheme="xauth", secret=decode(secret))
            reading.events.append(told)


Meaning = Callable[[Reading, Payloads], None]

_VENDOR_ID_1, _VENDOR_ID_2 = 13, 43


def _by_number(meanings: dict[int, Meaning]) -> list[Meaning | None]:
    """Return what is looked up by each payload's number, which is a byte."""
    return [meanings.get(number) for number in range(256)]


_KINDS_1: dict[int, Meaning] = {
    1: _security_association,
    4: _key_exchange_1,
    5: _identity_1,
    6: _certificate,
    7: _certificate_request,
    8: _hash_1,
    10: _nonce_1,
    11: _notify,
    12: _delete,
    _VENDOR_ID_1: _vendor_id,
    14: _configuration_1,
    15: _nat_discovery,
    20: _nat_discovery,
    130: _nat_discovery,
}
_KINDS_2: dict[int, Meaning] = {
    33: _security_association,
    35: _identity,
    36: _identity,
    37: _certificate,
    38: _certificate_request,
    41: _notify,
    42: _delete,
    _VENDOR_ID_2: _vendor_id,
}
_PAYLOADS_1, _PAYLOADS_2 = _by_number(_KINDS_1), _by_number(_KINDS_2)
