"""What it means that a pass failed: for the user, for the rollout, and for when another one is due."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelway.api.labels import CANARY, name_on_track
from modelway.errors import (
    ChildContested,
    ClusterError,
    InvalidSpec,
    KindNotServed,
    Leftover,
    ModelwayError,
    NameConflict,
    NotPermitted,
    Vanished,
)
from modelway.observed import Key, Observed
from modelway.status.pod_failures import LONGEST_QUOTE
from modelway.status.reasons import Reason, Topic
from modelway.status.rejections import explain_refused_child
from modelway.status.report import SUSPENDED
from modelway.status.verdict import Readiness, last_verdict

CONFLICT_SECONDS = 5.0
"""Seconds between looks at a name that belongs to somebody else: no watch reports when that object goes."""

MOMENT_SECONDS = 3.0
"""Seconds for which a right may be missing, or a webhook silent, before status says so; retries come faster than that."""

_BEING_APPLIED = "The present spec is being applied."

_OFTEN_MOMENTARY = frozenset({Reason.OPERATOR_FORBIDDEN, Reason.WEBHOOK_FAILED})

_REASON_OF_FAILURE: Mapping[type[ModelwayError], Reason] = {
    InvalidSpec: Reason.INVALID_SPEC,
    NotPermitted: Reason.NOT_PERMITTED,
    NameConflict: Reason.NAME_CONFLICT,
    ChildContested: Reason.CHILD_CONTESTED,
    KindNotServed: Reason.KIND_NOT_SERVED,
    Leftover: Reason.PROGRESSING,
}
"""Failures whose text is the message."""


@dataclass(slots=True)
class History:
    """What earlier passes over one ModelDeployment came to."""

    uid: str
    momentary_since: float | None = None
    """When a hindrance appeared that is often gone within moments; None while there is none."""
    failing_since: float | None = None
    """When passes began not to reach their end; None while they do."""
    applied: tuple[int, str] | None = None
    """What was last applied whole, as `Owner.wanted` tells it apart."""
    spares: bool = False
    """Whether the last pass left refused children for later, since a candidate is judged meanwhile."""

    def lasting(self, hindrance: Readiness | None, begin: float, now: float) -> Readiness | None:
        """The hindrance of a pass that began at `begin`; None while it is young and of a kind that a starting API server makes for moments."""
        if hindrance is None or hindrance.reason not in _OFTEN_MOMENTARY:
            self.momentary_since = None
            return hindrance
        if self.momentary_since is None:
            self.momentary_since = begin
        return hindrance if now - self.momentary_since >= MOMENT_SECONDS else None

    def verdict_on(
        self, failure: ModelwayError | None, observed: Observed, begin: float, now: float
    ) -> Readiness | None:
        """The verdict on a pass that began at `begin` and failed without a cause for status: what hindered an earlier pass may do so still.

        Before a spec was applied whole, nothing that is seen of the children is about it.
        """
        if failure is None:
            self.failing_since = None
            return None
        if self.failing_since is None:
            self.failing_since = begin
        before, is_applied = last_verdict(observed), self.applied == observed.owner.wanted
        if before is None or (before.reason is Reason.PROGRESSING and not is_applied):
            lasts = now - self.failing_since >= MOMENT_SECONDS
            return Readiness(Reason.PROGRESSING, f"{_BEING_APPLIED}{_retry_note(failure) if lasts else ''}")
        return before if before.reason.topic in {Topic.RESOURCE, Topic.CLUSTER} else None


def hindrance_of(failure: ModelwayError | None, observed: Observed) -> Readiness | None:
    """What a failure means to the user; None when it passes by itself and what is observed says enough."""
    namespace = observed.owner.key.namespace
    if failure is not None and type(failure) in _REASON_OF_FAILURE:
        return Readiness(_REASON_OF_FAILURE[type(failure)], str(failure))
    match failure:
        case Vanished():
            return Readiness(Reason.NAMESPACE_TERMINATING, f"Namespace {namespace} is being deleted, and this with it.")
        case ClusterError(child=child, status=status) if child and status >= 400:
            verdict = explain_refused_child(str(failure), status, child=child, namespace=namespace)
            return None if status >= 500 and verdict.reason is Reason.APPLY_FAILED else verdict
        case _:
            return SUSPENDED if observed.owner.document["spec"].get("suspend") else None


def is_refusal(failure: ModelwayError | None) -> bool:
    """Whether the cluster refused a child: the others are as they should be."""
    return isinstance(failure, ClusterError) and bool(failure.child) and failure.status >= 400


def refusal_of_candidate(failure: ModelwayError | None, hindrance: Readiness | None, key: Key) -> str:
    """Why a candidate can have no pods, since the cluster refuses what would make them; empty where it does not."""
    if not isinstance(failure, ClusterError) or not is_refusal(failure):
        return ""
    is_about_it = failure.child.endswith(f" {name_on_track(key.name, CANARY)}")
    return (hindrance.message if hindrance is not None else str(failure)) if is_about_it else ""


def retry_seconds(failure: ModelwayError | None) -> float | None:
    """Seconds after which a pass that failed should be tried again; None where an event will tell.

    Raises:
        ModelwayError: the failure, where the queue decides when.
    """
    match failure:
        case None | InvalidSpec() | Vanished() | KindNotServed():
            return None
        case NameConflict():
            return CONFLICT_SECONDS
        case ChildContested(seconds=seconds):
            return seconds
        case _:
            raise failure


def _retry_note(failure: ModelwayError) -> str:
    words = str(failure).strip().rstrip(".")[:LONGEST_QUOTE]
    return f" That has failed and is retried automatically: {words}."
