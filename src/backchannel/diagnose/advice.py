"""What is known of each condition: `conditions.yaml`, checked as it is loaded."""

from functools import cache
from pathlib import Path

import msgspec

from backchannel.diagnose.document import Alternative, Weight


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition, with words in braces for whoever found it to fill in."""

    title: str
    weight: Weight
    means: str
    otherwise: tuple[Alternative, ...] = msgspec.field(name="or", default=())
    next: tuple[str, ...] = msgspec.field(name="do", default=())


@cache
def advice() -> dict[str, Advice]:
    """Return all conditions by name."""
    text = (Path(__file__).parent / "conditions.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=dict[str, Advice])
