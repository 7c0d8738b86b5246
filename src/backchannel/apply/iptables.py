"""Our chains of iptables and ip6tables, and our sets of ipset, on this host."""

import os
from collections.abc import Iterator
from shlex import quote, split
from typing import NamedTuple

from backchannel.apply.firewall import Does, Foreign
from backchannel.apply.programs import find, run
from backchannel.policy.compile import File

CHAIN = "BACKCHANNEL"
"""Our chains have this name, or one that goes on with a dash."""
HOOKS = ("FORWARD", "INPUT", "OUTPUT")
SETS = "bc_"
"""What the names of our sets begin with."""
_SECTION = "# ---- "


class _Parts(NamedTuple):
    """Rules of ours, by the program that holds them."""

    sets: str = ""
    v4: str = ""
    v6: str = ""

    def text(self) -> str:
        """Return all of it as one text; empty where nothing is there."""
        if not any(self):
            return ""
        return "".join(f"{_SECTION}{name}\n{part}" for name, part in self._asdict().items())

    @classmethod
    def of(cls, text: str) -> "_Parts":
        """Return the parts of what `text` returned."""
        found = dict[str, str]()
        name = ""
        for line in text.splitlines(keepends=True):
            if line.startswith(_SECTION):
                name = line.removeprefix(_SECTION).strip()
            else:
                found[name] = found.get(name, "") + line
        return cls(**found)


class Iptables:
    """iptables, ip6tables and ipset; the chains BACKCHANNEL, BACKCHANNEL-BACK and so on."""

    name = "iptables"

    def __init__(self) -> None:
        self._save = {n: find(f"ip{n}tables-save", "iptables") for n in ("", "6")}
        self._load = {n: find(f"ip{n}tables-restore", "iptables") for n in ("", "6")}
        self._ipset = find("ipset", "ipset")

    def live(self) -> str:
        """Return our chains, the jumps to them and our sets, without counts."""
        v4, v6 = (_ours(self._saved(n)) for n in ("", "6"))
        return _Parts(_our_sets(run([self._ipset, "save"], what="listing sets")), v4, v6).text()

    def preview(self, files: tuple[File, ...]) -> str:
        """Load into an empty network namespace that ends with the call, and list."""
        parts = _parts(files)
        marks = [f"echo {quote(_SECTION + name)}" for name in _Parts._fields]
        script = [
            "set -e",
            *_fed(f"{self._ipset} restore -exist", parts.sets),
            *_fed(f"{self._load['']} --noflush", parts.v4),
            *_fed(f"{self._load['6']} --noflush", parts.v6),
            f"{marks[0]}; {self._ipset} save",
            f"{marks[1]}; {self._save['']} -t filter",
            f"{marks[2]}; {self._save['6']} -t filter",
        ]
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        command = [find("unshare", "util-linux"), *rights, "--net", "sh"]
        said = _Parts.of(run(command, "\n".join(script), what=files[-1].name))
        return _Parts(_our_sets(said.sets), _ours(said.v4), _ours(said.v6)).text()

    def load(self, files: tuple[File, ...], *, lock: int = -1) -> None:
        """Load sets, then each version of IP in one step of its own."""
        self._put(_parts(files), lock)
        self._sweep(_parts(files).sets, lock)

    def restore(self, live: str, *, lock: int = -1) -> None:
        """Make our chains and sets what they were; where they were not, take them out."""
        parts = _Parts.of(live)
        self._put(parts, lock)
        for version, text in (("", parts.v4), ("6", parts.v6)):
            if not text:
                self._take_out(version, lock)
        self._sweep(parts.sets, lock)

    def foreign(self) -> list[Foreign]:
        """Return others' rules that decide before a packet comes to our chain."""
        return [
            each
            for version in ("", "6")
            for each in _before_ours(f"ip{version}tables", self._saved(version).splitlines())
        ]

    def _saved(self, version: str) -> str:
        return run([self._save[version], "-t", "filter"], what=f"listing ip{version}tables")

    def _put(self, parts: _Parts, lock: int) -> None:
        if parts.sets:
            text = _fill(parts.sets)
            run([self._ipset, "restore", "-exist"], text, what="loading sets", lock=lock)
        for version, text in (("", parts.v4), ("6", parts.v6)):
            if text:
                there = set(self._saved(version).splitlines())
                lines = [line for line in text.splitlines() if _insertion(line) not in there]
                command = [self._load[version], "--noflush"]
                run(command, "\n".join([*lines, ""]), what=f"ip{version}tables", lock=lock)

    def _take_out(self, version: str, lock: int) -> None:
        there = self._saved(version).splitlines()
        jumps = [line for line in there if _is_jump(line)]
        chains = _chains(there)
        if not chains:
            return
        text = [
            "*filter",
            *(f"-D{line.removeprefix('-A')}" for line in jumps),
            *(f"-F {name}" for name in chains),
            *(f"-X {name}" for name in chains),
            "COMMIT",
            "",
        ]
        run([self._load[version], "--noflush"], "\n".join(text), what="removing", lock=lock)

    def _sweep(self, keep: str, lock: int) -> None:
        """Take out sets of ours that *keep* does not make."""
        kept = {line.split()[1] for line in keep.splitlines() if line.startswith("create ")}
        for line in run([self._ipset, "save"], what="listing sets").splitlines():
            name = line.split()[1] if line.startswith(f"create {SETS}") else ""
            if name and name not in kept:
                run([self._ipset, "destroy", name], what=f"set {name}", lock=lock)


