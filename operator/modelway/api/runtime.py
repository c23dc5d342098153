"""The block `runtime`: how the model is run, and within which limits."""

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from modelway.api.base import ApiModel, Rule, matches
from modelway.api.fields import (
    ENV_NAME_PATTERN,
    REFUSED_ENV_PATTERN,
    ImageName,
    Tolerance,
    atomic_list,
    keyed_list,
    unique_by,
)
from modelway.api.resources import Resources


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
    precision: Literal["full", "int8"] = "full"
    """The precision of the model's weights: full is their own. With int8 the preflight also tries the model with weights of 8 bits, and
    serves it where it wins as model.candidates do."""
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
    metric_aliases: Annotated[tuple[Literal["kserve", "mlserver"], ...], atomic_list(8)] = ()
    """Serve metrics also under the names that these servers give them, for dashboards that exist already."""
    env: Annotated[tuple[EnvVar, ...], keyed_list(64, "name"), unique_by("name")] = ()
    """Environment variables of the model server."""
