"""Looking for a faster engine never costs a model that answers: whatever raises, it is served, and the reason told."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, cast

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelway_server
from modelway_server.engines.choose import prepare_model
from modelway_server.engines.folder import PREPARED
from modelway_server.engines.load import load_prepared
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import EngineUnavailable
from modelway_server.runtimes.base import (
    Declarable,
    EstimatorHolder,
    Restorable,
    Runtime,
    as_breakpoint_source,
    as_declarable,
    as_estimator_holder,
    as_restorable,
)
from modelway_server.settings import ModelSettings
from support.models import WINE, wine_forest
from support.server.subjects import warm
from support.trained.mlflow_models import of_sklearn

ROWS, KINDS = load_iris(return_X_y=True)
ENGINES = str(Path(modelway_server.__file__).parent / "engines")
GUARDS = {"choose"}
"""What the rest of the search is called by."""


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(5, max_depth=4, random_state=0)


CLASSIFIERS = [("forest", forest()), ("line", make_pipeline(StandardScaler(), LogisticRegression()))]
REGRESSORS = [("forest", RandomForestRegressor(5, random_state=0)), ("line", make_pipeline(StandardScaler(), Ridge()))]
ENSEMBLES: dict[str, Any] = {
    "soft votes": VotingClassifier(CLASSIFIERS, voting="soft", weights=[1, 2]),
    "hard votes": VotingClassifier(CLASSIFIERS),
    "mean of regressors": VotingRegressor(REGRESSORS),
    "stacked classifiers": StackingClassifier(CLASSIFIERS, cv=2),
    "stacked regressors": StackingRegressor(REGRESSORS, cv=2),
    "votes behind a scaler": make_pipeline(StandardScaler(), VotingClassifier(CLASSIFIERS, voting="soft")),
    "votes of votes": VotingClassifier([("votes", VotingClassifier(CLASSIFIERS, voting="soft")), *CLASSIFIERS[1:]]),
}


def save_model(directory: Path, model: Any) -> ModelSettings:
    (directory / "models").mkdir()
    (directory / "prepared").mkdir()
    joblib.dump(model, directory / "models" / "model.joblib")
    return ModelSettings(model_dir=directory / "models")


@pytest.mark.parametrize("name", ENSEMBLES)
def test_voters_and_stackers_of_forests_run_by_trees(tmp_path: Path, name: str) -> None:
    model = ENSEMBLES[name].fit(ROWS, KINDS)
    decided = prepare_model(save_model(tmp_path, model), tmp_path / "prepared")
    assert decided["engine"] in {"trees", "onnx"}, decided["engine_reason"]
    runtime = load_prepared(tmp_path / "models", tmp_path / "prepared")
    runtime.warm_up()
    for method in runtime.methods:
        np.testing.assert_allclose(runtime.call(method, ROWS, len(ROWS))[method], getattr(model, method)(ROWS))


@contextmanager
def raising(target: CodeType | None, error: type[Exception], calls: set[CodeType]) -> Iterator[None]:
    """Let the first call of a function of the engines raise; all of its functions that are called are seen."""

    def trace(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(ENGINES) and code.co_name not in GUARDS:
            calls.add(code)
            if code is target:
                raise error("injected")

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


@pytest.fixture
def choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The search of one forest, which was not begun."""
    searches: list[Any] = []

    def keep(search: Any) -> Prepared:
        searches.append(search)
        native: Prepared = search._native
        return native

    with monkeypatch.context() as patched:
        patched.setattr("modelway_server.engines.choose._Choice.choose", keep)
        prepare_model(save_model(tmp_path, forest().fit(ROWS, KINDS)), tmp_path / "prepared")
    return searches[0]


def begun_anew(choice: Any) -> Any:
    """The same search, whose proof was not drawn."""
    again, again._proof = copy(choice), copy(choice._proof)
    for name in ("drawn", "rows", "expected", "alone", "_points"):
        again._proof.__dict__.pop(name, None)
    return again


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_model_is_served_whatever_its_search_raises(choice: Any, subtests: pytest.Subtests) -> None:
    calls = set[CodeType]()
    with raising(None, Exception, calls):
        assert begun_anew(choice).choose().engine == "onnx"
    assert len(calls) > 40
    for number, target in enumerate(sorted(calls, key=lambda code: code.co_qualname)):
        error = (Exception, MemoryError, RecursionError)[number % 3]
        with subtests.test(f"{target.co_qualname} raises {error.__name__}"):
            with raising(target, error, set()):
                decided = begun_anew(choice).choose()
            assert decided.engine in {"onnx", "trees", "estimator"}
            assert decided.engine != "estimator" or error.__name__ in decided.reason


