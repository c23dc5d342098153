"""Artifacts and datasets that are refused, each with what is said of it and with what its remedy makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from support.server.submission import Submission


@dataclass(frozen=True)
class Refusal:
    """One way to be refused.

    Attributes:
        broken: what is submitted.
        reason: for which it is refused.
        says: parts of the message.
        remedy: a part of the remedy.
        mended: what the remedy changes of the submission.
    """

    broken: Submission
    reason: str
    says: tuple[str, ...]
    remedy: str
    mended: Mapping[str, Any]

    @property
    def whole(self) -> Submission:
        """The submission after somebody did what the remedy says."""
        return replace(self.broken, **self.mended)
