# ruff: noqa: SLF001  (the checked attributes are private to pandas)
"""Check that objects of pandas, NumPy and SciPy agree with themselves, after they are built and before they are used.

Their compiled code trusts codes, placements and positions. A wrong one reads or writes memory that is not its own.
The checks read only attributes that run no code of the model.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from modelway_server.runtimes.pickle.refusal import Rule, refuse
from modelway_server.runtimes.pickle.trace import Call, Step

_POSITIONS = {"MT19937": ("pos", 624), "Philox": ("buffer_pos", 4)}
"""The attribute with a generator's position in its buffer, and the length of the buffer."""


def check_built(steps: Iterable[Step]) -> None:
    """Check that every object of a built trace agrees with itself.

    Raises:
        UnsafeArtifact: codes, placements or positions lead out of an object.
    """
    for step in steps:
        if isinstance(step, Call):
            check = _CHECKS.get(type(step.value).__name__)
            if check is not None and type(step.value).__module__.partition(".")[0] in {"numpy", "pandas", "scipy"}:
                _check(check, step)


def _check(check: Callable[[Any], bool], step: Call) -> None:
    try:
        fits = check(step.value)
    except Exception as error:
        raise _refusal(step) from error
    if not fits:
        raise _refusal(step)


def _refusal(step: Call) -> Exception:
    kind = type(step.value)
    return refuse(
        Rule.STRUCTURE, f"the file holds a {kind.__module__}.{kind.__qualname__} whose parts disagree", step.at
    )


def _are_codes(codes: Any, count: int) -> bool:
    """Whether these are codes of a categorical: -1 for a missing value, else the place of a category."""
    values = np.asarray(codes)
    return values.dtype.kind == "i" and (not values.size or (values.min() >= -1 and values.max() < count))


def _categorical(value: Any) -> bool:
    return _are_codes(value.codes, len(value.categories))


def _categorical_index(value: Any) -> bool:
    return _are_codes(value.codes, len(value.categories))


def _levels(value: Any) -> bool:
    sizes = {len(codes) for codes in value.codes}
    pairs = zip(value.codes, value.levels, strict=True)
    return len(sizes) == 1 and all(_are_codes(codes, len(level)) for codes, level in pairs)


def _blocks(value: Any) -> bool:
    """Whether each row of a table's blocks is the place of one column, and all have the same length."""
    from pandas import Index  # noqa: PLC0415  (only where a file holds a table)

    if not all(isinstance(axis, Index) for axis in value.axes) or not all(map(_is_block, value.blocks)):
        return False
    columns, *rows = [len(axis) for axis in value.axes]
    places = (
        np.concatenate([np.asarray(block.mgr_locs.as_array) for block in value.blocks])
        if value.blocks
        else np.empty(0, int)
    )
    if not np.array_equal(np.sort(places), np.arange(columns)):
        return False
    return all(_shape(block) == (len(block.mgr_locs), *rows) for block in value.blocks)


def _is_block(block: Any) -> bool:
    """Whether this is a block of pandas around an array, or around a column type of pandas."""
    from pandas.api.extensions import ExtensionArray  # noqa: PLC0415  (as above)

    own = type(block).__module__ == "pandas.core.internals.blocks"
    return own and isinstance(values := _values_of(block), np.ndarray | ExtensionArray) and values.ndim <= block.ndim


def _values_of(block: Any) -> Any:
    return block.values  # noqa: PD011  (of a block, which has no other name for it)


def _sparse_array(value: Any) -> bool:
    """Whether there is one value for each place, and the places are valid and in order."""
    index = value._sparse_index
    places = np.asarray(index.indices)
    ordered = not places.size or bool(places[0] >= 0 and places[-1] < index.length and (np.diff(places) > 0).all())
    return ordered and index.npoints == len(places) == len(value._sparse_values) and value._sparse_values.ndim == 1


def _sparse_type(value: Any) -> bool:
    return isinstance(value.subtype, np.dtype)


def _interval_type(value: Any) -> bool:
    from pandas.api.extensions import ExtensionDtype  # noqa: PLC0415  (as above)

    known = value.subtype is None or isinstance(value.subtype, np.dtype | ExtensionDtype)
    return known and value.closed in {None, "left", "right", "both", "neither"}


def _masked_array(value: Any) -> bool:
    """Whether each value says if it is missing."""
    data, mask = value._data, value._mask
    return isinstance(data, np.ndarray) and mask.dtype == np.bool_ and mask.shape == data.shape


def _shape(block: Any) -> tuple[int, ...]:
    """Return the shape of a block. An array of one dimension is one column."""
    shape = tuple(_values_of(block).shape)
    return (1, *shape) if len(shape) == 1 else shape


def _block(value: Any) -> bool:
    whole = len(value.blocks) == 1 and all(map(_is_block, value.blocks))
    return whole and _values_of(value.blocks[0]).shape == (len(value.axes[0]),)


def _position(value: Any) -> bool:
    """Whether the position of a generator is in its buffer."""
    state = value.state
    place = _POSITIONS.get(str(state["bit_generator"]))
    if place is None:
        return True
    values = state["state"] if place[0] in state["state"] else state
    return 0 <= int(values[place[0]]) <= place[1]


def _spline(value: Any) -> bool:
    knots, coefficients, degree = value.t, value.c, value.k
    whole = isinstance(knots, np.ndarray) and isinstance(coefficients, np.ndarray) and knots.ndim == 1
    count = len(knots) - degree - 1
    fits = whole and type(degree) is int and degree >= 0 and count >= degree + 1 and coefficients.shape[0] >= count
    return bool(fits and knots.dtype == np.float64 and np.isfinite(knots).all() and (np.diff(knots) >= 0).all())


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "BSpline": _spline,
    "BlockManager": _blocks,
    "Categorical": _categorical,
    "BooleanArray": _masked_array,
    "CategoricalIndex": _categorical_index,
    "FloatingArray": _masked_array,
    "IntegerArray": _masked_array,
    "IntervalDtype": _interval_type,
    "MT19937": _position,
    "MultiIndex": _levels,
    "Philox": _position,
    "SingleBlockManager": _block,
    "SparseArray": _sparse_array,
    "SparseDtype": _sparse_type,
}
