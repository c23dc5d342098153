"""Read rows of models that take named tensors of any shape; the first dimension is the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.numeric import exact_limit
from modelway_server.contract.signature import Input
from modelway_server.errors import InvalidInput, MalformedRequest
from modelway_server.protocol.strict_json import json_type
from modelway_server.protocol.tensors import INTEGER_LIMITS, NUMPY_TYPES, Tensor, parse_data

Arrays = dict[str, NDArray[Any]]


def arrays_of_tensors(inputs: Sequence[Input], tensors: Sequence[Tensor]) -> Arrays:
    """The tensors of a V2 request, in the types that the model takes.

    Raises:
        InvalidInput: they are not what the model takes.
    """
    if len(inputs) == len(tensors) == 1:  # one tensor needs no name
        tensors_by_name = {inputs[0].name: tensors[0]}
    else:
        tensors_by_name = {tensor.name: tensor for tensor in tensors}
        _check_names(inputs, tensors_by_name, "inputs")
    arrays = {each.name: _check_tensor(each, tensors_by_name[each.name]) for each in inputs}
    return _of_one_length(arrays, {name: f"{tensor.field}.shape" for name, tensor in tensors_by_name.items()})


def arrays_of_instances(inputs: Sequence[Input], instances: Sequence[Any], member: str) -> Arrays:
    """Rows as JSON: each an object of its tensors by name, or the one tensor itself.

    Raises:
        InvalidInput: they are not what the model takes.
        MalformedRequest: values of other types or ragged.
    """
    if all(type(row) is dict for row in instances):
        for index, row in enumerate(instances):
            _check_names(inputs, row, f"{member}[{index}]")
        return {each.name: _parse(each, [row[each.name] for row in instances], member) for each in inputs}
    if len(inputs) == 1:
        return {inputs[0].name: _parse(inputs[0], list(instances), member)}
    index = next(index for index, row in enumerate(instances) if type(row) is not dict)
    raise MalformedRequest(
        f"each row must be an object of {', '.join(each.name for each in inputs)}; this one is {json_type(instances[index])}",
        field=f"{member}[{index}]",
    )


def arrays_of_columns(inputs: Sequence[Input], columns: Mapping[str, Any], member: str) -> Arrays:
    """Tensors as JSON, by name.

    Raises:
        InvalidInput, MalformedRequest: as `arrays_of_instances`.
    """
    _check_names(inputs, columns, member)
    arrays = {each.name: _parse(each, list(columns[each.name]), f"{member}.{each.name}") for each in inputs}
    return _of_one_length(arrays, {each.name: f"{member}.{each.name}" for each in inputs})


def _parse(each: Input, values: list[Any], field: str) -> NDArray[Any]:
    if not values:
        raise InvalidInput("there are no rows; send at least one", field=field)
    sizes, first = [len(values)], values[0]
    for size in each.shape[1:]:
        if type(first) is not list:
            raise InvalidInput(f"{_takes(each)}; this row is {json_type(first)}", field=field)
        sizes.append(size if size >= 0 else len(first))
        first = first[0] if first else None
    array = parse_data(values, tuple(sizes), each.datatype, field)
    return _cast(each, array, field)


def _check_tensor(each: Input, tensor: Tensor) -> NDArray[Any]:
    shape = tensor.shape
    fits = len(shape) == len(each.shape) and all(
        wanted in {size, -1} for wanted, size in zip(each.shape[1:], shape[1:], strict=True)
    )
    if not fits:
        raise InvalidInput(f"{_takes(each)}, not {list(shape)}", field=f"{tensor.field}.shape")
    if not shape[0]:
        raise InvalidInput("there are no rows; send at least one", field=f"{tensor.field}.shape")
    if (each.datatype == "BYTES") != (tensor.datatype == "BYTES") or (each.datatype == "BOOL") != (
        tensor.datatype == "BOOL"
    ):
        raise InvalidInput(f"{_takes(each)}, not {tensor.datatype}", field=f"{tensor.field}.datatype")
    return _cast(each, tensor.values, f"{tensor.field}.data")


def _cast(each: Input, values: NDArray[Any], field: str) -> NDArray[Any]:
    """The values in the model's own type; only a floating-point tensor may have missing values.

    Raises:
        InvalidInput: one is missing, no integer, or too large.
    """
    if values.dtype == object:
        if None in values.ravel().tolist():
            raise InvalidInput(f"{each.name!r} must not have missing values", field=field)
        return values
    wanted = np.dtype(NUMPY_TYPES[each.datatype])
    if values.dtype == wanted:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(wanted)
    if wanted.kind not in "iu":
        wrong = np.isinf(narrow) & ~np.isinf(values.astype(np.float64))
    else:
        wrong = _not_held(values, narrow, *INTEGER_LIMITS[each.datatype])
    if wrong.any():
        raise InvalidInput(f"{each.name!r} takes {each.datatype}, which cannot hold {values[wrong][0]}", field=field)
    return narrow


def _not_held(values: NDArray[Any], narrow: NDArray[Any], smallest: int, largest: int) -> NDArray[np.bool_]:
    """Which numbers are not exactly the integers that they became, or are floats too large to tell neighbours apart."""
    if values.dtype.kind != "f":
        return np.asarray((values < smallest) | (values > largest))
    return np.asarray((narrow != values) | (np.abs(values) >= exact_limit(values.dtype)))


def _of_one_length(arrays: Arrays, fields: Mapping[str, str]) -> Arrays:
    first, *others = arrays
    for name in others:
        if len(arrays[name]) != len(arrays[first]):
            raise InvalidInput(
                f"{name!r} has {len(arrays[name])} rows, {first!r} has {len(arrays[first])}", field=fields[name]
            )
    return arrays


def _check_names(inputs: Sequence[Input], tensors: Mapping[str, Any], field: str) -> None:
    known = [each.name for each in inputs]
    if set(tensors) != set(known):
        raise InvalidInput(
            f"the model takes {', '.join(known)}; this has {', '.join(map(str, list(tensors)[:10])) or 'none of them'}",
            field=field,
        )


def _takes(each: Input) -> str:
    shape = ", ".join("any" if size < 0 else str(size) for size in each.shape[1:])
    return f"{each.name!r} takes {each.datatype} of shape [rows{', ' + shape if shape else ''}]"
