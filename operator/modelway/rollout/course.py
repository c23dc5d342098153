"""What the children follow while a rollout is under way: which revisions run, at what size, and what the stable pods are told. Pure."""

from dataclasses import dataclass
from typing import Any

from modelway.api.duration import share_of
from modelway.api.ports import HANDOVER_PORT
from modelway.api.rollout import CANARY, SHADOW, Rollout
from modelway.rollout.situation import Situation
from modelway.rollout.state import Phase, RolloutState
from modelway.rollout.steps import Step, steps_of

TRAFFIC_FILE = "traffic.json"
"""The key of the ConfigMap with what stable pods are told; every pod has it as a file."""


@dataclass(frozen=True, slots=True)
class Course:
    """Which revisions run."""

    main: str
    """The revision of the main Deployment."""
    candidate: str | None = None
    """The revision of the candidate's Deployment; None where there is none."""
    size: int = 0
    """The number of the candidate's pods."""


def course_of(state: RolloutState | None, situation: Situation) -> Course:
    """Which revisions run in this pass.

    Args:
        state: what status holds, not what this pass makes of it: a change is written before it is acted on.
        situation: what is so.
    """
    if state is None:
        return Course(_without_rollout(situation))
    main = state.revision if state.phase in {Phase.PROMOTING, Phase.PROMOTED} else state.stable
    if not state.is_under_way:
        return Course(main)
    return Course(main, state.revision, candidate_size(state, situation))


def _without_rollout(situation: Situation) -> str:
    """The wanted revision, unless it first needs a rollout, which the next pass finds in status."""
    stable, wanted = situation.stable, situation.wanted
    if stable is None or wanted in {stable, situation.main.revision}:
        return wanted
    waits = situation.rollout.is_judged or not situation.is_accepted
    return stable if waits else wanted


def candidate_size(state: RolloutState, situation: Situation) -> int:
    """The number of the candidate's pods in the present step, beside the present number of stable ones."""
    steps = steps_of(situation.rollout) or (
        Step(),
    )  # the strategy may have become Rolling while the candidate takes over
    return steps[min(state.step, len(steps) - 1)].size(situation.size)


def revisions_in_use(state: RolloutState | None) -> frozenset[str]:
    """The revisions whose records a rollout needs, whatever their age."""
    if state is None:
        return frozenset()
    return frozenset({state.revision, state.stable}) if state.is_under_way else frozenset({state.revision})


def traffic_of(state: RolloutState | None, rollout: Rollout, address: str | None) -> dict[str, Any] | None:
    """What the stable pods are told, as the content of `TRAFFIC_FILE`; None where there is nothing to tell.

    Args:
        state: what status holds.
        rollout: as the spec asks for it.
        address: the cluster IP of the candidate's Service; None before it has one.
    """
    if state is None or not state.is_under_way or not address:
        return None
    host = f"[{address}]" if ":" in address else address
    mirrors = state.strategy == SHADOW
    sticky = rollout.sticky if state.strategy == CANARY else None
    return {
        "id": state.id,
        "stable": state.stable,
        "candidate": state.revision,
        "mode": "mirror" if mirrors else "handover",
        "weight": state.mirror if mirrors else state.weight,
        "http": f"{host}:{HANDOVER_PORT}",
        "sticky": sticky.header.lower() if sticky else None,
        "maxFailed": share_of(rollout.limits.max_failed),
        "numericTolerance": share_of(rollout.limits.numeric_tolerance),
    }
