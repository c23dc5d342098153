"""What the end of a container means, in words for whoever trained the model.

The server's containers leave a JSON message {"reason", "message", "remedy"} behind, and an exit code for each kind of failure in case the
message got lost. Both come from a process that runs a user's artifact, so neither is trusted to be well formed.
"""

import json
import re
from typing import Any

from modelway.state import PodView, Termination

CURABLE_BY_WAITING = frozenset({"FetchFailed", "FetchTimeout", "PortTaken"})
"""Reasons of the server that may pass by themselves: the next try may meet a store that answers, or a port that is free."""

REASON_OF_EXIT_CODE = {
    2: ("ContainerConfigError", "the server did not understand its arguments", "use an operator and a server image of one release"),
    3: ("PortTaken", "a port of the server belongs to another program", "end the program that listens there; the pod is tried again"),
    10: ("ModelNotFound", "there is no artifact at the model's URI", "check spec.model.uri, or upload the artifact"),
    11: ("AccessDenied", "the store refused access to the artifact", "check the Secret named in spec.model.storage.secretRef"),
    12: ("ArtifactTooLarge", "the artifact is larger than allowed", "raise spec.runtime.limits.maxArtifactBytes"),
    13: ("FetchFailed", "the artifact could not be fetched", "check that the store answers; it is tried again"),
    14: ("FetchTimeout", "fetching the artifact took too long", "raise spec.runtime.limits.fetchTimeoutSeconds"),
    15: ("StorageFull", "the pod's storage is too small for the artifact", "raise spec.runtime.limits.maxArtifactBytes"),
    16: ("InvalidURI", "the model's URI cannot be followed", "correct spec.model.uri"),
    20: ("InvalidArtifact", "the artifact is not a model that can be read", "save the model again with joblib.dump and upload it"),
    21: ("UnsupportedModel", "this kind of model cannot serve predictions", "choose another spec.runtime.method or another estimator"),
    22: ("MissingModule", "the model needs a Python package that the server image has not got", "use an image with that package"),
    23: ("RuntimeVersionMismatch", "the model was saved with another version of its library", "train and save it with the server's version"),
    24: ("LoadFailed", "the model could not be loaded", "load it with joblib.load on your machine and read the error"),
    25: ("WarmupFailed", "the model failed on a first prediction", "call the model's method on one row on your machine"),
    26: ("LoadTimeout", "loading the model took too long", "raise spec.runtime.limits.startupTimeoutSeconds"),
    134: ("LoadCrashed", "the server crashed while it ran the model", "look at the pod's log; a native library aborted"),
    139: ("LoadCrashed", "the server crashed while it ran the model", "look at the pod's log; a native library broke"),
}  # fmt: skip
"""What the server's exit codes mean where its message is missing: reason, what happened, what to do."""

REASONS_OF_THE_ARTIFACT = frozenset(reason for code, (reason, _, _) in REASON_OF_EXIT_CODE.items() if code >= 10) | {
    "OutOfMemory"
}
"""Reasons that speak against the model itself or the way to it."""

_OUT_OF_MEMORY = (
    "OutOfMemory",
    "the model needs more memory than the pod may use",
    "raise spec.runtime.resources.limits.memory",
)
_LONGEST_PART = 700


def explained(end: Termination) -> tuple[str, str] | None:
    """The reason and message of a container's end; None when neither its message nor its exit code says anything known."""
    if end.reason == "OOMKilled":
        return _sentence(*_OUT_OF_MEMORY)
    told = _told_by_server(end.message)
    if told is not None:
        return _sentence(*told)
    known = REASON_OF_EXIT_CODE.get(end.exit_code)
    return _sentence(*known) if known else None


def fetched_digest(pod: PodView) -> str | None:
    """The digest that the pod's init container `fetch` reported, `sha256:<hex>`."""
    ends = (c.ended for c in pod.containers if c.name == "fetch" and c.ended is not None and c.ended.exit_code == 0)
    report = next((_json_object(end.message) for end in ends), None) or {}
    digest = report.get("digest")
    return digest if isinstance(digest, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else None


def _told_by_server(message: str) -> tuple[str, str, str] | None:
    report = _json_object(message)
    if report is None:
        return None
    reason, text, remedy = (report.get(part) for part in ("reason", "message", "remedy"))
    if not isinstance(reason, str) or not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,63}", reason):
        return None
    return reason, text if isinstance(text, str) else "", remedy if isinstance(remedy, str) else ""


def _json_object(message: str) -> dict[str, Any] | None:
    try:
        report = json.loads(message)
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def _sentence(reason: str, what: str, remedy: str) -> tuple[str, str]:
    parts = [part.strip().rstrip(".")[:_LONGEST_PART] for part in (what, remedy) if part.strip()]
    return reason, ". ".join(part[0].upper() + part[1:] for part in parts) + "."
