"""The words of a text of nftables, one after the other, with their lines."""

import re
from collections.abc import Iterator

from backchannel.errors import InputError
from backchannel.evaluate.packet import unknown

ENDS = ("\n", ";")
"""Words that end a line, or a rule."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[!=<>]=|[{};,=]|#[^\n]*|\n|[^\s{};,=!<>"#]+|[!<>]')


class Reader:
    """Takes the words of a text."""

    def __init__(self, text: str, path: str) -> None:
        """*path*: as errors name the text."""
        self._tokens, self._path = _tokens(text), path
        self._at, self._begun = 0, 0

    @property
    def line(self) -> int:
        """The line of the word that was taken last."""
        return self._tokens[self._at - 1][1] if self._at else 1

    def error(self, what: str) -> InputError:
        """Return an error at the word that was taken last."""
        return unknown(self._path, self.line, what)

    def peek(self) -> str | None:
        """Return the next word without taking it."""
        return self._tokens[self._at][0] if self._at < len(self._tokens) else None

    def take(self) -> str:
        """Return the next word. Raises InputError at the end."""
        word = self.peek()
        if word is None:
            raise self.error("the text ends in the middle")
        self._at += 1
        return word

    def back(self) -> None:
        """Give the last word back."""
        self._at -= 1

    def next_word(self) -> str | None:
        """Return the next word, over ends of lines; None at the end of the text."""
        while (word := self.peek()) in ENDS:
            self._at += 1
        return None if word is None else self.take()

    def word_in_line(self) -> str | None:
        """Return the next word of this line; None at its end, or before a closing brace."""
        word = self.peek()
        return None if word is None or word in (*ENDS, "}") else self.take()

    def expect(self, wanted: str) -> None:
        """Take *wanted*, over ends of lines."""
        word = self.next_word()
        if word != wanted:
            raise self.error(f"`{word}` where `{wanted}` was expected")

    def block(self) -> Iterator[str]:
        """Yield the word that begins each line of `{ ... }`; who asks takes the others. Raises
        InputError where the block does not end.
        """
        self.expect("{")
        while (word := self.next_word()) != "}":
            if word is None:
                raise self.error("the text ends in the middle")
            yield word

    def begin(self) -> None:
        """Remember the place, for `said`."""
        self._begun = self._at

    def said(self) -> str:
        """Return what was read since `begin`."""
        words = [word for word, _ in self._tokens[self._begun : self._at] if word != "\n"]
        return " ".join(words).replace(" ,", ",")

    def rest_of_line(self, stop: str = "\n", until: tuple[str, ...] = ()) -> list[str]:
        """Take and return the words to the end of the line, or up to one of *until*."""
        words = []
        while (word := self.peek()) is not None and word not in (*ENDS, "}", stop, *until):
            words.append(self.take())
        return words

    def skip_line(self) -> None:
        """Pass over the rest of the line."""
        self.rest_of_line()

    def skip_block(self) -> None:
        """Pass over `{ ... }`."""
        self.expect("{")
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.take(), 0)

    def braced(self) -> list[str]:
        """Return the items of `{ a, b }`, over ends of lines."""
        self.expect("{")
        items, item = list[str](), list[str]()
        while (word := self.take()) != "}":
            if word == ",":
                items.append("".join(item))
                item = []
            elif word == "{":
                raise self.error("a set in a set")
            elif word != "\n":
                item.append(word.strip('"'))
        items.append("".join(item))
        return [each for each in items if each]


def _tokens(text: str) -> list[tuple[str, int]]:
    """Return the text's words with their lines; comments are gone, line ends stay."""
    found, line = list[tuple[str, int]](), 1
    for word in _TOKEN.findall(text):
        if not word.startswith("#"):
            found.append((word, line))
        if word == "\n":
            line += 1
    return found
