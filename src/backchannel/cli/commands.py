"""The commands: name, where it is, what it does. The program and its first page are made of them.

Nothing is imported here, so that the first page is there at once.
"""

ABOUT = "Find, decode and close the back channels in a network."
COMMANDS = (
    ("scan", "scan:scan", "Find and decode the back channels in captures."),
    (
        "diagnose",
        "diagnose:diagnose",
        "Find out why an IPsec tunnel does not come up, or does not carry.",
    ),
    ("services", "services:services", "Show what the catalogue knows about each service."),
    ("rules", "rules:rules", "List the detection rules, or show one in full."),
    (
        "update",
        "update:update",
        "Install, list and roll back content packs: signed services and rules.",
    ),
    ("pack", "update:pack", "Make a signed content pack."),
    ("guard", "guard:app", "Enforce a policy on live traffic, by service and capability."),
    (
        "policy",
        "policy:app",
        "Check a policy, compile it for real firewalls, and prove what they block.",
    ),
    (
        "watch",
        "watch:watch",
        "Watch live traffic, with alerts, evidence and metrics.",
    ),
    ("host", "host:app", "Find the programs behind back channels on this machine."),
    ("probe", "probe:probe", "Ask hosts which back channels run on them."),
    (
        "check-config",
        "check_config:check_config",
        "Check a configuration file for watch and guard.",
    ),
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
