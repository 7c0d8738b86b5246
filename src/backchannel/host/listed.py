"""What package databases list: a package with its programs and their checksums."""

from typing import NamedTuple

from backchannel.host.root import Digests


class Owner(NamedTuple):
    """The package that a file belongs to."""

    package: str
    """With its system: `deb:amule-daemon`, `rpm:amule`."""
    version: str
    digest: str
    """The file's checksum as the database lists it, MD5 or SHA-256; empty where it lists none."""

    def agrees(self, content: Digests) -> bool | None:
        """Say whether a file's content is what the database lists; None where it lists nothing."""
        return agree(self.digest, content) if self.digest else None


class Package(NamedTuple):
    """An installed package."""

    name: str
    """With its system."""
    version: str
    programs: tuple[tuple[str, str], ...]
    """Path and checksum of each plain file that may be run."""


def agree(digest: str, content: Digests) -> bool:
    """Say whether a checksum, MD5 or SHA-256 by its length, is that of a content."""
    return digest in (content.md5, content.sha256)
