"""What a preflight found out about a revision: the text of an annotation on its record. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelway.desired.image_pulls import Template, with_containers
from modelway.printable import one_line

_MOST_METRICS, _MOST_CANDIDATES = 16, 8
_LONGEST_NAME = 300
_OUTCOMES = ("passed", "failed", "inconclusive", "skipped")
_NUMBERS = ("value", "low", "high", "stable", "difference")
_MEASURES = {
    "value": "value",
    "low": "low",
    "high": "high",
    "latencyMs": "latencyMilliseconds",
    "memoryMiB": "memoryMebibytes",
    "sizeMiB": "sizeMebibytes",
}
"""Numbers of a candidate in a report, and their fields in status."""
_CANDIDATE_TEXTS = {"name": 63, "engine": 63, "reason": 256}
_GREATEST = 1e18
_TEXTS = {
    "reason": 256,
    "message": 4096,
    "digest": 128,
    "object_version": 256,
    "format": 63,
    "engine": 63,
    "time": 64,
    "proof": 63,
    "contract": 512,
    "choice": 63,
    "fingerprint": 63,
}
"""The texts of an evidence, and how long each may be: as status takes them."""


_TABLES = ("evaluation", "candidates")

ACCEPTED = "Accepted"
"""The verdict in status on a revision that may serve."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verdict on one revision, and what it rests on."""

    accepted: bool
    """Whether pods may serve it."""
    reason: str
    """`Proved`, or why it is refused."""
    message: str = ""
    """The same in words."""
    digest: str = ""
    """The SHA-256 of the very bytes that were tried, as sha256:..."""
    object_version: str = ""
    """The store's own name for them, where it has one."""
    format: str = ""
    engine: str = ""
    time: str = ""
    """When the Job ended, as the API writes times."""
    proof: str = ""
    """The hash of what the Job tried; a refusal holds for that alone."""
    contract: str = ""
    """How it differs in what it takes and gives from the revision that served."""
    fingerprint: str = ""
    """A short hash of what the model takes and gives."""
    evaluation: tuple[Mapping[str, Any], ...] = field(default=())
    """Metrics with their values, intervals and outcomes."""
    choice: str = ""
    """The name of the model that pods serve, where several competed."""
    candidates: tuple[Mapping[str, Any], ...] = field(default=())
    """The models that competed, each with its name and its measures."""

    def to_text(self) -> str:
        """The text of the annotation; the same for equal evidence."""
        texts = {name: text for name in _TEXTS if (text := getattr(self, name))}
        tables = {name: [dict(one) for one in table] for name in _TABLES if (table := getattr(self, name))}
        return json.dumps({"accepted": self.accepted, **texts, **tables}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read the text of an annotation; None if it is none, or somebody else wrote it."""
        try:
            document = json.loads(text)
            texts = {name: str(document[name])[:most] for name, most in _TEXTS.items() if name in document}
            accepted, metrics = document["accepted"] is True, metrics_of(document.get("evaluation"))
            candidates = candidates_of(document.get("candidates"))
            return cls(accepted=accepted, **{"reason": "", **texts}, evaluation=metrics, candidates=candidates)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def metrics_of(value: object) -> tuple[Mapping[str, Any], ...]:
    """The metrics of a report, without those that have not the form that status has for them."""
    entries = value if isinstance(value, list) else []
    return tuple(filter(None, map(_metric, entries[:_MOST_METRICS])))


def _metric(entry: object) -> Mapping[str, Any] | None:
    if not isinstance(entry, dict) or entry.get("outcome") not in _OUTCOMES:
        return None
    texts = {part: text_of(entry.get(part), _LONGEST_NAME) for part in ("metric", "slice", "outcome")}
    numbers = {part: float(entry[part]) for part in _NUMBERS if _is_number(entry.get(part))}
    return {**{part: text for part, text in texts.items() if text}, **numbers} if texts["metric"] else None


def candidates_in(report: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The models that competed, of a report, in the words of status."""
    value = report.get("candidates")
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return candidates_of([{_MEASURES.get(part, part): entry[part] for part in entry} for entry in entries])


def candidates_of(value: object) -> tuple[Mapping[str, Any], ...]:
    """The models that competed, without those that have not the form that status has for them."""
    entries = value if isinstance(value, list) else []
    return tuple(filter(None, map(_candidate, entries[:_MOST_CANDIDATES])))


def _candidate(entry: object) -> Mapping[str, Any] | None:
    if not isinstance(entry, dict):
        return None
    texts = {part: text_of(entry.get(part), longest) for part, longest in _CANDIDATE_TEXTS.items()}
    numbers = {part: float(entry[part]) for part in _MEASURES.values() if _is_number(entry.get(part))}
    return {**{part: text for part, text in texts.items() if text}, **numbers} if texts["name"] else None


def text_of(value: object, longest: int) -> str:
    """A text of a report on one line, of at most so many characters; empty if it is none."""
    return one_line(value)[:longest] if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _GREATEST


def with_pins(template: Template, evidence: Evidence | None) -> Template:
    """The template of pods that fetch the very bytes that were proved; unchanged where nothing is known of them."""
    if evidence is None or not evidence.accepted or not evidence.digest:
        return template
    return with_containers(template, lambda one: with_pin(one, evidence) if one["name"] == "fetch" else one)


def with_pin(fetch: Mapping[str, Any], evidence: Evidence) -> dict[str, Any]:
    """The container that fetches the proved bytes alone; unchanged where nobody knows them.

    A digest that the user set stays: it is that of the proved bytes.
    """
    if not evidence.digest:
        return dict(fetch)
    arguments = list(fetch["args"])
    if not any(one.startswith("--digest=") for one in arguments):
        arguments.append(f"--digest={evidence.digest}")
    version = evidence.object_version.replace("$", "$$")  # Kubernetes expands $(NAME)
    return {**fetch, "args": [*arguments, *([f"--object-version={version}"] if version else [])]}
