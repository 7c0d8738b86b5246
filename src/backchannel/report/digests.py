"""SHA-256 of the captures, so that a reader of the report can tell whether a file is the same."""

from pathlib import Path

import msgspec

from backchannel.report.document import Document

CHUNK = 1 << 20


def with_digests(document: Document) -> Document:
    """Return the document with the SHA-256 of each capture and of each piece of evidence's file.

    Reads every file once more. What cannot be read again (a pipe, what is gone) stays without.
    """
    known = {entry.path: entry.sha256 or _sha256(entry.path) for entry in document.inputs}
    return msgspec.structs.replace(
        document,
        inputs=tuple(
            msgspec.structs.replace(entry, sha256=known[entry.path]) for entry in document.inputs
        ),
        findings=tuple(
            msgspec.structs.replace(
                found,
                evidence=tuple(
                    msgspec.structs.replace(place, sha256=known.get(place.path, ""))
                    for place in found.evidence
                ),
            )
            for found in document.findings
        ),
    )


def _sha256(path: str) -> str:
    from hashlib import sha256  # noqa: PLC0415 - which takes long to load

    if not Path(path).is_file():  # a named pipe would be waited for
        return ""
    digest = sha256()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()
