"""What a preflight found out about a revision: the text of an annotation on its record. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelway.desired.image_pulls import Template, with_containers

_TEXTS = ("reason", "message", "digest", "object_version", "format", "engine", "time", "proof", "contract")


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
    evaluation: tuple[Mapping[str, Any], ...] = field(default=())
    """Metrics with their values, intervals and outcomes."""

    def to_text(self) -> str:
        """The text of the annotation; the same for equal evidence."""
        texts = {name: text for name in _TEXTS if (text := getattr(self, name))}
        metrics = {"evaluation": [dict(one) for one in self.evaluation]} if self.evaluation else {}
        return json.dumps({"accepted": self.accepted, **texts, **metrics}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read the text of an annotation; None if it is none, or somebody else wrote it."""
        try:
            document = json.loads(text)
            texts = {name: str(document[name]) for name in _TEXTS if name in document}
            metrics = tuple(dict(one) for one in document.get("evaluation", ()))
            return cls(accepted=document["accepted"] is True, **{"reason": "", **texts}, evaluation=metrics)
        except (ValueError, KeyError, TypeError):
            return None


def with_pins(template: Template, evidence: Evidence | None) -> Template:
    """The template of pods that fetch the very bytes that were proved; unchanged where nothing is known of them."""
    if evidence is None or not evidence.accepted or not evidence.digest:
        return template
    pins = pin_arguments(evidence)
    return with_containers(
        template, lambda one: {**one, "args": [*one["args"], *pins]} if one["name"] == "fetch" else one
    )


def pin_arguments(evidence: Evidence) -> list[str]:
    """The arguments by which `fetch` takes the proved bytes alone."""
    version = evidence.object_version.replace("$", "$$")  # Kubernetes expands $(NAME)
    return [f"--digest={evidence.digest}", *([f"--object-version={version}"] if version else [])]
