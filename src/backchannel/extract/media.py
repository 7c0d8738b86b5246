"""What a file's first bytes say it is. Names from the wire are never believed.

Signatures are those of the formats' own specifications.
"""

HEAD = 32
"""Bytes of a file that are looked at."""

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"MZ", "application/x-dosexec"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xfe\xed\xfa", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"#!", "text/x-script"),
    (0, b"\x4c\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"Rar!\x1a\x07", "application/x-rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"{\\rtf", "text/rtf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"<!DOCTYPE html", "text/html"),
    (0, b"<html", "text/html"),
    (0, b"<?xml", "text/xml"),
)


_BY_FIRST = {
    first: tuple(each for each in _SIGNATURES if each[0] or each[1][0] == first)
    for first in {signature[0] for at, signature, _ in _SIGNATURES if not at}
}
_ELSEWHERE = tuple(each for each in _SIGNATURES if each[0])
"""Those of the signatures that a file with that first byte may have, in the same order."""


def media_type(head: bytes) -> str:
    """Return the media type of a file that starts with *head*; empty for none and unknown."""
    if not head:
        return ""
    for at, signature, name in _BY_FIRST.get(head[0], _ELSEWHERE):
        if head.startswith(signature, at):
            return name
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.reason == "unexpected end of data" else ""
    printable = bool(text) and all(char.isprintable() or char in "\t\r\n\f" for char in text)
    return "text/plain" if printable else "application/octet-stream"
