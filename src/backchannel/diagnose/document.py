"""What the doctor says, as one versioned document: the same for the same captures, to the byte."""

from typing import Literal, TypeAlias

import msgspec

VERSION = 1
Certainty: TypeAlias = Literal["certain", "likely", "possible"]
"""certain: the packets show it; likely: nothing else that is usual looks so; possible: one of
several causes."""
Weight: TypeAlias = Literal["problem", "warning", "note"]
"""problem: the tunnel does not stand or does not carry; warning: it will fail, or did for a while;
note: how things are."""
Which: TypeAlias = Literal["near", "far"]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Input(_Part, frozen=True, kw_only=True):
    """A capture."""

    path: str
    packets: int
    first_frame: int
    """Its first packet's number, counted over all captures of its side."""
    damage: str = ""


class Evidence(_Part, frozen=True, kw_only=True):
    """One thing that was seen, or was not."""

    text: str
    frames: tuple[int, ...] = ()
    """Packets that show it: a few of them, counted from 1 over all captures of the side."""
    of: Which = "near"
    time: str = ""
    """Of the first of them, RFC 3339."""


class Alternative(_Part, frozen=True, kw_only=True):
    """What else it could be."""

    cause: str
    tell: str
    """What would tell."""


class Conclusion(_Part, frozen=True, kw_only=True):
    """A condition."""

    id: str
    title: str
    weight: Weight
    certainty: Certainty
    because: tuple[Evidence, ...]
    means: str
    otherwise: tuple[Alternative, ...] = ()
    next: tuple[str, ...] = ()
    """What to do, in order."""


class Step(_Part, frozen=True, kw_only=True):
    """How far the tunnel came: one rung."""

    stage: str
    reached: Literal["yes", "no", "unknown"]
    text: str
    frame: int = 0


class Lost(_Part, frozen=True, kw_only=True):
    """What was sent by one end and seen at one of the two places only."""

    what: str
    sender: str
    """The sending end's address at its own place."""
    sent: int
    arrived: int
    frames: tuple[int, ...] = ()
    """Of packets that did not arrive, where they were seen."""
    of: Which = "near"


class Translation(_Part, frozen=True, kw_only=True):
    """How an end's address and port look on both sides."""

    near: str
    far: str
    first_seen: str
    last_seen: str
    packets: int


class Between(_Part, frozen=True, kw_only=True):
    """What lies between the two places."""

    matched: int
    """Packets seen at both."""
    clock_offset_ms: float | None = None
    """How far the far side's clock is ahead of the near one's at the beginning; None where nothing
    tells."""
    clock_drift_ppm: float | None = None
    """How much faster the far clock runs, in millionths; None where nothing tells."""
    delay_ms: float | None = None
    """From one place to the other, the mean of both directions."""
    clock_certain: bool = False
    """Whether packets of both directions were matched."""
    near_end: str = ""
    """The end on whose side the near capture was made."""
    far_end: str = ""
    translations: tuple[Translation, ...] = ()
    mapping_kept_s: float | None = None
    """The longest silence after which a NAT's mapping was still there."""
    mapping_lost_s: float | None = None
    """The shortest silence after which it was another one, or gone."""
    lost: tuple[Lost, ...] = ()


class Gateways(_Part, frozen=True, kw_only=True):
    """Two gateways, and what is the matter with them."""

    initiator: str
    responder: str
    far_initiator: str = ""
    far_responder: str = ""
    versions: tuple[int, ...]
    behind_nat: str
    first_seen: str
    last_seen: str
    connection: str = ""
    """The configured one that they are, where one fits."""
    steps: tuple[Step, ...]
    verdict: str
    """In one sentence."""
    conclusions: tuple[Conclusion, ...]
    """The gravest first."""
    between: Between | None = None


class Configured(_Part, frozen=True, kw_only=True):
    """A connection of a configuration."""

    name: str
    file: str
    line: int
    local: str
    remote: str
    state: Literal["up", "down", "never seen"]
    seen: str = ""
    """The gateways that it is, as `INITIATOR RESPONDER`."""


class Diagnosis(_Part, frozen=True, kw_only=True):
    """The whole answer."""

    version: int = VERSION
    tool: str
    near: tuple[Input, ...]
    far: tuple[Input, ...] = ()
    gateways: tuple[Gateways, ...] = ()
    configured: tuple[Configured, ...] = ()
    unseen: dict[str, int] = {}
    """What could not be seen, by name."""
