"""The lists of names that model files may use: all that honest models name, and nothing that does more than compute."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelway_server.runtimes.pickle.allowed_names import Kind, all_lines, kinds
from support.make.names.aliases import resolve
from support.make.names.boosters import boosters
from support.make.names.skops_names import uses_in_skops
from support.make.names.traced import CALLED, INSTANTIATED, uses_of
from support.trained.estimators import CLASSES, ROWS, TARGET, example, names

READERS_OWN = {"copyreg._reconstructor", "copyreg.__newobj__"}
"""Functions of pickles that the reader itself knows."""
TAKING_MORE = {"callback", "estimator", "file", "filename", "fname", "formatter", "func", "function", "key", "kernel"}
TAKING_MORE |= {
    "memory",
    "metric",
    "metric_func",
    "module",
    "n_jobs",
    "path",
    "pyfunc",
    "reduce_func",
    "scorer",
    "scoring",
}
"""Parameters by which a function is given something to run, to open, or to start processes for."""
EXCUSED = {
    ("check_array", "estimator"),  # named in messages
    ("mutual_info_classif", "n_jobs"),  # the score of SelectKBest, which only fit calls
    ("mutual_info_regression", "n_jobs"),  # the same
}
NEVER = [
    "builtins.compile",
    "builtins.delattr",
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.map",
    "builtins.open",
    "builtins.setattr",
    "builtins.type",
    "builtins.vars",
    "builtins.max",
    "builtins.sorted",
    "functools.reduce",
    "joblib.load",
    "joblib.parallel.Parallel",
    "numpy.apply_along_axis",
    "numpy.fromfile",
    "numpy.frombuffer",
    "numpy.frompyfunc",
    "numpy.lib.stride_tricks.as_strided",
    "numpy.load",
    "numpy.memmap",
    "numpy.piecewise",
    "numpy.save",
    "numpy.vectorize",
    "operator.attrgetter",
    "operator.methodcaller",
    "os.system",
    "pandas.eval",
    "pandas.read_pickle",
    "pandas.io.pickle.read_pickle",
    "sklearn.datasets.load_files",
    "sklearn.utils.Parallel",
    "sklearn.metrics.check_scoring",
    "sklearn.metrics.pairwise_distances",
    "sklearn.utils.validation.check_memory",
    "scipy.spatial._ckdtree.cKDTree",
]


def unlisted_names(model: Any) -> set[tuple[str, str]]:
    """What the pickles and the skops file of a model do with names that the lists do not allow."""
    strangers = set()
    for use, name in uses_of(model) | uses_in_skops(model):
        wanted = {CALLED: {Kind.REBUILD}, INSTANTIATED: {Kind.CLASS}}.get(use, set(Kind))
        if name not in READERS_OWN and not kinds(name) & wanted:
            strangers.add((use, name))
    return strangers


@pytest.mark.parametrize("name", names()[::9])
def test_estimator_names_only_what_is_listed(name: str) -> None:
    assert unlisted_names(example(name).estimator) == set()


@pytest.mark.slow
def test_every_estimator_names_only_what_is_listed() -> None:
    assert {name: strangers for name in names() if (strangers := unlisted_names(example(name).estimator))} == {}


def test_boosters_and_their_callbacks_are_listed() -> None:
    assert [strangers for model in boosters() if (strangers := unlisted_names(model))] == []


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(FunctionTransformer(np.log1p), SelectKBest(mutual_info_classif, k=2), LogisticRegression()),
        GridSearchCV(
            LogisticRegression(),
            {"C": [0.1, 1.0]},
            scoring={"f": make_scorer(fbeta_score, beta=2), "accuracy": "accuracy"},
            refit="f",
            cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
        ),
        GaussianProcessRegressor(RBF() + WhiteKernel(), optimizer=None),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_pipelines_and_searches_hold_is_listed(model: Any) -> None:
    model.fit(ROWS, TARGET if isinstance(model, GaussianProcessRegressor) else CLASSES)
    assert unlisted_names(model) == set()


@pytest.mark.parametrize("name", NEVER)
def test_name_that_does_more_than_compute_is_not_listed(name: str) -> None:
    assert kinds(name) == frozenset()


def test_no_listed_function_is_given_something_to_run() -> None:
    strangers = {
        (function.__name__, parameter)
        for function in functions()
        for parameter in parameters(function)
        if parameter in TAKING_MORE
    }
    assert strangers <= EXCUSED


def functions() -> Iterator[Any]:
    things = (resolve(name) for name in all_lines() if Kind.FUNCTION in kinds(name))
    return (thing for thing in things if inspect.isroutine(thing))


def parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # one in C that does not tell
        return []


def test_names_are_of_the_kind_that_the_lists_say() -> None:
    wrong = set()
    for name in all_lines():
        thing = resolve(name)
        if thing is None:
            continue  # of another version
        if kinds(name) & {Kind.CLASS, Kind.TYPE} and not isinstance(thing, type):
            wrong.add(name)
        if inspect.ismodule(thing) or (kinds(name) == {Kind.FUNCTION} and isinstance(thing, type)):
            wrong.add(name)
    assert wrong == set()
