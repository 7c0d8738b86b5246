"""Keeps the guard's rules in the kernel, where other programs may take them away, or a part.

A restart of nftables flushes every ruleset that there is, the guard's too. The kernel tells of
changes, and the rules are looked for then, and every CHECK seconds where it does not
(iptables-legacy).
"""

import subprocess

from backchannel import netlink
from backchannel.enforce import kernel, news
from backchannel.enforce.watchdog import Watchdog
from backchannel.errors import UsageError
from backchannel.remark import remark

CHECK = 10.0
"""Seconds between two looks where nothing is told."""
SOON = 0.3
"""Seconds from a change to the look at it."""


class Upkeep(news.News):
    """Looks after the rules."""

    def __init__(self, now: float) -> None:
        super().__init__(netlink.NETFILTER, news.RULES)
        self.restored = 0
        """Times that they had been taken away, and were loaded again."""
        self._missing, self._due = False, now + CHECK
        self._trouble = ""

    def hear(self, now: float) -> None:
        """Take what the kernel tells; after loading in vain that is our own doing."""
        if self.changed() and not self._trouble:
            self._due = min(self._due, now + SOON)

    def look(self, now: float, watchdog: Watchdog) -> None:
        """See to the rules when it is time. Who loads them is *watchdog*: it knows what holds now.

        They must be missing twice: for a moment they are while it loads others.
        """
        if now < self._due:
            return
        self._due = now + CHECK
        try:
            missing = not kernel.stands(watchdog.texts, guarded=watchdog.guards)
            if missing and self._missing:
                watchdog.restore()
                self.restored += 1
                remark("its rules had been taken away by another program; they are loaded again")
                missing = False
            elif missing:
                self._due = now + SOON
            self._missing, self._trouble = missing, ""
        except (UsageError, OSError, subprocess.TimeoutExpired) as error:
            if str(error) != self._trouble:
                remark(f"its rules may be gone, and could not be loaded: {error}")
            self._trouble = str(error)
