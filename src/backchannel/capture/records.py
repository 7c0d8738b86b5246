"""Stands in for the compiled `records` where it was not built; see `records_py`."""

from backchannel.capture.records_py import Chunk, Records

__all__ = ["Chunk", "Records"]
