"""The commands, in the order in which people meet them: name, where it is, what it does.

The program and its first page are made of them. The page lists the first line of what a command
does, and the command's own help tells all of it.

Nothing is imported here, so that the first page is there at once. A test holds the texts against
the commands' docstrings.
"""

ABOUT = "Find, decode and close the back channels in a network."
COMMANDS = (
    (
        "scan",
        "scan:scan",
        """Find and decode the back channels in captures.

Exit code 0: done; 1: a finding reached --fail-on; 3: a capture was damaged.""",
    ),
    (
        "watch",
        "watch:watch",
        """Watch live traffic, with alerts, evidence and metrics.

A live view on a terminal; in a pipe lines for findings and new services.
SIGTERM and Ctrl-C end it with everything written; SIGHUP reads all files again.
Exit code 0: done; 1: a finding reached --fail-on; 4: missing privilege.""",
    ),
    (
        "probe",
        "probe:probe",
        """Ask hosts which back channels run on them.

Each is told the first message of a service's clients; no root is needed.
Ctrl-C ends the run with what was found until then.
Exit code 0: done; 1: a finding reached --fail-on; 130: interrupted.""",
    ),
    (
        "host",
        "host:app",
        """Find the programs behind back channels on this machine.

They are listed, running or installed, with what they expose.
Nothing is changed and nothing sent. Root sees all processes.""",
    ),
    (
        "diagnose",
        "diagnose:diagnose",
        """Find out why an IPsec tunnel does not come up, or does not carry.

Exit code 0: nothing is wrong; 1: something is; 3: a capture was damaged.""",
    ),
    (
        "policy",
        "policy:app",
        "Check a policy, compile it for real firewalls, and prove what they block.",
    ),
    (
        "guard",
        "guard:app",
        """Enforce a policy on live traffic, by service and capability.

SIGTERM and Ctrl-C end it and remove its rules; SIGHUP reads all files again.
Needs root, or CAP_NET_ADMIN and CAP_NET_RAW.
Exits with 1 if something was refused, or would have been.""",
    ),
    ("services", "services:services", "Show what the catalogue knows about each service."),
    (
        "rules",
        "rules:rules",
        """List the detection rules, or show one in full.

Rules of content packs are among them. They can be written as Sigma rules, too.""",
    ),
    (
        "check-config",
        "check_config:check_config",
        """Check a configuration file for watch and guard.

All that it names is checked, and `conf.d/*.toml` beside it.
Each fault is told with file and line. Exit code 0: good; 2: not.""",
    ),
    (
        "update",
        "update:update",
        """Install, list and roll back content packs: signed services and rules.

The signature is verified, and what changes is shown, before it is in use.""",
    ),
    ("pack", "update:pack", "Make a signed content pack."),
)
WORDS = {
    "scan": "[OPTIONS] PATHS...",
    "diagnose": "[OPTIONS] CAPTURES...",
    "watch": "[OPTIONS] [INTERFACES...]",
    "probe": "[OPTIONS] TARGETS...",
    "services": "[OPTIONS] [NAME]",
    "rules": "[OPTIONS] [NAMES...]",
    "update": "[OPTIONS] [FILE]",
    "check-config": "[FILE]",
}
"""What follows a name, where there are words that may be absent: cyclopts would say "[ARGS]"."""
