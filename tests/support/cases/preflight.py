"""`spec.preflight`."""

from collections.abc import Mapping
from typing import Any

from support.cases.case import Case

_DATASET = {"uri": "s3://models/fraud/holdout.csv"}
_METRIC = {"name": "accuracy", "min": 0.9}
_SMOKE_TEST = {"request": {"instances": [[1.0, None]]}, "expect": {"predictions": [1]}}


def _evaluation(**changes: Any) -> Mapping[str, Any]:
    return {"evaluation": {"dataset": _DATASET, "target": "label", "metrics": [_METRIC], **changes}}


def _metric(**changes: Any) -> Mapping[str, Any]:
    return _evaluation(metrics=[{**_METRIC, **changes}])


def _test(**changes: Any) -> Mapping[str, Any]:
    return {"smokeTests": [{**_SMOKE_TEST, **changes}]}


def _preflight(
    question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str
) -> Case:
    return Case(question, {"preflight": accepted}, {"preflight": refused}, f"spec.preflight.{field}", message)


PREFLIGHTS = (
    _preflight(
        "what is off has no tests",
        {"enabled": False},
        {"enabled": False, **_test()},
        "enabled",
        "enabled is false, so smokeTests and evaluation would never run",
    ),
    _preflight(
        "contract is known", {"contract": "Compatible"}, {"contract": "Same"}, "contract", 'Unsupported value: "Same"'
    ),
    _preflight(
        "time is bounded",
        {"timeoutSeconds": 10},
        {"timeoutSeconds": 9},
        "timeoutSeconds",
        "should be greater than or equal to 10",
    ),
    _preflight("a test asks", _test(name="first"), _test(request={}), "smokeTests[0].request", "at least 1 propert"),
    _preflight(
        "a tolerance is a share",
        _test(tolerance=1),
        _test(tolerance=1.5),
        "smokeTests[0].tolerance",
        "should be less than or equal to 1",
    ),
    _preflight(
        "a metric has a condition",
        _metric(notWorseThanStableBy=0),
        _evaluation(metrics=[{"name": "accuracy"}]),
        "evaluation.metrics[0].name",
        "the metric accuracy has no condition",
    ),
    _preflight(
        "bounds are in order",
        _metric(min=0.5, max=0.5),
        _metric(min=0.6, max=0.5),
        "evaluation.metrics[0].min",
        "min must not be above max",
    ),
    _preflight(
        "a dataset has an address",
        _evaluation(dataset={"uri": "file:///data/holdout.parquet", "format": "parquet"}),
        _evaluation(dataset={"uri": "ftp://host/file.csv"}),
        "evaluation.dataset.uri",
        "must begin with s3://",
    ),
    _preflight(
        "the positive label is a label",
        _evaluation(positiveLabel=1),
        _evaluation(positiveLabel=True),
        "evaluation.positiveLabel",
        "",
    ),
    _preflight(
        "a verdict is sure",
        _evaluation(confidence=0.95),
        _evaluation(confidence=1),
        "evaluation.confidence",
        "confidence must be from 0.5 to 0.9999",
    ),
    _preflight(
        "weight is not the target",
        _evaluation(weight="amount"),
        _evaluation(weight="label"),
        "evaluation.weight",
        "weight and target must be two columns",
    ),
    _preflight(
        "slices do not hold the target",
        _evaluation(slices=["country"]),
        _evaluation(slices=["country", "label"]),
        "evaluation.slices",
        "slices must not hold the target",
    ),
    _preflight(
        "a metric stands once",
        _evaluation(metrics=[_METRIC, {"name": "f1", "min": 0.5}]),
        _evaluation(metrics=[_METRIC, {"name": "accuracy", "max": 1}]),
        "evaluation.metrics",
        "metrics must name each scorer once",
    ),
    _preflight(
        "slices are few",
        _evaluation(slices=["country"]),
        _evaluation(slices=["c"] * 11),
        "evaluation.slices",
        "must have at most 10 items",
    ),
)
