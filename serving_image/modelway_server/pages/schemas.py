"""JSON Schemas of one model's inputs and outputs, made of its contract."""

from collections.abc import Sequence
from typing import Any, Final

from modelway_server.contract.names import member_names
from modelway_server.contract.signature import MAX_NAMES, Column, Dates, Form, Input, Output, Signature, in_order
from modelway_server.protocol.rows import WORDS
from modelway_server.protocol.tensors import DATATYPES, INTEGER_LIMITS, MAX_INTEGER, MAX_RANK, MIN_INTEGER

Schema = dict[str, Any]

_LITERAL: Final[Schema] = {"minimum": MIN_INTEGER, "maximum": MAX_INTEGER}
"""Bounds in which a JSON integer stays an integer; a schema cannot say that a float may be larger."""
MAX_EXAMPLES: Final = 50
"""Known categories that the schema of a column shows."""
_DATE: Final = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$"
_ZONES: Final = {Dates.LOCAL: "without a zone", Dates.ZONED: "with a zone", Dates.EITHER: "with a zone or without"}


def components(signature: Signature) -> dict[str, Schema]:
    """The schemas that are the same wherever they are used, by name."""
    return {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {"type": "string", "description": "What is wrong; the field at fault comes first."}
            },
        },
        "Parameters": {"type": ["object", "null"], "description": "Those without a meaning here are not looked at."},
        "Rows": rows(signature),
        "Tensor": _tensor({"data": {"description": "Flat in row-major order, or nested as the shape says."}}),
        "OutputTensor": _tensor({"data": {"type": "array"}}),
    }


def rows(signature: Signature) -> Schema:
    """Rows as `rows`, `instances` and MLflow take them: all objects, or all arrays."""
    if signature.form is Form.TEXT:
        return _list_of({"type": "string"})
    if signature.form is Form.TENSORS:
        return _list_of(_row_of_tensors(signature.inputs))
    if not signature.columns:
        return _list_of({"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}})
    kinds = [row_object(signature), row_array(signature)]
    if signature.width == 1:
        kinds.append(column(signature.columns[0], signature.max_magnitude))
    return {"anyOf": [_list_of(kind) for kind in kinds]}


def _row_of_tensors(inputs: Sequence[Input]) -> Schema:
    """A row by the names of its tensors; where there is only one, it may stand for itself."""
    tensors = {each.name: _tensor_row(each) for each in inputs}
    row: Schema = {
        "type": "object",
        "required": list(tensors),
        "properties": tensors,
        "additionalProperties": False,
    }
    return {"anyOf": [row, *tensors.values()]} if len(tensors) == 1 else row


def _tensor_row(each: Input) -> Schema:
    kinds = {"BYTES": "string", "BOOL": "boolean"}
    number = ["number", "null"] if each.datatype.startswith("FP") else "integer"
    schema: Schema = {"type": kinds.get(each.datatype, number)}
    for size in reversed(each.shape[1:]):
        schema = {"type": "array", "items": schema} | ({"minItems": size, "maxItems": size} if size >= 0 else {})
    return schema


def row_object(signature: Signature) -> Schema:
    """A row by the names of its columns."""
    return {
        "type": "object",
        "required": [each.name for each in signature.columns if each.used],
        "properties": {each.name: column(each, signature.max_magnitude) for each in signature.columns},
        "additionalProperties": False,
    }


def row_array(signature: Signature) -> Schema:
    """A row by the order of its columns."""
    width = signature.width or 1
    size: Schema = {"type": "array", "minItems": width, "maxItems": width}
    kinds = [column(each, signature.max_magnitude) for each in signature.columns]
    alike = all(kind == kinds[0] for kind in kinds)
    return size | ({"items": kinds[0]} if alike else {"prefixItems": kinds})


def column(column: Column, max_magnitude: float | None) -> Schema:
    """A value of one column."""
    if not column.used:
        return {"description": "The model drops this column."}
    if column.categories is not None and len(column.categories) <= MAX_NAMES and column.dates is None:
        known = in_order(column.categories)
        if column.datatype == "FP64" or column.datatype in INTEGER_LIMITS:
            known += [bool(value) for value in known if value in {0, 1}]  # which count as numbers
        return {"enum": [*known, None] if column.nullable else known}
    schema = _type_of(column, max_magnitude)
    if column.known:
        known = in_order(column.known)[:MAX_EXAMPLES]
        schema |= {"examples": known, "description": "A value that the model has not learned is answered as unknown."}
    if column.nullable:
        kinds = schema["type"]
        schema["type"] = [*([kinds] if isinstance(kinds, str) else kinds), "null"]
    return schema


def answered_row(methods: tuple[str, ...], signature: Signature) -> Schema:
    """A row of the plain form's answer."""
    properties: dict[str, Schema] = {}
    for method in methods:
        outputs = signature.outputs[method]
        entries = [_entry(method, output, named=True) for output in outputs]
        properties[WORDS.get(method, method)] = (
            entries[0] if len(entries) == 1 else {"type": "array", "items": {"anyOf": entries}}
        )
    return {"type": "object", "required": list(properties), "properties": properties}


def prediction(signature: Signature) -> Schema:
    """A row of the answer of V1 and MLflow, by whichever method."""
    entries: list[Schema] = []
    for method, outputs in signature.outputs.items():
        entry = _entry(method, outputs[0], named=False) if len(outputs) == 1 else {"type": "array"}
        if entry not in entries:
            entries.append(entry)
    return entries[0] if len(entries) == 1 else {"anyOf": entries}


def _type_of(column: Column, max_magnitude: float | None) -> Schema:
    if column.dates is not None:
        words = f"A date or a time as ISO 8601, {_ZONES[column.dates]}."
        return {"type": "string", "pattern": _DATE, "description": words}
    if not column.typed:
        return {"type": ["number", "string", "boolean"]} | _LITERAL
    match column.datatype:
        case "BYTES":
            return {"type": "string"}
        case "BOOL":
            return {"type": "boolean"}
        case datatype if datatype in INTEGER_LIMITS:
            smallest, largest = INTEGER_LIMITS[datatype]
            return {"type": ["integer", "boolean"], "minimum": smallest, "maximum": largest}
    bounds = {} if max_magnitude is None else {"minimum": -max_magnitude, "maximum": max_magnitude}
    bounds = _LITERAL if column.literal else bounds
    return {"type": ["number", "boolean"]} | bounds


def _entry(method: str, output: Output, *, named: bool) -> Schema:
    schema = _scalar(output.datatype)
    for depth, size in enumerate(reversed(output.shape[1:])):
        names = member_names(method, output)
        if named and depth == 0 and len(output.shape) == 2 and len(names) == size:
            schema = {"type": "object", "required": list(names), "properties": dict.fromkeys(names, schema)}
        else:
            schema = {"type": "array", "items": schema}
    return schema


def _scalar(datatype: str) -> Schema:
    if datatype == "BYTES":
        return {"type": ["string", "number", "boolean", "null"]}
    if datatype == "BOOL":
        return {"type": "boolean"}
    return {"type": ["number", "null"] if datatype.startswith("FP") else "integer"}


def _tensor(data: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "shape": {"type": "array", "minItems": 1, "maxItems": MAX_RANK, "items": {"type": "integer", "minimum": 0}},
            "datatype": {"enum": list(DATATYPES)},
            "parameters": {"type": ["object", "null"]},
            **data,
        },
    }


def _list_of(item: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": item}
