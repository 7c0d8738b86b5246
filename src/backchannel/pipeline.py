"""Captures in, answer out: the library's front door.

    from backchannel import scan

    run = scan("captures/", "more.pcapng.gz")
    for seen in run:  # typed events as they are decoded
        print(seen.time, seen.service, seen.event)
    run.document.services  # the summary of the whole run

docs/api.md has the rest.
"""

import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from backchannel import __version__
from backchannel.capture import Damage, Source, find
from backchannel.capture.sources import printable
from backchannel.catalogue import index as catalogue
from backchannel.detect import rules
from backchannel.detect.detector import Detector
from backchannel.detect.follow import Follower
from backchannel.detect.model import ATTACK_VERSION
from backchannel.engine.ended import Ended, ended
from backchannel.engine.engine import Engine
from backchannel.engine.observation import Observation
from backchannel.engine.observer import READ as ENGINE_READ
from backchannel.engine.stream import Stream
from backchannel.errors import UsageError
from backchannel.extract.store import FileStore
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.privacy import Disclosure
from backchannel.protocols import load
from backchannel.report import matrix
from backchannel.report.document import Document, Input, PassedOver, Traffic
from backchannel.report.summary import READ, Summary
from backchannel.when import rfc3339

if TYPE_CHECKING:
    import pyarrow as pa

    from backchannel.report.pseudonyms import Pseudonyms

NAMES = 4096
"""Host names whose service is cached, because the same ones are looked up again and again."""

PORTION = 1024
"""Observations are passed on in batches of this size, first to the summary and then to the rules:
each is faster while the processor has its code and tables at hand."""

ASKED = 1024
"""Questions of the kind "does anybody read events with these values?" whose answers are cached."""

Progress = Callable[[int, int], None]
"""Called now and then with bytes read and bytes in all (0 where that is not known)."""


