"""What Modelway reports about a ModelDeployment; written by the operator alone."""

from typing import Annotated, Literal

from pydantic import Field

from modelway.api.base import ApiModel
from modelway.api.fields import atomic_list, keyed_list
from modelway.api.meta import LONGEST_REFRESH
from modelway.api.replay import ReplayStatus

Digest = Annotated[str, Field(max_length=128)]
LARGEST_COUNT = 1 << 53
"""Larger whole numbers are not exact in JSON."""
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Generation = Annotated[int, Field(ge=-1, le=1 << 53)]

LONGEST_MESSAGE = 4096
"""Characters of what a rollout says of itself."""

LONGEST_PROBLEM = 512
"""Characters of what a metric says of itself."""

UNSEEN = -1
"""The generation observed of a ModelDeployment that Modelway has not looked at yet: below every real one."""

NOT_SEEN = "NotSeen"
"""Stands in place of a reason while Modelway has not looked at the present spec."""

UNSEEN_STATUS = {
    "observedGeneration": UNSEEN,
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "observedGeneration": 0,
            "lastTransitionTime": "1970-01-01T00:00:00Z",
            "reason": NOT_SEEN,
            "message": "No operator has looked at this yet. If that lasts: does one run, and is this namespace in its watch.namespaces?",
        }
    ],
}
"""The status of a ModelDeployment before Modelway looks at it; it stays in a namespace that no operator serves."""


class Condition(ApiModel):
    """One statement about the ModelDeployment, as all kinds of Kubernetes make it."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What the statement is about: Ready, Reconciling, Stalled, ModelAccepted, Available, AutoscalingActive, Exposed."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why, in one word for programs."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, in words for people, with what to do."""
    last_transition_time: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
    """When `status` last changed."""
    observed_generation: Count | None = None
    """The generation of the spec that the statement is about."""


class ServedRevision(ApiModel):
    """The revision that answers requests."""

    revision: Annotated[str, Field(max_length=63)] | None = None
    """Its hash, as on its pods and its ControllerRevision."""
    digest: Digest | None = None
    """The SHA-256 of the model file as sha256:..., once fetched."""
    version: Annotated[str, Field(max_length=63)] | None = None
    """The user's name for it, from `spec.model.version`."""
    format: Annotated[str, Field(max_length=63)] | None = None
    """The format of the model file, as the server found it."""
    engine: Annotated[str, Field(max_length=63)] | None = None
    """What evaluates the model: onnx, trees or linear, say, or estimator for scikit-learn itself."""
    caution: Annotated[str, Field(max_length=1024)] | None = None
    """What nobody can find out about its answers: another version of its library saved it, say, and they may differ."""
    uri: Annotated[str, Field(max_length=2048)] | None = None
    """Where the model file was fetched from."""


class CandidateRevision(ServedRevision):
    """The revision that is being rolled out, or that was refused."""

    reason: Annotated[str, Field(max_length=1024)] | None = None
    """How far it has come or why it does not serve, in one word."""
    message: Annotated[str, Field(max_length=32768)] | None = None
    """The same in words, with what to do."""


Measure = Annotated[float, Field(ge=-1e18, le=1e18)]
"""A value of a metric."""


class MetricResult(ApiModel):
    """What a metric came to on the dataset of the evaluation."""

    metric: Annotated[str, Field(max_length=300)]
    """The name of the scorer."""
    slice: Annotated[str, Field(max_length=300)] | None = None
    """The part of the rows, as column=value; all of them when left out."""
    value: Measure | None = None
    """Its value for this revision."""
    low: Measure | None = None
    """The lower end of the confidence interval: of the difference where there is one."""
    high: Measure | None = None
    """The upper end of that interval."""
    stable: Measure | None = None
    """Its value for the revision that served then, on the same rows."""
    difference: Measure | None = None
    """By how much this revision is better than that one."""
    outcome: Literal["passed", "failed", "inconclusive", "skipped"]
    """Whether its condition holds, as far as the rows can tell; skipped where there was nothing to compare with."""