def _parts(files: tuple[File, ...]) -> _Parts:
    by_ending = {file.name.rpartition(".")[2]: file.text for file in files}
    return _Parts(by_ending.get("ipset", ""), by_ending.get("v4", ""), by_ending.get("v6", ""))


def _fed(command: str, text: str) -> Iterator[str]:
    """Yield a shell's lines that give *text* to *command*; the mark cannot stand in our texts."""
    if text:
        yield f"{command} <<'=BACKCHANNEL='"
        yield text.rstrip("\n")
        yield "=BACKCHANNEL="


def _insertion(line: str) -> str:
    """Return how a jump of a text is listed once it is there; other lines match nothing."""
    made = f"-A {line.removeprefix('-I ')}"
    return made if line.startswith("-I ") and _is_jump(made) else "\0"


def _is_jump(line: str) -> bool:
    hooked = line.startswith(tuple(f"-A {hook} " for hook in HOOKS))
    return hooked and _is_ours(line.rpartition(" -j ")[2])


def _is_ours(chain: str) -> bool:
    return chain == CHAIN or chain.startswith(f"{CHAIN}-")


def _chains(lines: list[str]) -> list[str]:
    """Return the names of our chains that a listing declares."""
    names = [line[1:].split()[0] for line in lines if line.startswith(":")]
    return [name for name in names if _is_ours(name)]


def _ours(saved: str) -> str:
    """Return what is ours of a listing, as a text that loads it again."""
    lines = saved.splitlines()
    chains = sorted(_chains(lines))
    if not chains:
        return ""
    declared = [f":{name} - [0:0]" for name in chains]
    rules = [line for line in lines if line.startswith(tuple(f"-A {name} " for name in chains))]
    jumps = [f"-I{line.removeprefix('-A')}" for line in lines if _is_jump(line)]
    return "\n".join(["*filter", *declared, *rules, *jumps, "COMMIT", ""])


def _our_sets(saved: str) -> str:
    """Return our sets of a listing, in an order of their own."""
    lines = [line for line in saved.splitlines() if line.split()[1:2] and _set_is_ours(line)]
    return "".join(f"{' '.join(_plain(line))}\n" for line in sorted(lines, key=_set_order))


def _set_is_ours(line: str) -> bool:
    return line.split()[1].startswith(SETS)


def _set_order(line: str) -> tuple[str, bool, str]:
    return line.split()[1], not line.startswith("create "), line


def _plain(line: str) -> list[str]:
    """Return a set's line without what the kernel chose by itself."""
    words = line.split()
    for chosen in ("hashsize", "bucketsize", "initval"):
        if chosen in words:
            at = words.index(chosen)
            del words[at : at + 2]
    return words


def _fill(sets: str) -> str:
    """Return a text that makes sets exactly these, though others of their names be there."""
    if " bc_new" in sets:  # as compiled: it fills a new set and exchanges it itself
        return sets
    lines = list[str]()
    for line in sets.splitlines():
        lines.append(line)
        if line.startswith("create "):
            lines.append(f"flush {line.split()[1]}")
    return "\n".join([*lines, ""])


def _before_ours(program: str, lines: list[str]) -> Iterator[Foreign]:
    ends = {
        name: ends
        for name in {line.split()[1] for line in lines if line.startswith("-A ")}
        if (ends := _ends(name, lines, set()))
    }
    if not _chains(lines):
        return
    for hook in HOOKS:
        rules = [line for line in lines if line.startswith(f"-A {hook} ")]
        ours = next((n for n, line in enumerate(rules) if _is_jump(line)), None)
        if ours is None:
            why = "the jump to our chain is gone: nothing of ours decides there"
            yield Foreign(f"{program} {hook}", "(no rule)", "bypasses", why)
            continue
        for rule in rules[:ours]:
            target = _target(rule)
            for end in sorted({target} & _FINAL or ends.get(target, set())):
                does: Does = "overrides deny" if end == "ACCEPT" else "overrides allow"
                why = f"it stands before our chain and may {end} what our rules decide otherwise"
                yield Foreign(f"{program} {hook}", rule, does, why)
        for rule in rules[ours + 1 :]:
            target = _target(rule)
            if {target} & _REFUSING or ends.get(target, set()) & _REFUSING:
                why = "what our rules allow comes to it, and may end there"
                yield Foreign(f"{program} {hook}", rule, "overrides allow", why)
        if any(line.startswith(f":{hook} DROP") for line in lines):
            why = "what our rules allow is dropped unless a later rule accepts it"
            yield Foreign(f"{program} {hook}", "policy DROP", "overrides allow", why)


_REFUSING = {"DROP", "REJECT"}
_FINAL = {"ACCEPT", *_REFUSING}


def _ends(chain: str, lines: list[str], seen: set[str]) -> set[str]:
    """Return the final verdicts that a packet may meet in *chain*."""
    if chain in seen:
        return set()
    seen.add(chain)
    found = set[str]()
    for line in lines:
        if line.startswith(f"-A {chain} "):
            target = _target(line)
            found |= {target} & _FINAL or _ends(target, lines, seen)
    return found


def _target(rule: str) -> str:
    try:
        words = split(rule)  # a comment may hold anything
    except ValueError:
        return ""
    for option in ("-j", "-g"):
        if option in words[:-1]:
            return words[words.index(option) + 1]
    return ""
