"""Packet filters: an expression as tcpdump takes it becomes a program that the kernel runs.

    instruction   code u16 | jump if true u8 | jump if false u8 | value u32     (struct sock_filter)

tcpdump compiles, because libpcap's language is what people know. Without a filter the program is
one instruction: keep so many bytes of every packet.
"""

import shutil
import struct
import subprocess

from backchannel.errors import MissingProgramError, UsageError

RETURN = 0x06  # BPF_RET | BPF_K
MOST = 4096
"""Instructions that the kernel accepts (BPF_MAXINSNS)."""
NAMES = {1: "EN10MB", 12: "RAW", 101: "RAW", 127: "IEEE802_11_RADIO", 105: "IEEE802_11", 276: "RAW"}
"""What tcpdump calls the link types that a packet socket has; for all interfaces together, what the
kernel's filter sees of a packet there: it begins with the IP header."""
SECONDS = 20


def everything(snaplen: int) -> bytes:
    """Return the program that keeps *snaplen* bytes of every packet."""
    return struct.pack("HBBI", RETURN, 0, 0, snaplen)


NOTHING = struct.pack("HBBI", RETURN, 0, 0, 0)
"""The program that keeps nothing."""


def compiled(expression: str, snaplen: int, link: int = 1) -> bytes:
    """Return the program for *expression* on packets of *link*; empty keeps everything.

    Raises UsageError where it is wrong, or where there is no tcpdump to compile it.
    """
    if not expression.strip():
        return everything(snaplen)
    tcpdump = shutil.which("tcpdump") or shutil.which("tcpdump", path="/usr/sbin:/sbin")
    if tcpdump is None:
        raise MissingProgramError("tcpdump", "tcpdump", "to compile a capture filter")
    command = [tcpdump, "-y", NAMES.get(link, "EN10MB"), "-s", str(snaplen), "-ddd", "--"]
    made = subprocess.run(  # noqa: S603 - the expression is one argument after --
        [*command, expression], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if made.returncode:
        told = [line for line in made.stderr.splitlines() if "Warning" not in line]
        why = (told or ["it was refused"])[-1].removeprefix("tcpdump: ")
        raise UsageError(f"capture filter {expression!r}: {why}; see pcap-filter(7)")
    return _program(made.stdout)


def _program(text: str) -> bytes:
    """Return `tcpdump -ddd`'s decimal lines as instructions."""
    count, *lines = text.split("\n")
    rows = [tuple(map(int, line.split())) for line in lines if line]
    if not count.isdigit() or len(rows) != int(count) or not 0 < len(rows) <= MOST:
        raise UsageError("tcpdump returned an invalid filter program")
    return b"".join(struct.pack("HBBI", *row) for row in rows)
