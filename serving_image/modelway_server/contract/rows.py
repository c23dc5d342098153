"""Check the rows of a request against a model's signature, and convert them to what the model takes.

Every refusal names the field at fault: the tensor or instance, its row and its column. This module does not know how a
model computes, so the model itself may still refuse rows that pass.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.column_values import Origin, names_of, origin_of_joined, values_of_column
from modelway_server.contract.columns import coerce
from modelway_server.contract.names import check_names, enumerate_names, named_as_trained
from modelway_server.contract.numeric import Values, join_columns, quick_doubles, read_doubles
from modelway_server.contract.signature import Column, Dates, Form, Signature
from modelway_server.contract.tensor_rows import arrays_of_columns, arrays_of_instances, arrays_of_tensors
from modelway_server.contract.text_rows import texts_of_instances, texts_of_tensors
from modelway_server.errors import InvalidInput, MalformedRequest
from modelway_server.protocol.strict_json import json_type
from modelway_server.protocol.tensors import Tensor

At = Callable[[str, int], str]
"""Where in the request the value of a column, by its name, and of a row stands."""

Cell = Callable[[int, int], str]
"""Where in the request the value of a row and a column stands."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked rows.

    Attributes:
        values: for the model's method: an array, a DataFrame, a dict of column arrays or a list of strings.
        count: how many rows there are, 1 or more.
        origin: what the values do not tell of the columns that were sent.
    """

    values: Any
    count: int
    origin: Origin = field(default=None, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in the order of the training data, `x0` and so on where it named none.

        Tensors have their own names. Texts have the one name `text`.
        """
        return names_of(self.values, self.origin)

    def column(self, name: str) -> NDArray[Any]:
        """The values of a column as they were sent, in the type that the contract reads the column in.

        It may be a view of `values`: do not write to it, and ask before a model that writes to its rows.

        Args:
            name: one of `names`.

        Returns:
            An array of [count]: integers, booleans, floats, datetime64[us], or objects such as strings; of a tensor the
            tensor, [count, ...]. Dates with a zone are in UTC, a missing one is NaT. Integers of which some are missing
            are float64 with NaN, or objects where a double would change one. Other missing values are NaN, or None where
            the model learned that. A column that the model drops has objects as they were sent, None where the request
            left it out; in a request that is one matrix of numbers it has those.

        Raises:
            KeyError: there is no such column; the message names those that there are.
        """
        return values_of_column(self.values, self.origin, name)


def rows_of_tensors(signature: Signature, tensors: Sequence[Tensor]) -> Rows:
    """The rows of a V2 request: one tensor of [rows, width], or one tensor per column.

    Raises:
        InvalidInput: the tensors do not match the training data.
    """
    if signature.form is Form.TENSORS:
        return _of_arrays(arrays_of_tensors(signature.inputs, tensors))
    if signature.form is Form.TEXT:
        return _of_texts(texts_of_tensors(tensors))
    signature = _with_dates(signature, tensors)
    if len(tensors) == 1 and (len(tensors[0].shape) == 2 or not _has_column(signature, tensors[0].name)):
        return _matrix_tensor(signature, tensors[0])
    by_name = named_as_trained(signature, {tensor.name: tensor for tensor in tensors}, "inputs")
    check_names(signature, by_name, "inputs")
    for tensor in tensors:
        if len(tensor.shape) != 1 and tensor.shape[1:] != (1,):
            raise InvalidInput(
                f"column {tensor.name!r} takes one value a row: shape [rows] or [rows, 1], not {list(tensor.shape)}",
                field=f"{tensor.field}.shape",
            )
    columns = {name: tensor.values.reshape(-1) for name, tensor in by_name.items()}
    _check_lengths(columns, lambda name: f"{by_name[name].field}.shape")
    return _rows_of_columns(signature, columns, lambda name, row: f"{by_name[name].field}.data[{row}]")


