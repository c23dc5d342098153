"""The order of a rollout to a server: `traffic.json`, which the operator writes and the kubelet brings.

The file is for all pods of a model. It concerns the servers of the stable revision alone.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FILE_NAME: Final = "traffic.json"
HANDOVER_PORT: Final = 8083
"""The port of a candidate that a stable server sends requests to; it connects to no other."""
MAX_BYTES: Final = 64 * 1024
HANDOVER, MIRROR = "handover", "mirror"
WHOLE: Final = 100_000
"""Thousandths of a percent: shares are counted in whole numbers, so that no error adds up."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_KEY: Final = re.compile(r"[A-Za-z0-9]{16,80}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


class BadDocument(ValueError):
    """A document that says nothing that a server could do; the message names the field."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What a stable server does for a rollout.

    Attributes:
        id: of the attempt.
        candidate: hash of its revision.
        mirrors: whether the candidate gets copies of requests; else it answers some in the stable server's place.
        share: of requests, in thousandths of a percent.
        host, port: where the candidate answers.
        sticky: the header whose value decides who answers, in lower case; empty where none does.
        max_failed: the share of requests that the candidate may fail.
        tolerance: the share by which numbers may differ.
        key: by which the candidate knows a request of a stable server; empty where the operator gives none.
        pace_ahead: whether the stable model's answers say how fast it is already while the candidate stands by, since it gives none afterwards.
    """

    id: str
    candidate: str
    mirrors: bool
    share: int
    host: str
    port: int
    sticky: str
    max_failed: float
    tolerance: float
    key: str = ""
    pace_ahead: bool = True


def is_same_way(one: Rollout, other: Rollout) -> bool:
    """Whether both are the same attempt at the same candidate."""
    return (one.id, one.candidate, one.host, one.port) == (other.id, other.candidate, other.host, other.port)


def read_document(content: bytes, revision: str) -> Rollout | None:
    """The rollout that a document orders; None where it is not for servers of this revision.

    Args:
        content: JSON; members that are not known are ignored.
        revision: hash of the server's own; an empty one is no revision.

    Raises:
        BadDocument: it cannot be obeyed.
    """
    document = _object(content)
    if not revision or _text(document, "stable") != revision:
        return None
    mode = _text(document, "mode")
    if mode not in {HANDOVER, MIRROR}:
        raise BadDocument(f"mode must be {HANDOVER} or {MIRROR}, it is {mode!r}")
    host, port = _address(_text(document, "http"))
    return Rollout(
        id=_matching(_ID, _text(document, "id"), "id"),
        candidate=_matching(_ID, _text(document, "candidate"), "candidate"),
        mirrors=mode == MIRROR,
        share=round(_number(document, "weight", 100.0) * WHOLE / 100),
        host=host,
        port=port,
        sticky=_sticky(document.get("sticky")),
        max_failed=_number(document, "maxFailed", 1.0),
        tolerance=_number(document, "numericTolerance", float("inf")),
        key=_key(document),
        pace_ahead=_flag(document, "paceAhead"),
    )


def read_address(content: bytes) -> tuple[str, int]:
    """Host and port of the candidate, whoever the document is for.

    Raises:
        BadDocument: it names none that may be connected to.
    """
    return _address(_text(_object(content), "http"))


def read_key(content: bytes) -> str:
    """What the requests of the stable servers bear, whoever the document is for; empty where it does not say.

    Raises:
        BadDocument: it cannot be obeyed.
    """
    return _key(_object(content))


def _object(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise BadDocument("it is no JSON") from None
    if not isinstance(document, dict):
        raise BadDocument("it is no object")
    return document


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise BadDocument(f"{name} must be a string, it is {value!r:.80}")
    return value


def _number(document: dict[str, Any], name: str, largest: float) -> float:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise BadDocument(f"{name} must be a number from 0 to {largest:g}, it is {value!r:.80}")
    return float(value)


def _matching(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.fullmatch(value):
        raise BadDocument(f"{name} must match {pattern.pattern}, it is {value!r:.80}")
    return value


def _key(document: dict[str, Any]) -> str:
    return _matching(_KEY, _text(document, "key"), "key") if "key" in document else ""


def _flag(document: Mapping[str, Any], name: str) -> bool:
    """A member that is true where it is missing."""
    value = document.get(name, True)
    if not isinstance(value, bool):
        raise BadDocument(f"{name} must be true or false, it is {value!r:.80}")
    return value


def _sticky(value: Any) -> str:
    return "" if value is None else _matching(_HEADER, str(value), "sticky").lower()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise BadDocument(f"http must be an IP address and a port, it is {text!r:.80}") from None
    if address.is_multicast or address.is_link_local or address.is_unspecified:
        raise BadDocument(f"http must be the address of a Service, it is {text!r:.80}")
    if port != str(HANDOVER_PORT):
        raise BadDocument(f"the port of http must be {HANDOVER_PORT}, it is {port!r:.80}")
    return str(address), int(port)
