"""What a reload can change, and what waits for the next start because flows would be lost by it."""

import msgspec

from backchannel.live.config import Config

FIXED: dict[str, tuple[str, ...]] = {
    "capture": ("interfaces", "promiscuous", "snaplen", "workers", "ring"),
    "evidence": ("ring", "ring_size"),
    "alerts": ("spool", "spool_limit"),
    "prevent": ("via",),
}
"""Settings of what was opened at the start: sockets, rings, processes. All of `flows` is so too."""


def kept(old: Config, new: Config) -> tuple[Config, tuple[str, ...]]:
    """Return *new* as far as it can be in force now, and the settings that cannot."""
    waiting: list[str] = []
    made = new
    for table, names in FIXED.items():
        was, wanted = getattr(old, table), getattr(new, table)
        changed = [name for name in names if getattr(was, name) != getattr(wanted, name)]
        if table == "prevent" and (was.policy is None) != (wanted.policy is None):
            changed.append("policy")
        if changed:
            values = {name: getattr(was, name) for name in changed}
            made = msgspec.structs.replace(
                made, **{table: msgspec.structs.replace(wanted, **values)}
            )
            waiting.append(f"[{table}] {', '.join(changed)}")
    if msgspec.structs.replace(new.flows, key=old.flows.key) != old.flows:
        waiting.append("[flows]")
    if old.output.flows is None and new.output.flows is not None:  # parsers do not gather rows
        output = msgspec.structs.replace(made.output, flows=None)
        made = msgspec.structs.replace(made, output=output)
        waiting.append("[output] flows")
    return msgspec.structs.replace(made, flows=old.flows), tuple(waiting)
