"""What a model takes and gives, as a value: the rows are checked against it and clients read it in the metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

ROWS = -1
"""The variable dimension of a shape."""


class Form(Enum):
    """How the rows are handed to the model."""

    MATRIX = "matrix"
    """A float64 array of [rows, width]."""
    FRAME = "frame"
    """A pandas DataFrame with the training columns in their order."""
    OBJECTS = "objects"
    """An object array of [rows, width]: trained on mixed columns without names."""
    TEXT = "text"
    """A list of strings."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the training data.

    Attributes:
        name: its name in the training data, or `x<position>` where that had none.
        datatype: FP64 for numbers, INT64 or BOOL where categories are such, BYTES for strings.
        nullable: whether the model accepts a missing value here.
        categories: the only values that the model accepts, or None when it takes any.
        used: False for a column that the model drops: it may be left out, and any value is fine.
        typed: False where the model's own code alone knows what the column holds: numbers, strings and booleans pass.
        missing: what the model was trained to see in place of a missing string: NaN, or None.
    """

    name: str
    datatype: str = "FP64"
    nullable: bool = False
    categories: frozenset[Any] | None = None
    used: bool = True
    typed: bool = True
    missing: float | None = float("nan")


@dataclass(frozen=True, slots=True)
class Output:
    """One array that a method gives.

    Attributes:
        name: its name in answers.
        datatype: the protocol's name of its type.
        shape: its dimensions, ROWS first.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """The contract of one model.

    Attributes:
        form: how rows are handed to it.
        columns: in training order; empty when the width is unknown, and for text.
        named: whether the training data named its columns.
        outputs: what each method gives, by the method's name.
        max_magnitude: largest absolute number it accepts, or None when any finite one.
    """

    form: Form
    columns: tuple[Column, ...] = ()
    named: bool = False
    outputs: Mapping[str, tuple[Output, ...]] = field(default_factory=dict)
    max_magnitude: float | None = None

    @property
    def width(self) -> int | None:
        """Values in a row; None when the model does not say."""
        return len(self.columns) or None

    @cached_property
    def restricted(self) -> tuple[int, ...]:
        """Positions of the columns that take known categories only."""
        return tuple(index for index, column in enumerate(self.columns) if column.categories is not None)

    @property
    def per_column(self) -> bool:
        """Whether a V2 request needs one tensor per column, because their datatypes differ."""
        return self.form in {Form.FRAME, Form.OBJECTS} and len({c.datatype for c in self.columns if c.used}) > 1

    def describe_inputs(self) -> list[dict[str, Any]]:
        """The V2 metadata of the inputs."""
        if self.form is Form.TEXT:
            return [{"name": "text", "datatype": "BYTES", "shape": [ROWS]}]
        if self.per_column:
            return [
                {"name": column.name, "datatype": column.datatype, "shape": [ROWS, 1]}
                for column in self.columns
                if column.used
            ]
        datatype = next((column.datatype for column in self.columns if column.used), "FP64")
        tensor: dict[str, Any] = {"name": "input", "datatype": datatype, "shape": [ROWS, self.width or ROWS]}
        if self.named:
            tensor["columns"] = [column.name for column in self.columns]
        return [tensor]

    def describe_outputs(self) -> list[dict[str, Any]]:
        """The V2 metadata of the outputs of every method."""
        return [
            {"name": output.name, "datatype": output.datatype, "shape": list(output.shape)}
            for outputs in self.outputs.values()
            for output in outputs
        ]
