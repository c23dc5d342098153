"""What an estimator's method returns, as plain arrays with names."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.signature import ROWS, Output
from modelway_server.errors import PredictionFailed
from modelway_server.protocol.tensors import NUMPY_TYPES, datatype_of

_WIRE_DTYPES = frozenset(np.dtype(scalar) for scalar in NUMPY_TYPES.values())


def name_outputs(method: str, result: Any, count: int) -> dict[str, NDArray[Any]]:
    """The arrays of a result: one of the method's name, or `<method>_<i>` for each of several.

    Sparse matrices become dense, data frames lose their index, labels that are no numbers become strings.

    Raises:
        PredictionFailed: an array does not have one entry a row.
    """
    several = isinstance(result, list | tuple) and any(hasattr(part, "shape") for part in result)
    arrays = (
        {f"{method}_{index}": _plain(part) for index, part in enumerate(result)}
        if several
        else {method: _plain(result)}
    )
    if count == 1:
        arrays = {name: _with_row(values) for name, values in arrays.items()}
    for name, values in arrays.items():
        if values.ndim == 0 or len(values) != count:
            raise PredictionFailed(f"{name} gave {list(values.shape)} for {count} rows; it must give one entry a row")
    return arrays


def describe_outputs(arrays: dict[str, NDArray[Any]]) -> tuple[Output, ...]:
    """Their names, datatypes and shapes, with any number of rows."""
    return tuple(Output(name, datatype_of(values.dtype), (ROWS, *values.shape[1:])) for name, values in arrays.items())


def _with_row(values: NDArray[Any]) -> NDArray[Any]:
    """The answer for one row with its row axis, which SparsePCA leaves out."""
    return values[np.newaxis] if values.ndim == 1 and len(values) > 1 else values


def _plain(part: Any) -> NDArray[Any]:
    if hasattr(part, "toarray"):
        part = part.toarray()
    elif hasattr(part, "to_numpy"):
        part = part.to_numpy()
    values = np.asarray(part)
    if values.dtype in _WIRE_DTYPES:
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype.kind == "O":
        return _objects(values)
    return values if values.dtype.kind == "U" else values.astype(str)


def _objects(values: NDArray[Any]) -> NDArray[Any]:
    kinds = set(map(type, values.flat))
    if kinds <= {bool, np.bool_}:
        return values.astype(np.bool_)
    if all(issubclass(kind, int | np.integer) for kind in kinds):
        return values.astype(np.int64)
    if all(issubclass(kind, int | float | np.integer | np.floating) for kind in kinds):
        return values.astype(np.float64)
    return np.vectorize(str, otypes=[object])(values) if values.size else values
