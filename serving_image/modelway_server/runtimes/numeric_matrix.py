"""Models that take a matrix of numbers, with codes for categories: boosted trees outside scikit-learn."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Column, Form, Output, Signature
from modelway_server.errors import InvalidInput, PredictionFailed, UnsupportedModel, WarmupFailed, describe, words
from modelway_server.protocol.tensors import INTEGER_LIMITS
from modelway_server.runtimes.base import Breakpoints
from modelway_server.runtimes.outputs import describe_outputs, name_outputs

BREAKPOINT_ROUNDS = 20
"""Rounds of a booster whose trees are read for thresholds."""
_LOGGER = logging.getLogger(__name__)

Evaluate = Callable[[NDArray[np.float64]], NDArray[Any]]
"""Answers of [rows] or [rows, k] to a matrix of [rows, columns], what is missing as NaN."""


@dataclass(frozen=True)
class MatrixLayout:
    """What a model takes and how it answers.

    Attributes:
        columns: in training order.
        named: whether the training data named them.
        codes: of columns of categories, the number that the model knows each category by.
        methods: how it answers, the default first.
        classes: the labels of a classifier, in the order of its probabilities.
        max_magnitude: largest number that it takes.
        spaced: whether it keeps the spaces in its columns' names as underscores.
        breakpoints: values at which its answers may change, see `BreakpointSource`.
        caution: what may be wrong with it, for whoever asks for the model; empty for nothing.
    """

    columns: tuple[Column, ...]
    named: bool
    codes: Mapping[str, Mapping[Any, float]]
    methods: Mapping[str, Evaluate]
    classes: tuple[Any, ...] | None = None
    max_magnitude: float | None = None
    spaced: bool = False
    breakpoints: Callable[[], Breakpoints] = dict
    caution: str = ""


class MatrixRuntime:
    """One such model.

    Attributes:
        platform: its format.
        engine: the library, which evaluates it itself.
        methods: what it can be asked for, the default first.
        signature: what it takes and gives; complete after `warm_up`.
        description: what clients may know of it.
    """

    def __init__(self, platform: str, layout: MatrixLayout, method: str, description: dict[str, str]) -> None:
        self.platform = self.engine = platform
        self.methods = chosen_first(tuple(layout.methods), method, description["estimator"])
        self.description = description | ({"caution": layout.caution} if layout.caution else {})
        form = Form.COLUMNS if layout.codes else Form.MATRIX
        self.signature = Signature(
            form, layout.columns, layout.named, max_magnitude=layout.max_magnitude, spaced=layout.spaced
        )
        self._layout = layout
        self._row: Any = None

    def restore(self, signature: Signature, methods: tuple[str, ...], example: Rows) -> None:
        """Take over what `warm_up` of another process learned, and the row that it is shown by."""
        self.signature, self.methods, self._row = signature, methods, example.values

    def breakpoints(self) -> Breakpoints:
        """Values at which the model may change its answers, for the columns of which any is known."""
        return self._layout.breakpoints()

    def warm_up(self) -> None:
        """Answer one row with every method, and learn what each gives.

        Raises:
            WarmupFailed: it fails.
        """
        outputs = {}
        for method in self.methods:
            try:
                arrays = self._answer(method, self.example().values, 1)
            except Exception as error:
                raise WarmupFailed(f"{method} fails on a made-up row: {describe(error)}") from error
            outputs[method] = tuple(map(self._label, describe_outputs(arrays)))
        self.signature = replace(self.signature, outputs=outputs)

    def call(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        """The answers of one method to checked rows.

        Raises:
            InvalidInput: the model refuses these rows, but answers the row it was warmed up with.
            PredictionFailed: the model fails on that one too.
        """
        try:
            return self._answer(method, values, count)
        except Exception as error:
            raise self._blame(method, error) from error

    def example(self) -> Rows:
        """The row of another process, or else one of zeros and of first categories."""
        if self._row is not None:
            return Rows(self._row, 1, self.signature)
        if self.signature.form is Form.MATRIX:
            return Rows(np.zeros((1, len(self._layout.columns))), 1, self.signature)
        values: dict[str, NDArray[Any]] = {}
        for column in self._layout.columns:
            known = self._layout.codes.get(column.name)
            first = next(iter(known)) if known else 0.0
            values[column.name] = np.array([first], dtype=object if column.datatype == "BYTES" else None)
        return Rows(values, 1, self.signature)

    def _answer(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        matrix = values if self.signature.form is Form.MATRIX else self._encode(values, count)
        return name_outputs(method, self._layout.methods[method](matrix), count)

    def _encode(self, values: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.float64]:
        matrix = np.empty((count, len(self._layout.columns)))
        for index, column in enumerate(self._layout.columns):
            codes = self._layout.codes.get(column.name)
            column_values = values[column.name]
            matrix[:, index] = (
                column_values if codes is None else [codes.get(value, np.nan) for value in column_values.tolist()]
            )
        return matrix

    def _label(self, output: Output) -> Output:
        """The output with the classes it tells of, where it is one of them or one number for each."""
        classes = self._layout.classes
        fits = classes is not None and output.shape[1:] in {(), (len(classes),)}
        return replace(output, classes=classes) if fits else output

    def _blame(self, method: str, error: Exception) -> InvalidInput | PredictionFailed:
        try:
            self._answer(method, self.example().values, 1)
        except Exception:
            _LOGGER.exception("%s fails", method)
            return PredictionFailed(f"{method} fails on every row; the server's log has the error")
        return InvalidInput(f"the model refuses these rows: {words(error)}")


def chosen_first(methods: tuple[str, ...], chosen: str, model: str) -> tuple[str, ...]:
    """The methods with the chosen one in front.

    Raises:
        UnsupportedModel: the model has no such method.
    """
    if chosen == "auto":
        return methods
    if chosen not in methods:
        raise UnsupportedModel(
            f"{model} has no {chosen}; it has {', '.join(methods)}",
            remedy=f"Set spec.runtime.method to auto or to one of {', '.join(methods)}.",
        )
    return (chosen, *(method for method in methods if method != chosen))


def columns_of(names: Sequence[str] | None, width: int, categories: Mapping[int, Sequence[Any]]) -> tuple[Column, ...]:
    """The columns of a model whose values may all be missing.

    Args:
        names: of the training data, None where it had none.
        width: how many there are.
        categories: the known values of columns of categories, by position.
    """
    called = list(names) if names else [f"x{index}" for index in range(width)]
    return tuple(
        Column(name, _datatype(categories.get(index)), nullable=True, categories=_set(categories.get(index)))
        for index, name in enumerate(called)
    )


def with_labels(layout: MatrixLayout, labels: NDArray[Any]) -> MatrixLayout:
    """The layout of a classifier with labels of its own, in the order of the classes; of others the layout itself."""
    if layout.classes is None or "predict_proba" not in layout.methods:
        return layout
    number = layout.methods["predict"]
    methods = {**layout.methods, "predict": lambda rows: labels.take(number(rows))}
    return replace(layout, methods=methods, classes=tuple(labels.tolist()))


def codes_of(columns: Sequence[Column], categories: Mapping[int, Sequence[Any]]) -> dict[str, dict[Any, float]]:
    """The number that stands for each category, by the column's name."""
    return {
        columns[index].name: {value: float(code) for code, value in enumerate(known)}
        for index, known in categories.items()
    }


def binary(probability: Evaluate) -> dict[str, Evaluate]:
    """The methods of a classifier of two classes that gives the probability of the second."""

    def predict_proba(rows: NDArray[np.float64]) -> NDArray[Any]:
        second = probability(rows)
        return np.stack([1 - second, second], axis=1)

    return {
        "predict": lambda rows: (probability(rows) > 0.5).astype(np.int64),
        "predict_proba": predict_proba,
    }


def several(probabilities: Evaluate) -> dict[str, Evaluate]:
    """The methods of a classifier of several classes that gives the probability of each."""
    return {
        "predict": lambda rows: probabilities(rows).argmax(axis=1).astype(np.int64),
        "predict_proba": probabilities,
    }


def _datatype(categories: Sequence[Any] | None) -> str:
    if categories is None:
        return "FP64"
    kinds = set(map(type, categories))
    if kinds == {int} and max(categories) > INTEGER_LIMITS["INT64"][1]:
        return "UINT64"
    return "BYTES" if str in kinds else "BOOL" if kinds == {bool} else "INT64" if kinds <= {int} else "FP64"


def _set(categories: Sequence[Any] | None) -> frozenset[Any] | None:
    return None if categories is None else frozenset(categories)
