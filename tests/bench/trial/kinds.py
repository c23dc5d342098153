"""The candidates of the trial, and how each of their rollouts has to end. Pure, but for the models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from support.cluster import candidates
from support.cluster.deployed import NOWHERE

GOOD, ANALYSIS, FAILED, NOT_READY = "Promoted", "Analysis", "CandidateFailed", "CandidateNotReady"


@dataclass(frozen=True)
class Kind:
    """One kind of candidate.

    Attributes:
        name: as the command line has it.
        what: as the report has it.
        model: what is served.
        ends: what its rollout may end by: `Promoted`, or causes of a rollback.
        measures: of which one must decide, where the analysis does.
        words: of which the rollout's message must hold some, where the pods decide; any message will do without.
        spec: blocks of the spec beside the model.
    """

    name: str
    what: str
    model: object
    ends: tuple[str, ...]
    measures: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)


SOON: Final = {"limits": {"fetchTimeoutSeconds": 10, "startupTimeoutSeconds": 20}}
"""Bounds of a start after which the operator waits for a candidate's pods no longer: 110 s, with the trial's deadline of progress."""
SMALL: Final = {"resources": {"limits": {"memory": "512Mi"}}}

KINDS: Final = (
    Kind("good", "as good", candidates.Doubling(), (GOOD,)),
    Kind("errors", "answers a tenth with status 500", candidates.Breaking(), (ANALYSIS,), ("failed",)),
    Kind("refuses", "answers a tenth with status 400", candidates.Refusing(), (ANALYSIS,), ("refused",)),
    Kind("slow", "is slow for a quarter", candidates.Slow(), (ANALYSIS,), ("slow", "failed")),
    Kind("crashes", "crashes at each start", candidates.Crashing(), (FAILED,)),
    Kind(
        "unready", "is never ready", candidates.Doubling(), (NOT_READY,), spec={"scheduling": NOWHERE, "runtime": SOON}
    ),
    Kind("wrong", "answers all wrong, with status 200", candidates.Wrong(), (ANALYSIS,), ("disagreement",)),
    Kind("segment", "answers 3 % wrong, with status 200", candidates.WrongSegment(), (ANALYSIS,), ("disagreement",)),
    Kind(
        "leaks",
        "leaks memory until it is killed",
        candidates.Leaking(),
        (ANALYSIS, FAILED),
        ("failed", "slow"),
        ("needed more memory than its limit",),
        {"runtime": SMALL},
    ),
    Kind("dies", "dies at every twentieth request", candidates.Dying(), (ANALYSIS, FAILED), ("failed",)),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}

ANALYSES: Final = {"maxDisagreement": "0.5%"}
"""Below the segment of 3 % together with the default tolerance of 2 points; all else is as by default."""
STRATEGIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "Canary": {"strategy": "Canary", "steps": [{"weight": 20}, {"weight": 50}]},
    "BlueGreen": {"strategy": "BlueGreen", "scaleDownDelay": "20s"},
    "Shadow": {"strategy": "Shadow"},
}


def rollout_of(strategy: str) -> dict[str, Any]:
    """The block `rollout` of the trial."""
    return {**STRATEGIES[strategy], "analysis": ANALYSES, "timeout": "20m"}
