"""The subject of the pages: one model, its contract, and a row that it answers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Form, Signature


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One served model.

    Attributes:
        name: its name in URLs.
        version: the user's word for its version; empty when there is none.
        platform: its format, as V2 metadata calls it.
        methods: what it can be asked for, the default first.
        signature: what it takes and gives.
        description: its class, library versions, digest and so on.
        example: one row that it answers, as its `call` takes it.
        max_request_bytes: cap on one body.
    """

    name: str
    version: str
    platform: str
    methods: tuple[str, ...]
    signature: Signature
    description: Mapping[str, str]
    example: Rows
    max_request_bytes: int

    @cached_property
    def cells(self) -> list[Any]:
        """The example's values as JSON has them, one a column; one string for a model of texts."""
        values, form = self.example.values, self.signature.form
        if form is Form.TEXT:
            return [values[0]]
        if form is Form.TENSORS:
            return [values[each.name][:1].tolist()[0] for each in self.signature.inputs]
        if form is Form.FRAME:
            return [json_value(values[column.name].iloc[0]) for column in self.signature.columns]
        if form is Form.COLUMNS:
            return [json_value(values[column.name][0]) for column in self.signature.columns]
        return [json_value(value) for value in values[0]]

    @cached_property
    def row(self) -> Any:
        """The example as a person writes it: an object of its columns, where they have names."""
        signature = self.signature
        if signature.form is Form.TEXT:
            return self.cells[0]
        if signature.form is Form.TENSORS:
            return {each.name: cell for each, cell in zip(signature.inputs, self.cells, strict=True)}
        if not signature.named:
            return self.cells
        pairs = zip(signature.columns, self.cells, strict=True)
        return {column.name: cell for column, cell in pairs if column.used}


def json_value(value: Any) -> Any:
    """A value of a row as a request sends it: dates as ISO 8601, missing values as null."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value != value or type(value).__name__ == "NAType":  # noqa: PLR0124  (NaN, NaT)
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
