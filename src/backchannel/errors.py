"""The exceptions a user can see. Both are ValueErrors that say what to do next."""

from pathlib import Path


class InputError(ValueError):
    """A file the user gave us cannot be used, or only up to *where*."""

    def __init__(self, path: str | Path, message: str, where: str = "") -> None:
        self.path, self.message, self.where = str(path), message, where
        super().__init__(f"{path}: {where + ': ' if where else ''}{message}")


class UsageError(ValueError):
    """The command or a setting asks for something that cannot be done; the text says what can."""
