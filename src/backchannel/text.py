"""Text from the wire, made safe to hold and safe to show.

`decode` turns bytes into str without ever raising; `escape` makes what an attacker chose
(screen names, file names, messages) harmless on a terminal and unambiguous in a log.
"""

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Right-to-left overrides and their kin are category Cf, terminal escapes are Cc.


def decode(data: bytes, *encodings: str) -> str:
    """Return *data* as text: the first of *encodings* that fits (default UTF-8), else Latin-1."""
    for encoding in encodings or ("utf-8",):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


def utf8(data: bytes) -> str:
    """Return *data* as text: as `decode` without encodings, at once."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def escape(text: str) -> str:
    r"""Return *text* with control, format and bidirectional characters as `\xNN` or `\uNNNN`."""
    if _plain(str(text)):
        return text.replace("\\", "\\\\") if "\\" in text else text
    return "".join(map(_escaped, text))


def unescape(text: str) -> str:
    """Return *text* without entities of HTML. Few texts have any, and their table loads slowly."""
    if "&" not in text:
        return text
    import html  # noqa: PLC0415 - as said

    return html.unescape(text)


def endpoint(address: str, port: int) -> str:
    """Return an address with a port; nothing for neither."""
    if ":" in address:
        return f"[{address}]:{port}"
    return f"{address}:{port}" if address or port else ""


def harmless(text: str) -> str:
    """Return *text* of our own for a terminal, though it may hold names that others chose.

    As `escape`, but lines stay lines, and backslashes are left as they are.
    """
    return "".join(char if char in "\\\n" else _escaped(char) for char in text)


def _plain(text: str) -> bool:
    """Say whether all characters of *text* are printable ones of ASCII."""
    for char in text:  # noqa: SIM110 - compiled, this takes a few instructions for each
        if not " " <= char <= "~":
            return False
    return True


def _escaped(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if unicodedata.category(char) in _UNSAFE:
        return (
            char.encode("ascii", "backslashreplace").decode()
            if ord(char) > 0x7F
            else (f"\\x{ord(char):02x}")
        )
    return char
