"""Turn the steps of scikit-learn's pipelines into steps of a plan."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from modelway_server.engines.plan.plan import NotCovered, Plan, Step
from modelway_server.engines.plan.step_functions import MISSING

Names = Sequence[str] | Sequence[int]
"""Columns by name where rows are a dict, else by position."""


class StepPlanner:
    """Adds the steps of transformers to a plan.

    Args:
        plan: keeps their arrays.
        names: the columns of the rows.
    """

    def __init__(self, plan: Plan, names: Names) -> None:
        self._plan = plan
        self._names = names

    def of(self, transformers: Sequence[Any], *, raw: bool) -> list[Step]:
        """Return the steps of some transformers, in order.

        Args:
            transformers: fitted, in the order in which rows pass them.
            raw: whether the rows are columns of mixed types, and not yet a matrix of numbers.

        Raises:
            NotCovered: a transformer has no counterpart here.
        """
        flat = list(_flatten(transformers))
        if raw and not (flat and type(flat[0]) is ColumnTransformer):
            return [{"op": "columns", "ways": [self._way(flat, list(self._names))]}]
        steps: list[Step] = []
        for index, transformer in enumerate(flat):
            if type(transformer) is ColumnTransformer:
                if index:
                    raise NotCovered("columns are chosen by position after other steps")
                steps.append(self._columns(transformer))
            else:
                steps += self._numeric(transformer)
        return steps

    def _columns(self, chooser: ColumnTransformer) -> Step:
        positions = chooser._transformer_to_input_indices  # noqa: SLF001  (public attributes keep names, masks and slices unresolved)
        ways = []
        for name, transformer, _ in chooser.transformers_:
            chosen = [self._names[index] for index in positions.get(name, ())]
            if chosen and not (isinstance(transformer, str) and transformer == "drop"):
                ways.append(self._way(list(_flatten([transformer])), chosen))
        if chooser.transformer_weights or not ways:
            raise NotCovered("its ColumnTransformer weighs its parts, or has none")
        return {"op": "columns", "ways": ways}

    def _way(self, transformers: list[Any], chosen: list[Any]) -> dict[str, Any]:
        """Plan the way of some columns. They are Python values until an encoder turns them into numbers."""
        steps: list[Step] = []
        waiting = list(transformers)
        objects = any(isinstance(each, OneHotEncoder | OrdinalEncoder) for each in waiting)
        while objects and waiting:
            step, encoded = self._categorical(waiting.pop(0))
            steps.append(step)
            if encoded:
                break
        for each in waiting:
            steps += self._numeric(each)
        return {"columns": chosen, "objects": objects, "steps": steps}

    def _categorical(self, transformer: Any) -> tuple[Step, bool]:
        """Return a step on Python values, and whether it gives numbers."""
        if type(transformer) is SimpleImputer:
            _check_imputer(transformer)
            return {"op": "fill_objects", "values": [_plain(value) for value in transformer.statistics_]}, False
        if type(transformer) is OneHotEncoder:
            return _one_hot(transformer), True
        if type(transformer) is OrdinalEncoder:
            return _ordinal(transformer), True
        raise NotCovered(f"{type(transformer).__name__} works on values that are no numbers")

    def _numeric(self, transformer: Any) -> list[Step]:
        kind = type(transformer)
        if kind in _NUMERIC:
            return [step for step in _NUMERIC[kind](self._plan, transformer) if step]
        if isinstance(transformer, SelectorMixin) and kind.__module__.startswith("sklearn."):
            return [{"op": "take", "array": self._plan.keep(transformer.get_support(indices=True))}]
        raise NotCovered(f"{kind.__name__} is not computed here")


def _flatten(transformers: Sequence[Any]) -> Any:
    for each in transformers:
        if type(each) is Pipeline:
            yield from _flatten([step for _, step in each.steps])
        elif not _changes_nothing(each):
            yield each


def _changes_nothing(each: Any) -> bool:
    is_passthrough = isinstance(each, str) and each == "passthrough"
    return each is None or is_passthrough or (type(each) is FunctionTransformer and each.func is None)


def _standard(plan: Plan, scaler: StandardScaler) -> list[Step | None]:
    return [
        {"op": "subtract", "array": plan.keep(scaler.mean_)} if scaler.with_mean else None,
        {"op": "divide", "array": plan.keep(scaler.scale_)} if scaler.with_std else None,
    ]


def _min_max(plan: Plan, scaler: MinMaxScaler) -> list[Step | None]:
    low, high = scaler.feature_range
    return [
        {"op": "multiply", "array": plan.keep(scaler.scale_)},
        {"op": "add", "array": plan.keep(scaler.min_)},
        {"op": "clip", "low": float(low), "high": float(high)} if scaler.clip else None,
    ]


def _max_abs(plan: Plan, scaler: MaxAbsScaler) -> list[Step | None]:
    if getattr(scaler, "clip", False):
        return [{"op": "divide", "array": plan.keep(scaler.scale_)}, {"op": "clip", "low": -1.0, "high": 1.0}]
    return [{"op": "divide", "array": plan.keep(scaler.scale_)}]


def _robust(plan: Plan, scaler: RobustScaler) -> list[Step | None]:
    return [
        {"op": "subtract", "array": plan.keep(scaler.center_)} if scaler.with_centering else None,
        {"op": "divide", "array": plan.keep(scaler.scale_)} if scaler.with_scaling else None,
    ]


def _imputer(plan: Plan, imputer: SimpleImputer) -> list[Step | None]:
    _check_imputer(imputer)
    if imputer.statistics_.dtype.kind != "f":
        raise NotCovered("it fills in values that are no numbers")
    return [{"op": "fill", "array": plan.keep(imputer.statistics_)}]


def _check_imputer(imputer: SimpleImputer) -> None:
    missing = imputer.missing_values
    all_known = all(value is not None and value == value for value in imputer.statistics_)  # noqa: PLR0124  (NaN)
    if imputer.add_indicator or not all_known or not (missing is None or missing != missing):  # noqa: PLR0124
        raise NotCovered("its SimpleImputer drops columns, adds some, or fills in for other values than missing ones")


def _pca(plan: Plan, pca: PCA) -> list[Step | None]:
    if pca.whiten:
        raise NotCovered("its PCA whitens")
    return [
        {"op": "subtract", "array": plan.keep(pca.mean_)},
        {"op": "matmul", "array": plan.keep(pca.components_.T)},
    ]


def _svd(plan: Plan, svd: TruncatedSVD) -> list[Step | None]:
    return [{"op": "matmul", "array": plan.keep(svd.components_.T)}]


def _one_hot(encoder: OneHotEncoder) -> Step:
    if encoder._infrequent_enabled or encoder.dtype != np.float64:  # noqa: SLF001  (nothing public tells)
        raise NotCovered("its OneHotEncoder puts rare categories together, or does not give float64")
    drop = encoder.drop_idx_
    columns, width = [], 0
    for index, known in enumerate(encoder.categories_):
        dropped = None if drop is None else drop[index]
        positions = []
        for category in range(len(known)):
            positions.append(-1 if category == dropped else width)
            width += category != dropped
        columns.append([_keys(known), positions])
    return {"op": "one_hot", "columns": columns, "width": width}


def _ordinal(encoder: OrdinalEncoder) -> Step:
    if encoder._infrequent_enabled or encoder.dtype != np.float64:  # noqa: SLF001  (as above)
        raise NotCovered("its OrdinalEncoder puts rare categories together, or does not give float64")
    columns = []
    for known in encoder.categories_:
        keys = _keys(known)
        codes = [_number(encoder.encoded_missing_value) if key == MISSING else float(i) for i, key in enumerate(keys)]
        columns.append([keys, codes])
    unknown = encoder.unknown_value if encoder.handle_unknown == "use_encoded_value" else None
    return {"op": "ordinal", "columns": columns, "unknown": _number(unknown)}


def _keys(known: Any) -> list[Any]:
    """Return categories as JSON. Each is wrapped, so that none can be taken for a missing value."""
    return [MISSING if value is None or value != value else [_plain(value)] for value in known.tolist()]  # noqa: PLR0124


def _plain(value: Any) -> Any:
    native = value.item() if isinstance(value, np.generic) else value
    if not isinstance(native, str | bool | int | float):
        raise NotCovered(f"it knows categories of type {type(native).__name__}")
    return native


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)  # noqa: PLR0124  (NaN)


_NUMERIC: dict[type, Any] = {
    MaxAbsScaler: _max_abs,
    MinMaxScaler: _min_max,
    PCA: _pca,
    RobustScaler: _robust,
    SimpleImputer: _imputer,
    StandardScaler: _standard,
    TruncatedSVD: _svd,
}
