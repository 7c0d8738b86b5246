r"""The XML of one side of a stream, incrementally: bytes in, whole stanzas out.

    Head       the opening tag of the root, `<stream:stream ...>`; a stream begun again too
    Element    one stanza, or any other child of the root, with all that it holds
    Foot       `</stream:stream>`
    Oversized  a child of the root that was too large to keep

A reader of our own, not expat. RFC 6120 §11.1 allows no document type, entity, comment or
processing instruction in a stream, so what is left of XML is small; and expat cannot do three
things that are needed here: begin in the middle of a stream, go on behind a gap, and say how far
into a stanza a side is. (It may also keep back a whole tag until more bytes come, so that what is
told would depend on how TCP cut the stream.) What expat is known for cannot happen here: entities
are not declared, but five that are fixed and numbers, each replaced once, so that nothing grows;
a document type ends the reading of its side; and every byte is looked at once, whether it comes
alone or with others.

Bounds of a side: a tag of MAX_TAG bytes, MAX_ATTRIBUTES in a tag, MAX_PREFIXES in scope; a stanza
of MAX_STANZA bytes, MAX_DEPTH deep, with MAX_ELEMENTS. A stanza that is larger is passed over; the
other limits, and XML that is not well-formed, are a WireError: framing is lost, and `recover` looks
for the next stanza behind what was wrong.
"""

from collections.abc import Iterator

from backchannel.patterns import later
from backchannel.protocols.xmpp.elements import Element, Foot, Head, Item, Oversized, unescape
from backchannel.protocols.xmpp.tags import blank_end, name_end, value_end, value_start
from backchannel.reader import WireError, cut, cut_buffer
from backchannel.text import utf8

MAX_TAG = 65_536
MAX_ATTRIBUTES = 512
MAX_PREFIXES = 128
MAX_STANZA = 1 << 19
"""Servers take 256 KiB of a client and 512 KiB of another server (Prosody, ejabberd)."""
MAX_DEPTH = 128
MAX_ELEMENTS = 8_192
MAX_ASIDE = 4_096
"""Bytes of a comment or of an XML declaration."""
_NOT_YET = 0

STREAMS = "http://etherx.jabber.org/streams"
_PREFIXES = {
    "xml": "http://www.w3.org/XML/1998/namespace",
    "stream": STREAMS,
    "db": "jabber:server:dialback",
    "": "jabber:client",
}
"""In scope where the root was not captured: what nearly all streams declare."""

_BLANK = b" \t\r\n\0\xef\xbb\xbf"
"""White space; the zero that ends what Flash sends; a byte order mark."""
_NOT_BLANK = later(b"[^" + _BLANK + b"]")
_LESS, _GREATER, _SLASH, _DOUBLE, _SINGLE, _BANG, _ASK = b"<>/\"'!?"
_CDATA, _COMMENT = b"<![CDATA[", b"<!--"
_SEEK = later(
    rb"<(?:(?:iq|message|presence|stream:(?:stream|features|error)|auth|challenge|response|success"
    rb"|failure|starttls|proceed|db:result|db:verify)(?=[\s/>])|/stream:stream)"
)
_LONGEST = 24
"""Bytes in which `_SEEK` has shown whether it fits."""


