"""Whether an estimator depends on the type of its numbers: to a step that writes them as text, 3 is not 3.0."""

from typing import Any, Final

from sklearn.preprocessing import FunctionTransformer

from modelway_server.runtimes.estimators.sub_estimators import sub_estimators

_COMPUTE: Final = ("sklearn.", "xgboost.", "lightgbm.")
"""Packages whose estimators compute with numbers, of whatever type they are; CatBoost takes integers for categories."""


def sees_number_types(estimator: Any) -> bool:
    """Whether code of the model's author is in it; what scikit-learn's own encoders have learned, they tell."""
    return any(map(_is_authors, sub_estimators(estimator)))


def computes(part: Any) -> bool:
    """Whether a part is of a package whose estimators compute with numbers, and not code of the model's author."""
    return f"{type(part).__module__}.".startswith(_COMPUTE)


def _is_authors(part: Any) -> bool:
    if isinstance(part, FunctionTransformer):
        return part.func is not None
    return not computes(part)
