"""What the autoscaler of a model does, or why it does nothing, in words for the model's user. Pure.

The HorizontalPodAutoscaler reports each of its looks, usually every 15 s. Its user wants to know what lasts. So a verdict changes only after
the autoscaler has reported something else for a while.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from modelway.api import conditions
from modelway.api.labels import NAME_LABEL
from modelway.observed import Condition, Observed
from modelway.status.conditions import ConditionStatus, ConditionVerdict
from modelway.status.reasons import Reason

CONDITION = "AutoscalingActive"

CALM_SECONDS = 20.0
"""Seconds for which the autoscaler must report something else; more than between two looks, so that one failed look is no news."""

STARTING_SECONDS = 120.0
"""Seconds for which the pods of a model that scaled before may lack figures; those of a new pod come within about a minute."""

_LONGEST_QUOTE = 400
"""Characters that a message quotes from the autoscaler."""

_NO_SUCH_API = "could not find the requested resource"
_API_FAILS = "unable to fetch metrics from resource metrics API"
_NO_FIGURES = (
    "no metrics returned from resource metrics API",
    "did not receive metrics for targeted pods",
    "no pods returned by selector",
)
_REQUEST_MISSING = re.compile(r"missing request for (\w+) in container (\S+) of Pod")
_AUTOSCALERS = re.compile(r"controlled by multiple HPAs: \[(.*)\]")


@dataclass(frozen=True, slots=True)
class AutoscalingVerdict:
    """The verdict on the autoscaler of a model."""

    condition: ConditionVerdict
    due: float | None = None
    """Seconds after which to look again even if nothing changes; None if there is no need."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """What the autoscaler reports now."""

    status: ConditionStatus
    reason: Reason
    message: str
    since: str = ""
    """When it began to report that."""


def autoscaling_of(observed: Observed, now: datetime) -> AutoscalingVerdict:
    """The condition AutoscalingActive, for a ModelDeployment whose number of pods is left to an autoscaler.

    Args:
        observed: what exists after the pass; the verdict of before is read from its owner's status.
        now: the time, with a time zone.
    """
    statement, before = _statement(observed), _before(observed)
    age = _age(statement, now)
    if statement.reason is Reason.FETCHING_METRICS and age >= STARTING_SECONDS and _serves(observed):
        statement = _figures_missing(observed)
    if before is not None and statement.reason is not before and age < (calm := _calm(statement.reason)):
        return AutoscalingVerdict(_verdict(_still(before, observed)), due=calm - age)
    runs_out = statement.reason is Reason.FETCHING_METRICS and statement.since and age < STARTING_SECONDS
    return AutoscalingVerdict(_verdict(statement), due=STARTING_SECONDS - age if runs_out else None)


def _verdict(statement: _Statement) -> ConditionVerdict:
    return ConditionVerdict(CONDITION, statement.status, statement.reason, statement.message)


def _age(statement: _Statement, now: datetime) -> float:
    """For how many seconds the autoscaler has reported this."""
    return max(0.0, (now - datetime.fromisoformat(statement.since)).total_seconds()) if statement.since else 0.0


# What held before -------------------------------------------------------------------------------------------------------------------------


def _calm(reason: Reason) -> float:
    """For how many seconds the earlier verdict holds although the autoscaler reports something else."""
    if reason in {Reason.FETCHING_METRICS, Reason.POD_METRICS_MISSING}:
        return STARTING_SECONDS  # new pods have none yet, and those that could have been measured are gone
    return 0.0 if reason in {Reason.SCALING_DISABLED, Reason.AMBIGUOUS_SELECTOR} else CALM_SECONDS


def _before(observed: Observed) -> Reason | None:
    """The reason in status for which the autoscaler is active; None if it is not."""
    before = conditions.find(observed.owner.status.get("conditions"), CONDITION) or {}
    return next(
        (one for one in (Reason.VALID_METRIC_FOUND, Reason.TOO_MANY_REPLICAS) if one == before.get("reason")), None
    )


def _still(before: Reason, observed: Observed) -> _Statement:
    return (_too_many if before is Reason.TOO_MANY_REPLICAS else _follows)(observed, "")


# What it says now -------------------------------------------------------------------------------------------------------------------------


def _statement(observed: Observed) -> _Statement:
    able, active = _condition(observed, "AbleToScale"), _condition(observed, "ScalingActive")
    if able is not None and able.status == "False":
        return _explain_failure(observed, able)
    if active is None:
        return _waits()
    return _follows_or_is_limited(observed, active) if active.status == "True" else _stands_still(observed, active)


def _follows_or_is_limited(observed: Observed, active: Condition) -> _Statement:
    limited = _condition(observed, "ScalingLimited")
    if limited is None:
        return _follows(observed, active.since)
    beyond = limited.status == "True" and limited.reason == "TooManyReplicas"
    return (_too_many if beyond else _follows)(observed, limited.since)


def _stands_still(observed: Observed, active: Condition) -> _Statement:
    if active.reason == "ScalingDisabled":
        return _explain_disabled(observed, active)
    if active.reason == "AmbiguousSelector":
        return _ambiguous(observed, active)
    if _REQUEST_MISSING.search(active.message):
        return _request_missing(active)
    if _API_FAILS in active.message:
        return _metrics_unavailable(active)
    if any(sign in active.message for sign in _NO_FIGURES):
        return _waits(max(active.since, _serving_since(observed)))
    return _explain_failure(observed, active)


def _follows(observed: Observed, since: str) -> _Statement:
    least, most = _bounds(observed)
    message = f"The number of pods follows the load, from {least} to {most}."
    return _Statement("True", Reason.VALID_METRIC_FOUND, message, since)


def _too_many(observed: Observed, since: str) -> _Statement:
    _, most = _bounds(observed)
    message = f"The load asks for more pods than {most}, the most that spec.scaling.max allows. Raise it if the answers come too slowly."
    return _Statement("True", Reason.TOO_MANY_REPLICAS, message, since)


def _waits(since: str = "") -> _Statement:
    # The same words before the autoscaler has reported anything save one write of status.
    message = "The autoscaler waits for the first figures of the model's pods; they come within about a minute after a pod serves."
    return _Statement("Unknown", Reason.FETCHING_METRICS, message, since)


def _figures_missing(observed: Observed) -> _Statement:
    namespace, name = observed.owner.key
    message = (
        "The cluster has no figures of the model's pods, so their number stays as it is. See what it has with "
        f"`kubectl top pods -n {namespace} -l {NAME_LABEL}={name}`; the log of metrics-server says which nodes it cannot read."
    )
    return _Statement("False", Reason.POD_METRICS_MISSING, message)


def _metrics_unavailable(active: Condition) -> _Statement:
    trouble = active.message.rpartition(f"{_API_FAILS}: ")[2]
    if _NO_SUCH_API in trouble:
        message = (
            "The cluster has no metrics API, so the number of pods stays as it is. Install metrics-server, "
            "or set spec.scaling.replicas to a fixed number."
        )
    else:
        message = (
            f"The metrics API does not answer ({_quote(trouble)}), so the number of pods stays as it is. See why with "
            "`kubectl get apiservice v1beta1.metrics.k8s.io` and in the log of metrics-server."
        )
    return _Statement("False", Reason.METRICS_UNAVAILABLE, message, active.since)


def _request_missing(active: Condition) -> _Statement:
    match = _REQUEST_MISSING.search(active.message)
    resource, container = (match[1], match[2]) if match else ("cpu", "")
    message = (
        f"Container {container}, which something in the cluster adds to the model's pods, requests no {resource}. So the autoscaler "
        "cannot compute a percentage, and the number of pods stays as it is. Set a request on it where it is defined, or by a LimitRange."
    )
    return _Statement("False", Reason.REQUEST_MISSING, message, active.since)


def _explain_disabled(observed: Observed, active: Condition) -> _Statement:
    namespace, name = observed.owner.key
    message = (
        f"Deployment {name} was scaled to 0 pods, which turns its autoscaler off. "
        f"To turn it on: `kubectl scale deployment {name} -n {namespace} --replicas=1`."
    )
    return _Statement("False", Reason.SCALING_DISABLED, message, active.since)


def _ambiguous(observed: Observed, active: Condition) -> _Statement:
    namespace, name = observed.owner.key
    match = _AUTOSCALERS.search(active.message)
    names = {word.rpartition("/")[2] for word in (match[1] if match else "").split()}
    others = sorted(names - {name})  # the autoscaler names them in another order each time
    message = (
        f"Another autoscaler sets the number of this model's pods too: {', '.join(others) or 'see the list'}. Delete it, or leave "
        f"spec.scaling.max out and let that one do the work; `kubectl get hpa -n {namespace}` lists both."
    )
    return _Statement("False", Reason.AMBIGUOUS_SELECTOR, message, active.since)


def _explain_failure(observed: Observed, trouble: Condition) -> _Statement:
    namespace, name = observed.owner.key
    message = (
        f"The autoscaler fails: {_quote(trouble.message)}. Read more with `kubectl describe hpa {name} -n {namespace}`."
    )
    return _Statement("False", Reason.AUTOSCALER_FAILED, message, trouble.since)


def _condition(observed: Observed, kind: str) -> Condition | None:
    return conditions.find(observed.autoscaler.conditions, kind) if observed.autoscaler else None


def _bounds(observed: Observed) -> tuple[int, int]:
    return (observed.autoscaler.least, observed.autoscaler.most) if observed.autoscaler else (1, 1)


def _serves(observed: Observed) -> bool:
    return observed.deployment is not None and observed.deployment.available > 0


def _serving_since(observed: Observed) -> str:
    """When pods began to serve and their figures to be due; empty while none serves."""
    available = conditions.find(observed.deployment.conditions, "Available") if observed.deployment else None
    return available.since if available is not None and available.status == "True" else ""


def _quote(message: str) -> str:
    return message.strip().rstrip(".")[:_LONGEST_QUOTE]
