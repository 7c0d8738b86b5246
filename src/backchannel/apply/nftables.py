"""Our table of nftables on this host."""

import json
import os
from collections.abc import Iterator
from typing import Any

from backchannel.apply.firewall import Foreign
from backchannel.apply.programs import find, run
from backchannel.policy.compile import File

TABLE = "inet backchannel"
NAMES = {"filter": 0, "raw": -300, "mangle": -150, "dstnat": -100, "security": 50, "srcnat": 100}
_OURS = ("inet", "backchannel")


class Nftables:
    """nft, and the table `inet backchannel`."""

    name = "nftables"

    def __init__(self) -> None:
        self._nft = find("nft", "nftables")

    def live(self) -> str:
        """Return our table without counts; empty where it is not there."""
        if not self._there():
            return ""
        return run([self._nft, "-s", "list", "table", *_OURS], what="listing our table")

    def preview(self, files: tuple[File, ...]) -> str:
        """Load into an empty network namespace that ends with the call, and list."""
        unshare = find("unshare", "util-linux")
        script = f'"{self._nft}" -f - && "{self._nft}" -s list table {TABLE}'
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        command = [unshare, *rights, "--net", "sh", "-c", script]
        return run(command, _text(files), what=files[0].name)

    def load(self, files: tuple[File, ...], *, lock: int = -1) -> None:
        """Load the text, which itself replaces the table, as one transaction."""
        run([self._nft, "-f", "-"], _text(files), what=files[0].name, lock=lock)

    def restore(self, live: str, *, lock: int = -1) -> None:
        """Replace the table by what it was."""
        text = f"table {TABLE} {{}}\ndelete table {TABLE}\n{live}"
        run([self._nft, "-f", "-"], text, what="restoring our table", lock=lock)

    def foreign(self) -> list[Foreign]:
        """Return others' rules that end a packet's way, or take it past our chains."""
        text = run([self._nft, "-j", "list", "ruleset"], what="listing the ruleset")
        listed = [each for each in json.loads(text)["nftables"] if "metainfo" not in each]
        chains = {
            (chain["family"], chain["table"], chain["name"]): chain
            for each in listed
            if (chain := each.get("chain"))
        }
        rules = [each["rule"] for each in listed if "rule" in each]
        return [
            *(found for rule in rules for found in _judge(rule, chains, rules)),
            *_closed(chains),
        ]

    def _there(self) -> bool:
        text = run([self._nft, "-j", "list", "tables"], what="listing tables")
        tables = [each["table"] for each in json.loads(text)["nftables"] if "table" in each]
        return any((each["family"], each["name"]) == _OURS for each in tables)


Chains = dict[tuple[str, str, str], dict[str, Any]]


def _judge(rule: dict[str, Any], chains: Chains, rules: list[dict[str, Any]]) -> Iterator[Foreign]:
    if (rule["family"], rule["table"]) == _OURS:
        return
    hooks = _hooks(rule, chains, rules)
    words = [next(iter(part)) for part in rule["expr"] if isinstance(part, dict)]
    where = f"table {rule['family']} {rule['table']}, chain {rule['chain']}"
    text = rule.get("comment") or " ".join(_said(part) for part in rule["expr"])
    if "flow" in words:
        yield Foreign(where, text, "bypasses", "offloaded flows do not pass any chain again")
    elif {"fwd", "dup"} & set(words) and rule["family"] == "netdev":
        yield Foreign(where, text, "bypasses", "packets leave before any chain of ours")
    elif {"drop", "reject"} & set(words) and hooks:
        why = "what it drops never passes, whatever our rules allow"
        yield Foreign(where, text, "overrides allow", why)
    elif "notrack" in words:
        why = "flows that are not tracked have no known opener; answers are told by ports alone"
        yield Foreign(where, text, "overrides deny", why)


def _closed(chains: Chains) -> Iterator[Foreign]:
    """Yield the chains of others that drop whatever none of their rules accepts."""
    for (family, table, name), chain in chains.items():
        if chain.get("policy") == "drop" and (family, table) != _OURS:
            why = "what none of its rules accepts never passes, whatever our rules allow"
            yield Foreign(
                f"table {family} {table}, chain {name}", "policy drop", "overrides allow", why
            )


def _hooks(rule: dict[str, Any], chains: Chains, rules: list[dict[str, Any]]) -> set[str]:
    """Return the hooks from which a packet can come to *rule*, through jumps as well."""
    table = rule["family"], rule["table"]
    found, todo, done = set[str](), [rule["chain"]], set[str]()
    while todo:
        name = todo.pop()
        if name in done:
            continue
        done.add(name)
        hook = chains.get((*table, name), {}).get("hook")
        if hook:
            found.add(hook)
        todo += [
            each["chain"]
            for each in rules
            if (each["family"], each["table"]) == table and name in _targets(each["expr"])
        ]
    return found


def _targets(part: Any) -> set[str]:
    """Return the chains that an expression jumps or goes to, in maps too."""
    if isinstance(part, list):
        return {name for each in part for name in _targets(each)}
    if not isinstance(part, dict):
        return set()
    here = {
        value["target"]
        for key, value in part.items()
        if key in ("jump", "goto") and isinstance(value, dict) and "target" in value
    }
    return here | {name for value in part.values() for name in _targets(value)}


def _said(part: Any) -> str:
    """Return one statement of a rule in short words."""
    if not isinstance(part, dict):
        return str(part)
    ((key, value),) = part.items()
    if key == "match":
        return f"{_side(value['left'])} {value['op']} {_side(value['right'])}".replace("== ", "")
    return str(key)


def _side(value: Any) -> str:
    if not isinstance(value, dict):
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    ((key, inner),) = value.items()
    if key == "payload":
        return f"{inner.get('protocol', '')} {inner.get('field', '')}".strip()
    if key in ("meta", "ct"):
        return f"{key} {inner.get('key')}"
    if key == "set":
        return "{" + ",".join(_side(each) for each in inner) + "}"
    if key == "range":
        return f"{_side(inner[0])}-{_side(inner[1])}"
    if key == "prefix":
        return f"{inner['addr']}/{inner['len']}"
    return str(key)


def _text(files: tuple[File, ...]) -> str:
    return "".join(file.text for file in files)
