"""Text of strangers, made safe to show: in messages, in logs and on a terminal."""

import re
from typing import Any

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?:[^/\s?#]*@)?(?P<rest>[^\s?#\"'<>]*)(?:[?#][^\s\"'<>]*)?")


def scrub(text: str) -> str:
    """The text on one line, without credentials and control characters.

    User names, passwords, query strings and fragments of URLs are dropped, since a signed URL is a credential. Control
    and other unprintable characters become their escapes, so that they cannot fool a terminal or a log reader.
    """
    without_secrets = _URL.sub(lambda match: match["scheme"] + match["rest"], text)
    one_line = " ".join(without_secrets.split())
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode() for char in one_line
    )


def scrub_all(document: Any) -> Any:
    """A JSON document whose texts are scrubbed; names of members are kept as they are."""
    if isinstance(document, str):
        return scrub(document)
    if isinstance(document, dict):
        return {name: scrub_all(value) for name, value in document.items()}
    return [scrub_all(value) for value in document] if isinstance(document, list | tuple) else document
