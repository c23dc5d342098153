"""Choose the plan for a ModelDeployment: its revision runs, or a Job proves it while the one before serves. Pure."""

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import job
from modelway.desired.contestants import contestants_of
from modelway.desired.gate import (
    is_open,
    known_evidence,
    make_closed_plan,
    model_of,
    records_meanwhile,
    revision_that_serves,
)
from modelway.desired.pinning import record_to_read
from modelway.desired.plan import Plan, make_plan
from modelway.desired.revision import revision_of
from modelway.observed import Observed, RevisionView
from modelway.settings import Settings
from modelway.status.preflight import evidence_in


def records_to_read(deployment: ModelDeployment, observed: Observed, settings: Settings) -> list[RevisionView]:
    """The records whose data must be read before `plan_of`."""
    evidence = known_evidence(observed, revision_of(deployment).hash)
    own = record_to_read(deployment, observed, settings, evidence)
    others = [] if is_open(deployment, observed, settings) else records_meanwhile(observed)
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
        return make_plan(deployment, observed, settings, may_follow=may_follow, evidence=evidence)
    stable = model_of(deployment, observed, revision_that_serves(observed)) if job.compares(deployment) else None
    proving = job.build(deployment, revision, settings, stable)
    evidence = evidence_in(observed, job.proof_of(proving), evidence, contestants_of(deployment))
    if evidence is not None and evidence.accepted:
        return make_plan(deployment, observed, settings, may_follow=may_follow, evidence=evidence)
    return make_closed_plan(
        deployment, observed, settings, proving=proving, stable=stable, evidence=evidence, may_follow=may_follow
    )
