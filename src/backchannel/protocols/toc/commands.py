"""What TOC clients say: one small function a command, and the table of them."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator

from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Message,
    OfferAnswer,
    Presence,
    Profile,
    Room,
    Search,
    SignOn,
    Software,
    Typing,
    Warned,
)
from backchannel.protocols import Output
from backchannel.protocols.oscar import names
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.rendezvous import USES
from backchannel.protocols.oscar.state import State
from backchannel.protocols.toc.config import contacts
from backchannel.protocols.toc.wire import unroast

Words = list[str]


def word(words: Words, at: int) -> str:
    """Return a word, empty where there are fewer."""
    return words[at] if at < len(words) else ""


def sign_on(state: State, words: Words) -> Iterator[Output]:
    """toc_signon, toc2_signon, toc2_login: host, port, name, roasted password, language, client."""
    account, client = word(words, 3), word(words, 6)
    yield from state.learn(account)
    yield SignOn(account=account, method="roasted-password", client=client)
    yield Credential(
        account=account, kind="recoverable", scheme="toc-roast", secret=unroast(word(words, 4))
    )
    if client:
        yield Software(name=client, account=account)


def send_im(state: State, words: Words) -> Iterator[Output]:
    """toc_send_im, toc2_send_im: recipient, text, perhaps `auto`."""
    yield from _send(state, word(words, 1), word(words, 2), word(words, 3))


def send_im_encoded(state: State, words: Words) -> Iterator[Output]:
    """toc2_send_im_enc: recipient, flag, encoding, language, text, perhaps `auto`."""
    yield from _send(state, word(words, 1), word(words, 5), word(words, 6))


def _send(state: State, recipient: str, sent: str, auto: str) -> Iterator[Output]:
    kind = "auto-response" if auto == "auto" else "text"
    yield message(state.account, recipient, sent, kind=kind)


def message(
    sender: str, recipient: str, sent: str, *, kind: str = "text", room: str = ""
) -> Message:
    """Return a message in readable text, with its HTML beside it."""
    text, markup = readable(sent, escaped=True)
    return Message(
        sender=sender,
        recipient=recipient,
        text=text,
        kind=kind,
        room=room,
        size=len(text),
        markup=markup,
    )


def add(state: State, words: Words) -> Iterator[Output]:
    """toc_add_buddy, toc_add_permit: names."""
    yield from _listed(state, words[1:], change="add")


def remove(state: State, words: Words) -> Iterator[Output]:
    """toc_remove_buddy: names."""
    yield from _listed(state, words[1:], change="remove")


def remove_from_group(state: State, words: Words) -> Iterator[Output]:
    """toc2_remove_buddy: names, then the group they are in."""
    yield from _listed(state, words[1:-1], change="remove", group=words[-1])


def deny(state: State, words: Words) -> Iterator[Output]:
    """toc_add_deny, toc2_add_deny: names."""
    yield from _listed(state, words[1:], change="add", blocked=True)


def allow(state: State, words: Words) -> Iterator[Output]:
    """toc2_remove_deny: names."""
    yield from _listed(state, words[1:], change="remove", blocked=True)


def _listed(
    state: State, accounts: Words, *, change: str, group: str = "", blocked: bool = False
) -> Iterator[Output]:
    if accounts:
        entries = tuple(Contact(account=a, group=group, blocked=blocked) for a in accounts)
        yield Contacts(
            owner=state.account, change="add" if change == "add" else "remove", entries=entries
        )


def configure(state: State, words: Words) -> Iterator[Output]:
    """toc_set_config: the whole list as text. toc2_new_buddies: new entries in braces."""
    change = "list" if words[0] == "toc_set_config" else "add"
    yield from contacts(state.account, word(words, 1).strip("{}"), change=change)


def warn(state: State, words: Words) -> Iterator[Output]:
    """toc_evil: whom, and whether under one's own name."""
    yield Warned(account=word(words, 1), by=state.account)


def away(state: State, words: Words) -> Iterator[Output]:
    """toc_set_away: the text; none means back."""
    text = readable(word(words, 1), escaped=True)[0]
    yield Presence(account=state.account, status="away" if text else "online", text=text)


def idle(state: State, words: Words) -> Iterator[Output]:
    """toc_set_idle: seconds."""
    told = word(words, 1)
    seconds = int(told[:9]) if told.isascii() and told.isdigit() else 0
    yield Presence(account=state.account, status="idle" if seconds else "online", idle=seconds)


