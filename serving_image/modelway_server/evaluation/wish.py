"""What `spec.preflight.evaluation` asks for, as values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from modelway_server.errors import InvalidDataset

T = TypeVar("T", bound=StrEnum)
MAX_METRICS = 16
MAX_SLICES = 10
_FIELD = "spec.preflight.evaluation"
_MEMBERS = frozenset(
    {
        "dataset",
        "target",
        "weight",
        "positiveLabel",
        "slices",
        "metrics",
        "confidence",
        "onInconclusive",
        "maxQualityLoss",
    }
)


class Format(StrEnum):
    """The format of the dataset's file."""

    AUTO = "auto"
    """By the file's name and first bytes."""
    CSV = "csv"
    PARQUET = "parquet"


class OnInconclusive(StrEnum):
    """What follows where the dataset has too few rows to tell."""

    REFUSE = "Refuse"
    ACCEPT = "Accept"


class Rule(StrEnum):
    """What a limit limits."""

    MIN = "min"
    """The metric is at least the limit."""
    MAX = "max"
    """The metric is at most the limit."""
    NOT_WORSE = "notWorseThanStableBy"
    """The candidate's metric less that of the stable revision is at least minus the limit."""
    BETTER = "betterThanStableBy"
    """The candidate's metric less that of the stable revision is at least the limit."""

    @property
    def compares(self) -> bool:
        """Whether it takes the answers of the stable revision."""
        return self in {Rule.NOT_WORSE, Rule.BETTER}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One scorer, with the limits that it is held to.

    Attributes:
        name: as scikit-learn calls the scorer; more is always better.
        limits: the number of each rule.
    """

    name: str
    limits: Mapping[Rule, float]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asks of a candidate.

    Attributes:
        format: of the dataset.
        target: the column of the right answers.
        metrics: what to compute, and the limits.
        weight: the column of the rows' weights; None where all count alike.
        positive_label: the class that counts as positive, as in YAML: a string, a number or a boolean; None for 1, as scikit-learn has it.
        slices: columns of which each value is judged on its own.
        confidence: of each verdict, one-sided, over all criteria.
        on_inconclusive: what follows where the rows are too few.
        max_loss: how much less of the first metric a candidate may have than the best, if it costs less; None for nothing.
    """

    target: str
    metrics: tuple[Metric, ...]
    format: Format = Format.AUTO
    weight: str | None = None
    positive_label: str | float | bool | None = None
    slices: tuple[str, ...] = ()
    confidence: float = 0.999
    on_inconclusive: OnInconclusive = OnInconclusive.REFUSE
    max_loss: float | None = None

    @property
    def compares(self) -> bool:
        """Whether a limit takes the answers of the stable revision."""
        return any(rule.compares for metric in self.metrics for rule in metric.limits)

    @classmethod
    def from_document(cls, document: Any) -> "Wish":
        """Read `spec.preflight.evaluation`.

        Args:
            document: the JSON object, with names as in YAML.

        Raises:
            InvalidDataset: a member is missing, unknown or of another type; the field is named.
        """
        members = _members(document, _FIELD, _MEMBERS)
        dataset = _members(members.get("dataset", {}), f"{_FIELD}.dataset", frozenset({"uri", "format"}))
        wish = cls(
            target=_text(members.get("target"), f"{_FIELD}.target"),
            metrics=_metrics(members.get("metrics")),
            format=_choice(Format, dataset.get("format", Format.AUTO), f"{_FIELD}.dataset.format"),
            weight=None if members.get("weight") is None else _text(members["weight"], f"{_FIELD}.weight"),
            positive_label=_label(members.get("positiveLabel")),
            slices=_slices(members.get("slices") or []),
            confidence=_confidence(members.get("confidence", 0.999)),
            on_inconclusive=_choice(
                OnInconclusive, members.get("onInconclusive", OnInconclusive.REFUSE), f"{_FIELD}.onInconclusive"
            ),
            max_loss=_loss(members.get("maxQualityLoss")),
        )
        if wish.weight == wish.target:
            raise InvalidDataset(f"{_FIELD}.weight and {_FIELD}.target are both {wish.target!r}; name two columns")
        if wish.target in wish.slices:
            raise InvalidDataset(
                f"{_FIELD}.slices[{wish.slices.index(wish.target)}] is {wish.target!r}, the target, which no model may see; "
                "leave it out, or add a column of groups to the dataset"
            )
        return wish


def _members(document: Any, field: str, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise InvalidDataset(f"{field} must be an object, it is {document!r:.100}")
    if unknown := sorted(str(name) for name in document.keys() - known):
        raise InvalidDataset(f"{field} has no member {unknown[0]!r:.100}; it has {', '.join(sorted(known))}")
    return document


def _metrics(value: Any) -> tuple[Metric, ...]:
    field = f"{_FIELD}.metrics"
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_METRICS:
        raise InvalidDataset(f"{field} must be a list of 1 to {MAX_METRICS} metrics, it is {value!r:.100}")
    metrics = tuple(_metric(entry, f"{field}[{index}]") for index, entry in enumerate(value))
    names = [metric.name for metric in metrics]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidDataset(f"{field} names {twice!r} twice; put its limits into one entry")
    return metrics


def _metric(value: Any, field: str) -> Metric:
    members = _members(value, field, frozenset({"name", *Rule}))
    limits = {rule: _number(members[rule], f"{field}.{rule}") for rule in Rule if members.get(rule) is not None}
    if not limits:
        raise InvalidDataset(f"{field} has no limit; set {', '.join(Rule)} or several of these")
    if limits.get(Rule.NOT_WORSE, 0.0) < 0:
        raise InvalidDataset(f"{field}.{Rule.NOT_WORSE} must not be negative, it is {limits[Rule.NOT_WORSE]:g}")
    if limits.get(Rule.MIN, -math.inf) > limits.get(Rule.MAX, math.inf):
        raise InvalidDataset(f"{field}.min {limits[Rule.MIN]:g} is above max {limits[Rule.MAX]:g}")
    return Metric(name=_text(members.get("name"), f"{field}.name"), limits=limits)


def _slices(value: Any) -> tuple[str, ...]:
    field = f"{_FIELD}.slices"
    if not isinstance(value, list) or len(value) > MAX_SLICES:
        raise InvalidDataset(f"{field} must be a list of at most {MAX_SLICES} columns, it is {value!r:.100}")
    return tuple(dict.fromkeys(_text(name, f"{field}[{index}]") for index, name in enumerate(value)))


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidDataset(f"{field} must be a text, it is {value!r:.100}")
    return value


def _number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidDataset(f"{field} must be a number, it is {value!r:.100}")
    return float(value)


def _confidence(value: Any) -> float:
    number = _number(value, f"{_FIELD}.confidence")
    if not 0.5 <= number < 1:
        raise InvalidDataset(f"{_FIELD}.confidence must be at least 0.5 and below 1, it is {number:g}")
    return number


def _loss(value: Any) -> float | None:
    if value is None:
        return None
    number = _number(value, f"{_FIELD}.maxQualityLoss")
    if number < 0:
        raise InvalidDataset(f"{_FIELD}.maxQualityLoss must not be negative, it is {number:g}")
    return number


def _label(value: Any) -> str | float | bool | None:
    if value is None or isinstance(value, str | bool):
        return value
    number = _number(value, f"{_FIELD}.positiveLabel")
    return value if isinstance(value, int) else number


def _choice(kind: type[T], value: Any, field: str) -> T:
    try:
        return kind(value)
    except ValueError:
        raise InvalidDataset(f"{field} must be one of {', '.join(kind)}, it is {value!r:.100}") from None