class CandidateResult(ApiModel):
    """What a model that competed came to."""

    name: Annotated[str, Field(max_length=63)]
    """That of the candidate; model is that of `spec.model.uri`, int8 the same with weights of 8 bits."""
    value: Measure | None = None
    """Its value of the first metric."""
    low: Measure | None = None
    """The lower end of the confidence interval of that value."""
    high: Measure | None = None
    """The upper end of that interval."""
    latency_milliseconds: Measure | None = None
    """How long it took to answer one row, the median of several times."""
    memory_mebibytes: Measure | None = None
    """How much memory a process took for it."""
    size_mebibytes: Measure | None = None
    """The size of its file."""
    engine: Annotated[str, Field(max_length=63)] | None = None
    """What evaluates it."""
    reason: Annotated[str, Field(max_length=256)] | None = None
    """Why it could not be served, in one word; left out where it could."""


class ProvedRevision(ApiModel):
    """A revision that a preflight accepted or refused."""

    revision: Annotated[str, Field(max_length=63)]
    """Its hash."""
    verdict: Literal["Accepted", "Refused"]
    """Whether pods may serve it."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one word."""
    message: Annotated[str, Field(max_length=32768)] | None = None
    """Why, in words."""
    time: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})] | None = None
    """When it was decided."""
    version: Annotated[str, Field(max_length=63)] | None = None
    """The user's name for it, from `spec.model.version`."""
    digest: Digest | None = None
    """The SHA-256 of the very bytes that were tried; its pods serve no others."""
    object_version: Annotated[str, Field(max_length=256)] | None = None
    """The store's own name for those bytes, where it has one."""
    contract: Annotated[str, Field(max_length=512)] | None = None
    """How it differs in what it takes and gives from the revision that served then."""
    evaluation: Annotated[tuple[MetricResult, ...], atomic_list(16)] = ()
    """Its metrics; where several models competed, those of the one that was chosen."""
    choice: Annotated[str, Field(max_length=63)] | None = None
    """The name of the model that its pods serve, where several competed."""
    candidates: Annotated[tuple[CandidateResult, ...], atomic_list(8)] = ()
    """The models that competed, in the order of the spec."""


Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
Word = Annotated[str, Field(max_length=63)]
Percentage = Annotated[int, Field(ge=0, le=100)]


MeasureOutcome = Literal["Undecided", "Worse", "NotWorse", "Inconclusive"]


class RolloutMeasure(ApiModel):
    """What was counted of a candidate, and what the counts say."""

    name: Word
    """What counts as bad: failed, refused, slow, disagreement, or a metric of the spec."""
    bad: Count
    """Bad ones among the candidate's; of a value, looks in a row beyond its limit."""
    trials: Count
    """All that were counted of the candidate; of a value, the looks that roll back."""
    stable_bad: Count | None = None
    """Bad ones among the stable revision's, where both are compared."""
    stable_trials: Count | None = None
    """All that were counted of the stable revision."""
    share: Measure | None = None
    """The candidate's share of bad ones, from 0 to 1."""
    bound: Measure
    """The share up to which it is not worse; of a value, its limit."""
    outcome: MeasureOutcome
    """What the counts say by now; Inconclusive while a metric tells nothing."""
    needed: Count | None = None
    """About how many trials in all tell that it is not worse, at the present share."""
    evidence: Measure
    """How strongly they say that it is worse: the decimal logarithm of the e-value."""
    value: Measure | None = None
    """The value at the last look."""
    problem: Annotated[str, Field(max_length=LONGEST_PROBLEM)] | None = None
    """Why the metric told nothing at the last look."""
    time: Time | None = None
    """When it began to tell nothing, or was last beyond its limit."""
    message: Annotated[str, Field(max_length=LONGEST_PROBLEM)] | None = None
    """What its source says beside the numbers, or that a count fell."""
    source: Word | None = None
    """Tells what is asked from other questions."""


