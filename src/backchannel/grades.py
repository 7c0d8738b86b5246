"""Words of degree that options, policies, rules and findings share."""

from typing import Literal

Severity = Literal["info", "low", "medium", "high", "critical"]
Mode = Literal["observe", "alert", "reset", "drop"]
"""How far the guard goes: count what would be refused, tell of it, reset it, drop it."""
