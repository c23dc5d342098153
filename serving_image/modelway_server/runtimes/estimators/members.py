"""Which estimators a fitted ensemble, search or wrapper hands its rows to, and which columns each of them gets.

Classes are told by their names, since importing them all takes longer than loading most models.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from modelway_server.runtimes.estimators.sources import Sources

Handed = tuple[Any, Sources]
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
"""Classes that hand all columns to all members, and where they keep these. SelectFromModel only trained its own on them."""
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
"""Attributes that hold the members of a wrapper which is not scikit-learn's."""


def members_of(part: Any, sources: Sources) -> list[Handed]:
    """The estimators that a part hands its rows to; none for what answers by itself.

    Args:
        part: fitted.
        sources: of its columns.
    """
    for kind in _kinds(part):
        if kind in _ALL:
            return [(member, sources) for member in _held(getattr(part, _ALL[kind]))]
        if kind in _SOME:
            return list(_SOME[kind](part, sources))
    if type(part).__module__.startswith("sklearn."):
        return []
    attribute = next((name for name in _FOREIGN if _held(getattr(part, name, None))), None)
    return [(member, sources) for member in _held(getattr(part, attribute))] if attribute else []


def needs_numbers(part: Any) -> bool:
    """Whether a part that hands its rows on computes with all of them before."""
    return not _NUMBERS.isdisjoint(_kinds(part))


def stands_for_another(part: Any) -> bool:
    """Whether a part transforms as its only member does."""
    return not {"FrozenEstimator", "BaseSearchCV"}.isdisjoint(_kinds(part))


def encodes_categories(part: Any) -> bool:
    """Whether a part is a HistGradientBoosting that encodes some of its columns itself."""
    return "BaseHistGradientBoosting" in _kinds(part) and part.is_categorical_ is not None


def _kinds(part: Any) -> list[str]:
    return [kind.__name__ for kind in type(part).__mro__ if kind.__module__.startswith("sklearn.")]


def _held(attribute: Any) -> list[Any]:
    """The estimators in an attribute: one, or a list or array of them."""
    if isinstance(attribute, np.ndarray):
        attribute = attribute.ravel().tolist()
    several = attribute if isinstance(attribute, list | tuple) else [attribute]
    return [_calibrated(one) for one in several if callable(getattr(_calibrated(one), "get_params", None))]


def _calibrated(member: Any) -> Any:
    return member.estimator if type(member).__name__ == "_CalibratedClassifier" else member


def _bagged(part: Any, sources: Sources) -> Iterator[Handed]:
    """Each member has columns of its own."""
    for member, chosen in zip(part.estimators_, part.estimators_features_, strict=True):
        yield member, tuple(sources[index] for index in np.arange(len(sources))[chosen])


def _stacked(part: Any, sources: Sources) -> Iterator[Handed]:
    """The last estimator gets the answers of the others, and behind them the columns where they are passed through."""
    for member in _held(part.estimators_):
        yield member, sources
    answers = getattr(part.final_estimator_, "n_features_in_", 0) - len(sources)
    if part.passthrough and answers > 0:
        yield part.final_estimator_, (None,) * answers + sources


def _chained(part: Any, sources: Sources) -> Iterator[Handed]:
    """Each member gets the answers of those before it behind the columns."""
    for before, member in enumerate(part.estimators_):
        yield member, sources + (None,) * before


def _eliminating(part: Any, sources: Sources) -> Iterator[Handed]:
    yield part.estimator_, tuple(sources[index] for index in np.flatnonzero(part.support_))


_SOME: dict[str, Callable[[Any, Sources], Iterator[Handed]]] = {
    "BaggingClassifier": _bagged,
    "BaggingRegressor": _bagged,
    "_BaseStacking": _stacked,
    "_BaseChain": _chained,
    "RFE": _eliminating,
}
"""Classes whose members get columns each of their own."""
