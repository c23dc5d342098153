"""Whether an estimator looks at the type of its numbers, as a step does that writes them as text: 3 is not 3.0 there."""

from typing import Any, Final

from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from modelway_server.runtimes.parts import parts

_COMPUTE: Final = ("sklearn.", "xgboost.", "lightgbm.")
"""Packages whose estimators compute with numbers, of whatever type they are; CatBoost takes integers for categories."""


def sees_number_types(estimator: Any) -> bool:
    """Whether code of the model's author is in it, or an encoder of integers whose columns cannot be told."""
    return any(_is_authors(part) or _hides_an_encoder(part) for part in parts(estimator))


def _is_authors(part: Any) -> bool:
    if isinstance(part, FunctionTransformer):
        return part.func is not None
    return not f"{type(part).__module__}.".startswith(_COMPUTE)


def _hides_an_encoder(part: Any) -> bool:
    """Whether it is a pipeline that picks or puts together columns, of any type, before such an encoder."""
    if not isinstance(part, Pipeline):
        return False
    steps = [step for _, step in part.steps]
    pickers = [
        index for index, step in enumerate(steps) if isinstance(step, SelectorMixin | ColumnTransformer | FeatureUnion)
    ]
    return bool(pickers) and any(map(_knows_integers, parts(steps[pickers[0] + 1 :])))


def _knows_integers(part: Any) -> bool:
    categories = getattr(part, "categories_", None)
    return categories is not None and any(getattr(known, "dtype", None) != "f8" for known in categories)
