"""Find points that a fitted model remembers: where its training data was, and where its answers change.

Any array with one entry for each column is taken for points, by whatever name: support vectors, centres, training rows,
means, thresholds of trees, edges of bins, knots, categories. Each point is led back to the columns of requests.
"""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.neighbors import BallTree, KDTree
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.tree._tree import Tree

from modelway_server.contract.signature import Signature
from modelway_server.engines.sample_rows.column_inverse import Back, Points, columns_of, inverse_of, restore_columns
from modelway_server.runtimes.estimators.sub_estimators import members

POINTS = 40
"""Points that one array, or one list of values by column, gives at most."""
MAX_PARTS = 200
"""Members of an ensemble that are read at most."""
MAX_POINTS = 4000
"""Points of all parts together."""
MAX_VALUES = 2_000_000
"""Values of all points, each an object of Python. Rows of thousands of columns would take gigabytes."""
NEAR = 1e-6
"""The distance of points from a boundary, as a share of its distance from the origin. float32 hardly tells them apart."""
_NO_POINTS = {"coef_", "dual_coef_", "feature_importances_", "scale_", "var_", "intercept_"}
"""Attributes with one entry for each column that are no points among the rows."""
_SPREADS = (-2.0, -0.7, 0.4, 1.5)


def training_points(estimator: Any, signature: Signature, random: np.random.Generator) -> list[list[Any]]:
    """Return points as requests send rows, with None for unknown values.

    Args:
        estimator: fitted.
        signature: its contract.
        random: chooses points where there are too many.
    """
    names = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    positions = {column.name: index for index, column in enumerate(signature.columns)}
    columns = [positions[name] for name in names if name in positions]
    width = len(signature.columns)
    as_sent = (
        restore_columns(lambda points: points, columns, width)
        if len(columns) == len(names) > 0
        else lambda points: points
    )
    rows: list[list[Any]] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # parts warn of columns without names
        for points, back in _Walk(random).through(estimator, as_sent):
            rows += _lead_back(points, back, width)
            if len(rows) >= min(MAX_POINTS, MAX_VALUES // max(width, 1)):
                break
    return rows


def _lead_back(points: Points, back: Back, width: int) -> list[list[Any]]:
    for complete in (points, np.nan_to_num(points)):  # some inverses refuse NaN
        try:
            rows = np.asarray(back(complete))
        except Exception:  # noqa: BLE001, S112  (a part may raise anything, and others know more)
            continue
        if rows.ndim == 2 and rows.shape[1] == width:
            return [[None if value is None or value != value else value for value in row] for row in rows.tolist()]  # noqa: PLR0124  (NaN)
    return []


class _Walk:
    """A walk through a model's parts, each with the function that leads back to the columns of requests."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._ids: set[int] = set()

    def through(self, part: Any, back: Back, width: int | None = None) -> Iterator[tuple[Points, Back]]:
        """Yield the points of a part and of all parts inside it. `width` is for parts that do not know theirs."""
        if id(part) in self._ids or isinstance(part, str) or len(self._ids) > MAX_PARTS:
            return
        self._ids.add(id(part))
        if isinstance(part, Pipeline):
            yield from self._in_turn([step for _, step in part.steps], back)
        elif isinstance(part, ColumnTransformer):
            for name, transformer, _ in getattr(
                part, "transformers_", ()
            ):  # an ensemble keeps its members unfitted, too
                yield from self.through(transformer, restore_columns(back, columns_of(part, name), part.n_features_in_))
        elif isinstance(part, FeatureUnion):
            for _, transformer in part.transformer_list:
                yield from self.through(transformer, back)
        else:
            yield from self._of_estimator(part, back, getattr(part, "n_features_in_", width))

    def _in_turn(self, steps: Sequence[Any], back: Back) -> Iterator[tuple[Points, Back]]:
        for step in steps:
            yield from self.through(step, back)
            way = inverse_of(step)
            if way is None:
                return
            back = _after(way, back)

    def _of_estimator(self, part: Any, back: Back, width: int | None) -> Iterator[tuple[Points, Back]]:
        """Yield the points of one estimator, then those of members that get the same columns."""
        if width is None:
            for member in members(part):
                yield from self.through(member, back)
            return
        for points in _points(part, int(width), self._random):
            yield points, back
        chosen_columns = {
            id(member): columns
            for member, columns in zip(
                getattr(part, "estimators_", ()), getattr(part, "estimators_features_", ()), strict=False
            )
        }
        for member in members(part):
            member_width = getattr(member, "n_features_in_", width)
            if id(member) in chosen_columns:
                yield from self.through(member, restore_columns(back, chosen_columns[id(member)], width))
            elif member_width == width:
                yield from self.through(member, back, width)
            elif member_width > width:  # a chain appends its answers to the columns
                yield from self.through(member, _after(_first(width), back))


def _after(way: Back, back: Back) -> Back:
    return lambda points: back(way(points))


def _first(width: int) -> Back:
    return lambda points: points[:, :width]


def _points(part: Any, width: int, random: np.random.Generator) -> Iterator[Points]:
    """Yield the points of an estimator as matrices of float64 or objects, each of at most POINTS."""
    for name, value in vars(part).items():
        if name in _NO_POINTS:
            continue
        known, matrix = _by_columns(value, width), _matrix(value, width)
        if known is not None:
            yield _pick(known, random)
        elif matrix is not None:
            yield matrix[np.sort(random.permutation(len(matrix))[:POINTS])]
    yield from _around_means(part, width)
    yield from _on_boundaries(part, width)
    for feature, threshold in _splits(part):
        yield _pick(_by_column(feature, threshold, width), random)


def _splits(part: Any) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield the columns and the thresholds of an estimator's own trees."""
    tree = vars(part).get("tree_")
    if isinstance(tree, Tree):
        yield tree.feature, tree.threshold
    predictors = [predictor.nodes for stage in getattr(part, "_predictors", ()) for predictor in stage]
    if predictors:
        nodes = np.concatenate(predictors[:MAX_PARTS])
        yield np.where(nodes["is_leaf"], -1, nodes["feature_idx"].astype(np.int64)), nodes["num_threshold"]


def _by_column(feature: NDArray[Any], threshold: NDArray[Any], width: int) -> list[NDArray[Any]]:
    order = np.argsort(feature, kind="stable")
    ends = np.searchsorted(feature[order], np.arange(width + 1))
    sorted_thresholds = threshold[order]
    columns = [sorted_thresholds[start:end] for start, end in itertools.pairwise(ends)]
    return [values[np.isfinite(values)] for values in columns]


def _by_columns(value: Any, width: int) -> list[NDArray[Any]] | None:
    """Return one array of values for each column, or the knots of its spline; None if this is no such list."""
    many = isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1)
    if not many or len(value) != width:
        return None
    values = [getattr(each, "t", each) for each in value]
    return values if all(isinstance(each, np.ndarray) and each.ndim == 1 for each in values) else None


