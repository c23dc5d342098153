"""Make the status of a ModelDeployment from what was observed and judged. Pure.

The conditions follow kstatus. Ready is the summary. Reconciling and Stalled show whether waiting helps. Available shows whether any pod
answers requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelway.api.labels import selector_labels
from modelway.desired.contestants import model_on_record
from modelway.desired.gate import evidence_on
from modelway.desired.plan import Plan
from modelway.observed import Observed, PodView
from modelway.rollout.state import Phase, RolloutState
from modelway.status.autoscaling import autoscaling_of
from modelway.status.conditions import ConditionVerdict, merge, shorten
from modelway.status.exposure import exposure_of
from modelway.status.ledger import ledger_of
from modelway.status.preflight import judge_preflight
from modelway.status.readiness import Target, is_reachable, judge, others_serve, serving_pods
from modelway.status.reasons import Reason
from modelway.status.rollout import judge_rollout
from modelway.status.termination import REASONS_OF_THE_ARTIFACT, caution_of, chosen_engine, fetched_digest, found_format
from modelway.status.verdict import Readiness

_ANY_FORMAT = "auto"
"""The format of a spec that leaves it to the server; status shows a format once a pod has reported one."""

SUSPENDED = Readiness(
    Reason.SUSPENDED, "spec.suspend is true: what runs keeps running and changes wait. Set it to false to go on."
)

WAITS = (
    "When its turn comes, it is rolled out again for the platform's present server image or the way it is pulled. server.followAtOnce in "
    "the chart's values sets how many models roll out at once."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a pass: its plan, if there was one, and what kept the plan from being applied."""

    plan: Plan | None = None
    hindrance: Readiness | None = None
    rollout: Mapping[str, Any] | None = None
    """The rollout as status is to tell of it; None where there is none."""


def readiness_of(observed: Observed, finding: Finding) -> Readiness:
    """The verdict on the ModelDeployment after a pass."""
    if finding.hindrance is not None:
        return finding.hindrance
    if finding.plan is None:
        return Readiness(Reason.PROGRESSING, "Waiting for a first look.")
    if finding.plan.closed:
        return judge_preflight(observed, finding.plan)
    if finding.plan.beside is not None:
        return judge_rollout(observed, finding.plan, finding.rollout)
    verdict = judge(observed, Target(finding.plan.revision, finding.plan.available))
    return replace(verdict, message=f"{verdict.message} {WAITS}") if finding.plan.waits and verdict.ready else verdict


def status_of(observed: Observed, finding: Finding, *, service_port: int, now: datetime) -> dict[str, Any]:
    """The whole status as it should be; fields that no longer hold are left out.

    Args:
        observed: what exists after the pass.
        finding: what the pass came to.
        service_port: the port of the model's Service.
        now: the time of transitions, with a time zone.
    """
    namespace, name = observed.owner.key
    deployment, readiness = observed.deployment, readiness_of(observed, finding)
    old = observed.owner.status.get("conditions") or ()
    status = {
        "observedGeneration": observed.owner.generation,
        "observedRefresh": observed.owner.wanted[1] or None,
        "conditions": merge(
            old, _conditions(observed, finding, readiness, now), generation=observed.owner.generation, now=now
        ),
        "url": f"http://{name}.{namespace}.svc:{service_port}",
        "replicas": deployment.replicas if deployment else 0,
        "readyReplicas": deployment.ready if deployment else 0,
        "pods": f"{deployment.ready if deployment else 0}/{_wanted_pods(observed, finding, readiness)}",
        "selector": ",".join(f"{label}={value}" for label, value in selector_labels(name).items()),
        "stable": _stable(observed, finding),
        "candidate": _candidate(observed, finding, readiness),
        "rollout": finding.rollout,
        "revisions": ledger_of(observed) or None,
    }
    return {field: value for field, value in status.items() if value is not None}


