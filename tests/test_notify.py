"""What systemd hears, on a socket as it makes one."""

import socket

import pytest

from backchannel.notify import Service


@pytest.fixture
def heard(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def hear():
            found = []
            while True:
                try:
                    found.append(listening.recv(4096).decode())
                except BlockingIOError:
                    return found

        yield hear


def test_the_life_of_a_service(heard, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "600000000")
    service = Service()
    service.ready("watching eth0")
    service.alive()
    service.alive()  # too soon to say again
    service.stopping()
    ready, alive, stopping = heard()
    assert ready == "READY=1\nSTATUS=watching eth0"
    assert alive == "WATCHDOG=1"
    assert stopping == "STOPPING=1"


def test_a_watchdog_of_another_process_is_not_ours(heard, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    Service().alive()
    assert heard() == []


def test_where_nobody_asked_nothing_is_said(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service = Service()
    service.ready("x")
    service.stopping()


def test_a_listener_that_is_gone_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Service().ready("x")