def rows_of_instances(signature: Signature, instances: Sequence[Any], member: str) -> Rows:
    """The rows of a V1 request: arrays, objects, or plain values where a row has one value.

    Raises:
        MalformedRequest: rows of different kinds.
        InvalidInput: the rows do not match the training data.
    """
    if not instances:
        raise InvalidInput("there are no rows; send at least one", field=member)
    if signature.form is Form.TENSORS:
        return _of_arrays(arrays_of_instances(signature.inputs, instances, member))
    kinds = set(map(type, instances))
    if signature.form is Form.TEXT:
        return _of_texts(texts_of_instances(instances, member))
    if kinds == {dict}:
        return _record_instances(signature, instances, member)
    if kinds == {list}:
        return _array_instances(signature, instances, member)
    if signature.width == 1 and not kinds & {list, dict}:
        return _array_instances(signature, [[value] for value in instances], member)
    index = next(index for index, row in enumerate(instances) if type(row) is not list)
    raise MalformedRequest(
        f"each row must be an array of {signature.width or 'the same number of'} values"
        f"{', or each an object of its columns' if signature.columns else ''}; this one is {json_type(instances[index])}",
        field=f"{member}[{index}]",
    )


def rows_of_columns(
    signature: Signature, columns: Mapping[str, Values], member: str = "inputs", at: At | None = None
) -> Rows:
    """The rows of a request that sends them column by column.

    Args:
        signature: the model's.
        columns: values by name.
        member: where they stand, for messages.
        at: where each value stands; `member.NAME[row]` by default.

    Raises:
        InvalidInput: the columns do not match the training data.
    """
    if signature.form is Form.TENSORS:
        return _of_arrays(arrays_of_columns(signature.inputs, columns, member))
    if signature.form is Form.TEXT:
        raise InvalidInput("this model takes plain strings; send instances, a list of strings", field=member)
    columns = named_as_trained(signature, columns, member)
    check_names(signature, columns, member)
    if not columns:
        _check_count(0, member)
    _check_lengths(columns, lambda name: f"{member}.{name}")
    return _rows_of_columns(signature, columns, at or (lambda name, row: f"{member}.{name}[{row}]"))


def _has_column(signature: Signature, name: str) -> bool:
    (own,) = named_as_trained(signature, {name: None}, "inputs")
    return any(column.name == own for column in signature.columns)


def _of_arrays(arrays: dict[str, NDArray[Any]]) -> Rows:
    return Rows(arrays, len(next(iter(arrays.values()))))


def _with_dates(signature: Signature, tensors: Sequence[Tensor]) -> Signature:
    """The signature for a request that declares some columns of unknown type to be dates."""
    dated = {tensor.name for tensor in tensors if tensor.content_type == "datetime" and tensor.datatype == "BYTES"}
    if not dated:
        return signature
    columns = tuple(
        replace(column, dates=Dates.EITHER) if column.name in dated and not column.typed else column
        for column in signature.columns
    )
    return replace(signature, columns=columns)


def _of_texts(texts: list[str]) -> Rows:
    return Rows(texts, len(texts))


def _matrix_tensor(signature: Signature, tensor: Tensor) -> Rows:
    if len(tensor.shape) != 2 or tensor.shape[1] != (signature.width or tensor.shape[1]) or not tensor.shape[1]:
        raise InvalidInput(_width_message(signature, tensor), field=f"{tensor.field}.shape")
    _check_count(tensor.shape[0], f"{tensor.field}.shape")

    def cell(row: int, column: int) -> str:
        return f"{tensor.field}.data[{row}][{column}]"

    if signature.form is Form.MATRIX and signature.doubles and tensor.values.dtype.kind in "fiub":
        # bytes of a request cannot be written to, and some models' code insists that it could
        return _matrix(signature, tensor.values.astype(np.float64, copy=not tensor.values.flags.writeable), cell)
    for column in signature.columns:
        if column.used and column.typed and (column.datatype == "BYTES") != (tensor.datatype == "BYTES"):
            remedy = "send one tensor per column" if signature.per_column else f"send datatype {column.datatype}"
            raise InvalidInput(
                f"column {column.name!r} takes {column.datatype}, not {tensor.datatype}; {remedy}",
                field=f"{tensor.field}.datatype",
            )
    return _rows_of_arrays(signature, list(tensor.values.T), cell)


def _width_message(signature: Signature, tensor: Tensor) -> str:
    width = signature.width
    message = f"this model takes {width or 'any number of'} values a row: shape [rows, {width or 'width'}], not {list(tensor.shape)}"
    if tensor.shape == (width,):
        message += f"; for one row send shape [1, {width}]"
    elif width and signature.named:
        message += f"; the columns are {enumerate_names(column.name for column in signature.columns)}"
    return message


