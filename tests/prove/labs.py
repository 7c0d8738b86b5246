"""Whether labs are possible here, and proofs as the tests want them."""

import os
import shutil
import subprocess
import sys
from functools import cache

import pytest

from backchannel.prove import library, proof
from backchannel.prove.enforcers import Text
from backchannel.prove.promise import Promise

SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@cache
def _why_not():
    missing = [
        name for name in ("ip", "nft", "iptables-restore") if not shutil.which(name, path=SBIN)
    ]
    if missing:
        return f"needs {', '.join(missing)}; tools/setup installs it where it can"
    code = "from backchannel.prove.namespaces import isolate; isolate()"
    tried = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


def need_labs():
    """Skip, or fail in continuous integration, where no lab can be built."""
    if why := _why_not():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


@cache
def shipped():
    return library.shipped()


def promise(service, capability, action="deny", **more):
    return Promise(
        service=service,
        capability=capability,
        action=action,
        line="line",
        place="policy.yaml:7",
        ours="any",
        theirs="any",
        **more,
    )


def proved(text, *promises, methods=("standard",), conversations=None, **more):
    """Return the proof of an nftables ruleset (or anything that enforces)."""
    need_labs()
    enforced = Text("nftables", "ruleset.nft", text) if isinstance(text, str) else text
    subject = proof.Subject(policy="policy.yaml", promises=promises, enforced=enforced)
    settings = proof.Settings(methods=tuple(methods), labs=1, **more)
    return proof.prove(subject, conversations or shipped(), settings)


def table(*rules):
    """Return an nftables ruleset with these rules for forwarded packets."""
    lines = "\n".join(f"    {rule}" for rule in rules)
    return (
        "table inet fw {\n  chain forward {\n    type filter hook forward priority 0;"
        f" policy accept;\n{lines}\n  }}\n}}\n"
    )


def outcomes(found):
    """Return {(capability, way): {method: outcome}}."""
    return {
        (row.capability, row.way): {cell.method: cell.outcome for cell in row.cells}
        for row in found.rows
    }
