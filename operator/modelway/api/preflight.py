"""The block `preflight`: what a revision must prove before it gets a serving pod."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from modelway.api.base import ApiModel, Rule
from modelway.api.fields import atomic_list
from modelway.api.location import URI_RULES
from modelway.api.schema import ANY_FIELDS, INT_OR_STRING

_MOST_MEMBERS = 16
_LONGEST_LABEL = 256
_MOST_BYTES = 64 << 10
_LEAST_CONFIDENCE, _MOST_CONFIDENCE = 0.5, 0.9999

ColumnName = Annotated[str, Field(min_length=1, max_length=256)]
ScorerName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
Bound = Annotated[float, Field(ge=-1e15, le=1e15)]
Margin = Annotated[float, Field(ge=0, le=1e15)]


def _read_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not 0 < len(value) <= _MOST_MEMBERS:
        raise PydanticCustomError("json_object", "must be an object with 1 to 16 members")
    return value


JsonObject = Annotated[
    dict[str, Any],
    PlainValidator(_read_object),
    WithJsonSchema({"type": "object", ANY_FIELDS: True, "minProperties": 1, "maxProperties": _MOST_MEMBERS}),
]
"""An object of JSON as clients send it, with any members."""


def _read_label(value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str) or not 0 < len(str(value)) <= _LONGEST_LABEL:
        raise PydanticCustomError("label", "must be a text or a whole number; put true and false in quotes")
    return value


Label = Annotated[
    int | str,
    PlainValidator(_read_label),
    WithJsonSchema({INT_OR_STRING: True, "maxLength": _LONGEST_LABEL}),
]
"""A class of the model."""


class SmokeTest(ApiModel):
    """A request whose answer is known."""

    name: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """What messages call it; its number when left out."""
    request: JsonObject
    """The body of the request as a client sends it: {"instances": [[5.1, 3.5, 1.4, 0.2]]}, or one of the Open Inference Protocol."""
    expect: JsonObject
    """The members of the answer that must be there: {"predictions": ["setosa"]}. The answer may have others."""
    tolerance: Annotated[float, Field(ge=0, le=1)] | None = None
    """How far a number may be from the expected one, as a share of it and of 1; 1e-6 when left out. Texts and labels must be equal."""


def _bound_size(tests: tuple[SmokeTest, ...]) -> tuple[SmokeTest, ...]:
    """Refuse tests that do not fit the command line of a container, of which Linux takes 128 KiB for one argument."""
    size = len(json.dumps([test.model_dump(mode="json", by_alias=True) for test in tests]))
    if size > _MOST_BYTES:
        message = "have {size} characters of JSON together, more than {most}: send fewer rows, or fewer tests"
        raise PydanticCustomError("smoke_tests", message, {"size": size, "most": _MOST_BYTES})
    return tests


class Dataset(ApiModel):
    """Rows with their true answers, which the model has not been trained on."""

    uri: Annotated[str, Field(min_length=1, max_length=2048)]
    """Where the file lies: s3://bucket/key, https://host/path, http://host/path, or file:///path inside the server image. It is fetched with
    the credentials of model.storage."""
    format: Literal["auto", "csv", "parquet"] = "auto"
    """How it is written; auto looks at the file."""

    rules = URI_RULES


class Metric(ApiModel):
    """A measure of the model's answers, and what it must be."""

    name: ScorerName
    """A scorer of scikit-learn by its name: accuracy, recall, roc_auc, neg_mean_absolute_error. More is better, of errors too."""
    min: Bound | None = None
    """The least value."""
    max: Bound | None = None
    """The greatest value."""
    not_worse_than_stable_by: Margin | None = None
    """By how much it may be less than that of the revision that serves, on the same rows."""
    better_than_stable_by: Margin | None = None
    """By how much it must be more than that of the revision that serves, on the same rows."""

    rules = (
        Rule(
            cel="has(self.min) || has(self.max) || has(self.notWorseThanStableBy) || has(self.betterThanStableBy)",
            holds=lambda it: any(
                bound is not None for bound in (it.min, it.max, it.not_worse_than_stable_by, it.better_than_stable_by)
            ),
            message="the metric {name} has no condition: give min, max, notWorseThanStableBy or betterThanStableBy",
            field="name",
        ),
        Rule(
            cel="!has(self.min) || !has(self.max) || self.min <= self.max",
            holds=lambda it: it.min is None or it.max is None or it.min <= it.max,
            message="min must not be above max",
            field="min",
        ),
    )