def next_look(observed: Observed, finding: Finding, now: datetime) -> float | None:
    """Seconds after which time alone may change the status; None if only an event can."""
    return autoscaling_of(observed, now).due if _is_autoscaled(observed, finding) else None


def _conditions(observed: Observed, finding: Finding, readiness: Readiness, now: datetime) -> list[ConditionVerdict]:
    reason, message = readiness.reason, readiness.message
    waiting = not (readiness.ready or readiness.stalled or reason == SUSPENDED.reason)
    conditions = [
        ConditionVerdict("Ready", "True" if readiness.ready else "False", reason, message),
        ConditionVerdict("Reconciling", "True", reason, message)
        if waiting
        else ConditionVerdict("Reconciling", "False", reason, "Nothing is under way."),
        ConditionVerdict("Stalled", "True", reason, message)
        if readiness.stalled
        else ConditionVerdict("Stalled", "False", reason, "Nothing stands still."),
        _acceptance(observed, finding, readiness),
        _availability(observed),
    ]
    conditions += [autoscaling_of(observed, now).condition] if _is_autoscaled(observed, finding) else []
    hindrance = finding.hindrance
    exposed = exposure_of(observed, (hindrance.reason, hindrance.message) if hindrance is not None else None)
    return [*conditions, exposed] if exposed is not None else conditions


def _acceptance(observed: Observed, finding: Finding, readiness: Readiness) -> ConditionVerdict:
    if readiness.reason in {Reason.INVALID_SPEC, Reason.NOT_PERMITTED, *REASONS_OF_THE_ARTIFACT}:
        return ConditionVerdict("ModelAccepted", "False", readiness.reason, readiness.message)
    if finding.plan is not None and finding.plan.evidence is not None and finding.plan.evidence.accepted:
        evidence = finding.plan.evidence
        why = f" {evidence.message or evidence.choice}" if evidence.choice else ""
        message = f"A preflight proved the model: it was fetched, loaded and asked, and stood its tests.{why}"
        return ConditionVerdict("ModelAccepted", "True", Reason.LOADED, message)
    revision = finding.plan.revision if finding.plan else None
    before = observed.stable_revision
    rollout = finding.rollout or {}
    was_ready = rollout.get("revision") == revision and rollout.get("timeoutFrom") is not None
    has_served = readiness.ready or _ready_pods(observed, revision) or before == revision or was_ready
    if revision is not None and has_served:
        return ConditionVerdict(
            "ModelAccepted", "True", Reason.LOADED, "The model was fetched, loaded and gave a first prediction."
        )
    return ConditionVerdict("ModelAccepted", "Unknown", Reason.PENDING, "The model has not been loaded yet.")


def _availability(observed: Observed) -> ConditionVerdict:
    if serving_pods(observed) and not is_reachable(observed):
        message = f"Pods are up, but Service {observed.owner.key.name} is missing, so clients cannot reach them."
        return ConditionVerdict("Available", "False", Reason.NO_SERVICE, message)
    if serving_pods(observed):
        return ConditionVerdict("Available", "True", Reason.SERVING, "At least one pod answers requests.")
    return ConditionVerdict("Available", "False", Reason.NO_POD_SERVES, "No pod answers requests.")


def _wanted_pods(observed: Observed, finding: Finding, readiness: Readiness) -> int:
    """The number of pods asked for, also while the Deployment is missing or could not be scaled to it."""
    deployment, plan = observed.deployment, finding.plan
    if plan is None or readiness.reason is SUSPENDED.reason or (deployment is not None and plan.autoscaled):
        return deployment.size if deployment else 0
    return plan.available


def _is_autoscaled(observed: Observed, finding: Finding) -> bool:
    return finding.plan.autoscaled if finding.plan else observed.autoscaler is not None


# Revisions --------------------------------------------------------------------------------------------------------------------------------


