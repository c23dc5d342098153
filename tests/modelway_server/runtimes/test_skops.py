"""skops files: every estimator that is served loads, and only trusted types do."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.base
import skops.io
from skops.io.exceptions import UnsupportedTypeException

from modelway_server.errors import LoadFailure
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.skops.runtime import read
from modelway_server.runtimes.trust import VARIABLE, trust
from support.models import APPLICANTS, WINE, Told, mixed_pipeline, wine_forest
from support.server.served import Served
from support.trained.estimators import example, names

Launch = Callable[..., Served]

OF_OTHER_TYPES = ("HistGradientBoostingClassifier", "KNeighborsClassifier", "MLPClassifier", "SVC", "IsolationForest")
"""Estimators that hold objects of types of their own."""


def save(model: Any, path: Path) -> Path:
    skops.io.dump(model, path)
    return path


def load(path: Path, **options: Any) -> Runtime:
    return load_runtime(path, format="auto", method="auto", **options)


def unlike(name: str, path: Path) -> str:
    """What keeps the estimator that a file gives from answering as the one that was saved; empty where it does."""
    model, rows = example(name).estimator, example(name).rows
    try:
        save(model, path)
    except UnsupportedTypeException:
        return ""  # skops itself cannot save it
    try:
        copy = read(path, trust((), {}), {})
    except LoadFailure as failure:
        return failure.message
    argument = np.asarray(rows) if isinstance(rows[0], list) else rows
    for method in ("predict", "predict_proba", "decision_function", "score_samples", "transform"):
        if hasattr(model, method) and not same(getattr(model, method)(argument), getattr(copy, method)(argument)):
            return method
    return ""


def same(one: Any, other: Any) -> bool:
    left, right = (np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer) for answer in (one, other))
    return np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


@pytest.mark.parametrize("name", sorted({*names()[::10], *OF_OTHER_TYPES}))
def test_estimator_answers_as_before(tmp_path: Path, name: str) -> None:
    assert unlike(name, tmp_path / "model") == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of classes that scikit-learn is going to drop
def test_every_estimator_answers_as_before(tmp_path: Path) -> None:
    assert {name: difference for name in names() if (difference := unlike(name, tmp_path / "model"))} == {}


def test_forest_is_served_with_its_own_answers(launched: Launch, tmp_path: Path) -> None:
    model = wine_forest()
    server = launched(path=save(model, tmp_path / "model.bin")).started()
    assert server.predict({"instances": WINE[:40].tolist()}).body["predictions"] == model.predict(WINE[:40]).tolist()
    assert server.request("GET", "/v2/models/model").body["platform"] == "skops"


def test_pipeline_with_names_and_gaps_keeps_its_contract(tmp_path: Path) -> None:
    model = mixed_pipeline()
    runtime = load(save(model, tmp_path / "model"))
    runtime.warm_up()
    assert [column.name for column in runtime.signature.columns] == list(APPLICANTS)
    assert np.array_equal(runtime.call("predict", APPLICANTS, len(APPLICANTS))["predict"], model.predict(APPLICANTS))


def test_type_that_is_not_trusted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    path = save(Told().fit(), tmp_path / "model")
    with pytest.raises(LoadFailure, match=r"support\.models\.Told") as error:
        load(path)
    assert error.value.reason == "UnsafeArtifact"
    assert load(path, trusted_types=("support.models.Told",)).methods[0] == "predict"


def test_function_that_runs_commands_is_refused(tmp_path: Path) -> None:
    path = save(wine_forest(), tmp_path / "model")
    hostile = tmp_path / "hostile"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(hostile, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "schema.json":
                content = content.replace(b'"RandomForestClassifier"', b'"system"').replace(
                    b"sklearn.ensemble._forest", b"os"
                )
            target.writestr(name, content)
    with pytest.raises(LoadFailure, match=r"os\.system") as error:
        load(hostile)
    assert error.value.reason == "UnsafeArtifact"


def test_damaged_file_says_so(tmp_path: Path) -> None:
    path = save(wine_forest(), tmp_path / "model")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:200] + b"\xff" * 300 + whole[500:], whole[:-30]):
        path.write_bytes(content)
        with pytest.raises(LoadFailure, match="truncated or damaged") as error:
            load(path)
        assert error.value.reason == "InvalidArtifact"


def test_version_that_saved_the_file_is_in_the_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sklearn.base, "__version__", "1.5.2")
        path = save(wine_forest(), tmp_path / "model")
    assert load(path).description["saved_with_scikit_learn"] == "1.5.2"
