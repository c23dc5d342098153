"""What somebody asks of a rollout under way: an annotation of the ModelDeployment, written by the command line and read by the operator. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from modelway.api.labels import ROLLOUT_ORDER_ANNOTATION
from modelway.printable import one_line

Action = Literal["promote", "abort", "retry", "pause", "resume"]
ACTIONS: tuple[Action, ...] = get_args(Action)
LONGEST_ORDER = 512
"""Characters of the annotation; a longer one is no order."""
_LONGEST_WORD = 128


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked of a rollout."""

    action: Action
    revision: str
    """The candidate that it is about; about another one it says nothing."""
    by: str
    """Who asked, as the command line knows it; safe for a terminal."""
    at: datetime
    """When it was asked, to the millisecond and with a time zone; it tells orders apart."""

    def as_annotation(self) -> str:
        """The value of the annotation."""
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({"action": self.action, "revision": self.revision, "by": self.by, "at": at})


def order_in(annotations: Mapping[str, str] | None) -> Order | None:
    """The order in the annotations of a ModelDeployment; None where there is none, or none that can be read."""
    text = (annotations or {}).get(ROLLOUT_ORDER_ANNOTATION) or ""
    if not text or len(text) > LONGEST_ORDER:
        return None
    try:
        return _read(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _read(value: object) -> Order | None:
    if not isinstance(value, dict):
        return None
    action, revision, by, at = (value.get(name) for name in ("action", "revision", "by", "at"))
    words = (action, revision, by, at)
    if action not in ACTIONS or not all(isinstance(word, str) and len(word) <= _LONGEST_WORD for word in words):
        return None
    time = datetime.fromisoformat(str(at))
    if time.tzinfo is None:
        return None
    in_status = time.replace(microsecond=time.microsecond // 1000 * 1000)
    return Order(cast("Action", action), str(revision), one_line(str(by)), in_status)
