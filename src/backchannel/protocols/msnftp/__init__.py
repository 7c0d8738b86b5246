"""MSNFTP: the file transfers of MSN Messenger before version 6, from client to client."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="msnftp",
    title="MSN Messenger file transfer (MSNFTP)",
    service="msn",
    magic=(Magic(transport="tcp", pattern=b"VER MSNFTP"),),
)
