"""What somebody writes in the protocols beside YMSG, undone to text as there."""

from collections.abc import Iterator

from backchannel.events import Message
from backchannel.protocols import Output
from backchannel.protocols.ymsg.markup import plain


def said(
    sender: str, recipient: str, written: str, kind: str = "text", room: str = ""
) -> Iterator[Output]:
    """Yield the message, where somebody said something."""
    text = plain(written)
    if sender and text:
        yield Message(
            sender=sender,
            recipient=recipient,
            room=room,
            text=text,
            kind=kind,
            size=len(text),
            markup=written if text != written else "",
        )
