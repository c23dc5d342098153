"""What a rollout means for a reader of conditions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelway.api.orders import Order
from modelway.desired.plan import Plan
from modelway.observed import Observed
from modelway.status.conditions import shorten
from modelway.status.pod_failures import failure_of
from modelway.status.reasons import Reason
from modelway.status.rejections import explain_refused_pods
from modelway.status.verdict import Readiness

_TEXTS = ("strategy", "phase", "revision", "stable")


@dataclass(frozen=True, slots=True)
class _Course:
    """What of a rollout is told in words."""

    strategy: str
    phase: str
    revision: str
    stable: str
    weight: int
    mirror: int


def _course_of(rollout: Mapping[str, Any] | None) -> _Course | None:
    """What a `status.rollout` tells; None where there is none."""
    if not rollout or not rollout.get("phase"):
        return None
    strategy, phase, revision, stable = (str(rollout.get(part) or "") for part in _TEXTS)
    return _Course(strategy, phase, revision, stable, int(rollout.get("weight") or 0), int(rollout.get("mirror") or 0))


def judge_rollout(observed: Observed, plan: Plan, rollout: Mapping[str, Any] | None) -> Readiness:
    """The verdict on a ModelDeployment whose revision is a candidate beside the stable one, or was rolled back.

    Args:
        observed: what exists.
        plan: the plan of the revision.
        rollout: the rollout as status is to tell of it; None before it began.
    """
    course = _course_of(rollout)
    message = str((rollout or {}).get("message") or "").strip()
    if rollout is None or course is None or course.revision != plan.revision:
        begins = f"Revision {plan.revision} is to take the place of revision {plan.beside}: its rollout begins."
        return Readiness(Reason.ROLLOUT_PROGRESSING, begins)
    match course.phase:
        case "RolledBack":
            why = f": {message}" if message else "."
            serves = f"Revision {course.stable} serves all requests."
            return Readiness(Reason.ROLLED_BACK, _sentences(f"Revision {course.revision} was rolled back{why}", serves))
        case "Paused":
            return Readiness(Reason.ROLLOUT_SUSPENDED, _sentences(_share(course), "The rollout is paused.", message))
        case "Starting":
            return _start(observed, course, message)
        case _:
            return Readiness(Reason.ROLLOUT_PROGRESSING, _sentences(_share(course), message))


def failure_of_candidate(observed: Observed, revision: str) -> Readiness | None:
    """What keeps the pods of a candidate from being ready; None if no cause is known."""
    pods = replace(observed, pods=observed.canary_pods)
    return failure_of(pods, revision) or _refusal(observed, revision)


def events_of_rollout(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, order: Order | None, refusal: str = ""
) -> list[dict[str, str]]:
    """What is to be told of a rollout besides the verdict on readiness, as verdicts with a reason.

    Args:
        before: the rollout as status told of it until now.
        after: the same from now on.
        order: the last order in the annotations of the ModelDeployment.
        refusal: why it is not followed; empty where it is.
    """
    old, new = before or {}, after or {}
    told = []
    if order is not None and new.get("order") != old.get("order") and _is_time_of(order, new.get("order")):
        told.append(_event_of_order(order, refusal))
    course = _course_of(new)
    if course is None:
        return told
    is_same = new.get("id") == old.get("id")
    if not is_same and course.phase == "Starting":
        told.append(
            _event(
                "RolloutStarted",
                f"Revision {course.revision} starts beside revision {course.stable} ({course.strategy}).",
            )
        )
    moved = is_same and (old.get("phase"), old.get("step")) != (course.phase, new.get("step"))
    if moved and course.phase == "Progressing":
        told.append(
            _event("RolloutStep", f"Step {int(new.get('step') or 0) + 1} of {new.get('steps')}: {_share(course)}")
        )
    if old.get("phase") != course.phase and course.phase in _TURNS:
        told.append(_event(*(text.format(**new) for text in _TURNS[course.phase])))
    return told


def _event_of_order(order: Order, refusal: str) -> dict[str, str]:
    wish = f"{order.by or 'Somebody'} asked to {order.action} revision {order.revision}"
    if refusal:
        return {"status": "False", "reason": "RolloutOrderRefused", "message": f"{wish}: {refusal}"}
    return _event("RolloutOrder", f"{wish}.")


_TURNS = {
    "Promoting": ("RolloutPromoting", "Revision {revision} is not worse and takes the place of revision {stable}."),
    "Promoted": ("RolloutPromoted", "Revision {revision} took the place of revision {stable}."),
}


def _event(reason: str, message: str) -> dict[str, str]:
    return {"status": "True", "reason": reason, "message": message}


def _is_time_of(order: Order, stamp: object) -> bool:
    try:
        return datetime.fromisoformat(str(stamp)) == order.at
    except ValueError:
        return False


def _refusal(observed: Observed, revision: str) -> Readiness | None:
    canary = observed.canary
    if canary is None or not canary.reports_on(revision) or canary.updated >= canary.size:
        return None
    refusal = next((one for one in canary.conditions if one.type == "ReplicaFailure" and one.status == "True"), None)
    if refusal is None:
        return None
    return explain_refused_pods(refusal.message, namespace=observed.owner.key.namespace)


def _start(observed: Observed, course: _Course, message: str) -> Readiness:
    meanwhile = f"Revision {course.stable} serves all requests meanwhile."
    failure = failure_of_candidate(observed, course.revision)
    if failure is not None and failure.reason.waiting_cures:
        return replace(failure, message=_sentences(failure.message, meanwhile))
    starts = message or f"Candidate pods of revision {course.revision} are being started."
    return Readiness(Reason.ROLLOUT_PROGRESSING, _sentences(starts, meanwhile))


def _share(course: _Course) -> str:
    if course.strategy == "Shadow":
        return f"Revision {course.revision} gets a copy of {course.mirror:g} % of requests; revision {course.stable} answers all of them."
    return f"Revision {course.revision} answers {course.weight:g} % of requests, revision {course.stable} the others."


def _sentences(*texts: str) -> str:
    ended = (text if text.endswith((".", "!", "?")) else f"{text}." for text in texts if text)
    return shorten(" ".join(ended))
