"""The models that compete to serve a revision, and the one that won. Pure.

The hash of a revision covers all of them. Whatever renders pods takes the ModelDeployment with the model block of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelway.api.model import INT8, SPEC_MODEL, Candidate, Model
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.evidence import Evidence
from modelway.desired.places import MODEL, PREPARED, Place
from modelway.desired.pod import FETCH, PREPARE

_OF_THE_MODEL = ("uri", "version", "format")
"""What a record tells of the model of its revision."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One of the models that compete."""

    name: str
    deployment: ModelDeployment = field(repr=False)
    """What asks for this model alone."""
    place: str
    """The block of the spec that says where it lies."""
    fetch: str
    """The container of the Job that fetches it."""
    prepare: str
    """The container of the Job that tries it."""
    model: Place
    prepared: Place


def contestants_of(deployment: ModelDeployment) -> tuple[Contestant, ...]:
    """The models that compete, that of `spec.model.uri` first; it alone where nothing else is asked for."""
    model, runtime = deployment.spec.model, deployment.spec.runtime
    own = _with_model(deployment, model) if deployment.spec.has_contest else deployment
    quantised = [_quantised(own)] if runtime.precision == INT8 else []
    return (
        Contestant(SPEC_MODEL, own, "spec.model", FETCH, PREPARE, MODEL, PREPARED),
        *(_candidate(deployment, number, one) for number, one in enumerate(model.candidates, 1)),
        *quantised,
    )


def _candidate(deployment: ModelDeployment, number: int, candidate: Candidate) -> Contestant:
    of_model = deployment.spec.model
    is_inside_the_image = candidate.uri.startswith("file:")  # and needs no credentials, which its image must not see
    model = Model.model_construct(
        uri=candidate.uri,
        format=candidate.format or "auto",
        version=candidate.version or of_model.version,
        storage=None if is_inside_the_image else of_model.storage,
        trusted_types=candidate.trusted_types,
    )
    name, directory = f"candidate-{number}", f"/mnt/candidates/{number}"
    return Contestant(
        candidate.name,
        _with_model(deployment, model),
        f"spec.model.candidates[{number - 1}]",
        f"{FETCH}-{name}",
        f"{PREPARE}-{name}",
        Place(f"{name}-model", f"{directory}/model"),
        Place(f"{name}-prepared", f"{directory}/prepared"),
    )


def _quantised(own: ModelDeployment) -> Contestant:
    runtime = own.spec.runtime.model_copy(update={"precision": INT8})
    deployment = own.model_copy(update={"spec": own.spec.model_copy(update={"runtime": runtime})})
    prepared = Place("prepared-int8", "/mnt/prepared-int8")
    return Contestant(INT8, deployment, "spec.model", FETCH, f"{PREPARE}-{INT8}", MODEL, prepared)


def _with_model(deployment: ModelDeployment, model: Model) -> ModelDeployment:
    """The ModelDeployment with one model and nothing beside it."""
    alone = model.model_copy(update={"candidates": ()})
    runtime = deployment.spec.runtime.model_copy(update={"precision": "full"})
    spec = deployment.spec.model_copy(update={"model": alone, "runtime": runtime})
    return deployment.model_copy(update={"spec": spec})


def with_choice(deployment: ModelDeployment, evidence: Evidence | None) -> ModelDeployment:
    """What pods of its revision serve: the model that the preflight chose; that of `spec.model.uri` before it did.

    The revision is that of the ModelDeployment as it was given.
    """
    if not deployment.spec.has_contest:
        return deployment
    contestants, name = contestants_of(deployment), evidence.choice if evidence is not None else ""
    return next((one.deployment for one in contestants if one.name == name), contestants[0].deployment)


def model_on_record(model: Mapping[str, Any], choice: str) -> dict[str, Any]:
    """URI, version and format of the model that a revision serves, as far as the user set them.

    Args:
        model: what the record of the revision tells of `spec.model`.
        choice: the name of the model that the preflight chose; empty where it chose none.
    """
    candidates: Any = model.get("candidates") or ()
    candidate = next((one for one in candidates if one.get("name") == choice), None)
    known = model if candidate is None else {"version": model.get("version"), **candidate}
    return {part: known[part] for part in _OF_THE_MODEL if known.get(part)}
