"""Stands in for the compiled `core` where it was not built; see `core_py`."""

from backchannel.flows.core_py import FlowCore
from backchannel.flows.delivery import (
    CLOSED,
    DATA,
    END,
    EVICTED,
    FINISHED,
    GAP,
    IDLE,
    REUSED,
    Delivery,
)

__all__ = [
    "CLOSED",
    "DATA",
    "END",
    "EVICTED",
    "FINISHED",
    "GAP",
    "IDLE",
    "REUSED",
    "Delivery",
    "FlowCore",
]
