"""A pack: what it says of itself, its files, and the signature that vouches for them.

    pack.toml          name, version, date
    manifest.sha256    a line `SHA-256  name` for every other file but the signature, sorted
    manifest.sig       Ed25519 (RFC 8032) over the line CONTEXT and the manifest, in base 64

Keys are PEM files, as OpenSSL writes them.
"""

import hashlib
import hmac
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backchannel.errors import InputError, reason
from backchannel.packs import archive
from backchannel.packs.archive import ABOUT, MANIFEST, SIGNATURE, Files
from backchannel.packs.layout import RULES, SERVICES

CONTEXT = b"backchannel content pack 1\n"
"""Signed with the manifest, so that a signature made for something else is not valid for a pack."""


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `pack.toml` says."""

    name: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")]
    version: Annotated[str, msgspec.Meta(pattern=r"\A[0-9][0-9A-Za-z.+-]{0,63}\Z")]
    date: date
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class Pack(msgspec.Struct, frozen=True):
    """A pack whose signature was verified, or that is about to be signed."""

    about: About
    files: Files
    """Without manifest and signature."""
    key: str = ""
    """Fingerprint of the key that signed it."""

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: the same for the same content."""
        return hashlib.sha256(_manifest(self.files)).hexdigest()


def seal(folder: Path, out: Path, key: Path) -> Pack:
    """Make a signed pack of a folder. Raises InputError."""
    private = _private(key)
    pack = gather(folder)
    manifest = _manifest(pack.files)
    signature = b64encode(private.sign(CONTEXT + manifest)) + b"\n"
    archive.write(out, {**pack.files, MANIFEST: manifest, SIGNATURE: signature})
    archive.read(out)  # what cannot be read again is refused now, not where it is installed
    return pack


def gather(folder: Path) -> Pack:
    """Return what a folder holds of a pack. Raises InputError for what has no place in one."""
    files = dict[str, bytes]()
    for path in sorted(
        [folder / ABOUT, *folder.glob("catalogue/**/*"), *folder.glob("detect/**/*")]
    ):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or not archive.allowed(name):
            raise InputError(path, f"a pack holds {ABOUT}, {SERVICES}/*.yaml and {RULES}/*.yaml")
        files[name] = path.read_bytes()
    return Pack(_about(folder, files), files)


def verified(path: Path, keys: Iterable[Path]) -> Pack:
    """Read a pack that one of the keys has signed. Raises InputError."""
    files = archive.read(path)
    manifest, signature = files.pop(MANIFEST, b""), files.pop(SIGNATURE, b"")
    key = _signer(path, manifest, signature, keys)
    if not hmac.compare_digest(manifest, _manifest(files)):
        raise InputError(path, "the files are not those that were signed")
    return Pack(_about(path, files), files, key)


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the first digits of the SHA-256 of a public key, to tell keys apart."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _signer(path: Path, manifest: bytes, signature: bytes, keys: Iterable[Path]) -> str:
    try:
        signed = b64decode(signature)
    except ValueError as error:
        raise InputError(path, "is not signed") from error
    for file in keys:
        key = public(file)
        try:
            key.verify(signed, CONTEXT + manifest)
        except InvalidSignature:
            continue
        return fingerprint(key)
    raise InputError(
        path,
        "is signed by no key that is trusted; name the publisher's public key with --key, "
        "or put it into the keys folder",
    )


def _manifest(files: Files) -> bytes:
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def _about(path: Path, files: Files) -> About:
    if len(files) < 2:
        raise InputError(path, "a pack holds pack.toml and at least one service or rule")
    try:
        return msgspec.convert(tomllib.loads(files[ABOUT].decode()), About)
    except KeyError as error:
        raise InputError(path, f"has no {ABOUT}") from error
    except (ValueError, RecursionError) as error:  # of UTF-8, TOML and what must stand in it
        raise InputError(path, f"{ABOUT}: {error}") from error


def public(path: Path) -> Ed25519PublicKey:
    """Read a public key. Raises InputError."""
    text = _read(path)
    try:
        key = serialization.load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(path, f"is not a PEM public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(path, "is not an Ed25519 key")
    return key


def _private(path: Path) -> Ed25519PrivateKey:
    text = _read(path)
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(path, f"is not an unencrypted PEM private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(path, "is not an Ed25519 key")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, reason(error)) from error
