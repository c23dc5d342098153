"""Whether pods may run a revision, or a Job must prove it first, and what runs meanwhile. Pure."""

from dataclasses import replace
from typing import Any, NamedTuple

from modelway.api.scaling import Scaling
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children, job
from modelway.desired.children.job import StableModel
from modelway.desired.evidence import ACCEPTED, Evidence, candidates_of, metrics_of
from modelway.desired.pinning import has_served, pinning_of, record_of, record_to_mark
from modelway.desired.plan import Plan, Step, make_plan, record_step, step_of, unwanted_children
from modelway.desired.revision import as_it_was, revision_of
from modelway.observed import Child, ChildId, JobView, Observed, RevisionView
from modelway.settings import Settings

_RUNNING_KINDS = frozenset({"Deployment", "HorizontalPodAutoscaler"})
"""Kinds that a model has only once a revision may run."""
_TEXTS_IN_STATUS = {
    "reason": "reason",
    "message": "message",
    "time": "time",
    "digest": "digest",
    "object_version": "objectVersion",
    "contract": "contract",
    "choice": "choice",
}
"""Parts of evidence, and their fields in status."""


def is_open(deployment: ModelDeployment, observed: Observed, settings: Settings) -> bool:
    """Whether pods may run the revision that is asked for. One that was accepted, or has served, is never proved again."""
    if not _is_enabled(deployment, settings):
        return True
    revision = revision_of(deployment)
    running, record = observed.deployment, record_of(observed, revision)
    evidence = known_evidence(observed, revision.hash)
    if not knows_model(deployment, evidence):
        return False
    if running is not None and running.revision == revision.hash:
        return True
    return record is not None and ((evidence is not None and evidence.accepted) or has_served(observed, record))


def knows_model(deployment: ModelDeployment, evidence: Evidence | None) -> bool:
    """Whether it is known which model a revision serves: of several that compete, the evidence alone tells."""
    return not deployment.spec.has_contest or (evidence is not None and evidence.accepted)


def _is_enabled(deployment: ModelDeployment, settings: Settings) -> bool:
    wanted = deployment.spec.preflight
    if deployment.spec.has_contest:
        return True
    return settings.preflight_enabled if wanted is None or wanted.enabled is None else wanted.enabled


def evidence_on(record: RevisionView | None) -> Evidence | None:
    """What is recorded about a revision; None if there is nothing."""
    return Evidence.parse(record.evidence) if record is not None and record.evidence else None


def known_evidence(observed: Observed, revision: str) -> Evidence | None:
    """What is known of a revision, by its hash: from its record, or from status; None if there is nothing."""
    return evidence_on(observed.record(revision)) or _accepted_in_status(observed, revision)


def _accepted_in_status(observed: Observed, revision: str) -> Evidence | None:
    """What status says of an accepted revision, whose record may be gone; None if it does not call it accepted.

    A record may be lost, or be made anew by an operator that dies before that. Its pods must go on fetching the proved bytes.
    """
    entries = (one for one in observed.owner.status.get("revisions") or () if one.get("revision") == revision)
    entry: dict[str, Any] = next(entries, {})
    if entry.get("verdict") != ACCEPTED or not entry.get("digest"):
        return None
    texts = {name: entry.get(field, "") for name, field in _TEXTS_IN_STATUS.items()}
    metrics, candidates = metrics_of(entry.get("evaluation")), candidates_of(entry.get("candidates"))
    return Evidence(accepted=True, **texts, evaluation=metrics, candidates=candidates)


# What runs meanwhile ----------------------------------------------------------------------------------------------------------------------


def revision_that_runs(observed: Observed) -> str | None:
    """The revision that the Deployment runs; the last one that served, while there is no Deployment."""
    running = observed.deployment.revision if observed.deployment is not None else None
    return running or observed.stable_revision


def revision_that_serves(observed: Observed) -> str | None:
    """The last revision that served all requests; the one that runs, before there was any."""
    return observed.stable_revision or revision_that_runs(observed)


def records_meanwhile(observed: Observed) -> list[RevisionView]:
    """The records of what runs, and of what serves, while another revision is proved."""
    hashes = dict.fromkeys((revision_that_runs(observed), revision_that_serves(observed)))
    return [record for hash_ in hashes if (record := observed.record(hash_)) is not None]


def model_of(deployment: ModelDeployment, observed: Observed, hash_: str | None) -> StableModel | None:
    """The model of a revision, from its record, whose data must have been read; None if that does not tell."""
    record = observed.record(hash_)
    if record is None or record.data is None:
        return None
    before = as_it_was(deployment, record.data.get("inputs") or {})
    if before is None or revision_of(before).hash != record.revision:
        return None
    evidence = known_evidence(observed, record.revision)
    return StableModel(before, record.revision, evidence or _evidence_in_status(before, observed, record.revision))


def _evidence_in_status(before: ModelDeployment, observed: Observed, revision: str) -> Evidence:
    stable = observed.owner.status.get("stable") or {}
    is_known = stable.get("revision") == revision and not before.spec.has_contest  # of which model is the digest?
    digest = stable.get("digest") or "" if is_known else ""
    return Evidence(accepted=True, reason="", digest=digest)


