"""`ModelDeployment`, version v1alpha1: what a data scientist writes, and nothing that does not work yet."""

import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, ValidationError

from modelway.api.base import ApiModel, Rule, matches
from modelway.api.exposure import Exposure
from modelway.api.meta import Metadata
from modelway.api.model import INT8, Model
from modelway.api.preflight import Evaluation, Preflight
from modelway.api.problems import name_of, problems_of, unknown_places
from modelway.api.rollout import Rollout
from modelway.api.runtime import Runtime
from modelway.api.scaling import Scaling
from modelway.api.scheduling import Scheduling
from modelway.errors import InvalidSpec

_CANDIDATES = "has(self.model.candidates) && size(self.model.candidates) > 0"
_INT8 = f"has(self.runtime) && has(self.runtime.precision) && self.runtime.precision == '{INT8}'"
_EVALUATION = "has(self.preflight) && has(self.preflight.evaluation)"
CONTEST_RULES = (
    Rule(
        cel=f"!({_CANDIDATES}) || ({_EVALUATION})",
        holds=lambda it: not it.model.candidates or it.evaluation is not None,
        message="candidates are compared by preflight.evaluation: give it a dataset and metrics, or leave the candidates out",
        field="model.candidates",
    ),
    Rule(
        cel=f"!({_INT8}) || ({_EVALUATION})",
        holds=lambda it: it.runtime.precision != INT8 or it.evaluation is not None,
        message="int8 serves only if preflight.evaluation shows that it is good enough: give it a dataset and metrics, or set precision to full",
        field="runtime.precision",
    ),
    Rule(
        cel=f"!({_EVALUATION}) || !has(self.preflight.evaluation.maxQualityLoss) || ({_CANDIDATES}) || ({_INT8})",
        holds=lambda it: it.evaluation is None or it.evaluation.max_quality_loss is None or it.has_contest,
        message="maxQualityLoss chooses among several models and there is one: give model.candidates or runtime.precision int8, or leave it out",
        field="preflight.evaluation.maxQualityLoss",
    ),
)
ROUTING_RULE = Rule(
    cel="!has(self.rollout) || self.rollout.trafficRouting != 'Gateway' || has(self.exposure)",
    holds=lambda it: it.rollout is None or not it.rollout.by_gateway or it.exposure is not None,
    message="trafficRouting Gateway needs one: name it in exposure.gateway, or write trafficRouting: Server",
    field="rollout.trafficRouting",
)

NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"


class ModelDeploymentSpec(ApiModel):
    """What should be served, and how."""

    model: Model
    """The trained model to serve."""
    runtime: Runtime = Runtime()
    """How the model is run."""
    scaling: Scaling | None = None
    """How many pods serve the model; one when left out."""
    preflight: Preflight | None = None
    """What a revision must prove before it gets a serving pod."""
    rollout: Rollout | None = None
    """How pods of a new revision take the place of those before."""
    exposure: Exposure | None = None
    """Where clients outside the cluster reach the model; nowhere when left out."""
    scheduling: Scheduling | None = None
    """Where the pods run and what they are labelled with."""
    suspend: bool = False
    """Stop following this ModelDeployment: what runs keeps running as it is, and changes wait until this is false again."""

    rules = (*CONTEST_RULES, ROUTING_RULE)

    @property
    def evaluation(self) -> Evaluation | None:
        """The judgement of the model on a dataset, if one is asked for."""
        return self.preflight.evaluation if self.preflight is not None else None

    @property
    def has_contest(self) -> bool:
        """Whether several models compete to serve."""
        return bool(self.model.candidates) or self.runtime.precision == INT8


class ModelDeployment(ApiModel):
    """One trained model, served: Modelway fetches it, runs it on as many pods as asked for, and keeps it running."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["modelway.dev/v1alpha1"]
    kind: Literal["ModelDeployment"]
    metadata: Metadata
    spec: ModelDeploymentSpec
    """What should be served, and how."""

    rules = (
        Rule(
            cel=f"size(self.metadata.name) <= 40 && {matches('metadata.name', NAME_PATTERN)}",
            holds=lambda it: len(it.metadata.name) <= 40 and _is_dns_label(it.metadata.name),
            message="the name {metadata.name} must have at most 40 characters, lower-case letters, digits and '-', "
            "begin with a letter and end with a letter or digit, for example fraud-v2: Services are named after it",
            field="metadata.name",
        ),
        Rule(
            cel="!self.metadata.name.endsWith('-canary')",
            holds=lambda it: not it.metadata.name.endswith("-canary"),
            message="the name {metadata.name} must not end in -canary, which Modelway adds itself: write fraud, for example",
            field="metadata.name",
        ),
    )

    @classmethod
    def parse(cls, manifest: Mapping[str, Any]) -> Self:
        """Read an object as the API server hands it out, or as it stands in a YAML file; null is the same as leaving out.

        Raises:
            InvalidSpec: the object breaks the API; each problem names the field, what is wrong and the remedy.
        """
        try:
            return cls.model_validate_json(_text_of(manifest))
        except ValidationError as error:
            raise InvalidSpec(problems_of(error)) from None

    @classmethod
    def parse_stored(cls, manifest: Mapping[str, Any]) -> tuple[Self, tuple[str, ...]]:
        """Read an object as the API server stores it, whose definition may be newer than this release.

        Returns:
            What this release understands of it, and the fields that it does not: `spec.runtime.env[].note`.

        Raises:
            InvalidSpec: as for `parse`, unknown fields aside.
        """
        text, unknown = _text_of(manifest), set[str]()
        while True:
            try:
                return cls.model_validate_json(text), tuple(sorted(unknown))
            except ValidationError as error:
                # Removed one by one: if pydantic ignored extra fields, it would also do so where they are allowed.
                document = json.loads(text)
                removed = [name_of(place) for place in unknown_places(error) if _take_out(document, place)]
                if not removed:
                    raise InvalidSpec(problems_of(error, hints=_NEWER)) from None
            text = json.dumps(document)
            unknown.update(removed)


_NEWER = {
    "literal_error": " (the definition in the cluster knows this value and this operator does not: upgrade the operator, or choose another)"
}


def _take_out(document: Any, place: tuple[int | str, ...]) -> bool:
    """Remove a field; return whether it existed."""
    *above, field = place
    try:
        for step in above:
            document = document[step]
        del document[field]
    except (LookupError, TypeError):
        return False
    return True


def _text_of(manifest: Mapping[str, Any]) -> str:
    return json.dumps(_without_null(manifest), default=str)


_CLIENTS_JSON = frozenset({"request", "expect"})
"""Fields with the JSON of clients, in which null is a missing value."""


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        present = {key: item for key, item in value.items() if item is not None}
        return {key: item if key in _CLIENTS_JSON else _without_null(item) for key, item in present.items()}
    return [_without_null(item) for item in value] if isinstance(value, list | tuple) else value


def _is_dns_label(name: str) -> bool:
    return (
        name.isascii()
        and name == name.lower()
        and name.replace("-", "a").isalnum()
        and name[0].isalpha()
        and name[-1] != "-"
    )
