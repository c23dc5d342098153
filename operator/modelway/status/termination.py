"""What the end of a container means, in words for whoever trained the model. Pure.

The server's containers leave a JSON message {"reason", "message", "remedy"}, and an exit code for each kind of failure in case the message
is lost. Both come from a process that runs a user's artifact, so neither is trusted to be well formed.
"""

import json
import re
from typing import Any

from modelway.desired.pod import SERVE
from modelway.observed import PodView, Termination
from modelway.printable import one_line
from modelway.status.reasons import Reason, Topic

REASON_OF_EXIT_CODE = {
    2: Reason.CONTAINER_CONFIG_ERROR,
    3: Reason.PORT_TAKEN,
    4: Reason.SERVER_INCOMPLETE,
    10: Reason.MODEL_NOT_FOUND,
    11: Reason.ACCESS_DENIED,
    12: Reason.ARTIFACT_TOO_LARGE,
    13: Reason.FETCH_FAILED,
    14: Reason.FETCH_TIMEOUT,
    15: Reason.STORAGE_FULL,
    16: Reason.INVALID_URI,
    17: Reason.HOST_NOT_ALLOWED,
    18: Reason.ARTIFACT_REPLACED,
    19: Reason.DIGEST_MISMATCH,
    20: Reason.INVALID_ARTIFACT,
    21: Reason.UNSUPPORTED_MODEL,
    22: Reason.MISSING_MODULE,
    23: Reason.RUNTIME_VERSION_MISMATCH,
    24: Reason.LOAD_FAILED,
    25: Reason.WARMUP_FAILED,
    26: Reason.LOAD_TIMEOUT,
    27: Reason.LOAD_CRASHED,
    28: Reason.OUT_OF_MEMORY,
    29: Reason.ENGINE_UNAVAILABLE,
    30: Reason.UNSAFE_ARTIFACT,
    31: Reason.NOTHING_TO_QUANTISE,
    40: Reason.SMOKE_TEST_FAILED,
    41: Reason.EVALUATION_FAILED,
    42: Reason.EVALUATION_INCONCLUSIVE,
    43: Reason.CONTRACT_CHANGED,
    44: Reason.INVALID_DATASET,
    132: Reason.LOAD_CRASHED,
    134: Reason.LOAD_CRASHED,
    135: Reason.LOAD_CRASHED,
    136: Reason.LOAD_CRASHED,
    139: Reason.LOAD_CRASHED,
}
"""What the server's exit codes mean where its message is missing."""

_CODES_OF_A_LOAD = frozenset({15, *range(20, 32), 132, 134, 135, 136, 139})
"""Those that are believed without a message where the model runs within the server: what a load ends with, and the signals of crashing code. Another one is
more likely that of a model which ends its process itself. Believed, it would have an operator wait for a port that is taken, or a store that is away."""

REASONS_OF_THE_ARTIFACT = frozenset(one for one in Reason if one.topic is Topic.MODEL)
"""Reasons that concern the model itself or the way to it."""

_REASON_NAMED = {str(one): one for one in REASON_OF_EXIT_CODE.values()}
_PARTS = ("reason", "message", "remedy")
_LONGEST_PART = 700
_ORDINARY = frozenset(
    [
        "a",
        "all",
        "an",
        "another",
        "both",
        "each",
        "every",
        "it",
        "its",
        "no",
        "none",
        "of",
        "one",
        "several",
        "that",
        "the",
        "there",
        "these",
        "this",
        "those",
        "too",
    ]
)
"""Words that are no name of a file, URI, module or class; only these get a capital letter at the start of a sentence."""


def explain(end: Termination, container: str = "") -> tuple[Reason, str] | None:
    """Explain the end of a container by a reason and a message; None if its message and exit code are unknown.

    Args:
        end: how it ended.
        container: its name. Where it serves, the exit code may be that of a model.
    """
    known = REASON_OF_EXIT_CODE.get(end.exit_code)
    report = _server_report(end.message, known)
    if report is not None or known is None:
        return report
    return None if container == SERVE and end.exit_code not in _CODES_OF_A_LOAD else _catalogue_entry(known)


def fetched_digest(pod: PodView, container: str = "fetch") -> str | None:
    """The digest that the pod's init container `fetch` reported, `sha256:<hex>`."""
    return _report_value(pod, container, "digest", r"sha256:[0-9a-f]{64}")


def fetched_version(pod: PodView, container: str = "fetch") -> str | None:
    """The store's own name for the bytes that the pod's init container `fetch` took, where it has one."""
    return _report_value(pod, container, "version", r"[\x20-\x7e]{1,256}")


def chosen_engine(pod: PodView, container: str = "prepare") -> str | None:
    """The engine that the pod's init container `prepare` chose: onnx, say."""
    return _report_value(pod, container, "engine", r"[a-z][a-z0-9_-]{0,62}")


def found_format(pod: PodView, container: str = "prepare") -> str | None:
    """The format that the pod's init container `prepare` found the model to have: sklearn, say."""
    return _report_value(pod, container, "format", r"[a-z][a-z0-9_-]{0,62}")


def caution_of(pod: PodView) -> str | None:
    """What the init container `prepare` could not verify about the model's answers."""
    caution = _report_value(pod, "prepare", "caution", r"[^\x00-\x1f\x7f]{1,1024}")
    return caution and one_line(caution)


def _report_value(pod: PodView, container: str, part: str, pattern: str) -> str | None:
    """A part of the report of a container that succeeded; None if it has not the expected form."""
    ends = (
        c.termination
        for c in pod.containers
        if c.name == container and c.termination is not None and c.termination.exit_code == 0
    )
    report = next((json_object(end.message) for end in ends), None) or {}
    value = report.get(part)
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _server_report(message: str, known: Reason | None) -> tuple[Reason, str] | None:
    """The reason and words in the message; an unknown reason gives way to that of the exit code."""
    report = json_object(message)
    if report is None:
        return None
    reason, text, remedy = (part if isinstance(part := report.get(name), str) else "" for name in _PARTS)
    final = _REASON_NAMED.get(reason, known)
    return (final, _sentences(text, remedy)) if final is not None and text else None


def json_object(message: str) -> dict[str, Any] | None:
    """The report in a termination message; None if it is no JSON object."""
    try:
        report = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def _catalogue_entry(reason: Reason) -> tuple[Reason, str]:
    return reason, f"{reason.meaning} {reason.remedy}".replace("`", "")


def _sentences(*parts: str) -> str:
    texts = [part.strip().rstrip(".")[:_LONGEST_PART] for part in parts if part.strip()]
    return "".join(f"{_capitalize(part)}. " for part in texts).strip()


def _capitalize(sentence: str) -> str:
    """Capitalize a sentence, unless it begins with a name."""
    return sentence[0].upper() + sentence[1:] if sentence.partition(" ")[0] in _ORDINARY else sentence