# The plan while a revision is proved ------------------------------------------------------------------------------------------------------


def make_closed_plan(
    deployment: ModelDeployment,
    observed: Observed,
    settings: Settings,
    *,
    proving: dict[str, Any],
    stable: StableModel | None,
    evidence: Evidence | None,
    may_follow: bool = True,
) -> Plan:
    """Make the plan for a revision that may not serve: its Job, and all that serves as it is.

    Args:
        deployment: what is asked for.
        observed: what exists.
        settings: what the platform decides.
        proving: the Job that tries the revision.
        stable: whom it is compared with, if that is known.
        evidence: why the revision is refused; None while it is being proved.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
    """
    revision = revision_of(deployment)
    record = record_of(observed, revision)
    pinning = pinning_of(deployment, revision, record, observed, settings, may_follow=False)
    own_record = record_step(deployment, observed, pinning.data, evidence)
    outdated = _outdated_job(observed, proving, evidence)
    misses = stable is None and revision_that_serves(observed) is not None and job.compares(deployment)
    own = [own_record, *([] if evidence or outdated or misses else [step_of(proving)])]
    present = observed.owned(ChildId("Job", proving["metadata"]["name"]))
    running = model_of(deployment, observed, revision_that_runs(observed))
    meanwhile = serve_on(deployment, pinning.template, observed, settings, running=running, may_follow=may_follow)
    staying = {own_record.id}
    staying |= {ChildId("Job", proving["metadata"]["name"])} if outdated is None else set()
    scaling = deployment.spec.scaling or Scaling()
    return Plan(
        revision=revision.hash,
        available=scaling.bounds[0],
        autoscaled=scaling.autoscaled,
        prune=(
            *(one for one in _unwanted(meanwhile.prune, observed) if one.id not in staying and one is not outdated),
            *((record,) if record is not None and pinning.outdated else ()),
            *((outdated,) if outdated is not None else ()),
        ),
        steps=(*own, *meanwhile.steps),
        record_to_mark=record_to_mark(observed, revision),
        closed=True,
        starts_job=evidence is None and present is None and not misses,
        follows=meanwhile.follows,
        waits=meanwhile.waits,
        misses_stable=misses and evidence is None,
        evidence=evidence,
    )


def _unwanted(pruned: tuple[Child, ...], observed: Observed) -> tuple[Child, ...]:
    """What is to be pruned, and Jobs: that of the revision that serves stayed until another one was asked for."""
    jobs = (one for one in observed.own_children if isinstance(one, JobView) and not one.deleting)
    return (*pruned, *(one for one in jobs if one not in pruned))


def _outdated_job(observed: Observed, wanted: dict[str, Any], evidence: Evidence | None) -> JobView | None:
    """The present Job where another one must take its place: it tries something else, or ended and nobody can read how."""
    present = observed.owned(ChildId("Job", wanted["metadata"]["name"]))
    if not isinstance(present, JobView) or present.deleting or evidence is not None:
        return None
    if present.proof != job.proof_of(wanted):
        return present
    is_lost = not any(pod.proof == present.proof for pod in observed.preflight_pods)
    return present if present.finished and is_lost else None


class Meanwhile(NamedTuple):
    """What a model has while the revision that it asks for does not take all requests."""

    steps: tuple[Step, ...]
    prune: tuple[Child, ...]
    follows: bool = False
    waits: bool = False


def serve_on(
    deployment: ModelDeployment,
    template: Any,
    observed: Observed,
    settings: Settings,
    *,
    running: StableModel | None,
    may_follow: bool = True,
) -> Meanwhile:
    """What keeps another revision serving, with today's scaling.

    Args:
        deployment: what is asked for.
        template: its pod template.
        observed: what exists.
        settings: what the platform decides.
        running: the revision that is to serve; None if nobody knows what it is, and what runs is left as it is.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
    """
    known = running.evidence if running is not None and running.evidence.reason else None
    # Of several models that competed, nobody knows which one runs once the evidence is lost: so it is left as it is, too.
    if running is None or not knows_model(running.deployment, known):
        return _without_pods(deployment, template, observed, settings)
    plan = make_plan(running.deployment, observed, settings, may_follow=may_follow, evidence=known)
    return Meanwhile(plan.steps, plan.prune, plan.follows, plan.waits)


def _without_pods(deployment: ModelDeployment, template: Any, observed: Observed, settings: Settings) -> Meanwhile:
    """What a model has before anything runs; whatever runs all the same stays as it is."""
    revision = revision_of(deployment)
    bodies = build_children(deployment, revision, template, replicas=None, settings=settings)
    unwanted = {*_RUNNING_KINDS, "ControllerRevision"}
    steps = tuple(step_of(body) for body in bodies if body["kind"] not in unwanted)
    running = {ChildId(kind, deployment.metadata.name) for kind in _RUNNING_KINDS}
    prune = unwanted_children(observed, steps, revision)
    return Meanwhile(steps, tuple(one for one in prune if one.id not in running))


def without_job(plan: Plan) -> Plan:
    """The plan of a revision that must wait for others to be proved."""
    steps = tuple(step for step in plan.steps if step.id.kind != "Job")
    return replace(plan, steps=steps, starts_job=False, queued=True)
