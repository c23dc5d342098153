"""What a rollout means for a reader of conditions. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelway.desired.plan import Plan
from modelway.observed import Observed
from modelway.rollout.state import Phase, RolloutState
from modelway.status.pod_failures import failure_of
from modelway.status.reasons import Reason
from modelway.status.rejections import explain_refused_pods
from modelway.status.verdict import Readiness


def judge_rollout(observed: Observed, plan: Plan, rollout: Mapping[str, Any] | None) -> Readiness:
    """The verdict on a ModelDeployment whose revision is a candidate beside the stable one, or was rolled back.

    Args:
        observed: what exists.
        plan: the plan of the revision.
        rollout: the rollout as status is to tell of it; None before it began.
    """
    state = RolloutState.from_status(rollout)
    if state is None or state.revision != plan.revision:
        begins = f"Revision {plan.revision} is to take the place of revision {plan.beside}: its rollout begins."
        return Readiness(Reason.ROLLOUT_PROGRESSING, begins)
    match state.phase:
        case Phase.ROLLED_BACK:
            return Readiness(Reason.ROLLED_BACK, _capitalised(state.message) or _sentence("Rolled back", state))
        case Phase.PAUSED:
            return Readiness(Reason.ROLLOUT_SUSPENDED, _sentence(f"The rollout of revision {state.revision}", state))
        case Phase.STARTING if (failure := _start_failure(observed, state)) is not None:
            return failure
        case _:
            return Readiness(Reason.ROLLOUT_PROGRESSING, _sentence(f"The rollout of revision {state.revision}", state))


def failure_of_candidate(observed: Observed, revision: str) -> Readiness | None:
    """What keeps the pods of a candidate from being ready; None if no cause is known."""
    pods = replace(observed, pods=observed.canary_pods)
    return failure_of(pods, revision) or _refusal(observed, revision)


def _refusal(observed: Observed, revision: str) -> Readiness | None:
    canary = observed.canary
    if canary is None or not canary.reports_on(revision) or canary.updated >= canary.size:
        return None
    refusal = next((one for one in canary.conditions if one.type == "ReplicaFailure" and one.status == "True"), None)
    if refusal is None:
        return None
    return explain_refused_pods(refusal.message, namespace=observed.owner.key.namespace)


def _start_failure(observed: Observed, state: RolloutState) -> Readiness | None:
    """What keeps the candidate from starting and may pass."""
    failure = failure_of_candidate(observed, state.revision)
    if failure is None or failure.stalled:
        return None
    return replace(failure, message=f"{failure.message} Revision {state.stable} serves all requests meanwhile.")


def _sentence(subject: str, state: RolloutState) -> str:
    message = state.message.rstrip(".")
    return f"{subject}: {message}." if message else f"{subject}, beside revision {state.stable}."


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
