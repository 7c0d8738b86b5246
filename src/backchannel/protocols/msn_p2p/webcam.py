"""Control messages of a webcam session: ten bytes, then UTF-16 text or XML.

    80 .. .. 01 08 00 | length u32 little-endian | `syn`, `ack`, `receivedViewerData`, or
    <producer><version>2.0</version><rid>..</rid>..<tcp><tcpport>..<tcpipaddress1>..</tcp></producer>

Source: aMSN `msncam.tcl`.
"""

import re

from backchannel.protocols.msnp.names import address, number

_HEADER = 10
_ADDRESS = re.compile(r"<(?:tcp|udp)ipaddress\d{1,2}>([^<]{1,64})<")
_PORT = re.compile(r"<tcp(?:local|external)?port>(\d{1,5})<")


def addresses(data: bytes) -> list[tuple[str, int]]:
    """Return the addresses, with each port, that a viewer or producer tells the other."""
    text = data[_HEADER:].decode("utf-16-le", "ignore")
    if "ipaddress" not in text:
        return []
    ports = list(dict.fromkeys(number(port, 0xFFFF) for port in _PORT.findall(text)))[:4] or [0]
    hosts = list(dict.fromkeys(address(host) for host in _ADDRESS.findall(text)))[:8]
    return [(host, port) for host in hosts if host for port in ports]
