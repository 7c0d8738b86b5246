"""Sockets, against sockets of our own."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.host import sockets
from backchannel.model import Endpoint


def by_number(opened):
    inode = os.fstat(opened.fileno()).st_ino
    return {each.inode: each for each in sockets.table(os.getpid())}.get(inode)


def test_a_connection_from_both_ends():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            other, _ = server.accept()
            own = client.getsockname()[1]
            told = by_number(client)
            assert told[:4] == (
                6, Endpoint("127.0.0.1", own), Endpoint("127.0.0.1", port), "established",
            )  # fmt: skip
            assert by_number(other).remote == Endpoint("127.0.0.1", own)
            listening = by_number(server)
            assert (listening.state, listening.remote) == ("listening", None)
            assert listening.local == Endpoint("127.0.0.1", port)
            held = set(sockets.held(os.getpid()))
            assert {told.inode, listening.inode} <= held
            holders, denied = sockets.holders([os.getpid(), 2**22 + 1])
            assert (holders[told.inode], denied) == ([os.getpid()], 0)
            other.close()


def test_ipv4_inside_an_ipv6_socket_is_ipv4():
    """As the packets are: else its Community ID would be that of no flow."""
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            other, _ = server.accept()
            assert by_number(other).local == Endpoint("127.0.0.1", port)
            other.close()
        assert by_number(server).local == Endpoint("::", port)


def test_udp_with_and_without_a_partner():
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        assert by_number(udp)[3:4] == ("open",)
        assert by_number(udp).remote is None
        udp.connect(("127.0.0.1", 9))
        assert by_number(udp).remote == Endpoint("127.0.0.1", 9)
        assert by_number(udp).transport == "udp"


@pytest.mark.parametrize("junk", [b"", b"x", b"0: zz:1 2:3 0A", b"0: 01:0050 00:0 0A 1 2 3 4 5 6"])
def test_damaged_lines_are_passed_over(tmp_path, junk):
    (tmp_path / "1/net").mkdir(parents=True)
    (tmp_path / "1/net/tcp").write_bytes(b"head\n" + junk + b"\n")
    assert sockets.table(1, str(tmp_path)) == []


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table(data):
    for protocol in (sockets.TCP, sockets.UDP):
        sockets._socket(data, protocol)


def test_a_user_with_open_files_without_end_keeps_nobody_else_unseen(tmp_path, monkeypatch):
    monkeypatch.setattr(sockets, "MANY", 3)
    monkeypatch.setattr(sockets, "FILES", 6)
    for pid, uid, files in ((1, 1000, 5), (2, 1000, 5), (3, 0, 2)):
        (tmp_path / f"{pid}/fd").mkdir(parents=True)
        (tmp_path / f"{pid}/status").write_text(f"Uid:\t{uid}\t0\n")
        for number in range(files):
            (tmp_path / f"{pid}/fd/{number}").symlink_to(f"socket:[{pid}{number}]")
    found, unseen = sockets.holders((1, 2, 3), str(tmp_path))
    assert (len([each for each in found if found[each] == [1]]), unseen) == (5, 1)
    assert len([each for each in found if found[each] == [2]]) == 1
    assert len([each for each in found if found[each] == [3]]) == 2
