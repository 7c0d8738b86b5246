"""Options of `scan` that look closer at what was found. Nothing of it runs unless asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backchannel import cli
from backchannel.errors import UsageError

if TYPE_CHECKING:
    from backchannel.detect.follow import Follower
    from backchannel.extract.scanners import Scanner


@dataclass(frozen=True, kw_only=True)  # cyclopts asks a NamedTuple for bare types only
class Checks:
    """What to look closer at."""

    audit_passwords: bool = False
    """Try well-known passwords on captured login hashes; nothing is sent anywhere."""
    wordlist: cli.options.FileName = None
    """Your own words for --audit-passwords, one per line."""
    yara: Path | None = None
    """YARA rules, a file or a folder, to scan extracted files with; needs --extract."""
    clamd: cli.options.Address = None
    """A running clamd, unix:/path or host:port, to scan extracted files with; needs --extract."""
    clamd_remote: bool = False
    """Allow --clamd on another machine: extracted files are sent to it, unencrypted."""
    hashes: cli.options.FileName = None
    """A list of SHA-256 hashes with labels, to look up extracted files in; needs --extract."""

    ipsec_peers: cli.options.FileName = None
    """Your IPsec gateways, one address or prefix a line: tunnels between others are findings."""

    def followers(self, extracted: Path | None) -> Iterator[Follower]:
        """Make what was asked for; files are in *extracted*. Raises UsageError and InputError."""
        if self.wordlist is not None and not self.audit_passwords:
            raise UsageError("--wordlist is for --audit-passwords; give both")
        if self.audit_passwords:
            from backchannel.detect import passwords  # noqa: PLC0415 - only where asked

            yield passwords.Audit(passwords.read(self.wordlist) if self.wordlist else ())
        if self.ipsec_peers is not None:
            from backchannel.detect import peers  # noqa: PLC0415 - only where asked

            yield peers.Peers(peers.read(self.ipsec_peers))
        if scanners := tuple(self._scanners()):
            if extracted is None:
                raise UsageError(
                    "--yara, --clamd and --hashes scan extracted files: give --extract"
                )
            from backchannel.detect.files import FileScan  # noqa: PLC0415 - only where asked

            yield FileScan(extracted, scanners)

    def _scanners(self) -> Iterator[Scanner]:
        from backchannel.extract.scanners import Hashes, Yara  # noqa: PLC0415 - only where called

        if self.hashes is not None:
            yield Hashes(self.hashes)
        if self.yara is not None:
            yield Yara(self.yara)
        if self.clamd is not None:
            from backchannel.extract.clamd import Clamd  # noqa: PLC0415 - only where asked

            yield Clamd(self.clamd, remote=self.clamd_remote)
