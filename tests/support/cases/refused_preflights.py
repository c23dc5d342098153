"""Models that load, and that only a preflight finds unfit; and datasets that it cannot use."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from support.cases.refusals import Refusal
from support.cases.refused_artifacts import saved
from support.server.submission import Submission

_DRAWN = np.random.default_rng(0).normal(size=(400, 2))
FRAME = pd.DataFrame(_DRAWN.round(4), columns=["age", "income"])
KINDS = np.where(_DRAWN.sum(axis=1) > 0, "yes", "no")
STABLE = LogisticRegression().fit(FRAME, KINDS)
GOOD = saved(STABLE)
ROWS = FRAME.assign(label=KINDS, weight=1, country=["DE", "NO"] * 200, number=range(400))
WORSE = saved(LogisticRegression().fit(FRAME, KINDS[::-1]))
_ON_STABLES = "Train the model on the columns of the stable revision"
PARQUET = b"PAR1 and the rest PAR1"
_OR_THE_DATASET = "Correct the field of spec.preflight.evaluation"


def _csv(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False).encode()


def _parquet(rows: pd.DataFrame) -> bytes:
    numbers = [Array.from_numpy(rows[name].to_numpy()) for name in ("age", "income")]
    labels, file = Array(list(rows.label), type=DataType.utf8()), io.BytesIO()
    write_parquet(Table.from_arrays([*numbers, labels], names=["age", "income", "label"]), file)
    return file.getvalue()


def _evaluation(*metrics: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    chosen = list(metrics) or [{"name": "accuracy", "min": 0.8}]
    wish = {"dataset": {"uri": "s3://rows/rows.csv"}, "target": "label", "metrics": chosen, **more}
    return {"evaluation": wish}


def _changed(model: Any, says: str) -> Refusal:
    """Another contract; the remedy trains the model as the stable one was."""
    broken = Submission(store={"model.joblib": saved(model)}, stable=GOOD, preflight={"contract": "Compatible"})
    return Refusal(broken, "ContractChanged", (says,), _ON_STABLES, {"store": {"model.joblib": GOOD}})


def _query(request: Any, expect: Any, says: str) -> Refusal:
    """A smoke test that expects the wrong thing, or asks it; the remedy corrects the test."""
    broken = Submission(store={"model.joblib": GOOD}, preflight=_smoke_test(request, expect))
    right = _smoke_test({"instances": [{"age": 2, "income": 2}]}, {"predictions": ["yes"]})
    return Refusal(broken, "SmokeTestFailed", (says,), "Correct the test", {"preflight": right})


def _smoke_test(request: Any, expect: Any) -> dict[str, Any]:
    return {"smokeTests": [{"name": "known", "request": request, "expect": expect}]}


def _rows(content: bytes | Mapping[str, bytes], *says: str, remedy: str = _OR_THE_DATASET) -> Refusal:
    """A dataset at fault, which the remedy replaces."""
    files = {"rows.csv": content} if isinstance(content, bytes) else content
    broken = Submission(store={"model.joblib": GOOD}, preflight=_evaluation(), dataset=files)
    return Refusal(broken, "InvalidDataset", says, remedy, {"dataset": {"rows.csv": _csv(ROWS)}})


def _wish(wrong: dict[str, Any], right: dict[str, Any], *says: str, model: bytes = GOOD) -> Refusal:
    """A field of spec.preflight.evaluation at fault, which the remedy corrects."""
    broken = Submission(store={"model.joblib": model}, preflight=wrong, dataset={"rows.csv": _csv(ROWS)})
    return Refusal(broken, "InvalidDataset", says, _OR_THE_DATASET, {"preflight": right})


CONTRACTS = {
    "columns-reordered": _changed(
        LogisticRegression().fit(FRAME[["income", "age"]], KINDS), "columns age, income are at another place"
    ),
    "column-renamed": _changed(
        LogisticRegression().fit(FRAME.rename(columns={"age": "years"}), KINDS),
        "column age is gone; column years is new",
    ),
    "column-gone": _changed(LogisticRegression().fit(FRAME[["age"]], KINDS), "column income is gone"),
    "column-new": _changed(LogisticRegression().fit(FRAME.assign(zip=_DRAWN[:, 0]), KINDS), "column zip is new"),
    "names-gone": _changed(LogisticRegression().fit(FRAME.to_numpy(), KINDS), "columns have no names any more"),
    "classes-renamed": _changed(LogisticRegression().fit(FRAME, np.char.upper(KINDS)), "the classes NO, YES"),
    "classes-as-numbers": _changed(LogisticRegression().fit(FRAME, KINDS == "yes"), "output predict is"),
    "regression": _changed(
        LinearRegression().fit(FRAME, KINDS == "yes"), "methods decision_function, predict_proba are gone"
    ),
}
SMOKE_TESTS = {
    "other-answer": _query(
        {"instances": [{"age": 2, "income": 2}]}, {"predictions": ["no"]}, 'is "yes", expected "no"'
    ),
    "text-for-a-number": _query({"instances": [{"age": "old", "income": 2}]}, {"predictions": ["no"]}, "column 'age'"),
    "column-forgotten": _query({"instances": [{"age": 2}]}, {"predictions": ["no"]}, "income"),
}
DATASETS = {
    "no-target": _rows(_csv(ROWS.drop(columns="label")), "no column 'label'", "evaluation.target"),
    "other-columns": _rows(_csv(ROWS.rename(columns={"age": "years"})), "does not take the rows", "age"),
    "text-among-numbers": _rows(
        _csv(ROWS.astype({"age": object}).replace({"age": {ROWS.age[7]: "old"}})), "age", "old"
    ),
    "no-rows": _rows(_csv(ROWS[:0]), "no rows"),
    "empty-file": _rows(b"", "no CSV"),
    "no-file": _rows({".keep": b""}, "must lead to one file", "none"),
    "several-files": _rows({"a.csv": _csv(ROWS), "b.csv": _csv(ROWS)}, "there are 2", "a.csv"),
    "ragged": _rows(_csv(ROWS) + b"1,2\n", "no CSV"),
    "lfs-pointer-of-rows": _rows(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "login-page-of-rows": _rows(b"<!DOCTYPE html><html>Sign in</html>", "HTML"),
    "target-missing-in-a-row": _rows(_csv(ROWS.replace({"label": {"no": ""}})), "column 'label', the target, is empty"),
    "other-labels": _rows(_csv(ROWS.replace({"label": {"yes": "ja", "no": "nein"}})), "none is a class of the model"),
    "parquet-cut-short": Refusal(
        Submission(store={"model.joblib": GOOD}, preflight=_evaluation(), dataset={"rows": PARQUET}),
        "InvalidDataset",
        ("no Parquet that can be read",),
        _OR_THE_DATASET,
        {"dataset": {"rows": _parquet(ROWS)}},
    ),
}
WISHES = {
    "unknown-scorer": _wish(
        _evaluation({"name": "acuracy", "min": 0.5}), _evaluation(), "no metric 'acuracy'", "accuracy"
    ),
    "scorer-of-another-method": _wish(
        _evaluation({"name": "neg_log_loss", "min": -9}),
        _evaluation(),
        "takes predict_proba",
        model=saved(LinearSVC().fit(FRAME, KINDS)),
    ),
    "no-positive-label": _wish(
        _evaluation({"name": "f1", "min": 0.5}),
        _evaluation({"name": "f1", "min": 0.5}, positiveLabel="yes"),
        "positiveLabel",
        "no, yes",
    ),
    "positive-label-of-no-class": _wish(
        _evaluation({"name": "f1", "min": 0.5}, positiveLabel="ja"),
        _evaluation({"name": "f1", "min": 0.5}, positiveLabel="yes"),
        "positiveLabel is 'ja'",
    ),
    "target-of-another-column": _wish(_evaluation(target="country"), _evaluation(), "DE", "no, yes"),
    "weights-as-texts": _wish(_evaluation(weight="country"), _evaluation(weight="weight"), "the weights", "numbers"),
    "slice-of-no-column": _wish(_evaluation(slices=["land"]), _evaluation(slices=["country"]), "slices[0]", "land"),
    "slice-of-many-values": _wish(_evaluation(slices=["number"]), _evaluation(), "400 values"),
    "parquet-named-csv": Refusal(
        Submission(
            store={"model.joblib": GOOD},
            preflight=_evaluation(dataset={"uri": "s3://rows/rows.csv", "format": "csv"}),
            dataset={"rows.csv": PARQUET},
        ),
        "InvalidDataset",
        ("dataset.format is csv", "save the rows as CSV"),
        _OR_THE_DATASET,
        {"dataset": {"rows.csv": _csv(ROWS)}},
    ),
    "csv-named-parquet": _wish(
        _evaluation(dataset={"uri": "s3://rows/rows.parquet", "format": "parquet"}), _evaluation(), "format is parquet"
    ),
    "no-limit": _wish(_evaluation({"name": "accuracy"}), _evaluation(), "has no limit", "min"),
}
_OF_ONE_KIND = _evaluation({"name": "roc_auc", "min": 0.8})
VERDICTS = {
    "constant-target": Refusal(
        Submission(
            store={"model.joblib": GOOD}, preflight=_OF_ONE_KIND, dataset={"rows.csv": _csv(ROWS[ROWS.label == "yes"])}
        ),
        "InvalidDataset",
        ("roc_auc",),
        _OR_THE_DATASET,
        {"dataset": {"rows.csv": _csv(ROWS)}},
    ),
    "worse": Refusal(
        Submission(store={"model.joblib": WORSE}, preflight=_evaluation(), dataset={"rows.csv": _csv(ROWS)}),
        "EvaluationFailed",
        ("accuracy",),
        "Train the model again",
        {"store": {"model.joblib": GOOD}},
    ),
    "few-rows": Refusal(
        Submission(store={"model.joblib": GOOD}, preflight=_evaluation(), dataset={"rows.csv": _csv(ROWS[:8])}),
        "EvaluationInconclusive",
        ("rows",),
        "Give the dataset about",
        {"dataset": {"rows.csv": _csv(ROWS)}},
    ),
}
PREFLIGHTS = CONTRACTS | SMOKE_TESTS | DATASETS | WISHES | VERDICTS
