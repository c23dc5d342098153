"""Models that are programs on named tensors: ONNX graphs, PyTorch and TensorFlow programs.

Where the inputs are a table (one matrix of numbers, or one value a row in each), clients may send it as a table; all
else is sent tensor by tensor.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import ROWS, Column, Form, Input, Output, Signature
from modelway_server.errors import InvalidInput, LoadFailure, PredictionFailed, UnsupportedModel, WarmupFailed, describe
from modelway_server.protocol.tensors import NUMPY_TYPES
from modelway_server.runtimes.base import Breakpoints
from modelway_server.runtimes.numeric_matrix import chosen_first
from modelway_server.runtimes.outputs import describe_outputs, plain
from modelway_server.runtimes.tensor_samples import made_up_rows, repeat, without

_LOGGER = logging.getLogger(__name__)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_TABLE_TYPES = {"FP32": "FP64", "FP64": "FP64", "FP16": "FP16", "INT64": "INT64", "INT32": "INT32", "BOOL": "BOOL"}
"""Datatype of a column that is handed over as a tensor of one value a row."""

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[str, Arrays], Mapping[str, Any]]
"""The outputs of a method, by name, of tensors by name; each with the rows first."""


@dataclass(frozen=True)
class Program:
    """What a format knows of a model.

    Attributes:
        inputs: the tensors it takes, in the order in which they are told to clients.
        methods: what it can be asked for, the default first.
        run: asks it.
        classes: the labels that the outputs of a method tell of, found once it has answered a row.
        columns: names of the columns of a single matrix, where they are known.
        texts: strings that the program knows, one of each set of categories, to make up rows with.
        breakpoints: values at which its answers may change, see `BreakpointSource`.
    """

    inputs: tuple[Input, ...]
    methods: tuple[str, ...]
    run: Run
    classes: Callable[[], tuple[Any, ...] | None] = lambda: None
    columns: tuple[str, ...] = ()
    texts: Callable[[], tuple[str, ...]] = tuple
    breakpoints: Callable[[], Breakpoints] = dict


class TensorRuntime:
    """One such model.

    Attributes:
        platform: its format.
        engine: what evaluates it.
        methods: what it can be asked for, the default first.
        signature: what it takes and gives; complete after `warm_up`.
        description: what clients may know of it.
    """

    def __init__(self, platform: str, program: Program, method: str, description: dict[str, str]) -> None:
        self.platform = self.engine = platform
        self.methods = chosen_first(program.methods, method, description["estimator"])
        self.description = description
        self.signature = _signature(program)
        self._program = program
        self._row: Any = None

    def restore(self, signature: Signature, methods: tuple[str, ...], example: Rows) -> None:
        """Take over what `warm_up` of another process learned; the next `warm_up` only calls each method once."""
        self.signature, self.methods, self._row = signature, methods, example.values

    def warm_up(self) -> None:
        """Answer a made-up row, and learn what the model gives.

        Raises:
            UnsupportedModel: it does not answer each row of a request on its own.
            WarmupFailed: it fails.
        """
        if self._row is not None:
            for method in self.methods:
                self._answer(method, self._row)
            return
        self._row = self._find_row()
        outputs = {method: self._outputs_of(method) for method in self.methods}
        columns = self._columns_that_may_be_missing()
        self.signature = replace(self.signature, outputs=outputs, columns=columns)

    def call(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        """The outputs of one method on checked rows, by name, each of `count` rows.

        Raises:
            InvalidInput: the model refuses these rows, but answers the row it was warmed up with.
            PredictionFailed: the model fails on that one too, or loses rows.
        """
        try:
            outputs = self._answer(method, values)
        except Exception as error:
            raise self._blame(method, error) from error
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != count:
                raise PredictionFailed(
                    f"{name} gave {list(array.shape)} for {count} rows; it must give one entry a row"
                )
        return outputs

    def example(self) -> Rows:
        """The row that it was warmed up with."""
        return Rows(self._row, 1)

    def breakpoints(self) -> Breakpoints:
        """Values at which the model may change its answers, for the columns of which any is known."""
        return self._program.breakpoints()

    def _answer(self, method: str, values: Any) -> dict[str, NDArray[Any]]:
        outputs = self._program.run(method, self._feed(values))
        return {name: plain(_texts(array)) for name, array in outputs.items()}

    def _feed(self, values: Any) -> Arrays:
        """Rows as the program takes them."""
        inputs = self._program.inputs
        if self.signature.form is Form.TENSORS:
            return dict(values)
        if self.signature.form is Form.COLUMNS:
            return {
                each.name: np.asarray(values[each.name]).astype(_dtype(each)).reshape(-1, *[1] * (len(each.shape) - 1))
                for each in inputs
            }
        if self.signature.form is Form.TEXT:
            return {inputs[0].name: np.array(values, dtype=object).reshape(-1, *[1] * (len(inputs[0].shape) - 1))}
        return {inputs[0].name: values.astype(_dtype(inputs[0]))}

    def _find_row(self) -> Any:
        first: Exception | None = None
        for row in made_up_rows(self.signature, self._program.texts):
            try:
                self._answer(self.methods[0], row)
            except LoadFailure:  # of a program that is loaded where it first answers
                raise
            except Exception as error:  # noqa: BLE001  (a program may raise anything)
                first = first or error
            else:
                return row
        assert first is not None
        raise WarmupFailed(
            f"{self.methods[0]} fails on a made-up row: {describe(first)}",
            remedy="Export the model with the sizes of all its dimensions but the first, or put a row that it answers "
            "beside it as input_example.json.",
        ) from first

    def _outputs_of(self, method: str) -> tuple[Output, ...]:
        twice = self._answer(method, repeat(self._row))
        for name, array in twice.items():
            if array.ndim == 0 or len(array) != 2:
                raise UnsupportedModel(
                    f"the output {name!r} has the shape {list(array.shape)} for two rows; each row must have an entry of its own",
                    remedy="Export the model so that the first dimension of each input and output is the rows of a request.",
                )
        outputs = describe_outputs(twice)
        classes = self._program.classes()
        return tuple(
            replace(output, classes=classes)
            if classes is not None and method != "transform" and output.shape[1:] in {(), (len(classes),)}
            else output
            for output in outputs
        )

    def _columns_that_may_be_missing(self) -> tuple[Column, ...]:
        """All numbers of a table may be missing where the model still gives numbers then."""
        columns = self.signature.columns
        numeric = [column.name for column in columns if column.datatype in {"FP16", "FP64"}]
        if not numeric:
            return columns
        row = without(self._row, numeric)
        try:
            outputs = [array for method in self.methods for array in self._answer(method, row).values()]
        except Exception:  # noqa: BLE001  (as above)
            return columns
        if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in outputs):
            return columns
        return tuple(replace(column, nullable=column.name in numeric) for column in columns)

    def _blame(self, method: str, error: Exception) -> InvalidInput | PredictionFailed:
        try:
            self._answer(method, self._row)
        except Exception:
            _LOGGER.exception("%s fails", method)
            return PredictionFailed(f"{method} fails on every row; the server's log has the error")
        return InvalidInput(f"the model refuses these rows: {describe(error)}")


def check_inputs(inputs: Sequence[Input], sizes: Sequence[int]) -> None:
    """Refuse a model that does not take any number of rows.

    Args:
        inputs: what it takes.
        sizes: the first dimension of each, -1 where it may vary.

    Raises:
        UnsupportedModel: one is fixed, or has no dimension.
    """
    if not inputs:
        raise UnsupportedModel("the model takes no tensor", remedy="Export a model that takes rows as a tensor.")
    for each, size in zip(inputs, sizes, strict=True):
        if not each.shape or size != ROWS:
            fault = f"is fixed to {size}" if each.shape else "is missing"
            raise UnsupportedModel(
                f"the first dimension of {each.name!r} {fault}, so the model cannot answer any number of rows",
                remedy="Export it with a first dimension that may vary (dynamic_axes, dynamic_shapes or None).",
            )


def _signature(program: Program) -> Signature:
    inputs = program.inputs
    single = inputs[0] if len(inputs) == 1 else None
    if single and single.datatype == "BYTES" and single.shape[1:] in {(), (1,)}:
        return Signature(Form.TEXT)
    if single and single.datatype in {"FP32", "FP64"} and len(single.shape) == 2 and single.shape[1] > 0:
        names = program.columns or tuple(f"x{index}" for index in range(single.shape[1]))
        columns = tuple(Column(name) for name in names)
        return Signature(Form.MATRIX, columns, bool(program.columns), max_magnitude=_limit(inputs))
    table = all(each.shape[1:] in {(), (1,)} and each.datatype in {*_TABLE_TYPES, "BYTES"} for each in inputs)
    if len(inputs) > 1 and table:
        columns = tuple(Column(each.name, _TABLE_TYPES.get(each.datatype, "BYTES")) for each in inputs)
        return Signature(Form.COLUMNS, columns, named=True, max_magnitude=_limit(inputs))
    return Signature(Form.TENSORS, inputs=inputs)


def _limit(inputs: Sequence[Input]) -> float | None:
    return _FLOAT32_MAX if any(each.datatype == "FP32" for each in inputs) else None


def _dtype(each: Input) -> Any:
    return object if each.datatype == "BYTES" else NUMPY_TYPES[each.datatype]


def _texts(array: Any) -> Any:
    """Bytes as strings, which TensorFlow gives."""
    values = np.asarray(array)
    if values.dtype.kind not in {"O", "S"}:
        return array
    texts = [value.decode(errors="backslashreplace") if isinstance(value, bytes) else value for value in values.ravel()]
    result = np.empty(values.shape, dtype=object)
    result.ravel()[:] = texts
    return result
