"""What the XML of a stream is taken apart into."""

import re
from collections.abc import Iterator

from backchannel.patterns import later

_ENTITY = later(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));")
_FIXED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class Element:
    """One element. *name* is without prefix, *ns* its namespace, *text* all directly in it."""

    __slots__ = ("attributes", "children", "name", "ns", "pieces")

    def __init__(self, name: str, ns: str, attributes: dict[str, str]) -> None:
        self.name, self.ns, self.attributes = name, ns, attributes
        self.children: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text directly in this element."""
        return "".join(self.pieces)

    def get(self, name: str) -> str:
        """Return an attribute; empty where it is not there."""
        return self.attributes.get(name, "")

    def child(self, name: str, ns: str = "") -> "Element | None":
        """Return the first child of a name, and of a namespace where one is given."""
        return next(self.all(name, ns), None)

    def all(self, name: str, ns: str = "") -> "Iterator[Element]":
        """Yield the children of a name, and of a namespace where one is given."""
        for each in self.children:
            if each.name == name and (not ns or each.ns == ns):
                yield each

    def of(self, ns: str) -> "Element | None":
        """Return the first child of a namespace."""
        return next((each for each in self.children if each.ns == ns), None)

    def said(self, name: str) -> str:
        """Return the text of the first child of a name, rather of one in this namespace: that of
        others is not what a reader is shown.
        """
        child = self.child(name, self.ns) or self.child(name)
        return child.text.strip() if child else ""


class Head:
    """The root's opening tag."""

    __slots__ = ("element", "prefixes")

    def __init__(self, element: Element, prefixes: dict[str, str]) -> None:
        self.element, self.prefixes = element, prefixes

    @property
    def content(self) -> str:
        """The namespace of stanzas: whose stream it is."""
        return self.prefixes.get("", "")


class Foot:
    """The root's closing tag."""

    __slots__ = ()


class Oversized:
    """A stanza that was too large to keep."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


Item = Head | Element | Foot | Oversized


def unescape(text: str) -> str:
    """Replace the five entities of XML and numbered characters, each once. Others stay."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return _FIXED[found[3]]
    code = int(found[1]) if found[1] else int(found[2], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return found[0]
    return chr(code)
