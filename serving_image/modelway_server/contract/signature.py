"""The inputs and outputs of a model, as a value: rows are checked against it, and clients read it in the metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

ROWS = -1
"""The variable dimension of a shape."""
TEXT_NAME = "text"
"""The name of the one string of a row, where rows are texts."""
MAX_NAMES = 10_000
"""The metadata lists at most so many columns or categories; of more (a vocabulary, say) it lists none."""


class Form(Enum):
    """The form in which the model takes rows."""

    MATRIX = "matrix"
    """An array of [rows, width]: float64 where all columns are doubles, else of the type that holds every value."""
    FRAME = "frame"
    """A pandas DataFrame with the training columns in their order."""
    OBJECTS = "objects"
    """An object array of [rows, width]: trained on mixed columns without names."""
    TEXT = "text"
    """A list of strings."""
    COLUMNS = "columns"
    """A dict of one array of [rows] per column, by its name: what a data frame holds, without pandas."""
    TENSORS = "tensors"
    """A dict of arrays of [rows, ...] by name, each in its own datatype: the inputs of a graph."""


class Dates(Enum):
    """The form of dates in requests: strings of ISO 8601."""

    LOCAL = "none"
    """`2024-05-01` or `2024-05-01T12:00:00`: the model was trained on times without a zone."""
    ZONED = "required"
    """`2024-05-01T12:00:00+02:00` or `2024-05-01T10:00:00Z`: the model needs a zone."""
    EITHER = "optional"
    """Both, if all dates of a request have the same form."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the training data.

    Attributes:
        name: its name in the training data, or `x<position>` where that had none.
        datatype: FP64 for numbers; INT64, UINT64 or BOOL where the model is known to take such; BYTES for strings.
        nullable: whether the model accepts a missing value here.
        categories: the only values that the model accepts, or None when it takes any.
        known: values that the model has learned, where it takes others too and answers for them as for none of these.
        used: False for a column that the model drops: it may be left out, and any value is fine.
        typed: False where the model's own code alone knows what the column holds: numbers, strings and booleans pass.
        missing: what the model was trained to see in place of a missing value: NaN, or None among objects.
        dates: set where the strings are dates, which the model takes as such.
        literal: whether a number keeps the type that it is sent as (integer, boolean or float), which code of the
            model's author or an encoder may look at; else it becomes float64.
        coded: whether its numbers are the codes of categories that the model's file does not hold.
        objects: whether the training data held numbers or booleans as Python objects, from which encoders tell others.
    """

    name: str
    datatype: str = "FP64"
    nullable: bool = False
    categories: frozenset[Any] | None = None
    used: bool = True
    typed: bool = True
    missing: float | None = float("nan")
    dates: Dates | None = None
    literal: bool = False
    objects: bool = False
    known: frozenset[Any] | None = None
    coded: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor that a model takes.

    Attributes:
        name: its name in requests.
        datatype: the protocol's name of its type.
        shape: its dimensions, ROWS first; another -1 may be any size.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One array that a method gives.

    Attributes:
        name: its name in answers.
        datatype: the protocol's name of its type.
        shape: its dimensions, ROWS first.
        classes: the labels that it tells of, in the model's order, each a JSON scalar. Where the model gives several
            labels a row in one array, one tuple of them for each. None for what knows no labels.
        columns: the names of its columns, where the model tells them and they are not more than MAX_NAMES.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    classes: tuple[Any, ...] | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signature:
    """The contract of one model.

    Attributes:
        form: how rows are handed to it.
        columns: in training order; empty when the width is unknown, and for text.
        named: whether the training data named its columns.
        outputs: what each method gives, by the method's name.
        max_magnitude: largest absolute number it accepts, or None when any finite one.
        inputs: of the form TENSORS, in place of columns.
        spaced: whether the model keeps the spaces in its columns' names as underscores, as LightGBM does.
    """

    form: Form
    columns: tuple[Column, ...] = ()
    named: bool = False
    outputs: Mapping[str, tuple[Output, ...]] = field(default_factory=dict)
    max_magnitude: float | None = None
    inputs: tuple[Input, ...] = ()
    spaced: bool = False

    @property
    def width(self) -> int | None:
        """Values in a row; None when it is unknown."""
        return len(self.columns) or None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in their order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The position of each column, by its name."""
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def restricted(self) -> tuple[int, ...]:
        """Positions of the columns that take known categories only."""
        return tuple(index for index, column in enumerate(self.columns) if column.categories is not None)

    @cached_property
    def literal(self) -> bool:
        """Whether numbers keep the type that the request gives them."""
        if self.form in {Form.TEXT, Form.TENSORS}:
            return False
        return not self.columns or any(column.literal or not column.typed for column in self.columns)

    @cached_property
    def doubles(self) -> bool:
        """Whether the model takes float64 in every column, whatever type of number is sent."""
        return bool(self.columns) and all(
            column.datatype == "FP64" and column.typed and not column.literal for column in self.columns
        )

    @cached_property
    def complete(self) -> bool:
        """Whether the model looks at every column."""
        return all(column.used for column in self.columns)

    @property
    def per_column(self) -> bool:
        """Whether a V2 request needs one tensor per column, because their datatypes differ."""
        used = {(column.datatype, column.dates) for column in self.columns if column.used}
        return self.form in {Form.FRAME, Form.OBJECTS, Form.COLUMNS} and len(used) > 1

    def describe_inputs(self) -> list[dict[str, Any]]:
        """The V2 metadata of the inputs."""
        if self.form is Form.TEXT:
            return [_tensor(TEXT_NAME, "BYTES", (ROWS,), {})]
        if self.form is Form.TENSORS:
            return [_tensor(each.name, each.datatype, each.shape, {}) for each in self.inputs]
        used = [column for column in self.columns if column.used]
        if self.per_column:
            return [_tensor(column.name, column.datatype, (ROWS, 1), _parameters_of(column)) for column in used]
        parameters = _parameters_of_all(used)
        if self.named and len(self.columns) <= MAX_NAMES:
            parameters = {"columns": [column.name for column in self.columns], **parameters}
        datatype = used[0].datatype if used else "FP64"
        return [_tensor("input", datatype, (ROWS, self.width or ROWS), parameters)]

    def describe_outputs(self) -> list[dict[str, Any]]:
        """The V2 metadata of the outputs of every method."""
        return [
            _tensor(output.name, output.datatype, output.shape, _names_of(output))
            for outputs in self.outputs.values()
            for output in outputs
        ]


