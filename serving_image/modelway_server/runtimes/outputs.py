"""What an estimator's method returns, as plain arrays with names."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.signature import ROWS, Output
from modelway_server.errors import InvalidInput, PredictionFailed, describe
from modelway_server.protocol.tensors import NUMPY_TYPES, datatype_of

MAX_DENSE_VALUES = 4_000_000
"""Values of a sparse answer, zeros too, that are sent: 32 MB here, as much again as JSON."""

_WIRE_DTYPES = frozenset(np.dtype(scalar) for scalar in NUMPY_TYPES.values())
_TIMES = "mM"


def name_outputs(method: str, result: Any, count: int) -> dict[str, NDArray[Any]]:
    """The arrays of a result: one of the method's name, or `<method>_<i>` for each of several.

    Sparse matrices become dense, data frames lose their index, what is no number becomes a string; what is missing
    becomes None among objects.

    Raises:
        InvalidInput: a sparse result is too large to be sent.
        PredictionFailed: an array does not have one entry a row, or its entries are lists of different lengths.
    """
    several = isinstance(result, list | tuple) and any(getattr(part, "ndim", 0) for part in result)
    named = {f"{method}_{index}": part for index, part in enumerate(result)} if several else {method: result}
    arrays = {name: _even(name, part) for name, part in named.items()}
    if count == 1:
        arrays = {name: _with_row(values) for name, values in arrays.items()}
    for name, values in arrays.items():
        if values.ndim == 0 or len(values) != count:
            raise PredictionFailed(f"{name} gave {list(values.shape)} for {count} rows; it must give one entry a row")
    return arrays


def settle(arrays: dict[str, NDArray[Any]], outputs: Sequence[Output]) -> dict[str, NDArray[Any]]:
    """The arrays in the datatypes that the metadata promises, where these rows alone would have suggested another.

    What a model keeps as objects is an integer in one request and a fraction in the next.
    """
    promised = {output.name: output.datatype for output in outputs}
    return {
        name: values if datatype_of(values.dtype) == promised.get(name) else _settle(values, promised.get(name))
        for name, values in arrays.items()
    }


def describe_outputs(arrays: dict[str, NDArray[Any]]) -> tuple[Output, ...]:
    """Their names, datatypes and shapes, with any number of rows."""
    return tuple(Output(name, datatype_of(values.dtype), (ROWS, *values.shape[1:])) for name, values in arrays.items())


def plain(part: Any) -> NDArray[Any]:
    """An array of a datatype of the protocol, or of objects: strings, numbers, booleans and None as JSON has them.

    Raises:
        InvalidInput: it is sparse, and too large to be sent.
    """
    values = np.asarray(_dense(part))
    if values.dtype in _WIRE_DTYPES or values.dtype.kind == "U":
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype.kind in _TIMES:
        texts = values.astype(str).astype(object)
        texts[np.isnat(values)] = None
        return texts
    return _objects(values.astype(object))


def _even(name: str, part: Any) -> NDArray[Any]:
    """A part of the result as an array.

    Raises:
        PredictionFailed: it is none.
    """
    try:
        return plain(part)
    except ValueError as error:  # of lists of different lengths numpy makes no array
        raise PredictionFailed(
            f"{name} is no array: {describe(error)}; let it give as many values for each row"
        ) from error


def _dense(part: Any) -> Any:
    if hasattr(part, "toarray"):
        size = int(np.prod(part.shape, dtype=np.float64))
        if size > MAX_DENSE_VALUES:
            raise InvalidInput(
                f"the answer would hold {' x '.join(map(str, part.shape))} values, most of them 0; "
                f"at most {MAX_DENSE_VALUES:,} are sent: ask for fewer rows"
            )
        return part.toarray()
    return part.to_numpy() if hasattr(part, "to_numpy") else part


def _with_row(values: NDArray[Any]) -> NDArray[Any]:
    """The answer for one row with its row axis, which SparsePCA leaves out."""
    return values[np.newaxis] if values.ndim == 1 and len(values) > 1 else values


def _objects(values: NDArray[Any]) -> NDArray[Any]:
    kinds = set(map(type, values.flat))
    if kinds <= {bool, np.bool_}:
        return values.astype(np.bool_)
    if all(issubclass(kind, int | float | np.integer | np.floating) for kind in kinds):
        numbers = np.array(values.tolist())
        return numbers if numbers.dtype in _WIRE_DTYPES else _map(values)
    return _map(values)


def _map(values: NDArray[Any]) -> NDArray[Any]:
    result = np.empty(values.shape, dtype=object)
    result.flat[:] = [_scalar(value) for value in values.flat]
    return result


def _scalar(value: Any) -> str | bool | int | float | None:
    """A value as JSON has it: a date as ISO 8601, what JSON cannot say as its text."""
    native = value.item() if isinstance(value, np.generic) and value.dtype.kind in "biuf" else value
    if isinstance(native, bool | float) or (isinstance(native, int) and abs(native) < 2**63):
        return None if native != native else native  # noqa: PLR0124  (NaN)
    if native is None or type(native).__name__ in {"NaTType", "NAType"}:
        return None
    if isinstance(native, date):
        return native.isoformat()
    return native.decode(errors="backslashreplace") if isinstance(native, bytes) else str(native)


def _settle(values: NDArray[Any], datatype: str | None) -> NDArray[Any]:
    if datatype == "BYTES":
        return values.astype(object)
    mixed = values.dtype.kind == "O" and any(isinstance(value, str) for value in values.flat)
    return values.astype(np.float64) if datatype == "FP64" and not mixed else values