class Scan:
    """One run over captures. Iterate it once; then ask for the document and the flows."""

    def __init__(
        self,
        *paths: str | Path,
        disclosure: Disclosure | None = None,
        settings: FlowSettings | None = None,
        extract: str | Path | None = None,
        everything: bool = False,
        collect_flows: bool = False,
        progress: Progress | None = None,
        rule_folders: Sequence[str | Path] = (),
        index: catalogue.Index | None = None,
        followers: Sequence[Follower] = (),
        pseudonyms: "Pseudonyms | None" = None,
        summarise: bool = True,
    ) -> None:
        """Scan captures: files, folders, globs, or `-` for standard input.

        *disclosure* shows passwords or message text in the document; by default both are redacted.
        *settings* are the bounds and time-outs of the packet core. *extract* names a folder for
        transferred files. *everything* decodes DNS, TLS, QUIC and plain web traffic too, not only
        where their names matter. *collect_flows* keeps a row for each flow, for `flows`, which
        costs memory in proportion. *progress* is called now and then with the bytes read and the
        bytes in all. *rule_folders* hold rules beside ours; *index* is another catalogue.
        *followers* look closer at some events, such as the password audit. *pseudonyms* rename
        everything that is told. Without *summarise* only observations and rows of flows are made:
        nothing is gathered and no rule asked, and the document names the inputs and the traffic
        alone.

        Raises UsageError without a path, and InputError when one does not exist or holds no
        capture. Nothing is decoded before the scan is iterated or its document is asked for.
        """
        if not paths:
            raise UsageError(
                "nothing to scan: name a capture, a folder, a glob, or - for standard input"
            )
        found = find([str(path) for path in paths])
        self._sources: list[Source] = found.captures
        self._passed_over = tuple(
            PassedOver(path=printable(each.path), reason=each.message) for each in found.others
        )
        self.index = index or catalogue.load()
        """What is known of each service."""
        disclosure = disclosure or Disclosure()
        self._summary = Summary(disclosure)
        self._counts: Counter[str] = Counter()
        self._heard: list[Observation | Ended | tuple[Any, ...]] = []
        """What was observed since `_hear` was called last. A tuple holds the arguments of
        `Summary.count`, for an event that is only counted."""
        self._summarise = summarise
        looked_for = (
            rules.load(*map(Path, rule_folders)).values() if summarise or rule_folders else ()
        )
        self._pseudonyms = pseudonyms
        self._detector = Detector(looked_for, pseudonyms.names if pseudonyms else None)
        self.assessed = frozenset(rule.category for rule in looked_for)
        """Categories of risk that some rule looks for."""
        self.rules = frozenset(rule.id for rule in looked_for)
        """Names of all rules."""
        self._core = FlowCore(
            settings=settings or FlowSettings(),
            collect=collect_flows,
            **looks_for(self.index, everything=everything),
        )
        self._followers = tuple(followers)
        self._files = FileStore(Path(extract) if extract else None, self._count)
        self._engine = Engine(
            self._core,
            load(),
            service_of_name=lru_cache(maxsize=NAMES)(self.index.service_of),
            files=self._files,
            on_end=self._ended,
            on_count=self._heard.append,
            everything=everything,
        )
        self._how_made = {
            "decoded": "all protocols" if everything else "what concerns a known service",
            **_shown(disclosure, extract),
            "rules": f"{len(looked_for)}, with {len(rule_folders)} other folders",
            **_versions(self.index),
        }
        """How the document was made, for its `settings`."""
        self._progress = progress
        self._inputs: list[Input] = []
        self._firsts: list[int] = []
        """The first frame of each input."""
        self._claims: dict[int, tuple[str, str, str]] = {}
        """Service, stack and confidence by a flow's number, where its rows are kept."""
        self._collect = collect_flows
        self._batches = self._run()
        self._iterated = False
        self._document: Document | None = None

    @property
    def document(self) -> Document:
        """The summary of the whole run. Runs what has not been iterated yet."""
        return self._finish()

    @property
    def damaged(self) -> bool:
        """True when an input was damaged, so that the answer covers only a part of it."""
        return any(entry.damage for entry in self.document.inputs)

    def flows(self) -> "pa.Table":
        """Return every flow of the run as Arrow columns. UsageError without *collect_flows*."""
        if not self._collect:
            raise UsageError("no flows were kept: scan with collect_flows=True")
        from backchannel.flows.table import arrow  # noqa: PLC0415 - Arrow takes long to import

        self._finish()
        return arrow(self._core.columns(), self._claims)

    def __iter__(self) -> Iterator[Observation]:
        """Yield observations in the order of the packets that completed them, once.

        Raises UsageError when asked again.
        """
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[Observation]]:
        """Yield the same in lists, for callers that take many at once faster than one by one."""
        if self._iterated:
            raise UsageError("a scan is iterated once: keep what is needed, or scan again")
        self._iterated = True
        return self._batches

    def close(self) -> None:
        """Break off a run that is not at its end: nothing half-written stays behind it, and nobody
        takes what it did not come to for nothing there.
        """
        self._iterated = True
        self._batches.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finish(self) -> Document:
        """Run what has not been iterated yet. Raises UsageError where that was broken off."""
        if self._document is None:
            if not self._followers and self._pseudonyms is None:
                self._engine.read = lru_cache(maxsize=ASKED)(self._reads)
            for _ in self._batches:
                pass
        if self._document is None:
            raise UsageError("the scan was broken off before its end: scan again")
        return self._document

    def _run(self) -> Generator[list[Observation], None, None]:
        """Run everything; yield the observations in lists."""
        try:
            yield from self._steps()
        except BaseException:
            self._files.abandon()
            raise

    def _steps(self) -> Iterator[list[Observation]]:
        """Read every capture, then make the document."""
        for source in self._sources:
            yield from self._read(source)
        self._core.finish()
        yield from self._drain()
        last = self._followed(self._engine.finish())
        if self._summarise:
            self._heard += last
        yield self._renamed(last)
        self._hear()
        document = self._summary.document(
            tool=f"backchannel {__version__}",
            inputs=self._inputs,
            traffic=self._traffic(),
            groups=self._engine.groups(),
            findings=self._detector.findings(self._locate),
            counters=(
                self._core.counters()
                | self._engine.counters
                | self._detector.counters
                | self._counts
                | sum((each.counters for each in self._followers), Counter())
            ),
        )
        document = msgspec.structs.replace(document, passed_over=self._passed_over)
        if self._pseudonyms is not None:
            from backchannel.report.renamed import renamed  # noqa: PLC0415 - only where asked

            document = renamed(document, self._pseudonyms)
        told = matrix.build(document, self.index, self.assessed)
        self._document = msgspec.structs.replace(
            document, matrix=told, settings=self._how_made | document.settings
        )

    def _read(self, source: Source) -> Iterator[list[Observation]]:
        damage = ""
        try:
            for chunk in source.chunks():
                self._core.feed(chunk)
                yield from self._drain()
                if self._progress is not None:
                    self._progress(source.done, source.total)
        except Damage as error:
            damage = str(error)
        self._firsts.append(source.first_frame)
        self._inputs.append(
            Input(
                path=source.name,
                packets=source.packets,
                bytes=source.done,
                first_frame=source.first_frame,
                damage=damage,
            )
        )

    def _drain(self) -> Iterator[list[Observation]]:
        drain, heard = self._engine.drain, self._heard
        told: list[Observation] = []
        # what followers add stands behind what they add it to
        most, into = (1, None) if self._followers else (PORTION, heard if self._summarise else None)
        while seen := drain(most, into):
            if self._followers:
                seen = self._followed(seen)
                if self._summarise:
                    heard += seen
            told += seen
            if max(len(heard), len(told)) >= PORTION:
                self._hear()
                yield self._renamed(told)
                told = []
        if len(heard) >= PORTION:  # nothing but events that are only counted
            self._hear()
        if told:
            yield self._renamed(told)

    def _followed(self, told: list[Observation]) -> list[Observation]:
        """Return observations together with what followers add to them."""
        return [each for seen in told for each in (seen, *self._added(seen))]

    def _added(self, seen: Observation) -> Iterator[Observation]:
        for follower in self._followers:
            for event in follower.follow(seen):
                yield msgspec.structs.replace(seen, event=event)

    def _renamed(self, told: list[Observation]) -> list[Observation]:
        """Return observations as the caller is to see them: under pseudonyms, where asked for."""
        return told if self._pseudonyms is None else list(map(self._pseudonyms.observation, told))

    def _hear(self) -> None:
        """Pass what was observed since the last time to the summary and the rules."""
        if not self._heard:
            return
        self._summary.hear(self._heard)
        self._detector.hear(self._heard)
        self._heard.clear()

    def _reads(self, tag: str, **values: str | int | tuple[str, ...]) -> bool:
        """Say whether anybody reads the content of events with that tag and these values."""
        return tag in READ or tag in ENGINE_READ or self._detector.reads(tag, values)

    def _ended(self, stream: Stream, slot: int) -> None:
        if slot >= 0:
            packets, octets, first, last = self._core.figures(slot)
            if self._collect:
                word = stream.confidence.word
                self._claims[stream.flow.serial] = stream.service, stream.stack, word
        else:
            packets, octets = 0, stream.octets
            first, last = stream.first, stream.last
        if not self._summarise:
            return
        told = ended(stream, packets, octets, first, last)
        self._heard.append(told)

    def _locate(self, frame: int) -> tuple[str, int, int]:
        """Return the file of a frame, its first frame, and the first one after it."""
        place = bisect_right(self._firsts, frame)
        after = self._firsts[place] if place < len(self._firsts) else sys.maxsize
        if not place:
            return "", 1, after
        found = self._inputs[place - 1]
        return found.path, found.first_frame, after

    def _traffic(self) -> Traffic:
        totals = self._core.totals()
        return Traffic(
            packets=totals["packets"],
            bytes=totals["bytes"],
            flows=totals["flows"],
            first_seen=rfc3339(totals["first_time"]) if totals["packets"] else "",
            last_seen=rfc3339(totals["last_time"]) if totals["packets"] else "",
        )

    def _count(self, what: str) -> None:
        self._counts[what] += 1


def _shown(disclosure: Disclosure, extract: str | Path | None) -> dict[str, str]:
    """Return what private matter a run shows, in words."""
    wanted = {
        "secrets shown": disclosure.secrets,
        "content shown": disclosure.content,
        "files extracted": extract,
    }
    return {words: "yes" if asked else "no" for words, asked in wanted.items()}


def _versions(index: catalogue.Index) -> dict[str, str]:
    """Return what the answer depends on besides the captures, in words."""
    return {
        "services in the catalogue": str(len(index.services)),
        "decoders": str(len(load())),
        "MITRE ATT&CK": f"version {ATTACK_VERSION}",
        "Python": sys.version.partition(" ")[0],
    }


def looks_for(index: catalogue.Index, *, everything: bool) -> dict[str, Any]:
    """Return the arguments that tell `FlowCore` and `FlowCore.match` what to look for."""
    protocols = load()
    numbers = {name: number for number, name in enumerate(protocols)}
    return {
        "magics": [(numbers[name], magic) for name, p in protocols.items() for magic in p.magic],
        "names": index.suffixes(),
        "name_gated": [numbers[name] for name, p in protocols.items() if p.gated],
        "everything": everything,
    }


scan = Scan
"""By the name under which programs call it."""
