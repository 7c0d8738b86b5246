"""What is kept on disk while a policy is being applied, and of the one that stands.

FOLDER/applying.lock       held by whoever applies, and by the guardian
FOLDER/loading.lock        held while a program changes the kernel's rules
FOLDER/pending/            there from before the first change until it is confirmed or undone
    before                 our rules as they were
    record.json            what becomes the applied record when confirmed
    confirm, rollback      a person's word from another shell
FOLDER/applied-NAME.json   what stands, and what the kernel said of it
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from backchannel.errors import InputError, UsageError

SYSTEM = Path("/var/lib/backchannel-policy")
"""Root's. Not within the watch unit's state folder, which systemd gives to that unit's user."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied."""

    firewall: str
    policy: str
    """Path of the policy file."""
    name: str
    digest: str
    """SHA-256 of what the policy was made of."""
    time: str
    live: str
    """Our rules as the kernel listed them afterwards, without counts."""


class State:
    """One folder. Only its owner can read and write it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pending = folder, folder / "pending"

    def make(self) -> None:
        """Make the folder; a folder of somebody else's is refused."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise UsageError(f"{self.folder} is not ours alone; choose another with --state")

    @contextmanager
    def applying(self) -> Iterator[int]:
        """Hold the right to apply; the descriptor may be handed to the guardian."""
        descriptor = os.open(self.folder / "applying.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise UsageError(
                "another `policy apply` waits for its confirmation: "
                "`policy confirm` or `policy rollback` ends it"
            ) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def loading(self) -> Iterator[int]:
        """Wait for the right to change the kernel's rules; programs inherit the descriptor.

        So a program whose parent was killed is waited for before anything is undone.
        """
        descriptor = os.open(self.folder / "loading.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    # -- an application under way ----------------------------------------------------------------

    def need_idle(self) -> None:
        """Raise UsageError where an application was cut off, so that nobody will end it."""
        if self.pending.exists():
            raise UsageError("an earlier `policy apply` was cut off: run `policy rollback` first")

    def begin(self, before: str, record: Record) -> None:
        """Keep what is needed to undo or to finish, before anything is changed."""
        fresh = self.folder / "pending.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _write(fresh / "before", before.encode())
        _write(fresh / "record.json", msgspec.json.encode(record))
        fresh.rename(self.pending)
        _sync(self.folder)

    def before(self) -> str:
        """Return our rules as they were before the pending application."""
        return (self.pending / "before").read_text(encoding="utf-8")

    def record(self) -> Record:
        """Return what is pending."""
        return _decode(self.pending / "record.json")

    def say(self, word: str) -> None:
        """Leave a person's word, `confirm` or `rollback`, for the guardian."""
        _write(self.pending / word, b"")

    def said(self, word: str) -> bool:
        """Say whether a person left *word*."""
        return (self.pending / word).exists()

    def finish(self, *, kept: bool) -> None:
        """End what is pending: as the applied record where it is *kept*."""
        if kept:
            record = self.record()
            target = self._applied(record.firewall)
            _write(target.with_suffix(".new"), msgspec.json.encode(record))
            target.with_suffix(".new").rename(target)
        gone = self.folder / "pending.old"
        shutil.rmtree(gone, ignore_errors=True)
        if self.pending.exists():
            self.pending.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        _sync(self.folder)

    # -- what stands -----------------------------------------------------------------------------

    def applied(self, firewall: str) -> Record | None:
        """Return what was applied last; None where nothing was, or it was removed."""
        path = self._applied(firewall)
        return _decode(path) if path.exists() else None

    def forget(self, firewall: str) -> None:
        """Nothing is applied any longer."""
        self._applied(firewall).unlink(missing_ok=True)

    def _applied(self, firewall: str) -> Path:
        return self.folder / f"applied-{firewall}.json"


def _decode(path: Path) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(path, f"cannot be read: {error}") from error


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
