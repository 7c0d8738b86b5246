"""Rows that say the same are one row, and nothing else is lost."""

from typing import get_args, get_type_hints

import msgspec
from tests.report.sample import document

from backchannel.events import Credential
from backchannel.report import merged
from backchannel.report.document import Address, File, Secret

LOGIN = Secret(
    service="icq",
    account="7",
    kind="token",
    scheme="oscar-cookie",
    secret="[redacted]",
    client="10.0.0.5:41000",
    server="10.0.0.1:5190",
    time="2026-01-01T00:00:00Z",
    frame=3,
)
TOLD = Address(
    service="msn",
    account="ann",
    address="10.0.0.5",
    port=6891,
    capability="file-transfer",
    how="invitation",
    time="2026-01-01T00:00:00Z",
    frame=3,
)


def later(row, **changes):
    return msgspec.structs.replace(row, time="2026-01-02T00:00:00Z", frame=9, **changes)


def test_a_login_on_another_port_is_the_same_and_the_first_place_is_kept():
    (one,) = merged.logins([LOGIN, later(LOGIN, client="10.0.0.5:41001")])
    assert (one.times, one.row.frame, one.last) == (2, 3, "2026-01-02T00:00:00Z")


def test_the_worst_logins_come_first_and_equals_in_their_order():
    kinds = ["token", "hash", "plain", "token", "recoverable", "plain"]
    rows = [later(LOGIN, kind=kind, account=str(n)) for n, kind in enumerate(kinds)]
    told = [(each.row.kind, each.row.account) for each in merged.logins(rows)]
    assert (
        " ".join(f"{kind}{n}" for kind, n in told)
        == "plain2 plain5 recoverable4 hash1 token0 token3"
    )
    assert set(merged.GRAVITY) == set(get_args(get_type_hints(Credential)["kind"]))


def test_what_differs_stays_apart():
    for changes in (
        {"account": "8"},
        {"secret": "other"},
        {"client": "10.0.0.6:41000"},
        {"server": "10.0.0.2:5190"},
        {"kind": "hash"},
        {"scheme": "x"},
        {"service": "aim"},
    ):
        assert len(merged.logins([LOGIN, later(LOGIN, **changes)])) == 2, changes


def test_ports_of_a_told_address_are_kept_together_in_order():
    (one,) = merged.addresses(
        [TOLD, later(TOLD, port=6892), later(TOLD, port=0), later(TOLD, port=6891)]
    )
    assert (one.times, one.ports) == (4, [6891, 6892])
    assert merged.addresses([TOLD, later(TOLD, account="bob")])[1].ports == [6891]


def test_files_are_one_by_content_name_and_way():
    file = next(row for row in document().files if isinstance(row, File))
    assert [each.times for each in merged.files([file, later(file)])] == [2]
    for changes in ({"sha256": "0" * 64}, {"name": "x"}, {"recipient": "x"}, {"complete": None}):
        assert len(merged.files([file, later(file, **changes)])) == 2, changes


def test_hosts_without_their_ports():
    assert merged.host("10.0.0.5:41000") == "10.0.0.5"
    assert merged.host("[2001:db8::1]:80") == "[2001:db8::1]"
