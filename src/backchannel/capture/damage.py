"""A capture that cannot be read to its end."""

from backchannel.errors import InputError


class Damage(InputError):  # noqa: N818 - the name of the thing, not of an error
    """*path* is damaged at byte *offset* (of the unpacked data): what came before was good."""

    def __init__(self, path: str, offset: int, reason: str) -> None:
        super().__init__(path, reason, f"byte {offset}")
        self.offset, self.reason = offset, reason

    def __str__(self) -> str:
        return f"at byte {self.offset}: {self.reason}" if self.offset else self.reason
