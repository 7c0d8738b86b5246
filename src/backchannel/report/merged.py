"""Rows that say the same are one for people, with how often; the JSON document has each."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

import msgspec

from backchannel.report.document import Address, File, Secret

GRAVITY = ("plain", "recoverable", "hash", "token")
"""Kinds of exposed logins, the worst first."""
Row = TypeVar("Row", Secret, Address, File)


class Merged(msgspec.Struct, Generic[Row]):
    """Rows that differ in nothing but time and place."""

    row: Row
    """The first of them."""
    times: int = 1
    last: str = ""
    """When the last of them was."""
    ports: list[int] = []
    """The ports that were told with an address, without 0."""


def logins(rows: Iterable[Secret]) -> list[Merged[Secret]]:
    """Return exposed logins: one for each secret that went between the same two hosts, those that
    give most away first.
    """
    return _merge(
        sorted(rows, key=lambda row: GRAVITY.index(row.kind)),
        lambda row: (
            row.service,
            row.account,
            row.kind,
            row.scheme,
            row.secret,
            host(row.client),
            row.server,
        ),
    )


def host(endpoint: str) -> str:
    """Return the address of an endpoint, without its port."""
    return endpoint.rpartition(":")[0]


def files(rows: Iterable[File]) -> list[Merged[File]]:
    """Return files: one for each content that went from one to another under one name."""
    return _merge(
        rows,
        lambda row: (
            row.service,
            row.name,
            row.size,
            row.seen,
            row.complete,
            row.verified,
            row.media,
            row.sender,
            row.recipient,
            row.sha256,
        ),
    )


def addresses(rows: Iterable[Address]) -> list[Merged[Address]]:
    """Return told addresses: one for each account, address and way of telling; ports together."""
    return _merge(
        rows, lambda row: (row.service, row.account, row.address, row.capability, row.how)
    )


def _merge(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[Merged[Row]]:
    made = dict[Hashable, Merged[Row]]()
    for row in rows:
        found = made.get(key(row))
        if found is None:
            found = made[key(row)] = Merged(row)
        else:
            found.times += 1
        found.last = row.time
        if isinstance(row, Address) and row.port and row.port not in found.ports:
            found.ports.append(row.port)
    return list(made.values())
