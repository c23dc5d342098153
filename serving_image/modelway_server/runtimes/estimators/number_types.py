"""Tell whether an estimator depends on the type of its numbers. To a step that writes them as text, 3 is not 3.0."""

from typing import Any, Final

from sklearn.preprocessing import FunctionTransformer

from modelway_server.runtimes.estimators.sub_estimators import sub_estimators

_COMPUTE: Final = ("sklearn.", "xgboost.", "lightgbm.")
"""Packages whose estimators compute with numbers of any type. CatBoost, in contrast, takes integers for categories."""


def sees_number_types(estimator: Any) -> bool:
    """Whether an estimator holds code of the model's author. The encoders of scikit-learn know their own types."""
    return any(map(_is_authors, sub_estimators(estimator)))


def computes(part: Any) -> bool:
    """Whether a part belongs to a package whose estimators compute with numbers, and is no code of the model's author."""
    return f"{type(part).__module__}.".startswith(_COMPUTE)


def _is_authors(part: Any) -> bool:
    if isinstance(part, FunctionTransformer):
        return part.func is not None
    return not computes(part)
