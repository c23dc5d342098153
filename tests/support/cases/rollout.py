"""`spec.rollout`."""

from collections.abc import Mapping
from typing import Any

from support.cases.case import Case


def _rollout(question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str) -> Case:
    return Case(question, {"rollout": accepted}, {"rollout": refused}, f"spec.rollout.{field}", message)


_SHARE = "must be a number of pods up to 1000"

ROLLOUTS = (
    _rollout("surge in percent", {"maxSurge": "100%"}, {"maxSurge": "101%"}, "maxSurge", _SHARE),
    _rollout("surge in pods", {"maxSurge": 1000}, {"maxSurge": 1001}, "maxSurge", _SHARE),
    _rollout("surge is not negative", {"maxSurge": "3"}, {"maxSurge": -1}, "maxSurge", _SHARE),
    _rollout("missing in percent", {"maxUnavailable": "25%"}, {"maxUnavailable": "25 %"}, "maxUnavailable", _SHARE),
    _rollout("missing in pods", {"maxUnavailable": 0}, {"maxUnavailable": "some"}, "maxUnavailable", _SHARE),
    _rollout(
        "something may come or go",
        {"maxSurge": 0, "maxUnavailable": 1},
        {"maxSurge": 0, "maxUnavailable": "0%"},
        "maxSurge",
        "no pod could ever be replaced",
    ),
    _rollout(
        "what may go is said", {"maxUnavailable": "0%"}, {"maxSurge": "0%"}, "maxSurge", "no pod could ever be replaced"
    ),
)