def _matrix(value: Any, width: int) -> Points | None:
    """Return a matrix of [points, columns]; None if the value has not one entry for each column."""
    if isinstance(value, BallTree | KDTree):
        value = np.asarray(value.data)
    if sparse.issparse(value) and value.shape[1] == width:
        value = value[:POINTS].toarray()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or value.ndim not in {1, 2} or not value.size:
        return None
    matrix = np.atleast_2d(value)
    return matrix.astype(np.float64) if matrix.shape[1] == width else None


def _pick(known: Sequence[NDArray[Any]], random: np.random.Generator) -> Points:
    """Make points whose values are picked from the known values of each column."""
    numbers = all(values.dtype.kind in "fiub" for values in known)
    points = np.full((POINTS, len(known)), np.nan, dtype=np.float64 if numbers else object)
    for column, values in enumerate(known):
        if len(values):
            points[:, column] = values[random.integers(len(values), size=POINTS)]
    return points


def _around_means(part: Any, width: int) -> Iterator[Points]:
    mean, scale = getattr(part, "mean_", getattr(part, "center_", None)), getattr(part, "scale_", None)
    if isinstance(mean, np.ndarray) and isinstance(scale, np.ndarray) and mean.shape == scale.shape == (width,):
        yield mean + np.multiply.outer(_SPREADS, scale)


def _on_boundaries(part: Any, width: int) -> Iterator[Points]:
    """Yield points a little to both sides of where a linear model's scores are zero. On it, rounding would choose the label."""
    coef, intercept = getattr(part, "coef_", None), getattr(part, "intercept_", None)
    if not isinstance(coef, np.ndarray) or coef.size == 0 or coef.shape[-1] != width or intercept is None:
        return
    rows = np.atleast_2d(coef).astype(np.float64)[:POINTS]
    sizes = (rows**2).sum(axis=1, keepdims=True)
    offsets = np.broadcast_to(np.ravel(intercept), (len(np.atleast_2d(coef)),))[:POINTS]
    for score in (offsets * NEAR + NEAR, -offsets * NEAR - NEAR):
        yield np.nan_to_num((score - offsets)[:, np.newaxis] * rows / sizes, posinf=0.0, neginf=0.0)
