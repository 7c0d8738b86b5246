"""Writes the generated parts of docs/ from the code: events, the scan document's schema, protocols.

usage: reference.py [--check]    with --check nothing is written, and a difference is an error
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from backchannel import events, protocols
from backchannel.catalogue import index, load
from backchannel.catalogue.model import Service
from backchannel.detect import expressions, rules
from backchannel.events import Event
from backchannel.flows.settings import FlowSettings
from backchannel.live import config, configfile
from backchannel.policy import document as policy
from backchannel.privacy import sensitive_fields
from backchannel.report.document import VERSION, Document

DOCS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Write or check every generated file; return the exit code."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in generated().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(DOCS.parent)))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if check else 'written'}: {name}")
    return 1 if check and stale else 0


def generated() -> dict[Path, str]:
    """Return every generated file with the text it should have."""
    return {
        DOCS / "events.md": events_page(),
        DOCS / f"schema/scan-{VERSION}.json": schema_of(Document),
        DOCS / "protocols/README.md": protocols_page(),
        DOCS / "rules.md": rules_page(),
        DOCS / "configuration.md": configuration_page(),
        rules.HERE.parent / rules.COMPILED: compiled_rules(),
        DOCS / "schema/service.json": schema_of(Service),
        DOCS / "schema/policy.json": schema_of(policy.Policy),
        DOCS / "policy-language.md": policy_page(),
        load.HERE.parent / "index.json": catalogue_index(),
    }


def schema_of(kind: type) -> str:
    """Return the JSON schema of *kind*."""
    text = msgspec.json.format(msgspec.json.encode(msgspec.json.schema(kind)), indent=2)
    return text.decode() + "\n"


def catalogue_index() -> str:
    """Return the catalogue's index: what every scan needs of the service files."""
    built = index.build(load.load(protocols=protocols.load()))
    return msgspec.json.format(msgspec.json.encode(built), indent=1).decode() + "\n"


def events_page() -> str:
    """Return the reference of all events."""
    parts = [
        "# Events\n",
        "Generated from the code by `tools/reference.py`. One line of `--events` is one event:",
        "`time`, `frame`, `service`, `protocol`, `stack`, `confidence`, `side`, `account`, `flow`",
        "and the fields below. Fields marked *secret* are shown only with `--secrets`, fields",
        "marked *content* only with `--content`.\n",
    ]
    parts += [_event(kind) for kind in _kinds(events)]
    for name in sorted(protocols.load()):
        folder = f"{protocols.__name__}.{name.replace('-', '_')}"
        if any(info.name == "events" for info in iter_modules(import_module(folder).__path__)):
            kinds = list(_kinds(import_module(f"{folder}.events")))
            if kinds:
                parts.append(f"## Only in {name}\n")
                parts += [_event(kind) for kind in kinds]
    return "\n".join(parts)


def _kinds(module: Any) -> Iterator[type[Event]]:
    """Yield the event classes that *module* itself defines, in its order."""
    for name, value in vars(module).items():
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and issubclass(value, Event) and value is not Event and name[0] != "_":
            yield value


def _event(kind: type[Event]) -> str:
    about = " ".join((kind.__doc__ or "").split())
    rows = [f"### `{kind.__struct_config__.tag}`\n", about + "\n"]
    hints, private = get_type_hints(kind), sensitive_fields(kind)
    if kind.__struct_fields__:
        rows += ["| field | type | |", "| --- | --- | --- |"]
        for name in kind.__struct_fields__:
            marked = f"*{private[name]}*" if name in private else ""
            rows.append(f"| `{name}` | {_type(hints[name])} | {marked} |")
    if kind.CAPABILITY:
        rows.append(f"\nShows the capability `{kind.CAPABILITY}`.")
    return "\n".join(rows) + "\n"


def _type(hint: Any) -> str:
    words = [repr(word) for word in get_args(hint) if isinstance(word, str)]
    if words:
        return " or ".join(f"`{word[1:-1]}`" for word in words)
    name = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    return "`" + name.replace("backchannel.events.", "").replace("backchannel.model.", "") + "`"


def protocols_page() -> str:
    """Return the list of protocols with a link to each one's page."""
    rows = [
        "# Protocols\n",
        "Generated from the code by `tools/reference.py`.\n",
        "| protocol | what | service | page |",
        "| --- | --- | --- | --- |",
    ]
    for name, protocol in protocols.load().items():
        page = DOCS / f"protocols/{name}.md"
        link = f"[{name}.md]({name}.md)" if page.exists() else ""
        rows.append(f"| `{name}` | {protocol.title} | `{protocol.service}` | {link} |")
    return "\n".join(rows) + "\n"


def compiled_rules() -> str:
    """Return all rules as one JSON file, which loads fast."""
    return msgspec.json.format(msgspec.json.encode(list(rules.read(rules.HERE).values()))).decode()


