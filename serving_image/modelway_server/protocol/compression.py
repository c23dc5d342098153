"""Compression: bodies of gzip and deflate, inflated within a bound, and answers as gzip where that pays.

Source: RFC 9110, sections 8.4.1 and 12.5.3; RFC 1952; RFC 1950. The threshold and level for answers are those of the
Kubernetes API server: inside a cluster, compressing less costs more time than it saves.
"""

import gzip
import zlib
from typing import Final

from modelway_server.errors import MalformedRequest, RequestTooLarge

CODINGS: Final = ("gzip", "deflate")
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
MAX_MEMBERS = 1000
"""Members that a gzip body may have: each costs a few microseconds, however little it holds."""

MIN_COMPRESSED = 128 * 1024
"""Answers of at least so many bytes are worth compressing."""
_LEVEL = 1


class Inflater:
    """One compressed body, inflated as it arrives; never more than the limit is kept.

    A gzip body may have several members, as `cat a.gz b.gz` and parallel compressors write it. It is what all of them
    hold, one after the other (RFC 1952, section 2.2).

    Args:
        coding: `gzip` or `deflate`, one of CODINGS.
        limit: bytes that the inflated body may have.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self._limit = limit
        self._inflate = zlib.decompressobj(wbits=_WINDOW_BITS[coding])
        self._members = 1
        self._chunks: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> int:
        """Inflate the next bytes; the number that is kept.

        Raises:
            MalformedRequest: they are not of the coding, or follow its end.
            RequestTooLarge: the body is larger than the limit.
        """
        before = self._size
        while chunk:
            if self._inflate.eof:
                self._begin_member()
            self._keep(chunk)
            chunk = self._inflate.unused_data
        return self._size - before

    def finish(self) -> bytes:
        """The whole body.

        Raises:
            MalformedRequest: it ends too early.
        """
        if not self._inflate.eof:
            raise MalformedRequest(f"the {self._coding} body is cut off before its end")
        return b"".join(self._chunks)

    def _begin_member(self) -> None:
        if _WINDOW_BITS[self._coding] != _WINDOW_BITS["gzip"]:
            raise MalformedRequest(f"bytes follow the end of the {self._coding} body")
        if self._members == MAX_MEMBERS:
            raise MalformedRequest(f"the gzip body has more than {MAX_MEMBERS} members; compress it as one")
        self._members += 1
        self._inflate = zlib.decompressobj(wbits=_WINDOW_BITS[self._coding])

    def _keep(self, chunk: bytes) -> None:
        """The inflated part of the chunk that belongs to the current member."""
        try:
            inflated = self._inflate.decompress(chunk, self._limit - self._size + 1)
        except zlib.error:
            raise MalformedRequest(self._complaint()) from None
        self._size += len(inflated)
        if self._size > self._limit:
            self._chunks.clear()
            raise too_large(self._limit, " when it is unpacked")
        self._chunks.append(inflated)

    def _complaint(self) -> str:
        if self._members > 1:
            return f"bytes that are not gzip follow member {self._members - 1} of the gzip body"
        return f"the body is not {self._coding}, which Content-Encoding says it is"


def inflate(coding: str, limit: int, packed: bytes) -> bytes:
    """A whole compressed body, inflated.

    Args:
        coding: as of Inflater.
        limit: as of Inflater.
        packed: the body as it arrived.

    Raises:
        MalformedRequest: it is not of the coding.
        RequestTooLarge: it is larger than the limit.
    """
    inflater = Inflater(coding, limit)
    inflater.feed(packed)
    return inflater.finish()


def too_large(limit: int, how: str = "") -> RequestTooLarge:
    """The refusal of a body that is larger than the limit."""
    return RequestTooLarge(
        f"the body is larger than {limit} bytes{how}; send fewer rows a request, or raise runtime.limits.maxRequestBytes"
    )


def is_known(coding: str) -> bool:
    """Whether bodies of this Content-Encoding, in lower case, can be read; empty stands for none."""
    return coding in {"", "identity"} or coding in _WINDOW_BITS


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether a client that sends this Accept-Encoding takes gzip."""
    accepted = accept_encoding.lower()
    if b"gzip" not in accepted and b"*" not in accepted:
        return False
    weights = dict(map(_weight, accepted.split(b",")))
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", 0.0))) > 0


def compress(body: bytes) -> bytes:
    """The body as gzip."""
    return gzip.compress(body, compresslevel=_LEVEL, mtime=0)


def _weight(item: bytes) -> tuple[bytes, float]:
    coding, _, parameters = item.partition(b";")
    name, _, value = parameters.partition(b"=")
    if name.strip() != b"q":
        return coding.strip(), 1.0
    try:
        return coding.strip(), float(value)
    except ValueError:
        return coding.strip(), 0.0
