"""Several labs at once, each a process: jobs in, reports out."""

import os
import selectors
import subprocess
from collections.abc import Callable, Iterator, Sequence

import msgspec

from backchannel import process
from backchannel.errors import InputError, PrivilegeError, UsageError
from backchannel.prove.run import Job, Report
from backchannel.prove.worker import Done, Failed, Message, Progress

Tell = Callable[[int], None]


def run(jobs: Sequence[Job], tell: Tell = lambda _: None) -> list[Report]:
    """Run every job in a lab of its own, all at once; *tell* hears of plays that are over.

    Raises PrivilegeError where namespaces are not allowed, UsageError where a program is missing or
    a lab fails, InputError where a ruleset does not load.
    """
    reports = _at_once(jobs, tell)
    for place, job in enumerate(jobs):
        while left := reports[place].left:
            (more,) = _at_once([msgspec.structs.replace(job, cells=left)], tell)
            reports[place] = _joined(reports[place], more)
    return reports


def _joined(first: Report, more: Report) -> Report:
    return Report(
        results=first.results + more.results,
        counters=first.counters + more.counters,
        lost=first.lost + more.lost,
        remarks=first.remarks + more.remarks,
        left=more.left,
    )


def _at_once(jobs: Sequence[Job], tell: Tell) -> list[Report]:
    workers = [  # told who we are: a lab ends when whoever asked for it is gone
        process.start("prove.worker", os.getpid(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in jobs
    ]
    try:
        for worker, job in zip(workers, jobs, strict=True):
            assert worker.stdin
            try:
                worker.stdin.write(msgspec.msgpack.encode(job))
                worker.stdin.close()
            except BrokenPipeError:
                continue  # it ended; what it said will tell why
        return list(_reports(workers, tell))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stdout:
                worker.stdout.close()


def _reports(workers: Sequence[subprocess.Popen[bytes]], tell: Tell) -> Iterator[Report]:
    """Yield the reports in the order of the workers."""
    reports: dict[int, Report] = {}
    with selectors.DefaultSelector() as waiting:
        for number, worker in enumerate(workers):
            waiting.register(worker.stdout or 0, selectors.EVENT_READ, number)
        while waiting.get_map():
            for key, _ in waiting.select():
                line = workers[key.data].stdout.readline()
                if not line:
                    waiting.unregister(key.fileobj)
                    if key.data not in reports:
                        raise UsageError("a lab ended before its work was done; see above")
                    continue
                message = msgspec.json.decode(line, type=Message)
                if isinstance(message, Progress):
                    tell(message.plays)
                elif isinstance(message, Done):
                    reports[key.data] = message.report
                else:
                    raise _error(message)
    yield from (reports[number] for number in range(len(workers)))


def _error(failed: Failed) -> Exception:
    if failed.what == "not-allowed":
        return PrivilegeError(failed.why)
    if failed.what == "input":
        return InputError(failed.path, failed.why)
    return UsageError(failed.why)
