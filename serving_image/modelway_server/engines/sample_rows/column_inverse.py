"""Lead points back from the columns of a model's part to the columns of requests: undo scalers, restore dropped columns.

Points are a matrix of [points, columns], with NaN for unknown values. Behind an encoder it is a matrix of objects.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.impute._iterative import IterativeImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

Points = NDArray[Any]
Back = Callable[[Points], Points]
"""Turns points behind a step into points before it. It raises what the model's parts raise."""


def inverse_of(step: Any) -> Back | None:
    """Return the function that leads points back through a step; None if there is none."""
    if step is None or isinstance(step, str) or (isinstance(step, FunctionTransformer) and step.func is None):
        return _keep
    if isinstance(step, SimpleImputer | KNNImputer | IterativeImputer):
        return None if step.add_indicator else _keep
    for kind, way in _WAYS.items():
        if isinstance(step, kind):
            return way(step)
    back: Back | None = getattr(step, "inverse_transform", None)
    return back


def columns_of(chooser: ColumnTransformer, name: str) -> list[int]:
    """Return the positions of the columns that a transformer of the chooser takes."""
    positions = chooser._transformer_to_input_indices  # noqa: SLF001  (public attributes keep names, masks and slices unresolved)
    return list(positions.get(name, ()))


def restore_columns(back: Back, columns: Sequence[int], width: int) -> Back:
    """Return the function that leads back from some columns to all; the others are unknown."""
    return lambda points: back(_spread(points, columns, width))


def _inverse_in_turn(steps: Sequence[Any]) -> Back | None:
    ways = [inverse_of(step) for step in reversed(steps)]
    known = [way for way in ways if way is not None]
    if len(known) < len(ways):
        return None

    def back(points: Points) -> Points:
        for way in known:
            points = way(points)
        return points

    return back


def _gather(chooser: ColumnTransformer, points: Points) -> Points:
    """Return the columns before a chooser, as far as its transformers can be inverted."""
    before = np.full((len(points), chooser.n_features_in_), np.nan, dtype=object)
    for name, transformer, _ in chooser.transformers_:
        columns, part = columns_of(chooser, name), points[:, chooser.output_indices_[name]]
        back = inverse_of(transformer) if columns and part.shape[1] else None
        if back is not None:
            before[:, columns] = back(part)
    return before


def _spread(points: Points, columns: Sequence[int], width: int) -> Points:
    spread = np.full((len(points), width), np.nan, dtype=object if points.dtype == object else np.float64)
    spread[:, columns] = points[:, : len(columns)]
    return spread


def _codes(encoder: OrdinalEncoder, points: Points) -> Points:
    """Return the nearest codes that the encoder knows."""
    last = [len(known) - 1 for known in encoder.categories_]
    return np.nan_to_num(points.astype(np.float64)).round().clip(0, last)


def _keep(points: Points) -> Points:
    return points


_WAYS: dict[type, Callable[[Any], Back | None]] = {
    Pipeline: lambda pipeline: _inverse_in_turn([step for _, step in pipeline.steps]),
    ColumnTransformer: lambda chooser: lambda points: _gather(chooser, points),
    SelectorMixin: lambda selector: (
        lambda points: _spread(points, selector.get_support(indices=True), selector.n_features_in_)
    ),
    OrdinalEncoder: lambda encoder: lambda points: np.asarray(encoder.inverse_transform(_codes(encoder, points))),
}
