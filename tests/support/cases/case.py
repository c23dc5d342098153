"""What a case of the API is: one bound or rule, with a manifest on either side of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.operator.specs import Object, manifest


@dataclass(frozen=True)
class Case:
    """One bound or rule."""

    question: str
    accepted: Mapping[str, Any]
    refused: Mapping[str, Any]
    field: str
    """The field that the refusal names."""
    message: str
    """What the API server's refusal says, in part."""


def of_changes(changes: Mapping[str, Any]) -> Object:
    """The ModelDeployment with the changes of a case; `raw` takes the place of the whole spec."""
    if "raw" in changes:
        return {**manifest(), "spec": changes["raw"]}
    return manifest(**changes)
