"""Loads rules: ours from one file made of all YAML files, the user's from YAML."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from backchannel.detect.expressions import Expression
from backchannel.detect.kinds import kinds
from backchannel.detect.model import Rule
from backchannel.detect.names import vocabulary
from backchannel.detect.plan import parts
from backchannel.engine.ended import Ended
from backchannel.errors import InputError

HERE = Path(__file__).parent / "rules"
SUFFIXES = frozenset({".yaml", ".yml"})
BUNDLE = "rules.json"
"""All our rules in one file, because reading YAML takes longer than most scans."""


@cache
def load(*folders: Path) -> dict[str, Rule]:
    """Return our rules and those in *folders*, by id; later folders win. Raises InputError."""
    text = (HERE.parent / BUNDLE).read_bytes()
    rules = {rule.id: rule for rule in msgspec.json.decode(text, type=list[Rule])}
    for folder in folders:
        rules |= read(folder)
    return rules


def read(folder: Path) -> dict[str, Rule]:
    """Return the rules in a folder of YAML files.

    Raises InputError with all errors at once, UsageError for an invalid expression.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder of rules")
    rules, errors = dict[str, Rule](), list[str]()
    files = sorted(each for each in folder.iterdir() if each.suffix in SUFFIXES)
    if not files:  # who named it would believe that its rules are looked for
        raise InputError(folder, "no rules there: they are files that end in .yaml or .yml")
    for path in files:
        rule = _rule(path, errors)
        if rule is None:
            continue
        named = set[str]()
        for text in expressions(rule):  # its errors are told now, not in the middle of a scan
            named |= Expression(text, rule.id).names
        try:
            named |= {name for _, name in parts(rule.summary) if name}
        except ValueError as error:
            errors.append(f"{path}: summary: {error}")
        errors += [f"{path}: {error}" for error in _unknown(rule, named)]
        if rule.id != path.stem:
            errors.append(f"{path}: the rule's id is {rule.id!r}; it must be the file's name")
        rules[rule.id] = rule
    if errors:
        raise InputError(folder, "\n" + "\n".join(errors))
    return rules


def _rule(path: Path, errors: list[str]) -> Rule | None:
    """Return the rule in a file; None where it is none, with reasons in *errors*."""
    from backchannel.yamlfile import YamlFile  # noqa: PLC0415 - YAML loads slowly, ours are JSON

    try:
        file = YamlFile(path)
    except InputError as error:
        errors.append(str(error))
        return None
    made = file.convert(Rule)
    errors += file.errors
    return None if file.errors else made


def _unknown(rule: Rule, named: set[str]) -> Iterator[str]:
    """Yield what is wrong with what a rule looks at: it would never fire, and nobody would know."""
    known = kinds() | {"stream": Ended}
    if strange := [tag for tag in rule.events if tag not in known]:
        yield f"there is no event {', '.join(map(repr, strange))}; docs/events.md lists them"
        return
    places = {name for tag in rule.events for name in vocabulary(known[tag]).places}
    if missing := sorted(named - places):
        yield f"{', '.join(map(repr, missing))} is in none of its events; they have " + (
            ", ".join(sorted(places))
        )


def expressions(rule: Rule) -> Iterator[str]:
    """Yield every expression that stands in a rule."""
    yield from (rule.when, *rule.each)
    yield from (text for text in (rule.excerpt, rule.count.distinct if rule.count else "") if text)
