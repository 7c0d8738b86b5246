"""Settings as they stand in a file, each with its place. Secrets never come this far."""

from dataclasses import dataclass, field

LONGEST = 4096
"""Characters of a value that are kept."""
MOST = 65_536
"""Settings and sections of a configuration."""


@dataclass(slots=True)
class Setting:
    """One value."""

    value: str
    file: str
    line: int


@dataclass(slots=True)
class Section:
    """Settings and further sections, by name in the order of the file."""

    file: str = ""
    line: int = 0
    settings: dict[str, Setting] = field(default_factory=dict)
    sections: dict[str, "Section"] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    """Sections whose settings hold here too, where nothing else is said."""

    def get(self, name: str, default: str = "") -> str:
        """Return a value."""
        found = self.settings.get(name)
        return found.value if found is not None else default


SECRETS = "secrets"
"""The section of swanctl.conf that holds them."""
_WORDS = "psk", "passphrase", "password"


def secret(name: str) -> bool:
    """Whether the value of what has this name is never kept."""
    lower = name.lower()
    return lower.startswith("secret") or lower == "pin" or any(word in lower for word in _WORDS)