def _array_instances(signature: Signature, instances: Sequence[list[Any]], member: str) -> Rows:
    width = signature.width or len(instances[0])
    for index, row in enumerate(instances):
        if len(row) != width or not width:
            raise InvalidInput(
                f"this model takes {width or 'at least 1'} values a row, this one has {len(row)}",
                field=f"{member}[{index}]",
            )

    def cell(row: int, column: int) -> str:
        return f"{member}[{row}][{column}]"

    if signature.form is not Form.MATRIX or not signature.doubles:
        return _rows_of_arrays(signature, list(zip(*instances, strict=True)), cell)
    flat = read_doubles(list(chain.from_iterable(instances)), lambda index: cell(*divmod(index, width)), "this model")
    return _matrix(signature, flat.reshape(-1, width), cell)


def _record_instances(signature: Signature, instances: Sequence[Mapping[str, Any]], member: str) -> Rows:
    names = [column.name for column in signature.columns]
    expected = set(names)
    if signature.spaced:
        instances = [named_as_trained(signature, row, f"{member}[{index}]") for index, row in enumerate(instances)]
    for index, row in enumerate(instances):
        if row.keys() != expected:
            check_names(signature, row, f"{member}[{index}]")
    if signature.form is Form.MATRIX and signature.doubles and signature.complete:
        flat = quick_doubles([row.get(name) for row in instances for name in names])
        if flat is not None:
            return _matrix(
                signature, flat.reshape(-1, len(names)), lambda row, index: f"{member}[{row}].{names[index]}"
            )
    columns = {name: [row.get(name) for row in instances] for name in names}
    return _rows_of_columns(signature, columns, lambda name, row: f"{member}[{row}].{name}")


def _rows_of_columns(signature: Signature, columns: Mapping[str, Values], field: At) -> Rows:
    count = len(next(iter(columns.values())))
    arrays = [columns.get(column.name, [None] * count) for column in signature.columns]
    return _rows_of_arrays(signature, arrays, lambda row, column: field(signature.columns[column].name, row))


def _rows_of_arrays(signature: Signature, arrays: Sequence[Values], cell: Cell) -> Rows:
    """One array per column of the signature, all of one length."""
    columns = signature.columns or tuple(Column(f"x{index}", literal=True) for index in range(len(arrays)))
    checked = {
        column.name: coerce(column, values, _in_column(cell, index), max_magnitude=signature.max_magnitude)
        for index, (column, values) in enumerate(zip(columns, arrays, strict=True))
    }
    apart = tuple(checked.values())
    count = len(apart[0])
    if signature.form is Form.COLUMNS:
        return Rows(checked, count, signature)
    if signature.form is Form.FRAME:
        import pandas as pd  # noqa: PLC0415  (0.4 s that only models with named columns need)

        # pandas would turn a None among strings into NaN
        objects = {c.name: pd.Series(checked[c.name], dtype=object) for c in columns if c.missing is None or c.objects}
        frame = pd.DataFrame(checked | objects, copy=False)
        return Rows(frame, count, origin_of_joined(signature, columns, apart, None) if objects else signature)
    if signature.form is Form.MATRIX:
        # a dropped column may hold anything, which an array of numbers cannot
        used = [array if column.used else None for column, array in zip(columns, apart, strict=True)]
        matrix = join_columns(used, count)
        return Rows(matrix, count, origin_of_joined(signature, columns, apart, matrix.dtype, drops=True))
    values = np.empty((count, len(checked)), dtype=object)
    for index, array in enumerate(apart):
        values[:, index] = array
    return Rows(values, count, origin_of_joined(signature, columns, apart, values.dtype))


def _matrix(signature: Signature, values: NDArray[np.float64], cell: Cell) -> Rows:
    """All columns are numbers: checked at once, and column by column only when one may be at fault."""
    limit = np.inf if signature.max_magnitude is None else signature.max_magnitude
    if signature.restricted or not np.maximum.reduce(np.abs(values), axis=None) <= limit:  # NaN is not
        return _rows_of_arrays(signature, list(values.T), cell)
    return Rows(values, len(values), signature)


def _in_column(cell: Cell, column: int) -> Callable[[int], str]:
    return lambda row: cell(row, column)


def _check_lengths(columns: Mapping[str, Values], field: Callable[[str], str]) -> None:
    first = next(iter(columns))
    for name, values in columns.items():
        if len(values) != len(columns[first]):
            raise InvalidInput(
                f"column {name!r} has {len(values)} rows, column {first!r} has {len(columns[first])}", field=field(name)
            )
    _check_count(len(columns[first]), field(first))


def _check_count(count: int, field: str) -> None:
    if not count:
        raise InvalidInput("there are no rows; send at least one", field=field)