@pytest.mark.parametrize("error", [Exception, MemoryError, RecursionError])
@pytest.mark.parametrize(
    "name",
    [
        *(f"choose.{name}" for name in ("_candidates", "_size", "_Choice._samples", "_Choice._prove", "discard")),
        *(f"sample_rows.proof.{name}" for name in ("draw", "sensitive_rows")),
    ],
)
def test_search_that_raises_leaves_the_model_as_it_is(
    choice: Any, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    monkeypatch.setattr("modelway_server.engines.choose.difference", lambda *_: "it differs")
    monkeypatch.setattr(f"modelway_server.engines.{name}", raises(error("injected")))
    decided = begun_anew(choice).choose()
    assert (decided.engine, decided.reason) == (
        "estimator",
        f"not a faster one: looking for it failed ({error.__name__}: injected)",
    )


def test_required_onnx_engine_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path, forest().fit(ROWS, KINDS))
    monkeypatch.setattr("modelway_server.engines.sample_rows.proof.draw", raises(RecursionError("injected")))
    wished = ModelSettings(model_dir=tmp_path / "models", engine="onnx")
    with pytest.raises(EngineUnavailable, match=r"looking for it failed \(RecursionError: injected"):
        prepare_model(wished, tmp_path / "prepared")
    assert not (tmp_path / "prepared" / PREPARED).exists()


class Unspeakable(Exception):
    """What a model's code may raise."""

    def __str__(self) -> str:
        raise ValueError("it cannot be told")


def test_error_without_text_does_not_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.engines.candidates.plan_estimator", raises(Unspeakable()))
    decided = prepare_model(save_model(tmp_path, forest().fit(ROWS, KINDS)), tmp_path / "prepared")
    assert decided["engine"] == "trees"


def test_folder_keeps_nothing_of_an_engine_that_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.engines.choose.difference", raises(OSError("no space left")))
    prepare_model(save_model(tmp_path, forest().fit(ROWS, KINDS)), tmp_path / "prepared")
    assert [file.name for file in (tmp_path / "prepared").iterdir()] == [PREPARED]


def raises(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def as_joblib(directory: Path, model: Any) -> None:
    joblib.dump(model, directory / "model.joblib")


def as_skops(directory: Path, model: Any) -> None:
    skops.io.dump(model, directory / "model.skops")


def in_mlflow(directory: Path, model: Any) -> None:
    of_sklearn(directory / "folder", model, sklearn_version=sklearn.__version__)


@pytest.mark.parametrize("save", [as_joblib, as_skops, in_mlflow])
def test_reported_engine_is_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[Path, Any], None]
) -> None:
    models, prepared = tmp_path / "models", tmp_path / "prepared"
    models.mkdir()
    prepared.mkdir()
    save(models, wine_forest())
    prepare_model(ModelSettings(model_dir=models, engine="native"), prepared)
    runtime = load_prepared(models, prepared)
    monkeypatch.setattr("sklearn.ensemble._forest.ForestClassifier.predict_proba", raises(AssertionError("the forest")))
    runtime.warm_up()
    assert (runtime.engine, runtime.description["engine"]) == ("trees", "trees")
    for method in runtime.methods:
        runtime.call(method, WINE[:3], 3)


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for file in sorted(Path(modelway_server.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield f"{file.stem}.{node.name}", node


def test_wrapper_that_forwards_reads_has_slots() -> None:
    forwarding = {name: names(node) for name, node in classes() if "__getattr__" in names(node)}
    assert set(forwarding) == {"mlflow._Described", "whole_answers.WholeAnswers"}
    for name, defined in forwarding.items():
        assert defined & {"__slots__", "__setattr__"}, f"{name} keeps what is set on it from what it wraps"


class Forwarding:
    """Hands on what it does not have, by `__getattr__`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)


def test_wrapper_offers_what_the_runtime_offers() -> None:
    runtime = warm(wine_forest())
    wrapped: Any = Forwarding(runtime)
    for part, protocol in (
        (as_estimator_holder, EstimatorHolder),
        (as_restorable, Restorable),
        (as_declarable, Declarable),
    ):
        assert part(runtime) is runtime
        assert part(wrapped) is wrapped
        with pytest.raises(TypeError):  # it would see less from Python 3.12 on
            isinstance(wrapped, cast("Any", protocol))
    assert as_breakpoint_source(runtime) is None


def names(node: ast.ClassDef) -> set[str]:
    assigned = {
        target.id
        for each in node.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    return assigned | {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
