"""Our own typed events as JSON lines (`--events`), one observation a line."""

from typing import Any

import msgspec

from backchannel.engine.observation import FlowInfo, Observation
from backchannel.model import Endpoint
from backchannel.privacy import Disclosure, shown
from backchannel.when import rfc3339

_ENCODE = msgspec.json.Encoder(order="deterministic").encode


def line(seen: Observation, disclosure: Disclosure) -> bytes:
    """Return the observation as one line of JSON, newline included."""
    return _ENCODE(record(seen, disclosure)) + b"\n"


def record(seen: Observation, disclosure: Disclosure) -> dict[str, Any]:
    """Return the observation as plain values: where and when first, then the event's fields."""
    return {
        "time": rfc3339(seen.time),
        "frame": seen.frame,
        "service": seen.service,
        "protocol": seen.protocol,
        "stack": seen.stack,
        "confidence": seen.confidence.word,
        "side": seen.side.name.lower(),
        "account": seen.account,
        "flow": flow(seen.flow, seen.target),
        **shown(seen.event, disclosure),
    }


def flow(info: FlowInfo, target: Endpoint | None) -> dict[str, Any]:
    """Return a flow's identity as plain values."""
    return {
        "serial": info.serial,
        "transport": info.transport,
        "client": str(info.client),
        "server": str(info.server),
        "community_id": info.community_id,
        **({"vlans": info.vlans} if info.vlans else {}),
        **({"tunnel": info.tunnel} if info.tunnel else {}),
        **({"target": str(target)} if target else {}),
    }
