"""The refusals of a store, in terms of the person who deployed the model.

obstore gives one class for most failures and keeps the cause in its text (status, S3 error code, kind of network
failure), so the text is what is read here; tests against real servers hold each line of it.
"""

import re

from obstore.exceptions import InvalidPathError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from modelway_server.artifacts.source import Changed, Interrupted
from modelway_server.artifacts.uri import Location
from modelway_server.errors import (
    AccessDenied,
    FetchFailed,
    FetchFailure,
    InvalidArtifact,
    InvalidURI,
    LoadFailure,
    ModelNotFound,
)
from modelway_server.printable import scrub

S3_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

_STATUS = re.compile(r"status code: (?P<code>\d{3})(?P<phrase>[A-Za-z ]*)")
_S3_ERROR = re.compile(r"<Code>(?P<code>\w+)</Code>\s*(?:<Message>(?P<message>[^<]{1,200}))?")
_REGION_CODES = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
_CREDENTIAL_CODES = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"}
_ARCHIVED = "InvalidObjectState"
_REGION_REMEDY = (
    "Set AWS_REGION to the bucket's region, and AWS_ENDPOINT_URL where the store is not Amazon's, in the Secret."
)
_TRANSIENT = {408, 425, 429}
_NOT_IMPLEMENTED = 501
"""The only answer of 500 and above that waiting never changes: a store that knows no versions gives it."""

_NETWORK_CAUSES = (
    ("ConnectionReset", "the connection was reset"),
    ("TimedOut", "no answer in time"),
    ("IncompleteBody", "the connection ended in the middle of the file"),
    ("body error", "the connection broke in the middle of the file"),
)
_LASTING_CAUSES = (
    (
        "ertificate",
        "the server's TLS certificate is not trusted",
        "Give the server a certificate of a known authority.",
    ),
    ("TooManyRedirects", "more than ten redirects", "Name the file's final address in spec.model.uri."),
    ("without LOCATION", "a redirect that leads nowhere, as S3 sends for a wrong region", _REGION_REMEDY),
    (
        "builder error",
        "a redirect from https to plain http, which is not followed",
        "Name an https address in spec.model.uri.",
    ),
    (
        "Content-Length Header missing",
        "the answer has no Content-Length, so its size is not known beforehand",
        "Serve the model as a plain file, or from an object store.",
    ),
)


def translate(error: Exception, location: Location, *, with_credentials: bool) -> LoadFailure | Interrupted | Changed:
    """The failure in the user's terms: one that lasts, one that may pass (Interrupted), or a new start (Changed)."""
    text = str(error)
    passing = _new_start(error, text)
    if passing is not None:
        return passing
    if isinstance(error, InvalidPathError) and location.folder:
        return _invalid_key(text, location)
    if isinstance(error, FileNotFoundError) or "status code: 410" in text or _s3_code(text) == "NoSuchBucket":
        return ModelNotFound(f"there is nothing at {location.public}{_s3_detail(text)}")
    if _is_denied(error, text):
        return _access_denied(text, location, with_credentials=with_credentials)
    if isinstance(error, ValueError):
        return InvalidURI(f"{location.public} cannot be requested: {scrub(text.splitlines()[0])}")
    status = _STATUS.search(text)
    return _from_status(status, text, location) if status else _from_network(text, location)


def _is_denied(error: Exception, text: str) -> bool:
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return _s3_code(text) != _ARCHIVED
    return _s3_code(text) in _CREDENTIAL_CODES


def _new_start(error: Exception, text: str) -> Changed | None:
    if isinstance(error, PreconditionError) or "status code: 416" in text:
        return Changed("the object was replaced while it was read")
    if "Range request not supported" in text:
        return Changed("the connection broke, and the server cannot send the rest alone")
    return None


def _invalid_key(text: str, location: Location) -> InvalidArtifact:
    cause = text.splitlines()[0].removeprefix("Encountered object with invalid path: ")
    return InvalidArtifact(
        f"{location.public} holds an object whose key cannot be the path of a file: {scrub(cause)[:300]}",
        remedy="Delete that object, or upload the model's folder to a prefix of its own.",
    )


def _access_denied(text: str, location: Location, *, with_credentials: bool) -> AccessDenied:
    status = _STATUS.search(text)
    answer = f"{status['code']}{status['phrase'].rstrip()}" if status else "no access"
    sent = "the credentials given" if with_credentials else "a request without credentials"
    message = f"{location.public} refused {sent}: {answer}{_s3_detail(text)}"
    if location.scheme == "s3" and with_credentials and _s3_code(text) in {None, "AccessDenied"}:
        message += "; S3 says so too of an object that does not exist, to those who may not list its bucket"
    return AccessDenied(message)


def _from_status(status: "re.Match[str]", text: str, location: Location) -> FetchFailure | Interrupted:
    if _s3_code(text) == _ARCHIVED:
        return FetchFailed(
            f"{location.public} lies in an archive class of the store, which gives nothing before it is restored",
            remedy="Restore the object, or upload the model to a storage class that can be read at once.",
        )
    code = int(status["code"])
    message = f"the store answered {code}{status['phrase'].rstrip()}{_s3_detail(text)}"
    if (code >= 500 and code != _NOT_IMPLEMENTED) or code in _TRANSIENT:
        return Interrupted(message)
    remedy = _REGION_REMEDY if _s3_code(text) in _REGION_CODES else None
    return FetchFailed(f"{location.public}: {message}", remedy=remedy)


def _from_network(text: str, location: Location) -> FetchFailure | Interrupted:
    for mark, cause, remedy in _LASTING_CAUSES:
        if mark in text:
            return FetchFailed(f"{location.public}: {cause}", remedy=remedy)
    known = next((cause for mark, cause in _NETWORK_CAUSES if mark in text), None)
    return Interrupted(known or scrub(text.splitlines()[0] if text else "unknown failure"))


def _s3_code(text: str) -> str | None:
    match = _S3_ERROR.search(text)
    return match["code"] if match else None


def _s3_detail(text: str) -> str:
    match = _S3_ERROR.search(text)
    if not match:
        return ""
    return f" ({match['code']}: {scrub(match['message'])})" if match["message"] else f" ({match['code']})"