def _tensor(name: str, datatype: str, shape: tuple[int, ...], parameters: dict[str, Any]) -> dict[str, Any]:
    described = {"name": name, "datatype": datatype, "shape": list(shape)}
    return described | ({"parameters": parameters} if parameters else {})


def _parameters_of(column: Column) -> dict[str, Any]:
    """The metadata of a column beside its datatype."""
    parameters: dict[str, Any] = {}
    if column.dates is not None:
        parameters |= {"content_type": "datetime", "time_zone": column.dates.value}
    if column.nullable:
        parameters["nullable"] = True
    for key, values in (("categories", column.categories), ("known_categories", column.known)):
        if values is not None and len(values) <= MAX_NAMES:
            parameters[key] = in_order(values)
    return parameters


def _parameters_of_all(columns: Sequence[Column]) -> dict[str, Any]:
    """The metadata of several columns of one tensor: what is true of each, and categories by name where they differ."""
    each_own = [_parameters_of(column) for column in columns]
    common = {
        key: value
        for key, value in (each_own[0] if each_own else {}).items()
        if all(each.get(key) == value for each in each_own)
    }
    for key in ("categories", "known_categories"):
        differing = {
            column.name: each[key]
            for column, each in zip(columns, each_own, strict=True)
            if key in each and key not in common
        }
        if differing and sum(map(len, differing.values())) <= MAX_NAMES:
            common[f"{key}_by_column"] = differing
    return common


def in_order(categories: frozenset[Any]) -> list[Any]:
    """Categories in the order in which they are listed."""
    return sorted(categories, key=lambda value: (str(type(value)), value))


def _names_of(output: Output) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if output.classes is not None:
        parameters["classes"] = output.classes
    if output.columns:
        parameters["columns"] = output.columns
    return parameters
