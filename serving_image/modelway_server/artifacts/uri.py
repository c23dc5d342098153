"""Parse `model.uri`; nothing is read or connected to here."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, NoReturn, get_args
from urllib.parse import SplitResult, unquote, urlsplit

from modelway_server.errors import InvalidURI
from modelway_server.printable import scrub

Scheme = Literal["file", "http", "https", "s3"]

MAX_URI_CHARACTERS = 2048
MAX_FILE_NAME = 200
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Location:
    """One file or folder somewhere.

    Attributes:
        scheme: how it is reached.
        uri: as the user wrote it; a query may hold a signature, so show `public` instead.
        public: the URI without query.
        host: the bucket (s3), host and port (http, https), empty (file).
        path: the object's key (s3), the percent-decoded absolute path (file), the path of the URL (http, https).
        file_name: what it is called on this machine: letters, digits, `.`, `_` and `-`, no dot in front.
        folder: whether it is all that lies below `path`, which then ends in `/`.
    """

    scheme: Scheme
    uri: str
    public: str
    host: str
    path: str
    file_name: str
    folder: bool = False


def parse_uri(uri: str) -> Location:
    """Parse a model's URI.

    Raises:
        InvalidURI: it names nothing that this program can fetch; the message says which part and shows no credentials.
    """
    _check_characters(uri)
    parts = _split(uri)
    if parts.scheme not in get_args(Scheme):
        _refuse(uri, f"the scheme {scrub(parts.scheme)!r} is not one of {', '.join(get_args(Scheme))}")
    scheme: Scheme = parts.scheme  # type: ignore[assignment]  # narrowed by the check above
    path = _path(uri, scheme, parts)
    if ".." in unquote(path).split("/"):
        _refuse(uri, "a '..' segment could leave the place that was named")
    folder = path.endswith("/")
    if folder or not path.strip("/"):
        _check_folder(uri, scheme, path)
    return Location(scheme, uri, scrub(uri), parts.netloc, path, _local_name(path), folder)


def _check_folder(uri: str, scheme: Scheme, path: str) -> None:
    if scheme in {"http", "https"}:
        _refuse(
            uri,
            "it names no file, and a web server lists no folder",
            remedy="Pack the model's folder as .zip or .tar.gz and name that file in spec.model.uri.",
        )
    if not path.strip("/"):
        _refuse(uri, "it names no file and no folder")
    if path.endswith("//"):
        _refuse(uri, "it ends in more than one '/'")


def _check_characters(uri: str) -> None:
    if len(uri) > MAX_URI_CHARACTERS:
        _refuse(uri[:80], f"it has {len(uri)} characters, at most {MAX_URI_CHARACTERS} are taken")
    if any(char.isspace() or not char.isprintable() for char in uri):
        _refuse(uri, "it holds whitespace or control characters")


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  (a port that is not a number is found on reading it)
    except ValueError as error:
        raise InvalidURI(f"{scrub(uri)!r} is not a URI: {scrub(str(error))}") from None
    if "@" in parts.netloc:
        _refuse(
            uri,
            "it holds a user name or password",
            remedy="Put HTTP_USERNAME and HTTP_PASSWORD into the Secret named in spec.model.storage.secretRef.",
        )
    if parts.fragment or (parts.query and parts.scheme not in {"http", "https"}):
        _refuse(uri, "'?' and '#' mean something else in a URI; the object's name must do without them")
    return parts


def _path(uri: str, scheme: Scheme, parts: SplitResult) -> str:
    if scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            _refuse(
                uri,
                f"a file's URI names no host, this one names {scrub(parts.netloc)!r}",
                remedy="Write file:///path/model.joblib.",
            )
        return unquote(parts.path)
    if not parts.hostname:
        _refuse(uri, "the bucket is missing" if scheme == "s3" else "the host is missing")
    if scheme == "s3":
        if not _BUCKET.fullmatch(parts.netloc):
            _refuse(uri, f"{scrub(parts.netloc)!r} is not a bucket's name")
        return parts.path.removeprefix("/")
    return parts.path


def _local_name(path: str) -> str:
    name = _UNSAFE_IN_FILE_NAME.sub("_", PurePosixPath(unquote(path)).name).lstrip(".")
    return name[-MAX_FILE_NAME:].lstrip(".") or "model"


def _refuse(uri: str, cause: str, *, remedy: str | None = None) -> NoReturn:
    raise InvalidURI(f"{scrub(uri)!r} cannot be fetched: {cause}", remedy=remedy)
