"""A signature as a JSON document, and back: `prepare` writes it, `serve` reads it.

Every signature comes back equal, with the same types. The dialect is Python's own JSON, which has NaN and infinity.
Categories that no request can hold (a Decimal, say) are kept as text.
"""

from dataclasses import fields
from typing import Any

import numpy as np

from modelway_server.contract.signature import Column, Dates, Form, Input, Output, Signature

_SETS = {"categories", "known"}
"""What is a set in a column, and an array in the document."""


def document_of(signature: Signature) -> dict[str, Any]:
    """The signature as values that `json.dumps` takes; what has its default is left out of the columns."""
    return {
        "form": signature.form.value,
        "named": signature.named,
        "max_magnitude": signature.max_magnitude,
        "spaced": signature.spaced,
        "inputs": [[each.name, each.datatype, list(each.shape)] for each in signature.inputs],
        "columns": [_column_document(column) for column in signature.columns],
        "outputs": {
            method: [_output_document(output) for output in outputs] for method, outputs in signature.outputs.items()
        },
    }


def signature_of(document: dict[str, Any]) -> Signature:
    """The signature that `document_of` was given.

    Raises:
        KeyError, TypeError, ValueError: the document is not one of `document_of`.
    """
    return Signature(
        form=Form(document["form"]),
        columns=tuple(_column(column) for column in document["columns"]),
        named=document["named"],
        outputs={method: tuple(map(_output, outputs)) for method, outputs in document["outputs"].items()},
        max_magnitude=document["max_magnitude"],
        spaced=document["spaced"],
        inputs=tuple(Input(name, datatype, tuple(shape)) for name, datatype, shape in document["inputs"]),
    )


def _column_document(column: Column) -> dict[str, Any]:
    default = Column(column.name)
    changed = {
        field.name: value
        for field in fields(Column)
        if (value := getattr(column, field.name)) == value and value != getattr(default, field.name)
    }
    document = {"name": column.name, **changed}
    for name in _SETS & changed.keys():
        document[name] = [_scalar(value) for value in changed[name]]
    if column.dates is not None:
        document["dates"] = column.dates.value
    return document


def _column(document: dict[str, Any]) -> Column:
    values = dict(document)
    for name in _SETS & values.keys():
        values[name] = frozenset(values[name])
    if "dates" in values:
        values["dates"] = Dates(values["dates"])
    return Column(**values)


def _output_document(output: Output) -> dict[str, Any]:
    return {
        "name": output.name,
        "datatype": output.datatype,
        "shape": list(output.shape),
        "classes": output.classes,
        "columns": list(output.columns),
    }


def _output(document: dict[str, Any]) -> Output:
    classes = document["classes"]
    return Output(
        name=document["name"],
        datatype=document["datatype"],
        shape=tuple(document["shape"]),
        classes=None if classes is None else tuple(tuple(c) if isinstance(c, list) else c for c in classes),
        columns=tuple(document["columns"]),
    )


def _scalar(value: Any) -> Any:
    native = value.item() if isinstance(value, np.generic) else value
    return native if isinstance(native, str | bool | int | float) else str(native)
