"""Fitted estimators of scikit-learn, XGBoost and LightGBM, in as many variants as their parameters name.

scikit-learn's own constraints on parameters give the variants: each choice of each parameter, one at a time. It runs
under every version that is supported, so that what one of them lacks is passed over.
"""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, Options

from support.trained import estimators
from support.trained.estimators import CLASSES, ROWS

FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c", "d"])
COUNTS = np.round(ROWS * 9)
KINDS = np.array(["a", "b", "c"])[np.arange(len(ROWS)) % 3]
SPARSE = scipy.sparse.csr_matrix(np.where(ROWS > 0.5, ROWS, 0.0))

FEW = 12
WITH_MANY_CHOICES = {"GridSearchCV", "TunedThresholdClassifierCV", "KNeighborsClassifier", "KernelDensity"}
"""Those that try each scorer and each metric; for the others, two of them stand for the many."""


def fitted_estimators(*, variants: bool = True) -> Iterator[tuple[str, Any]]:
    """Estimators that could be fitted, each with a name of its variant."""
    for name in estimators.names():
        example = estimators.example(name)
        yield name, example.estimator
        yield from _on_other_rows(name, example.estimator)
        if variants:
            yield from _variants(name, example.estimator)


def _on_other_rows(name: str, estimator: Any) -> Iterator[tuple[str, Any]]:
    """The same on a frame, sparse, as counts, as float32, with three classes, and with two targets."""
    kind = name.partition("(")[0]
    if estimators._rows(kind, estimator) is not ROWS:
        return
    target = estimators._target(kind, estimator, len(ROWS))
    for label, rows in (("frame", FRAME), ("sparse", SPARSE), ("counts", COUNTS), ("float32", ROWS.astype("f4"))):
        yield from _fit(f"{name}:{label}", clone(estimator), rows, target)
    for label, others in (("kinds", KINDS), ("pairs", np.column_stack([CLASSES, 1 - CLASSES]))):
        yield from _fit(f"{name}:{label}", clone(estimator), ROWS, [others])


def _variants(name: str, estimator: Any) -> Iterator[tuple[str, Any]]:
    kind = name.partition("(")[0]
    plain = estimators._rows(kind, estimator)
    for label, changed in _with_changes(estimator):
        for rows in (plain, FRAME) if plain is ROWS and label == "set_output" else (plain,):
            yield from _fit(f"{name}:{label}", changed, rows, estimators._target(kind, estimator, len(plain)))


def _with_changes(estimator: Any) -> Iterator[tuple[str, Any]]:
    """The estimator with one parameter changed, not fitted."""
    for parameter, constraints in getattr(type(estimator), "_parameter_constraints", {}).items():
        if parameter in {"verbose", "n_jobs", "copy", "copy_X", "memory", "cache_size"} or not isinstance(
            constraints, list
        ):
            continue
        for value in _values(type(estimator).__name__, constraints):
            with suppress(Exception):
                yield f"{parameter}={value!r}", clone(estimator).set_params(**{parameter: value})
    with suppress(Exception):
        yield "set_output", clone(estimator).set_output(transform="pandas")


def _values(kind: str, constraints: list[Any]) -> Iterator[Any]:
    for constraint in constraints:
        if isinstance(constraint, Options):
            options = sorted(constraint.options, key=repr)
            yield from options if len(options) <= FEW or kind in WITH_MANY_CHOICES else options[:2]
        elif constraint in ("boolean", "verbose"):
            yield from (True, False)
        elif constraint == "random_state":
            yield np.random.RandomState(0)
        elif constraint is None:
            yield None
        elif isinstance(constraint, Interval) and constraint.type.__name__ == "Integral":
            yield 2


def _fit(label: str, estimator: Any, rows: Any, target: list[Any]) -> Iterator[tuple[str, Any]]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            estimator.fit(rows, *target)
        except Exception:  # noqa: BLE001  (not every choice fits every other)
            return
    yield label, estimator
