"""The guard's control socket: one line asked, one document of JSON answered, to those who may.

Who may is told by the kernel (SO_PEERCRED): root, and whoever runs the guard.
"""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import msgspec

from backchannel.errors import UsageError, reason

DEFAULT = Path("/run/backchannel/guard.sock")
LONGEST = 256
"""Bytes of a request."""
_TIMEOUT = 5.0


class Control:
    """The guard's end. `serve` answers one client and never blocks for long."""

    def __init__(self, path: Path, answers: dict[str, Callable[[], object]]) -> None:
        """Raises UsageError where another guard answers at *path*."""
        self._path, self._answers = path, answers
        self.refused = 0
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._remove_old()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(0o117)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(before)
        self._socket.listen(4)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Return the listening socket, to wait on."""
        return self._socket.fileno()

    def serve(self) -> None:
        """Answer the next client."""
        try:
            client, _ = self._socket.accept()
        except OSError:
            return
        with client:
            client.settimeout(0.05)  # a slow client must not hold up packets
            try:
                if not _may(client):
                    self.refused += 1
                    client.send(b'{"error":"only root and the guard\'s own user may ask"}\n')
                    return
                asked = client.recv(LONGEST).decode("ascii", "replace").strip()
                answer = self._answers.get(asked)
                told = (
                    answer() if answer else {"error": f"unknown request; try {list(self._answers)}"}
                )
                client.settimeout(0.2)
                client.sendall(msgspec.json.encode(told) + b"\n")
            except OSError:
                return

    def close(self) -> None:
        """Close and remove it."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _remove_old(self) -> None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except OSError:
                self._path.unlink(missing_ok=True)
            else:
                raise UsageError(
                    f"a guard is already running at {self._path}; choose another with --control"
                )


def ask(path: Path, what: str) -> bytes:
    """Return what the guard at *path* answers. Raises UsageError."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_TIMEOUT)
        try:
            client.connect(str(path))
            client.sendall(what.encode() + b"\n")
            told = b""
            while piece := client.recv(65536):
                told += piece
        except OSError as error:
            raise UsageError(
                f"no guard answers at {path} ({reason(error)}); start one with"
                " `backchannel guard POLICY`, or give its socket with --control"
            ) from error
    return told


def _may(client: socket.socket) -> bool:
    form = "3i"
    told = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form))
    _, user, _ = struct.unpack(form, told)
    return user in (0, os.geteuid())
