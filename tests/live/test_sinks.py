"""Receivers of alerts, each against a real server on loopback."""

import json
import socket
import time
import warnings

import pytest
from tests.live.receivers import (
    Listener,
    Subscriber,
    Web,
    certificate,
    eventually,
    free_port,
    made,
    nats_server,
    server_context,
)

from backchannel.live.alert import body
from backchannel.live.config import Nats, Syslog, Webhook
from backchannel.live.delivery import sink
from backchannel.live.sinks import Refused
from backchannel.live.sinks.connection import split

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it is older than the Python that runs it
    from syslog_rfc5424_parser import SyslogMessage


def send(target, *alerts):
    for each in alerts:
        target.deliver(each, body(each))


def check_message(text, number):
    parsed = SyslogMessage.parse(text).as_dict()
    assert (parsed["facility"], parsed["severity"]) == ("audit", "err")
    assert parsed["hostname"] == "sensor"
    assert parsed["appname"] == "backchannel"
    data = parsed["sd"]["finding@32473"]
    assert (data["id"], data["client"]) == (f"{number:016x}", "10.0.0.1:1000")
    assert f"finding {number}: a “password” \\ of jo\\x1b[2J" in parsed["msg"]


# -- syslog ----------------------------------------------------------------------------------------


def test_syslog_over_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        target = sink(Syslog(address=f"127.0.0.1:{server.getsockname()[1]}"))
        send(target, made(1), made(2))
        for number in (1, 2):
            check_message(server.recv(4096).decode(), number)


@pytest.mark.parametrize("tls", [False, True])
def test_syslog_over_tcp_and_tls_counts_octets(tmp_path, tls):
    path = certificate(tmp_path)
    server = Listener(tls=server_context(path) if tls else None)
    settings = Syslog(
        address=f"127.0.0.1:{server.port}",
        transport="tls" if tls else "tcp",
        ca=path if tls else None,
    )
    target = sink(settings)
    send(target, made(1), made(2))
    eventually(lambda: len(server.messages()) == 2)
    for number, text in enumerate(server.messages(), 1):
        check_message(text, number)
    assert len(server.connections) == 1
    target.close()
    server.close()


def test_syslog_notices_that_the_receiver_hung_up_before_it_sends_into_the_void():
    server = Listener()
    target = sink(Syslog(address=f"127.0.0.1:{server.port}", transport="tcp"))
    send(target, made(1))
    eventually(lambda: len(server.messages()) == 1)  # all of it, before the line is cut
    server.hang_up()
    time.sleep(0.1)
    with pytest.raises(OSError, match="closed the connection"):
        send(target, made(2))
    send(target, made(2))
    eventually(lambda: len(server.messages()) == 2)
    target.close()
    server.close()


@pytest.mark.parametrize("name", ["127.0.0.2", "127.0.0.1"])
def test_tls_refuses_who_cannot_prove_the_name(tmp_path, name):
    """A certificate for another address, and one that nobody we trust has signed."""
    path = certificate(tmp_path, name)
    server = Listener(tls=server_context(path))
    trusted = path if name == "127.0.0.2" else None
    target = sink(Syslog(address=f"127.0.0.1:{server.port}", transport="tls", ca=trusted))
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        send(target, made())
    server.close()
    assert server.data == b""


def test_nobody_there():
    port = free_port()
    for target in (
        Syslog(address=f"127.0.0.1:{port}", transport="tcp"),
        Webhook(url=f"http://127.0.0.1:{port}/"),
        Nats(url=f"nats://127.0.0.1:{port}"),
    ):
        with pytest.raises(OSError, match="refused"):
            send(sink(target), made())


# -- webhook ---------------------------------------------------------------------------------------


def test_webhook(tmp_path):
    (tmp_path / "token").write_text("Bearer abc\n")
    web = Web()
    url = f"http://127.0.0.1:{web.port}/hook?x=1"
    send(sink(Webhook(url=url, authorization=tmp_path / "token")), made())
    ((path, headers, posted, _),) = web.posts
    assert path == "/hook?x=1"
    assert json.loads(posted)["finding"]["accounts"] == ["jo"]
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == made().id
    assert headers["Authorization"] == "Bearer abc"
    web.close()


def test_webhook_over_tls(tmp_path):
    path = certificate(tmp_path)
    web = Web(tls=server_context(path))
    url = f"https://127.0.0.1:{web.port}/"
    send(sink(Webhook(url=url, ca=path)), made())
    assert len(web.posts) == 1
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        send(sink(Webhook(url=url)), made())
    web.close()


@pytest.mark.parametrize(
    ("status", "what"),
    [(200, None), (202, None), (400, Refused), (404, Refused), (429, OSError), (408, OSError),
     (500, OSError), (503, OSError), (301, OSError)],
)  # fmt: skip
def test_answers_of_a_webhook(status, what):
    web = Web([status])
    target = sink(Webhook(url=f"http://127.0.0.1:{web.port}/"))
    if what is None:
        send(target, made())
    else:
        with pytest.raises(what, match=f"HTTP status {status}"):
            send(target, made())
    web.close()


# -- nats ------------------------------------------------------------------------------------------


def test_nats():
    with nats_server() as port:
        reader = Subscriber(port, "findings.>")
        target = sink(Nats(url=f"nats://127.0.0.1:{port}", subject="findings.x"))
        send(target, made(1), made(2, "low"))
        subject, head, told = reader.next()
        assert subject == "findings.x.high"
        assert head == f"NATS/1.0\r\nNats-Msg-Id: {made(1).id}\r\n\r\n"
        assert json.loads(told)["id"] == made(1).id
        assert reader.next()[0] == "findings.x.low"
        target.close()
        reader.close()


def test_nats_with_a_login(tmp_path):
    secret = tmp_path / "login"
    with nats_server("--user", "me", "--pass", "s3cret") as port:
        secret.write_text("me:wrong\n")
        target = sink(Nats(url=f"nats://127.0.0.1:{port}", credentials=secret))
        with pytest.raises(OSError, match="Authorization Violation"):
            send(target, made())
        secret.write_text("me:s3cret\n")
        target = sink(Nats(url=f"nats://127.0.0.1:{port}", credentials=secret))
        send(target, made())
        target.close()


def test_nats_over_tls(tmp_path):
    path = certificate(tmp_path)
    with nats_server("--tls", "--tlscert", str(path), "--tlskey", str(path)) as port:
        target = sink(Nats(url=f"tls://127.0.0.1:{port}", ca=path))
        send(target, made())
        target.close()


def test_nats_refuses_what_is_too_large(tmp_path):
    config = tmp_path / "nats.conf"
    config.write_text("max_payload: 100\n")
    with nats_server("-c", str(config)) as port:
        target = sink(Nats(url=f"nats://127.0.0.1:{port}"))
        with pytest.raises(Refused, match="larger than the 100 bytes"):
            send(target, made())
        target.close()


def test_what_is_no_nats_server():
    web = Web()
    target = sink(Nats(url=f"nats://127.0.0.1:{web.port}"))
    with pytest.raises(OSError, match=r"timed out|no NATS server|closed"):
        send(target, made())
    web.close()


@pytest.mark.parametrize(
    ("text", "split_"),
    [("h:1", ("h", 1)), ("[::1]:514", ("::1", 514)), ("h", ("h", 9)), ("[::1]", ("::1", 9))],
)
def test_addresses(text, split_):
    assert split(text, 9) == split_


@pytest.mark.parametrize("text", ["", ":1", "h:0", "h:65536", "h:x"])
def test_what_is_no_address(text):
    with pytest.raises(ValueError, match="not host:port"):
        split(text)