class Evaluation(ApiModel):
    """The judgement of a model on a dataset, by evidence: each condition holds, fails, or needs more rows."""

    dataset: Dataset
    """The rows."""
    target: ColumnName
    """The column with the true answers; all other columns but `weight` are what the model is asked, as far as it takes them."""
    weight: ColumnName | None = None
    """The column with the weights of the rows."""
    positive_label: Label | None = None
    """The class that precision, recall and their like are about; the last one of the model when left out."""
    slices: Annotated[tuple[ColumnName, ...], atomic_list(10)] = ()
    """Columns whose every value is judged on its own, too: a country, say."""
    metrics: Annotated[tuple[Metric, ...], atomic_list(16, least=1)]
    """What must hold."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.999
    """How sure a verdict must be: with 0.999, one of 1000 equally good models is refused. It holds for all metrics and slices together."""
    on_inconclusive: Literal["Refuse", "Accept"] = "Refuse"
    """What becomes of a model about which the rows are too few to tell."""
    max_quality_loss: Margin | None = None
    """How much less of the first metric than the best one a candidate may have, to be served because it costs less: time and memory. The
    best is served when left out."""

    rules = (
        Rule(
            cel="self.confidence >= 0.5 && self.confidence <= 0.9999",
            holds=lambda it: _LEAST_CONFIDENCE <= it.confidence <= _MOST_CONFIDENCE,
            message="confidence must be from 0.5 to 0.9999, for example 0.999",
            field="confidence",
        ),
        Rule(
            cel="!has(self.weight) || self.weight != self.target",
            holds=lambda it: it.weight != it.target,
            message="weight and target must be two columns",
            field="weight",
        ),
        Rule(
            cel="!has(self.slices) || !(self.target in self.slices)",
            holds=lambda it: it.target not in it.slices,
            message="slices must not hold the target, which the model may not see: name a column of groups",
            field="slices",
        ),
        Rule(
            cel="self.metrics.all(one, self.metrics.exists_one(other, other.name == one.name))",
            holds=lambda it: len({metric.name for metric in it.metrics}) == len(it.metrics),
            message="metrics must name each scorer once: put its limits into one entry",
            field="metrics",
        ),
    )


class Preflight(ApiModel):
    """What a revision must prove before it gets a serving pod. The one before serves until then."""

    enabled: bool | None = None
    """Whether a Job tries each revision first; the platform's choice when left out."""
    contract: Literal["Any", "Compatible"] = "Any"
    """What a model may take and give that differs from the revision that serves: anything, or only what no client notices."""
    timeout_seconds: Annotated[int, Field(ge=10, le=86400)] = 600
    """Seconds for smoke tests and evaluation together."""
    smoke_tests: Annotated[tuple[SmokeTest, ...], atomic_list(16), AfterValidator(_bound_size)] = ()
    """Requests whose answers are known."""
    evaluation: Evaluation | None = None
    """Metrics on a dataset."""

    rules = (
        Rule(
            cel="!has(self.enabled) || self.enabled || (!has(self.evaluation) && (!has(self.smokeTests) || size(self.smokeTests) == 0))",
            holds=lambda it: it.enabled is not False or (it.evaluation is None and not it.smoke_tests),
            message="enabled is false, so smokeTests and evaluation would never run: leave them out, or set it to true",
            field="enabled",
        ),
    )