def rules_page() -> str:
    """Return the reference of rules and of what their expressions can call."""
    rows = [
        "# Rules\n",
        "Generated from the code by `tools/reference.py`. A rule looks at events, or at streams",
        "that ended, and makes one finding for each different subject. `--rules DIR` adds more.\n",
        "| rule | severity | category | looks at | ATT&CK | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for rule in rules.read(rules.HERE).values():
        techniques = ", ".join(rule.attack)
        looks = ", ".join(f"`{tag}`" for tag in rule.events)
        rows.append(
            f"| `{rule.id}` | {rule.severity} | {rule.category} | {looks} | {techniques} "
            f"| {rule.title} |"
        )
    rows.append("\n## Functions in expressions\n")
    for name, function in expressions.FUNCTIONS.items():
        about = (function.__doc__ or "").split("\n")[0]
        documented = about and function.__module__ == expressions.__name__
        rows.append(f"- `{name}`{': ' + about if documented else ''}")
    return "\n".join(rows) + "\n"


def policy_page() -> str:
    """Return the reference of the policy language."""
    rows = [
        "# The policy language\n",
        "Generated from the code by `tools/reference.py`. How to write a policy:",
        "[policy.md](policy.md).",
        "Editors read [schema/policy.json](schema/policy.json).\n",
    ]
    tree = ast.parse(inspect.getsource(policy))
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    for node in reversed(kinds):
        kind = getattr(policy, node.name)
        rows.append(f"## {node.name}\n\n{' '.join((kind.__doc__ or '').split())}\n")
        rows += ["| key | | default | |", "| --- | --- | --- | --- |"]
        said = field_docs(node)
        for field in msgspec.structs.fields(kind):
            default = "" if field.required else f"`{_plain(field)}`"
            shape = _shape(field.type)
            rows.append(f"| `{field.encode_name}` | {shape} | {default} | {said[field.name]} |")
        rows.append("")
    return "\n".join(rows)


def field_docs(node: ast.ClassDef) -> dict[str, str]:
    """Return what stands below each field of a class, as one line."""
    found = dict[str, str]()
    name = ""
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            name = part.target.id
            found[name] = ""
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and name:
            found[name] = " ".join(str(part.value.value).split())
            name = ""
    return found


def _plain(field: Any) -> str:
    if field.default is msgspec.NODEFAULT:
        return str(msgspec.json.encode(field.default_factory()).decode())
    return str(msgspec.json.encode(field.default).decode())


def _shape(hint: Any) -> str:
    """Return a type in the words of YAML."""
    words = [word for word in get_args(hint) if isinstance(word, str | int)]
    if words:
        return " or ".join(f"`{word}`" for word in words)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    plain = {str: "text", bool: "`true` or `false`", int: "number", type(None): "nothing"}
    if hint in plain:
        return plain[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return " or ".join(f"`{member}`" for member in hint)
    origin, parts = get_origin(hint), [each for each in get_args(hint) if each is not ...]
    if origin is tuple:
        return f"list of {_shape(parts[0])}"
    if origin is dict:
        return f"mapping of names to {_shape(parts[1])}"
    return ", or ".join(_shape(each) for each in parts if each is not type(None))


def configuration_page() -> str:
    """Return the reference of all settings of a watch."""
    rows = [
        "# Configuration\n",
        "Generated from the code by `tools/reference.py`. `backchannel watch --config FILE` reads",
        f"TOML, by default `{configfile.SYSTEM}`, and `conf.d/*.toml` beside it in",
        "order: later files win, lists of tables grow. `backchannel check-config FILE` tells what",
        'is wrong. Sizes are written `"64MB"` or `"1GiB"`, times `"90s"`, `"1h"` or `"2d"`. See',
        "[watch.md](watch.md).\n",
    ]
    for field in msgspec.structs.fields(config.Config):
        kind = configfile.table_of(get_type_hints(config.Config)[field.name])
        assert kind is not None
        rows += _settings(f"[{field.name}]", kind)
        for name, hint in get_type_hints(kind, include_extras=True).items():
            table = configfile.table_of(hint)
            if table is not None:
                rows += _settings(f"[[{field.name}.{name}]]", table)
    return "\n".join(rows) + "\n"


def _settings(title: str, kind: type) -> Iterator[str]:
    """Yield the table of one struct's settings."""
    yield f"## `{title}`\n"
    if kind is not FlowSettings:
        yield " ".join((kind.__doc__ or "").split()) + "\n"
    yield "| setting | type | default | |"
    yield "| --- | --- | --- | --- |"
    hints = get_type_hints(kind, include_extras=True)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    told = field_docs(tree) if isinstance(tree, ast.ClassDef) else {}
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        about = configfile.description(hint) or told.get(field.name, "")
        if configfile.table_of(hint) is None and field.name != "key":
            default = "needed" if field.required else _default(field.default)
            yield f"| `{field.name}` | {_setting_type(hint)} | {default} | {about} |"
    yield ""


def _setting_type(hint: Any) -> str:
    base = configfile.plain_type(hint)
    if configfile.is_list(hint):
        return f"list of {_setting_type(get_args(base)[0])}"
    words = [word for word in get_args(base) if isinstance(word, str)]
    if words:
        return " or ".join(f'`"{word}"`' for word in words)
    names = {str: "text", bool: "true or false", int: "number", Path: "path"}
    return names.get(base, base.__name__.lower())


def _default(value: object) -> str:
    if value is None or value in ((), ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if type(value) is int:
        return f"`{value}`"
    return f'`"{value}"`'


if __name__ == "__main__":
    sys.exit(main())