class Reader:
    """Reads one side. *begun*: False where its beginning was not captured."""

    def __init__(self, *, begun: bool) -> None:
        self._buffer = bytearray()
        self._seek = 0
        """Bytes of the buffer in which the end of what stands at its beginning is not."""
        self._markup = False
        """Whether the buffer begins with `<`."""
        self._quote = 0
        """The quotation mark that is open in it; 0 for none."""
        self._root = _PREFIXES
        self._open: list[tuple[bytes, Element, dict[str, str]]] = []
        """Elements that are open below the root: names as sent, and prefixes in scope."""
        self._started = not begun
        self._hunting = not begun
        self._joined = not begun
        """Whether it may have begun amid a stanza: then a strange end is no fault."""
        self._size = self._count = 0
        self._passing = 0
        """Depth within a stanza that is passed over; 0: none is."""
        self._passed = ""
        self._wrong = 0
        """Bytes at the buffer's beginning that cannot be read: what `recover` leaves out."""

    # -- what the session asks -----------------------------------------------------------------

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._buffer += data

    @property
    def partial(self) -> bool:
        """Whether something has begun and not ended."""
        if self._hunting:
            return self._buffer.find(b"<") >= 0
        return bool(self._open or self._passing or self._markup or self._buffer)

    def lose(self) -> None:
        """Bytes are missing: go on at the next stanza."""
        self._reset()
        self._started = self._hunting = self._joined = True

    def recover(self) -> None:
        """`take` raised: go on at the next stanza behind what was wrong."""
        behind = self._buffer[self._wrong :]
        self.lose()
        self._wrong = 0
        self._buffer += behind

    def rest(self) -> bytes:
        """Give up what was not read: it is something else than XML."""
        data = bytes(self._buffer)
        self._reset()
        return data

    @property
    def left(self) -> int:
        """Bytes that were not read."""
        return len(self._buffer)

    def at_tls(self) -> bool:
        """Whether a TLS record stands where a stanza may begin; drops white space before it."""
        if self._open or self._passing or self._markup or self._hunting:
            return False
        at = _NOT_BLANK.search(self._buffer)
        if at is None or at[0] != b"\x16":
            return False
        del self._buffer[: at.start()]
        return True

    def take(self) -> Item | None:
        """Return the next item; None while there is none whole. Raises WireError."""
        while self._buffer:
            if self._hunting and not self._found():
                return None
            if not self._markup:
                if not self._text():
                    return None
                continue
            size = self._length()
            if size == _NOT_YET:
                return None
            token = cut_buffer(self._buffer, 0, size)
            del self._buffer[:size]
            self._seek, self._markup, self._quote = 0, False, 0
            item = self._token(token)
            if item is not None:
                return item
        return None

    def _reset(self) -> None:
        self._buffer.clear()
        self._open.clear()
        self._seek = self._size = self._count = self._passing = 0
        self._markup, self._quote = False, 0

    def _found(self) -> bool:
        """Look for the beginning of a stanza."""
        found = _SEEK.search(self._buffer)
        if found is None:
            del self._buffer[:-_LONGEST]
            return False
        if found.start():
            del self._buffer[: found.start()]
        self._hunting, self._seek = False, 0
        return True

    # -- bytes to tokens -----------------------------------------------------------------------

    def _text(self) -> bool:
        """Take the text before the next `<`; say whether that has come."""
        buffer = self._buffer
        found = self._seek
        if found >= len(buffer) or buffer[found] != _LESS:  # else there is no text, as mostly
            found = buffer.find(b"<", found)
        end = len(buffer) if found < 0 else found
        if not self._open and not self._passing:
            if not self._between(end):
                return True
        elif self._passing or self._size + end > MAX_STANZA:
            self._pass_over()
            del buffer[:end]
            self._seek = 0
        elif found < 0:
            self._seek = end
        else:
            if end:
                self._keep(unescape(utf8(cut_buffer(buffer, 0, end))), end)
                del buffer[:end]
            self._seek = 0
        self._markup = found >= 0
        return self._markup

    def _between(self, end: int) -> bool:
        """Pass over what stands outside of stanzas: white space, which keeps connections alive.

        Return False where it is something else, and the next stanza is looked for.
        """
        if cut_buffer(self._buffer, 0, end).strip(_BLANK):
            if self._joined:
                self._hunting = True
                return False
            raise WireError("text between stanzas")
        del self._buffer[:end]
        self._seek = 0
        return True

    def _length(self) -> int:
        """Return the size of the markup at the beginning; _NOT_YET where its end has not come."""
        buffer, size = self._buffer, len(self._buffer)
        if size > 1 and buffer[1] in (_BANG, _ASK):
            return self._aside()
        at, quote = max(self._seek, 1), self._quote
        while at < size:
            octet = buffer[at]
            at += 1
            if quote:
                quote = 0 if octet == quote else quote
            elif octet in (_LESS, _GREATER, _DOUBLE, _SINGLE):
                if at > MAX_TAG:
                    break
                if octet == _GREATER:
                    return at
                if octet == _LESS:
                    self._wrong = at - 1
                    raise WireError("< in a tag")
                quote = octet
        self._seek, self._quote = size, quote
        if size > MAX_TAG:
            self._wrong = MAX_TAG
            raise WireError(f"tag of more than {MAX_TAG} bytes")
        return _NOT_YET

    def _aside(self) -> int:
        """Measure what is not a tag: a declaration, a comment, character data."""
        buffer = self._buffer
        head = bytes(buffer[: len(_CDATA)])
        if head[1:2] == b"?":
            mark, limit = b"?>", MAX_ASIDE
        elif head.startswith(_COMMENT):
            mark, limit = b"-->", MAX_ASIDE
        elif head == _CDATA:
            mark, limit = b"]]>", MAX_STANZA
        elif _CDATA.startswith(head) or _COMMENT.startswith(head):
            return _NOT_YET
        else:
            self._wrong = 1
            raise WireError("a document type or entity declaration, which XMPP forbids")
        found = buffer.find(mark, max(self._seek, 2))
        if found >= 0 and found <= limit:
            return found + len(mark)
        self._seek = max(2, len(buffer) - len(mark) + 1)
        if found >= 0 or len(buffer) > limit:
            self._wrong = limit
            raise WireError(f"more than {limit} bytes before {mark.decode()}")
        return _NOT_YET

    # -- tokens to elements --------------------------------------------------------------------

    def _token(self, token: bytes) -> Item | None:
        if token[1] == _ASK or token.startswith(_COMMENT):
            return None
        if token.startswith(_CDATA):
            if self._open:
                self._keep(utf8(token[len(_CDATA) : -3]), len(token))
            return None
        closes = token[1] == _SLASH
        start = 2 if closes else 1
        end = name_end(token, start)
        if end == start:
            raise WireError("a tag without a name")
        name = cut(token, start, end)
        if closes:
            return self._close(name, token, end)
        if self._passing:
            return self._passed_tag(0 if token.endswith(b"/>") else 1)
        return self._begin(name, token, end)

    def _begin(self, tag: bytes, token: bytes, at: int) -> Item | None:
        """Begin an element whose *tag*, as sent, ends at *at*."""
        scope = self._open[-1][2] if self._open else self._root
        if not self._open and not self._started:
            scope = {"xml": _PREFIXES["xml"]}
        attributes: dict[str, str] = {}
        scope = self._attributes(token, at, attributes, scope)
        empty = token[-2] == _SLASH
        before, _, local = tag.rpartition(b":")
        name, prefix = utf8(local), utf8(before)
        element = Element(name, scope.get(prefix, prefix), attributes)
        root = name == "stream" and (prefix or element.ns == STREAMS)
        if not self._open and (not self._started or root):
            self._started, self._root = True, scope
            return Head(element, scope)
        if self._open:
            _, top, _ = self._open[-1]
            top.children.append(element)
        self._size += len(token)
        self._count += 1
        if empty and not self._open:
            return self._whole(element)
        if not empty:
            self._open.append((tag, element, scope))
        if self._overfull():
            self._pass_over()
        return None

    def _attributes(
        self, token: bytes, at: int, attributes: dict[str, str], scope: dict[str, str]
    ) -> dict[str, str]:
        """Put the attributes into a dictionary, and return the prefixes in *scope* with them."""
        own: dict[str, str] | None = None
        count = 0
        while True:
            first = blank_end(token, at)
            stop = name_end(token, first)
            start = value_start(token, stop) if stop > first else -1
            end = value_end(token, start) if start >= 0 else -1
            if end < 0:
                break
            at = end + 1
            count += 1
            name, value = utf8(cut(token, first, stop)), utf8(cut(token, start, end))
            target = attributes
            if name == "xmlns" or name.startswith("xmlns:"):
                own = {} if own is None else own
                target, name = own, name[6:]
            if name in target or count > MAX_ATTRIBUTES:
                raise WireError("an attribute twice" if name in target else "too many attributes")
            target[name] = unescape(value) if "&" in value else value
        at = blank_end(token, at)
        if at + (token[at] == _SLASH) != len(token) - 1:
            raise WireError("a tag that is not well-formed")
        if own:
            scope = scope | own
            if len(scope) > MAX_PREFIXES:
                raise WireError("too many namespaces")
        return scope

    def _close(self, name: bytes, token: bytes, at: int) -> Item | None:
        if blank_end(token, at) != len(token) - 1:
            raise WireError("an end tag that is not well-formed")
        if self._passing:
            return self._passed_tag(-1)
        if not self._open:
            return self._foot(name)
        opened, element, _ = self._open[-1]
        if opened != name:
            if self._joined:
                self._hunt()
                return None
            raise WireError("an end tag that fits no beginning")
        self._open.pop()
        self._size += len(token)
        return None if self._open else self._whole(element)

    def _foot(self, name: bytes) -> Item | None:
        if name.rpartition(b":")[2] == b"stream":
            return Foot()
        if self._joined:
            self._hunt()
            return None
        raise WireError("an end tag that fits no beginning")

    def _hunt(self) -> None:
        self._open.clear()
        self._size = self._count = 0
        self._hunting = True

    def _whole(self, element: Element) -> Element:
        self._size = self._count = 0
        return element

    def _keep(self, text: str, size: int) -> None:
        _, top, _ = self._open[-1]
        top.pieces.append(text)
        self._size += size
        if self._overfull():
            self._pass_over()

    # -- stanzas that are passed over ----------------------------------------------------------

    def _overfull(self) -> bool:
        return self._size > MAX_STANZA or self._count > MAX_ELEMENTS or len(self._open) > MAX_DEPTH

    def _pass_over(self) -> None:
        if not self._passing:
            self._passing, self._passed = len(self._open), self._open[0][1].name[:64]
            self._open.clear()
            self._size = self._count = 0

    def _passed_tag(self, change: int) -> Oversized | None:
        self._passing += change
        return None if self._passing else Oversized(self._passed)


def ends(data: bytes) -> Iterator[int]:
    """Yield where each item ends in bytes that begin between stanzas. Raises WireError."""
    reader = Reader(begun=False)
    reader.add(data)
    while reader.take() is not None:
        yield len(data) - reader.left
