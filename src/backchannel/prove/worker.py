"""The process of one lab: a job on standard input, what becomes of it on standard output.

Started by `labs`. Everything it makes in the kernel belongs to its own namespaces, and it dies
with whoever started it.
"""

import asyncio
import os
import sys

import msgspec

from backchannel.errors import InputError, MissingProgramError, PrivilegeError
from backchannel.prove import enforcers
from backchannel.prove.lab import LabError
from backchannel.prove.namespaces import die_with_parent, isolate
from backchannel.prove.run import Job, Report, Run


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """So many plays are over."""

    plays: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The lab could not do its work."""

    why: str
    what: str
    """`not-allowed`, `missing`, `input` (then *path* says which file) or `lab`."""
    path: str = ""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The job is done."""

    report: Report


Message = Progress | Failed | Done


def main() -> None:
    """Do one job, for the process whose number is the argument."""
    die_with_parent()
    if len(sys.argv) > 1 and os.getppid() != int(sys.argv[1]):
        return  # it died before we could ask the kernel to tell us
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # Debian's users lack it
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
    try:
        for program, package in (("ip", "iproute2"), ("nft", "nftables")):
            enforcers.need(program, package)
        if job.enforced is not None and job.enforced.kind == "iptables":
            enforcers.need("iptables-restore", "iptables")
            if isinstance(job.enforced, enforcers.Text) and job.enforced.sets:
                enforcers.need("ipset", "ipset")
        isolate()
        _say(Done(asyncio.run(Run(job, lambda plays: _say(Progress(plays))).report())))
    except PrivilegeError as error:
        _say(Failed(str(error), "not-allowed"))
    except MissingProgramError as error:
        _say(Failed(str(error), "missing"))
    except InputError as error:
        _say(Failed(error.message, "input", error.path))
    except (LabError, OSError) as error:
        _say(Failed(str(error), "lab"))


def _say(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
