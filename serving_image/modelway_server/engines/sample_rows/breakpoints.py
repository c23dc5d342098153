"""Find values at which an estimator may change its answer: thresholds, categories, the middle of its training data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from modelway_server.contract.signature import Signature
from modelway_server.engines.plan.trees import thresholds
from modelway_server.runtimes.estimators.sub_estimators import sub_estimators

MAX_THRESHOLDS = 200
"""Thresholds that are taken at most, spread over all trees."""
Breakpoints = dict[int, list[Any]]
"""Values worth trying, by the position of the column."""


def breakpoints_of(estimator: Any, signature: Signature) -> Breakpoints:
    """Return the values that the parts of an estimator hold of each column."""
    breakpoints: Breakpoints = {index: [] for index in range(len(signature.columns))}
    positions = {column.name: index for index, column in enumerate(signature.columns)}
    for part in sub_estimators(estimator):
        names = getattr(part, "feature_names_in_", None)
        width = getattr(part, "n_features_in_", None)
        if names is not None:
            columns = [positions.get(str(name)) for name in names]
        elif width == len(positions):
            columns = list(range(len(positions)))
        else:
            continue
        _add(breakpoints, columns, _of_part(part))
    for column, threshold in _thresholds(estimator):
        if column in breakpoints:
            breakpoints[column] += _around(threshold)
    for column, splits in _of_booster(estimator).items():
        breakpoints[column] += splits
    return breakpoints


def _of_booster(estimator: Any) -> Mapping[int, Sequence[float]]:
    """Return the splits of an estimator of XGBoost or LightGBM that gets the rows as they are sent."""
    match type(estimator).__module__.partition(".")[0]:
        case "xgboost":
            from modelway_server.runtimes import xgboost  # noqa: PLC0415  (where it is there)

            return xgboost.splits(estimator.get_booster())
        case "lightgbm":
            from modelway_server.runtimes import lightgbm  # noqa: PLC0415  (where it is there)

            return lightgbm.splits(estimator.booster_)
    return {}


def _add(breakpoints: Breakpoints, columns: list[int | None], values: list[list[Any]]) -> None:
    for column, known in zip(columns, values, strict=False):
        if column is not None:
            breakpoints[column] += known


def _of_part(part: Any) -> list[list[Any]]:
    categories = getattr(part, "categories_", None)
    if categories is not None:
        return [[value for value in known.tolist() if value is not None and value == value] for known in categories]  # noqa: PLR0124  (NaN)
    mean, scale = getattr(part, "mean_", None), getattr(part, "scale_", None)
    if isinstance(mean, np.ndarray) and isinstance(scale, np.ndarray) and mean.shape == scale.shape:
        return [
            [m + k * s for k in (-2.0, -0.7, 0.0, 0.4, 1.5)] for m, s in zip(mean.tolist(), scale.tolist(), strict=True)
        ]
    low, high = getattr(part, "data_min_", None), getattr(part, "data_max_", None)
    if isinstance(low, np.ndarray) and isinstance(high, np.ndarray):
        return [[a, a + 0.3 * (b - a), b] for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    return []


def _thresholds(estimator: Any) -> list[tuple[int, float]]:
    """Return splits of the trees that get the rows as they are sent."""
    trees = [] if isinstance(estimator, Pipeline) else list(thresholds(estimator))
    if not trees:
        return []
    columns, values = map(np.concatenate, zip(*trees, strict=True))
    splits = np.flatnonzero((columns >= 0) & np.isfinite(values))
    few = splits[:: max(len(splits) // MAX_THRESHOLDS, 1)]
    return list(zip(columns[few].tolist(), values[few].tolist(), strict=True))


def _around(threshold: float) -> list[float]:
    """Return a threshold and its neighbours in float32 and in float64."""
    single = np.float32(threshold)
    near = [np.nextafter(single, np.float32(side)) for side in (-np.inf, np.inf)]
    return [threshold, *map(float, near), *(float(np.nextafter(threshold, side)) for side in (-np.inf, np.inf))]
