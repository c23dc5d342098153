"""What the source of a metric is asked: a query with its placeholders filled in, or the body of a POST. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelway.api.analysis import PLACEHOLDERS

_PLACE = re.compile(r"[$][(][a-z]+[)]")
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "'": r"\'", "`": "", "\n": r"\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The rollout that a metric is about."""

    namespace: str
    name: str
    rollout: str
    """Its id."""
    strategy: str
    revision: str
    stable: str
    candidate_deployment: str
    step: int
    weight: int
    """The percent of requests that the candidate gets, or gets copies of."""
    started: datetime

    def since(self, now: datetime) -> str:
        """How long ago the rollout began, as a range of PromQL: `735s`."""
        return f"{max(1, round((now - self.started).total_seconds()))}s"

    def body(self, metric: str, now: datetime, *, with_stable: bool) -> dict[str, Any]:
        """What a webhook is told."""
        return {
            "metric": metric,
            "namespace": self.namespace,
            "name": self.name,
            "rollout": self.rollout,
            "strategy": self.strategy,
            "revision": self.revision,
            "stable": self.stable,
            "step": self.step,
            "weight": self.weight,
            "started": self.started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "since": self.since(now),
            "besideStable": with_stable,
        }

    def fill(self, query: str, now: datetime, *, of_stable: bool = False) -> str:
        """A query as Prometheus is to answer it.

        Args:
            query: as the spec has it.
            now: the time of the question.
            of_stable: whether it is asked of the stable revision, for comparison.
        """
        values = (
            self.namespace,
            self.name,
            self.stable if of_stable else self.revision,
            self.stable,
            self.name if of_stable else self.candidate_deployment,
            self.since(now),
        )
        filled = {f"$({place})": value.translate(_ESCAPED) for place, value in zip(PLACEHOLDERS, values, strict=True)}
        return _PLACE.sub(lambda match: filled.get(match[0], match[0]), query)
