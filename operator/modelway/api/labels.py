"""The labels and annotations by which the objects of a model are found. Imports nothing."""

NAME_LABEL = "modelway.dev/name"
"""The name of the ModelDeployment, on every child and every pod."""

TRACK_LABEL = "modelway.dev/track"
"""Which pods of a model these are: `stable`, `canary` for those of a candidate, `preflight` for those of a Job that proves a
revision, or `replay`."""

REVISION_LABEL = "modelway.dev/revision"
"""The hash of a revision, on its record and its pods, and on the Deployment that runs it."""

STABLE = "stable"
"""The track of the pods that serve."""

CANARY = "canary"
"""The track of the pods of a candidate, and the end of the names of its Deployment and Service."""

PREFLIGHT = "preflight"
"""The track of the pods that prove a revision; no Service chooses them."""

REPLAY = "replay"
"""The track of the pods that ask both revisions of a rollout known rows; no Service chooses them."""

PROOF_LABEL = "modelway.dev/proof"
"""A hash of all that a Job tries, on the Job and its pods."""

SERVED_ANNOTATION = "modelway.dev/served"
"""Marks the record of a revision that has served: it keeps its pod template when the platform's settings change."""

EVIDENCE_ANNOTATION = "modelway.dev/evidence"
"""What a Job found out about a revision, as JSON, on its record."""

ROUTED_ANNOTATION = "modelway.dev/routed"
"""Marks the Deployment of a candidate whose share of the requests a Gateway divides: it stays until that Gateway has let go of it."""

REFRESH_ANNOTATION = "modelway.dev/refresh"
"""On a ModelDeployment: when somebody last asked for the object at the URI as it was then. Another time makes another revision."""

ROLLOUT_ORDER_ANNOTATION = "modelway.dev/rollout-order"
"""On a ModelDeployment: what somebody last asked of its rollout, as JSON; `api.orders` reads it."""

CHILD_SELECTOR = "app.kubernetes.io/managed-by=modelway"
"""Selects every child; the watches ask for it."""


def object_labels(name: str) -> dict[str, str]:
    """The labels that every child and every pod of a ModelDeployment carries."""
    return {
        "app.kubernetes.io/name": "modelway-model",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "modelway",
        NAME_LABEL: name,
    }


def selector_labels(name: str, track: str = STABLE) -> dict[str, str]:
    """The labels that choose the pods of a ModelDeployment on a track; they never change, since a Deployment's selector cannot."""
    return {NAME_LABEL: name, TRACK_LABEL: track}


def name_on_track(name: str, track: str = STABLE) -> str:
    """The name of the Deployment and the Service of a ModelDeployment's pods on a track."""
    return name if track == STABLE else f"{name}-{track}"
