"""Merge the verdicts of a pass into the conditions that status already holds.

The rules are those of `metav1.Condition` (Kubernetes API conventions): a condition keeps its transition time unless its status flips, and
its observedGeneration always follows the generation that was judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modelway.printable import one_line
from modelway.status.reasons import Reason

ConditionStatus = Literal["True", "False", "Unknown"]

LONGEST_MESSAGE = 2048
"""Characters of a message; metav1 allows 32768, which nobody reads."""


@dataclass(frozen=True, slots=True)
class ConditionVerdict:
    """The verdict of this pass on one condition."""

    type: str
    status: ConditionStatus
    reason: Reason
    message: str


def merge(
    old: Sequence[Mapping[str, Any]], verdicts: Iterable[ConditionVerdict], *, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The conditions to report, in the order judged; a type that was not judged again is dropped.

    Args:
        old: the conditions that status holds.
        verdicts: the conditions of this pass, each type once.
        generation: `metadata.generation` of the object that was judged.
        now: the time of a flip, with a time zone.
    """
    known = {condition.get("type"): condition for condition in old}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [_condition(one, known.get(one.type), generation, stamp) for one in verdicts]


def _condition(verdict: ConditionVerdict, old: Mapping[str, Any] | None, generation: int, stamp: str) -> dict[str, Any]:
    steady = old is not None and old.get("status") == verdict.status and "lastTransitionTime" in old
    return {
        "type": verdict.type,
        "status": verdict.status,
        "observedGeneration": generation,
        "lastTransitionTime": old["lastTransitionTime"] if steady and old else stamp,
        "reason": str(verdict.reason),
        "message": shorten(verdict.message),
    }


def shorten(message: str) -> str:
    """The message on one line, at most of the longest length, without characters that control a terminal."""
    message = one_line(message)
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