def _stable(observed: Observed, finding: Finding) -> dict[str, Any] | None:
    """The revision that answers requests; while another one takes its place the one before, as long as its pods do.

    A candidate on trial becomes it with the end of its promotion: an order may still send it back to the one before.
    """
    old: Mapping[str, Any] = observed.owner.status.get("stable") or {}
    deployment, wanted = observed.deployment, finding.plan.revision if finding.plan else None
    if deployment is None:
        return dict(old) or None
    if (beside := _stable_of_rollout(observed, finding)) is not None:
        return _description(observed, beside, old)
    if wanted is not None and deployment.is_rolled_out(wanted) and deployment.available:
        return _description(observed, wanted, old)
    up = {pod.revision for pod in observed.pods if pod.ready and not pod.deleting}
    serving = [one.revision for one in observed.revisions if one.revision != wanted and one.revision in up]
    before = old.get("revision")
    revision = before if before in up or not serving else serving[0]
    return _description(observed, revision, old) if revision else None


def _stable_of_rollout(observed: Observed, finding: Finding) -> str | None:
    """The revision that a rollout keeps for the case that its candidate goes; None where none does, or where it cannot come back."""
    state = RolloutState.from_status(finding.rollout)
    if state is None or state.phase is Phase.PROMOTED:
        return None
    running = observed.deployment.revision if observed.deployment is not None else None
    return state.stable if running == state.stable or observed.record(state.stable) is not None else None


def _candidate(observed: Observed, finding: Finding, readiness: Readiness) -> dict[str, Any] | None:
    if finding.plan is None or readiness.reason == SUSPENDED.reason:
        return None
    wanted, deployment = finding.plan.revision, observed.deployment
    if deployment is not None and deployment.is_rolled_out(wanted) and deployment.available:
        return None
    is_stable = observed.stable_revision == wanted
    if is_stable and not others_serve(observed, wanted):  # its pods are few or gone, which makes it no candidate
        return None
    return {
        **_description(observed, wanted, {}),
        "reason": str(readiness.reason),
        "message": shorten(readiness.message),
    }


def _description(observed: Observed, revision: str, old: Mapping[str, Any]) -> dict[str, Any]:
    """A revision from its record and its pods' reports; what neither holds any more is taken from `old`."""
    known = dict(old) if old.get("revision") == revision else {"revision": revision}
    record = observed.record(revision)
    evidence = evidence_on(record)
    choice = evidence.choice if evidence is not None else ""
    if record is not None:
        model = model_on_record(record.model, choice)
        known |= {part: model[part] for part in ("uri", "version") if part in model}
        known = {"format": model.get("format", _ANY_FORMAT)} | known
    reports: dict[str, Callable[[PodView], str | None]] = {
        "digest": fetched_digest,
        "engine": chosen_engine,
        "format": found_format,
        "caution": caution_of,
    }
    # The first containers of a Job are about the model of spec.model.uri, which another one may have beaten.
    proving = () if choice else (pod for pod in observed.preflight_pods if pod.revision == revision)
    proved = {part: getattr(evidence, part) for part in ("digest", "engine", "format")} if choice else {}
    pods = [*_pods(observed, revision), *proving]
    values = {part: next(filter(None, map(read, pods)), proved.get(part)) for part, read in reports.items()}
    description = known | {part: value for part, value in values.items() if value}
    return {part: value for part, value in description.items() if (part, value) != ("format", _ANY_FORMAT)}


def _pods(observed: Observed, revision: str | None) -> list[PodView]:
    pods = (pod for pod in (*observed.pods, *observed.canary_pods) if pod.revision == revision)
    return sorted(pods, key=lambda pod: (pod.created, pod.name))


def _ready_pods(observed: Observed, revision: str | None) -> list[PodView]:
    return [pod for pod in _pods(observed, revision) if pod.ready and not pod.deleting]


# The smallest write -----------------------------------------------------------------------------------------------------------------------


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that makes `old` into `new`; empty when they are equal."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = merge_patch(before, value)
            patch |= {name: inner} if inner else {}
        elif name not in old or value != before:
            patch[name] = value
    return patch