class RolloutStatus(ApiModel):
    """A candidate on its way into the place of the stable revision, or the last one that came or went."""

    id: Word
    """Tells this attempt from every other one; the servers' metrics carry it."""
    strategy: Literal["Canary", "BlueGreen", "Shadow"]
    """How the candidate is tried."""
    phase: Literal["Starting", "Progressing", "Paused", "Promoting", "Promoted", "RolledBack"]
    """How far it has come: Starting until its pods are ready, Promoting while its pods take the place of the stable ones."""
    revision: Word
    """The candidate."""
    stable: Word
    """The revision whose place it is to take."""
    attempt: Annotated[int, Field(ge=1, le=1 << 53)]
    """The number of this attempt with this candidate, from 1."""
    step: Count
    """The step, counted from 0."""
    steps: Count
    """The number of steps."""
    weight: Percentage
    """The percent of requests that the candidate is to answer now."""
    mirror: Percentage
    """The percent of requests that stable pods are to copy now."""
    routing: Literal["Gateway"] | None = None
    """What divides the requests, where stable pods do not."""
    traffic: Word | None = None
    """The same in words: 5%, or copies 100%; left out once the candidate has taken over or gone."""
    pods: Annotated[str, Field(max_length=32)] | None = None
    """Stable pods that keep to this, of all: 2/3, say."""
    started: Time
    """When the attempt began."""
    timeout_from: Time | None = None
    """From when `spec.rollout.timeout` counts: the candidate's readiness, put off by pauses."""
    since: Time | None = None
    """Since when all stable pods have kept to the present step."""
    unready: Time | None = None
    """Since when the candidate lacks ready pods that it may have; else left out."""
    unserved: Time | None = None
    """Since when no stable pod is ready; left out while one is."""
    share_from: Time | None = None
    """Since when the stable pods are asked for the present share."""
    paused: Time | None = None
    """Since when the rollout pauses."""
    pause: Literal["Spec", "Order", "Timeout", "Suspend"] | None = None
    """What holds it: `spec.rollout.paused`, `modelway pause`, `spec.rollout.onTimeout`, or `spec.suspend`."""
    ended: Time | None = None
    """When the candidate took over or went."""
    message: Annotated[str, Field(max_length=LONGEST_MESSAGE)] | None = None
    """How far it has come, in words, with what to do."""
    cause: Literal["Analysis", "CandidateFailed", "CandidateNotReady", "Timeout", "Aborted"] | None = None
    """Why it rolled back."""
    by: Annotated[str, Field(max_length=128)] | None = None
    """Who ordered the present state, where somebody did."""
    order: Time | None = None
    """The time of the last order that was followed or refused."""
    requests_before: Count = 0
    """Requests that the candidate got before the present step."""
    measures: Annotated[tuple[RolloutMeasure, ...], atomic_list(16)] = ()
    """What was counted, and what it says."""
    replay: ReplayStatus | None = None
    """The replay of known rows, where the spec asks for one."""


class ModelDeploymentStatus(ApiModel):
    """What is served at present; written by Modelway."""

    observed_generation: Generation | None = None
    """The generation of the spec that this status is about; -1 until Modelway has looked at it for the first time."""
    observed_refresh: Annotated[str, Field(max_length=LONGEST_REFRESH)] | None = None
    """The annotation `modelway.dev/refresh` that this status is about, where there is one: it makes a revision without a new generation."""
    conditions: Annotated[tuple[Condition, ...], keyed_list(16, "type")] = ()
    """Statements that tools read: Ready is True when the present spec is fully served, Available when anything is."""
    url: Annotated[str, Field(max_length=512)] | None = None
    """Where clients inside the cluster reach the model."""
    replicas: Count | None = None
    """The number of pods."""
    ready_replicas: Count | None = None
    """The number of pods that serve."""
    pods: Annotated[str, Field(max_length=32)] | None = None
    """Pods that serve, of those wanted at present: 2/3, say."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """The labels that choose the pods, as text for the scale subresource."""
    stable: ServedRevision | None = None
    """The revision that answers requests."""
    candidate: CandidateRevision | None = None
    """The revision on its way, while there is one."""
    rollout: RolloutStatus | None = None
    """The candidate that takes the place of the stable revision, or the last one that did or had to go."""
    revisions: Annotated[tuple[ProvedRevision, ...], atomic_list(10)] = ()
    """The revisions that a preflight accepted or refused, newest first."""
