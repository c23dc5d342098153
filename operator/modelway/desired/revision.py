"""The revision of a model: the hash of the user's settings that can change a prediction or a pod. Pure.

The annotation by which a user asks for the object at the URI as it is now is part of it, where there is one. Values left at their defaults are not part of it, so a new field with a default changes no hash. Nor are scaling and suspend.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from modelway.api.base import ApiModel
from modelway.api.labels import REFRESH_ANNOTATION
from modelway.api.meta import refresh_of
from modelway.api.model import Model
from modelway.api.runtime import Runtime
from modelway.api.scheduling import Scheduling
from modelway.api.v1alpha1 import ModelDeployment

HASH_LENGTH = 10
REFRESH = "refresh"
"""The name of the annotation's value among the inputs of a revision; no block of the spec is called so."""

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits that form no words and that YAML never reads as a number with an exponent."""


@dataclass(frozen=True)
class Revision:
    """One revision of a model."""

    hash: str
    """Ten characters, safe in names and label values."""
    inputs: dict[str, Any] = field(repr=False)
    """The user's settings of model, runtime and scheduling, as in the YAML, with quantities in canonical form; and `REFRESH`."""


def revision_of(deployment: ModelDeployment) -> Revision:
    """The revision that a ModelDeployment asks for; the same for spellings that mean the same."""
    inputs = deployment.spec.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, include={"model", "runtime", "scheduling"}
    )
    refresh = refresh_of(deployment.metadata.annotations)
    inputs = {**without_empty(inputs), **({REFRESH: refresh} if refresh else {})}
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return Revision(_encode(hashlib.sha256(canonical.encode()).digest()), inputs)


class _Inputs(ApiModel):
    """The blocks of a spec that make a revision, without rules about the others: what it had to prove is no part of it."""

    model: Model
    runtime: Runtime = Runtime()
    scheduling: Scheduling | None = None


def as_it_was(deployment: ModelDeployment, inputs: Mapping[str, Any]) -> ModelDeployment | None:
    """The ModelDeployment with the inputs of one of its revisions, and all else as it is asked for today.

    Args:
        deployment: what is asked for today.
        inputs: what `revision_of` found for the revision.

    Returns:
        What asks for that revision; None if a later release wrote the inputs.
    """
    blocks = {name: value for name, value in inputs.items() if name != REFRESH}
    try:
        before = _Inputs.model_validate_json(json.dumps(blocks))
    except ValidationError:
        return None
    parts = {"model": before.model, "runtime": before.runtime, "scheduling": before.scheduling}
    annotations = with_refresh(deployment.metadata.annotations, inputs)
    return deployment.model_copy(
        update={
            "spec": deployment.spec.model_copy(update=parts),
            "metadata": deployment.metadata.model_copy(update={"annotations": annotations}),
        }
    )


def with_refresh(annotations: Mapping[str, str], inputs: Mapping[str, Any]) -> dict[str, str]:
    """The annotations of a ModelDeployment that asks for the revision with these inputs."""
    others = {name: value for name, value in annotations.items() if name != REFRESH_ANNOTATION}
    return {**others, **({REFRESH_ANNOTATION: str(inputs[REFRESH])} if inputs.get(REFRESH) else {})}


def record_data(revision: Revision, template: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of a revision holds: its inputs and the pod template that it runs with."""
    return {"inputs": revision.inputs, "template": dict(template)}


def digest_of(data: Mapping[str, Any]) -> str:
    """A hash of the data of a record; the same for data that is equal as JSON."""
    return hashlib.blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def without_empty(value: Any) -> Any:
    """A copy without empty objects and lists, since `runtime: {}` means the same as no runtime."""
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    pruned = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item not in ({}, [])}


def _encode(digest: bytes) -> str:
    number = int.from_bytes(digest, "big")
    characters = []
    for _ in range(HASH_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)
