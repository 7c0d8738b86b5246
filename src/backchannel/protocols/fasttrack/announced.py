"""What a search result tells the download that it announces."""

import msgspec


class Known(msgspec.Struct, frozen=True):
    """Names that a user's files were found under, as (UUHash in hexadecimal, name)."""

    names: tuple[tuple[str, str], ...] = ()
