"""Lead points back from the columns of a model's part to the columns that are sent: undo scalers, restore dropped columns.

A place is a matrix of [points, columns] in which a number that nobody knows is NaN; it is of objects where an encoder
stood between.
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
"""Points in the columns behind something as points in the columns before it; raises what the model's parts raise."""


def inverse_of(step: Any) -> Back | None:
    """What leads back through a step of a pipeline; None where nothing does."""
    if step is None or isinstance(step, str) or (isinstance(step, FunctionTransformer) and step.func is None):
        return _unchanged
    if isinstance(step, SimpleImputer | KNNImputer | IterativeImputer):
        return None if step.add_indicator else _unchanged
    for kind, way in _WAYS.items():
        if isinstance(step, kind):
            return way(step)
    back: Back | None = getattr(step, "inverse_transform", None)
    return back


def columns_of(chooser: ColumnTransformer, name: str) -> list[int]:
    """The positions of the columns that one of its transformers takes."""
    positions = chooser._transformer_to_input_indices  # noqa: SLF001  (public attributes keep names, masks and slices unresolved)
    return list(positions.get(name, ()))


def restore_columns(back: Back, columns: Sequence[int], width: int) -> Back:
    """What leads back where only some columns were taken: nobody knows of the others."""
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


def _gathered(chooser: ColumnTransformer, points: Points) -> Points:
    """The columns before a chooser, from those of its transformers that can be inverted."""
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
    """The nearest codes that the encoder knows."""
    last = [len(known) - 1 for known in encoder.categories_]
    return np.nan_to_num(points.astype(np.float64)).round().clip(0, last)


def _unchanged(points: Points) -> Points:
    return points


_WAYS: dict[type, Callable[[Any], Back | None]] = {
    Pipeline: lambda pipeline: _inverse_in_turn([step for _, step in pipeline.steps]),
    ColumnTransformer: lambda chooser: lambda points: _gathered(chooser, points),
    SelectorMixin: lambda selector: (
        lambda points: _spread(points, selector.get_support(indices=True), selector.n_features_in_)
    ),
    OrdinalEncoder: lambda encoder: lambda points: np.asarray(encoder.inverse_transform(_codes(encoder, points))),
}
