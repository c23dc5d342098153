"""Call the trees of a scikit-learn forest directly, and add up their answers in the forest's own order.

The forest's own methods take many times as long for one row. Nearly all of that time passes around the trees: each one
has a task of joblib, filters of warnings, and checks. Here all trees answer a few rows in one call (`joined_trees`).
"""

import copy
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_array

from modelway_server.engines.joined_trees import JoinedTrees
from modelway_server.engines.plan.plan import NotCovered

_CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
_REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
_VOTERS = (VotingClassifier, VotingRegressor)
_STACKERS = (StackingClassifier, StackingRegressor)
_METHODS = ("predict", "predict_proba", "decision_function", "transform")
"""Methods of the last step that a pipeline offers."""


class DirectForest:
    """A forest that is evaluated by its trees alone.

    Args:
        forest: fitted, of one target.

    Raises:
        NotCovered: it is no such forest. A subclass may compute in another way.
    """

    def __init__(self, forest: Any) -> None:
        if type(forest) not in {*_CLASSIFIERS, *_REGRESSORS} or forest.n_outputs_ != 1:
            raise NotCovered(f"{type(forest).__name__} is no forest of one target")
        self._trees = [member.tree_ for member in forest.estimators_]
        self._joined = JoinedTrees(self._trees) if JoinedTrees.suit(self._trees) else None
        self._allows_missing = bool(forest.estimators_[0]._support_missing_values(np.zeros((1, 1))))  # noqa: SLF001
        self.n_features_in_ = forest.n_features_in_
        if type(forest) in _CLASSIFIERS:
            self.classes_ = forest.classes_
            self.predict_proba = self._average
            self.predict = self._label
        else:
            self.predict = lambda rows: self._average(rows)[:, 0]

    def _average(self, rows: Any) -> NDArray[np.float64]:
        values = self._check_rows(rows)
        if self._joined is not None and self._joined.suits(len(values)):
            total = self._joined.sums(values)
        else:
            total = np.zeros((len(values), self._trees[0].max_n_classes))
            for tree in self._trees:
                total += tree.predict(values)
        total /= len(self._trees)
        return total

    def _check_rows(self, rows: Any) -> NDArray[np.float32]:
        """Return the rows as trees take them. Rows that are plainly right skip the check of scikit-learn."""
        with np.errstate(over="ignore"):  # what becomes infinite is refused
            if isinstance(rows, np.ndarray) and rows.shape[1:] == (self.n_features_in_,) and rows.dtype.kind in "fiub":
                values: NDArray[np.float32] = rows.astype(np.float32, copy=False)
                if len(rows) and math.isfinite(values.sum()):
                    return values
            allowed: Any = "allow-nan" if self._allows_missing else True
            checked: NDArray[np.float32] = check_array(rows, dtype=np.float32, ensure_all_finite=allowed)
        return checked

    def _label(self, rows: Any) -> NDArray[Any]:
        labels: NDArray[Any] = self.classes_.take(self._average(rows).argmax(axis=1), axis=0)
        return labels


class DirectPipeline:
    """A pipeline whose last step is evaluated by trees.

    Args:
        pipeline: fitted.

    Raises:
        NotCovered: its last step cannot be.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        *before, last = [step for _, step in pipeline.steps]
        self._before = [step for step in before if step is not None and step != "passthrough"]
        self._last = as_trees(last)
        for method in _METHODS:
            if hasattr(self._last, method):
                setattr(self, method, self._after_steps(getattr(self._last, method)))

    def _after_steps(self, method: Any) -> Any:
        def call(rows: Any) -> Any:
            for step in self._before:
                rows = step.transform(rows)
            return method(rows)

        return call


def as_trees(estimator: Any) -> Any:
    """Return an object that evaluates the estimator by its trees. It keeps the methods, and is no estimator otherwise.

    Raises:
        NotCovered: neither the last step nor a member is a forest.
    """
    if type(estimator) is Pipeline:
        return DirectPipeline(estimator)
    return _with_members_as_trees(estimator) if type(estimator) in {*_VOTERS, *_STACKERS} else DirectForest(estimator)


def _with_members_as_trees(ensemble: Any) -> Any:
    """Copy an ensemble so that trees evaluate each member that is a forest. The ensemble itself does not change."""
    members = [_as_trees_or_itself(member) for member in ensemble.estimators_]
    if all(new is old for new, old in zip(members, ensemble.estimators_, strict=True)):
        raise NotCovered(f"no member of {type(ensemble).__name__} is a forest of one target")
    copy_of_ensemble = copy.copy(ensemble)
    copy_of_ensemble.estimators_ = members
    return copy_of_ensemble


def _as_trees_or_itself(member: Any) -> Any:
    try:
        return as_trees(member)
    except NotCovered:
        return member
