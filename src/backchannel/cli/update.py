"""`backchannel update` and `backchannel pack`: services and rules as signed archives.

What they do is in `updating`.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backchannel.cli import options
from backchannel.errors import UsageError


def update(
    file: Path | None = None,
    *,
    key: options.FileName = None,
    yes: bool = False,
    rollback: options.Pack = None,
    list_: Annotated[bool, Parameter(name="--list")] = False,
) -> int:
    """Install, list and roll back content packs: signed services and rules.

    The signature is verified, and what changes is shown, before it is in use.

    Parameters
    ----------
    file
        The pack, a .tar.zst file.
    key
        Trust this public key (PEM, Ed25519) this time, beside `keys` in your configuration folder.
    yes
        Install without asking.
    rollback
        Go back to the version of this pack that the present one replaced.
    list_
        List the packs that are installed.
    """
    from backchannel.cli import updating  # noqa: PLC0415 - not for the help

    if sum((file is not None, rollback is not None, list_)) != 1:
        raise UsageError("give one of: a pack file, --rollback NAME, --list")
    if list_:
        updating.show()
    elif rollback is not None:
        updating.roll_back(rollback)
    elif file is not None:
        updating.install(file, key, yes=yes)
    return 0


def pack(folder: Path, out: Path, *, key: options.KeyFile) -> int:
    """Make a signed content pack.

    Parameters
    ----------
    folder
        Holds pack.toml (name, version, date), catalogue/services/*.yaml and detect/rules/*.yaml.
    out
        The file to write, NAME.tar.zst.
    key
        The private key to sign with (PEM, Ed25519).
    """
    from backchannel.cli import updating  # noqa: PLC0415 - not for the help

    updating.make(folder, out, key)
    return 0
