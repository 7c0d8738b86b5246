"""Hellos over TCP that are lines of text. Text comes first: what is not understood is an error."""

from backchannel.probe.hello import AGENT, NOWHERE, Asked, Hello, Upgrade


def _get(asked: Asked) -> bytes:
    return _http(asked, "GET / HTTP/1.1")


def _http(asked: Asked, first: str, *more: str) -> bytes:
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    lines = (first, f"Host: {host}", f"User-Agent: {AGENT}", *more, "Connection: close")
    return "\r\n".join((*lines, "", "")).encode()


def _proxy(first: str, host: str) -> bytes:
    return f"{first} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {AGENT}\r\n\r\n".encode()


def _connect(target: str) -> bytes:
    return _proxy(f"CONNECT {target}", target)


def _absolute(target: str) -> bytes:
    return _proxy(f"HEAD http://{target}/", target)


def _servent(*more: str) -> bytes:
    lines = ("GNUTELLA CONNECT/0.6", f"User-Agent: {AGENT}", *more, "", "")
    return "\r\n".join(lines).encode()


def _of_a_proxy(answer: bytes, before: bytes) -> bool:
    """Whether an answer to a request that leads nowhere is that of a proxy, which refuses, wants a
    login or fails. A server that is none says that the request is wrong, or answers for itself;
    and one that refuses everything says the same as to a browser.
    """
    status = _status(answer)
    return status == b"407" or (
        status in {b"403", b"500", b"502", b"503", b"504"} and status != _status(before)
    )


def _status(answer: bytes) -> bytes:
    words = answer[:64].split(b" ", 2)
    return words[1] if len(words) > 2 and words[0][:5] == b"HTTP/" else b""


def _stream(asked: Asked, kind: str) -> bytes:
    return (
        f"<?xml version='1.0'?><stream:stream to='{_attribute(asked.host)}' xmlns='jabber:{kind}' "
        "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    ).encode()


def _attribute(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char in "-._:")


_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_XMPP_TLS = Upgrade(
    lambda answer: b"<starttls" in answer and _TLS.encode() in answer,
    f"<starttls xmlns='{_TLS}'/>".encode(),
    lambda answer: answer.lstrip().startswith(b"<proceed"),
)
"""RFC 6120 §5.4."""


def _lists_tls(line: bytes) -> bool:
    return b"tls" in line.partition(b" LS ")[2].replace(b":", b" ").split()


_IRC_TLS = Upgrade(
    lambda answer: any(map(_lists_tls, answer.splitlines())),
    b"STARTTLS\r\n",
    lambda answer: b" 670 " in answer.partition(b"\n")[0],
)
"""IRCv3, tls."""

TEXT = (
    Hello(
        "http",
        ("http", "icq-web", "fasttrack", "gnutella", "http-proxy"),
        "tcp",
        _get,
        "RFC 9112 §3; the page of shared files of KaZaA and the page of ICQ's web server are at /",
        ports=(80, 8080),
        tls="also",
    ),
    Hello(
        "kazaa-files",
        ("fasttrack", "http"),
        "tcp",
        lambda asked: _http(asked, "GET /.files HTTP/1.1"),
        "giFT-FastTrack, PROTOCOL, Listing shared files",
        after=("fasttrack",),
    ),
    Hello(
        "gnutella-0.6",
        ("gnutella",),
        "tcp",
        lambda _: _servent("X-Ultrapeer: False"),
        "RFC Gnutella 0.6, §2.1",
        beside=("http",),
    ),
    Hello(
        "gnutella2",
        ("gnutella2",),
        "tcp",
        lambda _: _servent("Accept: application/x-gnutella2", "X-Hub: False"),
        "Gnutella2 standard, Gnutella2 handshaking",
    ),
    Hello(
        "gnutella-0.4",
        ("gnutella",),
        "tcp",
        lambda _: b"GNUTELLA CONNECT/0.4\n\n",
        "The Gnutella Protocol Specification v0.4, Clip2",
    ),
    Hello(
        "http-connect",
        ("http-proxy",),
        "tcp",
        lambda _: _connect(f"{NOWHERE}:443"),
        "RFC 9110 §9.3.6; to a name that does not exist",
        after=("http", "http-proxy"),
        tls="also",
        ports=(3128, 8000, 8118),
        believed=_of_a_proxy,
    ),
    Hello(
        "http-absolute",
        ("http-proxy",),
        "tcp",
        lambda _: _absolute(NOWHERE),
        "RFC 9112 §3.2.2; to a name that does not exist",
        after=("http", "http-proxy"),
        tls="also",
        believed=_of_a_proxy,
    ),
    Hello(
        "http-connect-through",
        ("http-proxy",),
        "tcp",
        lambda asked: _connect(str(asked.through)),
        "RFC 9110 §9.3.6",
        after=("http-proxy",),
        needs="through",
        tls="also",
        about="a proxy that is open opens a connection to the target",
    ),
    Hello(
        "http-absolute-through",
        ("http-proxy",),
        "tcp",
        lambda asked: _absolute(str(asked.through)),
        "RFC 9112 §3.2.2",
        after=("http-proxy",),
        needs="through",
        tls="also",
        about="a proxy that is open asks the target for the head of its first page",
    ),
    Hello(
        "xmpp-client",
        ("xmpp",),
        "tcp",
        lambda asked: _stream(asked, "client"),
        "RFC 6120 §4.2, §5",
        upgrade=_XMPP_TLS,
        tls="also",
    ),
    Hello(
        "xmpp-server",
        ("xmpp",),
        "tcp",
        lambda asked: _stream(asked, "server"),
        "RFC 6120 §4.2, §5",
        upgrade=_XMPP_TLS,
        only=(5269, 5270),
        tls="also",
    ),
    Hello(
        "irc",
        ("irc",),
        "tcp",
        lambda _: b"CAP LS 302\r\n",
        "IRCv3, Capability Negotiation; an old server answers that it does not know the word",
        reply=lambda _, __: b"QUIT :probe\r\n",
        upgrade=_IRC_TLS,
        tls="also",
    ),
    Hello(
        "msnp",
        ("msnp",),
        "tcp",
        lambda _: b"VER 1 MSNP18 MSNP15 MSNP12 MSNP9 MSNP8 CVR0\r\n",
        "draft-movva-msn-messenger-protocol-00 §7.1",
    ),
    Hello(
        "msnftp",
        ("msnftp",),
        "tcp",
        lambda _: b"VER MSNFTP\r\n",
        "Mintz and Sayers, MSN Messenger Protocol, File Transfer",
        only=tuple(range(6891, 6901)),
        alike=True,
    ),
    Hello(
        "toc",
        ("toc",),
        "tcp",
        lambda _: b"FLAPON\r\n\r\n",
        "America Online, TOC 1.0, section FLAP",
    ),
    Hello(
        "nmdc-peer",
        ("nmdc",),
        "tcp",
        lambda _: (
            b"$MyNick backchannel-probe|"
            b"$Lock EXTENDEDPROTOCOL_PROBE_PROBE_PROBE_PROBE Pk=backchannel|"
        ),
        "NeoModus Direct Connect, client to client; a hub greets by itself",
        only=tuple(range(412, 421)),
    ),
    Hello(
        "adc",
        ("adc",),
        "tcp",
        lambda _: b"HSUP ADBASE ADTIGR\n",
        "Advanced Direct Connect 1.0.3, §5.3.2",
        tls="also",
        ports=(411, 412, 413),
    ),
)
