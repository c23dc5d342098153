"""The rules for `model.uri`; each message says what to write instead."""

import re
from collections.abc import Callable
from typing import Any

from modelway.api.base import Rule, matches

_SCHEME = r"^(file|https?|s3)://"
_BLANK = r"[\x00-\x20\x7f-\xa0" + "\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
"""Spaces and control characters of all scripts; the letters of all scripts may stand in an object's key."""
_USERINFO = r"^[a-zA-Z0-9+.-]*://[^/?#]*@"
_PARENT = r"(?i)^[^?#]*(/|%2f|\\)([.]|%2e){2}(/|%2f|\\|[?#]|$)"
_FILE_NAME = r"[^./?#\\][^/?#\\]{0,199}"
_FILE = rf"^file:///([^?#]*/)?{_FILE_NAME}/?$"
_HTTP = rf"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?/([^?#]*/)?{_FILE_NAME}([?][^#]*)?$"
_S3 = rf"^s3://[a-z0-9]([a-z0-9.-]{{0,61}}[a-z0-9])?/([^?#]*/)?{_FILE_NAME}/?$"


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda model: compiled.search(model.uri) is not None


def _lacks(pattern: str) -> Callable[[Any], bool]:
    matches = _matches(pattern)
    return lambda model: not matches(model)


def _form(scheme: str, pattern: str, message: str) -> Rule:
    holds = _matches(pattern)
    return Rule(
        cel=f"!{matches('uri', f'^{scheme}://')} || {matches('uri', pattern)}",
        holds=lambda model: re.match(f"{scheme}://", model.uri) is None or holds(model),
        message=message,
        field="uri",
    )


URI_RULES = (
    Rule(
        cel=matches("uri", _SCHEME),
        holds=_matches(_SCHEME),
        message="{uri} must begin with s3://, https://, http:// or file://, for example s3://models/fraud/model.joblib",
        field="uri",
    ),
    Rule(
        cel=f"!{matches('uri', _BLANK)}",
        holds=_lacks(_BLANK),
        message="must hold no space and no line break: write a space as %20 in a web address, or rename the file",
        field="uri",
    ),
    Rule(
        cel=f"!{matches('uri', _USERINFO)}",
        holds=_lacks(_USERINFO),
        message="must hold no user name or password: put them as HTTP_USERNAME and HTTP_PASSWORD "
        "in a Secret and name it in model.storage.secretRef",
        field="uri",
    ),
    Rule(
        cel=f"!{matches('uri', _PARENT)}",
        holds=_lacks(_PARENT),
        message="{uri} must not climb out of a folder with '..': write the path in full, for example s3://models/fraud/model.joblib",
        field="uri",
    ),
    _form(
        "file",
        _FILE,
        "{uri}: a file:// address is the absolute path of one file inside the server image, for example "
        "file:///models/model.joblib, or of a folder with / at its end, without ? or #; "
        "its name must not begin with a dot nor exceed 200 characters",
    ),
    _form(
        "https?",
        _HTTP,
        "{uri}: a web address names a host and one file, for example https://models.example.com/fraud/model.joblib; "
        "the file's name must not begin with a dot nor exceed 200 characters; pack a folder as .zip or .tar.gz",
    ),
    _form(
        "s3",
        _S3,
        "{uri}: an S3 address names a bucket and the key of one file, for example s3://models/fraud/model.joblib, "
        "or a folder with / at its end, without ? or #; the name of the file or folder must not begin with a dot nor exceed 200 characters",
    ),
)
