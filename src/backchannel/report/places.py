"""Where a frame is: its file, and its number in that file, as every output says it."""

from bisect import bisect_right
from collections import Counter

from rich.text import Text

from backchannel.report.document import Document
from backchannel.text import escape


class Places:
    """The captures of a document by their first frames."""

    def __init__(self, document: Document) -> None:
        self._inputs = document.inputs
        self._starts = [entry.first_frame for entry in document.inputs]
        self._ends = Counter(_end(entry.path) for entry in document.inputs)

    def split(self, frame: int) -> tuple[str, int]:
        """Return the path and the number in that file of a frame counted over all captures."""
        place = bisect_right(self._starts, frame) - 1
        if place < 0:
            return "", frame
        return self._inputs[place].path, frame - self._starts[place] + 1

    def brief(self, frame: int) -> str:
        """Return `login.pcap #6`: the file's name, or its whole path where two have that name."""
        path, number = self.split(frame)
        end = _end(path)
        return f"{escape(end if self._ends[end] < 2 else path)} #{number}"

    def of(self, frame: int) -> Text:
        """Return a frame as a terminal shows it; the file only among several."""
        if len(self._inputs) < 2:
            return Text(f"#{self.split(frame)[1]}")
        return Text(self.brief(frame))


def _end(path: str) -> str:
    return path.rsplit("/", 1)[-1]
