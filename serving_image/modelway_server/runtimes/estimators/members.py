"""Find the estimators that a fitted ensemble, search or wrapper hands its rows to, and the columns that each one gets.

Names identify classes, because importing all of them takes longer than loading most models.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from modelway_server.runtimes.estimators.sources import Sources

Receiver = tuple[Any, Sources]
"""An estimator, and where its columns come from."""

_ALL = {
    "VotingClassifier": "estimators_",
    "VotingRegressor": "estimators_",
    "AdaBoostClassifier": "estimators_",
    "AdaBoostRegressor": "estimators_",
    "MultiOutputClassifier": "estimators_",
    "MultiOutputRegressor": "estimators_",
    "OneVsRestClassifier": "estimators_",
    "OneVsOneClassifier": "estimators_",
    "OutputCodeClassifier": "estimators_",
    "CalibratedClassifierCV": "calibrated_classifiers_",
    "BaseSearchCV": "best_estimator_",
    "TransformedTargetRegressor": "regressor_",
    "FrozenEstimator": "estimator",
    "SelfTrainingClassifier": "estimator_",
    "BaseThresholdClassifier": "estimator_",
    "RANSACRegressor": "estimator_",
    "SelectFromModel": "estimator_",
}
"""Classes that hand all columns to all members, and the attribute of the members. SelectFromModel does so only in training."""
_NUMBERS = {
    "OneVsOneClassifier",
    "_BaseChain",
    "SelfTrainingClassifier",
    "RANSACRegressor",
    "RFE",
}
"""Classes that turn all their columns into numbers before any member gets them."""
_FOREIGN = (
    "best_estimator_",
    "regressor_",
    "classifier_",
    "estimator_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator",
)
"""Attributes that hold the members of a wrapper from another package than scikit-learn."""


def members_of(part: Any, sources: Sources) -> list[Receiver]:
    """Return the estimators that a part hands its rows to; none if it answers by itself.

    Args:
        part: fitted.
        sources: the sources of its columns.
    """
    for kind in _kinds(part):
        if kind in _ALL:
            return [(member, sources) for member in _estimators_in(getattr(part, _ALL[kind]))]
        if kind in _SOME:
            return list(_SOME[kind](part, sources))
    if type(part).__module__.startswith("sklearn."):
        return []
    attribute = next((name for name in _FOREIGN if _estimators_in(getattr(part, name, None))), None)
    return [(member, sources) for member in _estimators_in(getattr(part, attribute))] if attribute else []


def needs_numbers(part: Any) -> bool:
    """Whether a part computes with all its columns before it hands them on."""
    return not _NUMBERS.isdisjoint(_kinds(part))


def stands_for_another(part: Any) -> bool:
    """Whether a part transforms as its only member does."""
    return not {"FrozenEstimator", "BaseSearchCV"}.isdisjoint(_kinds(part))


def encodes_categories(part: Any) -> bool:
    """Whether a part is a HistGradientBoosting that encodes some of its columns itself."""
    return "BaseHistGradientBoosting" in _kinds(part) and part.is_categorical_ is not None


def _kinds(part: Any) -> list[str]:
    return [kind.__name__ for kind in type(part).__mro__ if kind.__module__.startswith("sklearn.")]


def _estimators_in(attribute: Any) -> list[Any]:
    """Return the estimators in an attribute, which holds one, or a list or array of them."""
    if isinstance(attribute, np.ndarray):
        attribute = attribute.ravel().tolist()
    several = attribute if isinstance(attribute, list | tuple) else [attribute]
    return [_unwrap(one) for one in several if callable(getattr(_unwrap(one), "get_params", None))]


def _unwrap(member: Any) -> Any:
    return member.estimator if type(member).__name__ == "_CalibratedClassifier" else member


def _members_of_bagging(part: Any, sources: Sources) -> Iterator[Receiver]:
    """Yield members with columns of their own."""
    for member, positions in zip(part.estimators_, part.estimators_features_, strict=True):
        yield member, tuple(sources[index] for index in np.arange(len(sources))[positions])


def _members_of_stacking(part: Any, sources: Sources) -> Iterator[Receiver]:
    """Yield the members with all columns, and the final estimator if columns follow the answers of the members."""
    for member in _estimators_in(part.estimators_):
        yield member, sources
    answers = getattr(part.final_estimator_, "n_features_in_", 0) - len(sources)
    if part.passthrough and answers > 0:
        yield part.final_estimator_, (None,) * answers + sources


def _members_of_chain(part: Any, sources: Sources) -> Iterator[Receiver]:
    """Yield members that get the columns, and after them the answers of the members before."""
    for before, member in enumerate(part.estimators_):
        yield member, sources + (None,) * before


def _member_of_elimination(part: Any, sources: Sources) -> Iterator[Receiver]:
    yield part.estimator_, tuple(sources[index] for index in np.flatnonzero(part.support_))


_SOME: dict[str, Callable[[Any, Sources], Iterator[Receiver]]] = {
    "BaggingClassifier": _members_of_bagging,
    "BaggingRegressor": _members_of_bagging,
    "_BaseStacking": _members_of_stacking,
    "_BaseChain": _members_of_chain,
    "RFE": _member_of_elimination,
}
"""Classes whose members get columns of their own."""
