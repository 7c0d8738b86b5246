"""The exceptions a user can see. All say what to do next; `cli` has the exit code of each."""

from pathlib import Path


def reason(error: Exception) -> str:
    """Return why something failed, without the number and the path that Python adds to it."""
    return str((isinstance(error, OSError) and error.strerror) or error)


def in_one_line(path: str | Path) -> str:
    """Return the name of a file so that it begins no line of its own."""
    return str(path).replace("\n", "\\n")


class InputError(ValueError):
    """A file the user gave us cannot be used, or only up to *where*."""

    def __init__(self, path: str | Path, message: str, where: str = "") -> None:
        self.path, self.message, self.where = str(path), message, where
        super().__init__(f"{in_one_line(path)}: {where + ': ' if where else ''}{message}")


class UsageError(ValueError):
    """The command or a setting asks for something that cannot be done; the text says what can."""


class PrivilegeError(PermissionError):
    """What was asked needs rights that this process lacks; the text says how to get them."""


class MissingProgramError(UsageError):
    """A program that is needed is not installed; the text names it and its Debian package."""

    def __init__(self, program: str, package: str, why: str = "") -> None:
        self.program = program
        needed = f" {why}" if why else ""
        super().__init__(f"{program} is needed{needed}: sudo apt-get install {package}")
