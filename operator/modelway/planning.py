"""Choose the plan for a ModelDeployment: its revision runs, or is tried by a rollout or a Job while the one before serves. Pure."""

from typing import Any

from modelway.api.rollout import Rollout
from modelway.api.scaling import Scaling
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import job, replay
from modelway.desired.contestants import contestants_of
from modelway.desired.evidence import Evidence
from modelway.desired.gate import (
    is_open,
    known_evidence,
    make_closed_plan,
    model_of,
    records_meanwhile,
    revision_that_serves,
)
from modelway.desired.pinning import has_served, record_to_read
from modelway.desired.plan import Plan
from modelway.desired.revision import revision_of
from modelway.desired.rollout import Candidate, make_rollout_plan
from modelway.observed import Observed, RevisionView
from modelway.rollout.state import Phase, RolloutState
from modelway.rollout.steps import steps_of
from modelway.rollout.traffic import TRAFFIC_FILE, traffic_of
from modelway.settings import Settings
from modelway.status.preflight import evidence_in


def records_to_read(deployment: ModelDeployment, observed: Observed, settings: Settings) -> list[RevisionView]:
    """The records whose data must be read before `plan_of`."""
    evidence = known_evidence(observed, revision_of(deployment).hash)
    own = record_to_read(deployment, observed, settings, evidence)
    beside = stable_beside(deployment, observed)
    is_alone = beside is None and is_open(deployment, observed, settings)
    others = [] if is_alone else [observed.record(beside), *records_meanwhile(observed)]
    wanted = {one.id: one for one in (own, *others) if one is not None and one.data is None}
    return [*wanted.values()]


def plan_of(deployment: ModelDeployment, observed: Observed, settings: Settings, *, may_follow: bool = True) -> Plan:
    """The plan for the present spec of a ModelDeployment, given what exists.

    Args:
        deployment: what is asked for.
        observed: what exists.
        settings: what the platform decides.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
    """
    revision = revision_of(deployment)
    evidence = known_evidence(observed, revision.hash)
    if is_open(deployment, observed, settings):
        return _make_open_plan(deployment, observed, settings, evidence, may_follow=may_follow)
    stable = model_of(deployment, observed, revision_that_serves(observed)) if job.compares(deployment) else None
    proving = job.build(deployment, revision, settings, stable)
    evidence = evidence_in(observed, job.proof_of(proving), evidence, contestants_of(deployment))
    if evidence is not None and evidence.accepted:
        return _make_open_plan(deployment, observed, settings, evidence, may_follow=may_follow)
    return make_closed_plan(
        deployment, observed, settings, proving=proving, stable=stable, evidence=evidence, may_follow=may_follow
    )


def _make_open_plan(
    deployment: ModelDeployment, observed: Observed, settings: Settings, evidence: Evidence | None, *, may_follow: bool
) -> Plan:
    """The plan for a revision that pods may run: it takes all requests, or comes by a rollout."""
    return make_rollout_plan(
        deployment,
        observed,
        settings,
        stable=stable_beside(deployment, observed),
        candidate=_candidate(deployment, observed, settings, evidence),
        evidence=evidence,
        may_follow=may_follow,
    )


# Rollouts ---------------------------------------------------------------------------------------------------------------------------------


def rollout_of(deployment: ModelDeployment, observed: Observed) -> RolloutState | None:
    """The rollout of the revision that is asked for, as status has it; None where there is none."""
    state = RolloutState.from_status(observed.owner.status.get("rollout"))
    return state if state is not None and state.revision == revision_of(deployment).hash else None


def served_before(observed: Observed) -> str | None:
    """The last revision that served; None before the first."""
    serving = revision_that_serves(observed)
    record = observed.record(serving)
    served = serving == observed.stable_revision or (record is not None and has_served(observed, record))
    return serving if served else None


def stable_beside(deployment: ModelDeployment, observed: Observed) -> str | None:
    """The revision that serves on while the one that is asked for comes by a rollout.

    Returns:
        Its hash; None where the one that is asked for may take all requests: it does so already, nothing has served, or the strategy
        is Rolling.
    """
    state, running, wanted = rollout_of(deployment, observed), observed.deployment, revision_of(deployment).hash
    if state is not None and state.phase is Phase.ROLLED_BACK:
        return None if _is_lost(observed, state.stable, wanted) else state.stable
    if deployment.spec.rollout is None or not deployment.spec.rollout.is_judged:
        return None
    if (running is not None and running.revision == wanted) or (state is not None and not state.is_on_trial):
        return None
    serving = state.stable if state is not None else served_before(observed)
    return None if serving == wanted or _is_lost(observed, serving, wanted) else serving


def _is_lost(observed: Observed, revision: str | None, wanted: str) -> bool:
    """Whether nothing tells any more what a revision was, and it does not run: what is wanted must serve in its place."""
    running = observed.deployment
    return observed.record(revision) is None and (running is None or running.revision == wanted)


def stable_size(deployment: ModelDeployment, observed: Observed) -> int:
    """How many pods the stable revision has, which an autoscaler may have set."""
    fewest, _ = (deployment.spec.scaling or Scaling()).bounds
    return observed.deployment.size if observed.deployment is not None else fewest


def _candidate(
    deployment: ModelDeployment, observed: Observed, settings: Settings, evidence: Evidence | None
) -> Candidate | None:
    """What the revision that is asked for has of its own, by what status says: a change is written before it is acted on."""
    state, rollout = rollout_of(deployment, observed), deployment.spec.rollout or Rollout()
    if state is None or not state.is_under_way:
        return None
    size = _candidate_size(state, rollout, observed, stable_size(deployment, observed))
    if size is None:
        return None
    content = traffic_of(state, rollout, observed.canary_address, observed.owner.uid)
    return Candidate(
        size=size,
        traffic=(TRAFFIC_FILE, content) if content is not None else None,
        answers=state.weight > 0 or state.mirror > 0,
        replay=_replay(deployment, observed, settings, state, evidence),
        routed=state.weight if state.routing is not None else 0,
        by_gateway=state.routing is not None or _was_routed(observed, state.revision),
    )


def _was_routed(observed: Observed, revision: str) -> bool:
    """Whether the pods of a candidate had a share of the requests from a Gateway in an attempt of before."""
    return observed.canary is not None and observed.canary.by_gateway and observed.canary.revision == revision


def _replay(
    deployment: ModelDeployment,
    observed: Observed,
    settings: Settings,
    state: RolloutState,
    evidence: Evidence | None,
) -> dict[str, Any] | None:
    """The Job that asks both revisions known rows; None where status does not say that it is to run, or nobody can be asked yet."""
    is_wanted = deployment.spec.rollout is not None and deployment.spec.rollout.replay is not None
    if not is_wanted or not state.is_on_trial or state.replay is None or not state.replay.is_running:
        return None
    addresses = observed.address, observed.canary_address
    if not all(addresses):
        return None
    revision = revision_of(deployment)
    return replay.build(deployment, revision, settings, state=state, addresses=addresses, evidence=evidence)


def _candidate_size(state: RolloutState, rollout: Rollout, observed: Observed, stable: int) -> int | None:
    """The number of the candidate's pods; under a strategy without steps, which ends the rollout, as many as it has, None if none."""
    steps = steps_of(rollout)
    if steps:
        return steps[min(state.step, len(steps) - 1)].size(stable)
    return observed.canary.size if observed.canary is not None else None