def profile(state: State, words: Words) -> Iterator[Output]:
    """toc_set_info, toc_set_dir: what the client's user tells."""
    yield Profile(account=state.account, text=readable(" ".join(words[1:]), escaped=True)[0])


def search(state: State, words: Words) -> Iterator[Output]:
    """toc_dir_search: fields with colons between them."""
    text = " ".join(filter(None, " ".join(words[1:]).replace(":", " ").split()))
    yield Search(text=text, account=state.account)


def password(state: State, words: Words) -> Iterator[Output]:
    """toc_change_passwd: old and new, readable."""
    for secret in words[1:3]:
        yield Credential(
            account=state.account, kind="plain", scheme="toc-password-change", secret=secret
        )


def typing(state: State, words: Words) -> Iterator[Output]:
    """toc2_client_event: whom to, and 2 for typing."""
    yield Typing(sender=state.account, recipient=word(words, 1), active=word(words, 2) == "2")


def chat_join(state: State, words: Words) -> Iterator[Output]:
    """toc_chat_join: exchange and name; the room's number comes with the answer."""
    yield Room(room=word(words, 2), action="create", account=state.account)


def chat_send(state: State, words: Words) -> Iterator[Output]:
    """toc_chat_send: room and text. The room reflects it to its sender; told here, not there."""
    yield message(state.account, "", word(words, 2), room=room(state, word(words, 1)))


def chat_whisper(state: State, words: Words) -> Iterator[Output]:
    """toc_chat_whisper: room, recipient and text."""
    place = room(state, word(words, 1))
    yield message(state.account, word(words, 2), word(words, 3), kind="whisper", room=place)


def chat_invite(state: State, words: Words) -> Iterator[Output]:
    """toc_chat_invite: room, text, and whom."""
    place = room(state, word(words, 1))
    yield Room(room=place, action="invite", account=state.account, others=tuple(words[3:]))


def chat_leave(state: State, words: Words) -> Iterator[Output]:
    """toc_chat_leave: room."""
    yield Room(room=room(state, word(words, 1)), action="leave", account=state.account)


def room(state: State, number: str) -> str:
    """Return the name of a room; its number where the name was not seen."""
    return state.rooms.get(number.encode(), number)


def answer(state: State, words: Words) -> Iterator[Output]:
    """toc_rvous_accept, toc_rvous_cancel: who proposed, cookie, capability."""
    capability = names.CAPABILITIES.get(guid(word(words, 3)), "")
    if capability in USES:
        yield OfferAnswer(
            sender=state.account,
            recipient=word(words, 1),
            id=base64(word(words, 2)).hex(),
            accepted=words[0].endswith("accept"),
            use=USES[capability],
        )


def guid(text: str) -> bytes:
    """Return a capability as bytes; none where it is not hexadecimal."""
    try:
        return bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return b""


def base64(text: str) -> bytes:
    """Return decoded bytes; none where they are not base64."""
    try:
        return b64decode(text)
    except (Base64Error, ValueError):
        return b""


COMMANDS: dict[str, Callable[[State, Words], Iterator[Output]]] = {
    "toc_signon": sign_on,
    "toc2_signon": sign_on,
    "toc2_login": sign_on,
    "toc_send_im": send_im,
    "toc2_send_im": send_im,
    "toc2_send_im_enc": send_im_encoded,
    "toc_add_buddy": add,
    "toc_remove_buddy": remove,
    "toc2_remove_buddy": remove_from_group,
    "toc_add_deny": deny,
    "toc2_add_deny": deny,
    "toc2_remove_deny": allow,
    "toc_set_config": configure,
    "toc2_new_buddies": configure,
    "toc_evil": warn,
    "toc_set_away": away,
    "toc_set_idle": idle,
    "toc_set_info": profile,
    "toc_set_dir": profile,
    "toc_dir_search": search,
    "toc_change_passwd": password,
    "toc2_client_event": typing,
    "toc_chat_join": chat_join,
    "toc_chat_send": chat_send,
    "toc_chat_whisper": chat_whisper,
    "toc_chat_invite": chat_invite,
    "toc_chat_leave": chat_leave,
    "toc_rvous_accept": answer,
    "toc_rvous_cancel": answer,
}
