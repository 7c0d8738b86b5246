"""Captures in, chunks of whole packets out."""

from backchannel.capture.damage import Damage
from backchannel.capture.sources import Source, sources

__all__ = ["Damage", "Source", "sources"]
