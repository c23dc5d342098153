"""`ModelDeployment`, version v1alpha1: what a data scientist writes, and nothing that does not work yet."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from modelway.api.base import ApiModel, Rule, matches
from modelway.api.fields import (
    ENV_NAME_PATTERN,
    REFUSED_ENV_PATTERN,
    ImageName,
    LabelValue,
    ObjectName,
    Tolerance,
    TypeName,
    atomic,
    keyed,
    unique,
)
from modelway.api.location import URI_RULES
from modelway.api.meta import Metadata
from modelway.api.problems import name_of, problems_of, unknown_places
from modelway.api.resources import Resources
from modelway.api.rollout import Rollout
from modelway.api.scaling import Scaling
from modelway.api.scheduling import Scheduling
from modelway.errors import InvalidSpec

NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"


class SecretRef(ApiModel):
    """A Secret in the namespace of the ModelDeployment."""

    name: ObjectName
    """The name of the Secret."""


class Storage(ApiModel):
    """How the model file is reached."""

    secret_ref: SecretRef | None = None
    """The Secret whose keys become environment variables of the download alone, for example AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY; the model itself never sees them."""
    service_account_name: ObjectName | None = None
    """The ServiceAccount whose workload identity opens the store (S3, with AWS_ROLE_ARN in the Secret or by the cloud's own webhook): the
    pods run under it, and its token, made for the cloud alone, goes to the download alone. The platform must allow it."""


class Model(ApiModel):
    """The trained model to serve."""

    uri: Annotated[str, Field(min_length=1, max_length=2048)]
    """Where the model lies: s3://bucket/key, https://host/path, http://host/path, or file:///path inside the server image. A model that is
    a folder ends in / (s3 and file), or is packed as one .zip or .tar.gz file."""
    format: Literal["auto", "sklearn", "skops", "onnx", "xgboost", "lightgbm", "pytorch", "tensorflow", "mlflow"] = (
        "auto"
    )
    """How the model was saved: sklearn is a scikit-learn model written by joblib or pickle; auto looks at the file, and a file of another
    format than the one named here is refused."""
    version: Annotated[LabelValue, Field(min_length=1)] | None = None
    """Your name for this version of the model, shown in status and in answers. A new version on the same uri fetches the file again."""
    storage: Storage | None = None
    """How the model file is reached, where it needs credentials."""
    trusted_types: Annotated[tuple[TypeName, ...], atomic(64)] = ()
    """What the model file may name beside what models are made of: a class or function of the image such as churn.features.Recency, or a
    whole package such as churn.encoders.*. Loading the file may run what is named here."""

    rules = (
        *URI_RULES,
        Rule(
            cel="!self.uri.startsWith('file://') || !has(self.storage) || !has(self.storage.secretRef)",
            holds=lambda it: not it.uri.startswith("file://") or it.storage is None or it.storage.secret_ref is None,
            message="a file inside the server image needs no credentials: leave storage.secretRef out, "
            "or give an s3:// or https:// address",
            field="storage.secretRef",
        ),
        Rule(
            cel="!self.uri.startsWith('file://') || !has(self.storage) || !has(self.storage.serviceAccountName)",
            holds=lambda it: (
                not it.uri.startswith("file://") or it.storage is None or it.storage.service_account_name is None
            ),
            message="a file inside the server image needs no identity: leave storage.serviceAccountName out, "
            "or give an s3:// or https:// address",
            field="storage.serviceAccountName",
        ),
    )


class Limits(ApiModel):
    """Bounds on sizes and times; beyond them the server refuses, with the reason."""

    max_request_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 8 << 20
    """The largest request body in bytes."""
    max_artifact_bytes: Annotated[int, Field(ge=1024, le=1 << 40)] = 2 << 30
    """The largest model file in bytes."""
    fetch_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """How many seconds fetching the model file may take."""
    startup_timeout_seconds: Annotated[int, Field(ge=5, le=3600)] = 300
    """How many seconds preparing the model may take, and after that loading it and its first prediction."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How many seconds one prediction may take."""
    max_queue: Annotated[int, Field(ge=1, le=65536)] = 256
    """How many requests may wait for the model in each server process; further ones are told to come back, with status 429."""
    max_connections: Annotated[int, Field(ge=1, le=65536)] = 2048
    """How many connections each server process holds open at a time."""


class EnvVar(ApiModel):
    """An environment variable of the model server."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=ENV_NAME_PATTERN)]
    """The name of the variable."""
    value: Annotated[str, Field(max_length=4096)]
    """Its value, as text; never a secret, since everybody who reads the ModelDeployment reads it."""

    rules = (
        Rule(
            cel="!self.name.startsWith('MODELWAY_') && !self.name.startsWith('POD_')",
            holds=lambda it: not it.name.startswith(("MODELWAY_", "POD_")),
            message="{name} is set by Modelway: choose a name that does not begin with MODELWAY_ or POD_",
            field="name",
        ),
        Rule(
            cel=f"!({matches('name', REFUSED_ENV_PATTERN)})",
            holds=lambda it: re.search(REFUSED_ENV_PATTERN, it.name) is None,
            message="{name} decides which code a process loads or which devices it sees, so it is no user's to set here: "
            "set it in an image of your own (ENV in its Dockerfile) and name that in runtime.image",
            field="name",
        ),
    )


class Batching(ApiModel):
    """How requests that arrive while the model is busy are answered together."""

    max_rows: Annotated[int, Field(ge=1, le=65536)] = 1024
    """How many rows of several requests go to the model in one call; 1 asks it for each request alone."""


class Runtime(ApiModel):
    """How the model is run."""

    image: ImageName | None = None
    """The image that tries and serves this model in place of the platform's server image: one that is made from it and holds more packages.
    The platform's image fetches the model, so that yours sees no credentials; it is yours alone that has the file of a file:/// address."""

    method: Literal["auto", "predict", "predict_proba", "transform", "decision_function", "score_samples"] = "auto"
    """The method of the model that answers requests; auto is predict, or transform for a model without it."""
    engine: Literal["auto", "onnx", "native"] = "auto"
    """What evaluates the model: auto is the fastest engine that gives the model's own answers, onnx is ONNX Runtime or a refusal, native
    converts nothing: a linear model's own coefficients, a forest's own trees, or the library that made the model."""
    tolerance: Tolerance = "1e-5"
    """By how much a number of a faster engine may differ from the model's own, relative and absolute, as a decimal in quotes: "1e-5".
    Labels may not differ at all."""
    batching: Batching = Batching()
    """How requests that arrive while the model is busy are answered together."""
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    """The number of server processes in each pod. They share the memory of the loaded model until they write to it, and each has a queue
    and bounds of its own."""
    limits: Limits = Limits()
    """Bounds on sizes and times."""
    resources: Resources | None = None
    """What each pod takes of its node: CPU, memory, disk space, devices such as GPUs."""
    access_log: bool = False
    """Write a line into the log for each inference request."""
    metric_aliases: Annotated[tuple[Literal["kserve", "mlserver"], ...], atomic(8)] = ()
    """Serve metrics also under the names that these servers give them, for dashboards that exist already."""
    env: Annotated[tuple[EnvVar, ...], keyed(64, "name"), unique("name")] = ()
    """Environment variables of the model server."""


class ModelDeploymentSpec(ApiModel):
    """What should be served, and how."""

    model: Model
    """The trained model to serve."""
    runtime: Runtime = Runtime()
    """How the model is run."""
    scaling: Scaling | None = None
    """How many pods serve the model; one when left out."""
    rollout: Rollout | None = None
    """How pods of a new revision take the place of those before."""
    scheduling: Scheduling | None = None
    """Where the pods run and what they are labelled with."""
    suspend: bool = False
    """Stop following this ModelDeployment: what runs keeps running as it is, and changes wait until this is false again."""


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
                # Taken out one by one: told to pass over what is extra, pydantic would do so where it is allowed, too.
                document = json.loads(text)
                taken = [name_of(place) for place in unknown_places(error) if _take_out(document, place)]
                if not taken:
                    raise InvalidSpec(problems_of(error, hints=_NEWER)) from None
            text = json.dumps(document)
            unknown.update(taken)


_NEWER = {
    "literal_error": " (the definition in the cluster knows this value and this operator does not: upgrade the operator, or choose another)"
}


def _take_out(document: Any, place: tuple[int | str, ...]) -> bool:
    """Take a field out; whether it was there."""
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


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value] if isinstance(value, list | tuple) else value


def _is_dns_label(name: str) -> bool:
    return (
        name.isascii()
        and name == name.lower()
        and name.replace("-", "a").isalnum()
        and name[0].isalpha()
        and name[-1] != "-"
    )
