"""The store's own mark of an object's bytes, as text: what `fetch` reports, and what a later fetch gives back. Pure.

An S3 versionId (`s3:...`) names bytes that never change, so a fetch can ask for them. A strong ETag (`etag:"..."`) names
no bytes to ask for: it tells people whether the object is still the same one.

Both are words of a store that may mean harm, and they stand on command lines of pods. Kubernetes replaces `$(NAME)` there
by a variable, a Secret's for example. So a mark with a `$` is none.
"""

import re

MAX_VERSION = 256
"""Characters of the text."""

_S3 = "s3:"
_ETAG = "etag:"
# Characters of every known store's versionIds, less those that the store client signs in another way than S3.
_VERSION_ID = re.compile(r"[A-Za-z0-9._+/=-]+")
_STRONG_ETAG = re.compile(r'"[!#%-~]*"')
_OVERWRITTEN = "null"
"""The versionId of objects that were stored while their bucket kept no versions; the next such object has it, too."""


def version_text(version_id: str | None, e_tag: str | None) -> str | None:
    """The mark as text of at most MAX_VERSION characters: the versionId, or else the ETag, or None for neither.

    Args:
        version_id: S3's versionId of the object.
        e_tag: its strong ETag.
    """
    lasting = version_id if version_id and version_id != _OVERWRITTEN and _VERSION_ID.fullmatch(version_id) else None
    strong = e_tag if e_tag and _STRONG_ETAG.fullmatch(e_tag) else None
    texts = (f"{kind}{mark}" for kind, mark in ((_S3, lasting), (_ETAG, strong)) if mark)
    return next((text for text in texts if len(text) <= MAX_VERSION), None)


def version_id_of(text: str | None) -> str | None:
    """The versionId in a mark; None where it holds none that can be asked for."""
    if not text or not text.startswith(_S3):
        return None
    version_id = text.removeprefix(_S3)
    return version_id if version_text(version_id, None) else None
