"""Captures in, chunks of whole packets out."""

from backchannel.capture.damage import Damage
from backchannel.capture.sources import Source, find, sources

__all__ = ["Damage", "Source", "find", "sources"]
