"""Example requests of each protocol, made of a row that the model answers."""

from typing import Any

from modelway_server.contract.signature import Column, Form, Input
from modelway_server.pages.subject import Subject


def rows_request(subject: Subject) -> dict[str, Any]:
    """The plain form."""
    return {"rows": [subject.row]}


def v1_request(subject: Subject) -> dict[str, Any]:
    """V1."""
    return {"instances": [subject.row]}


def mlflow_request(subject: Subject) -> dict[str, Any]:
    """MLflow: a frame as `to_dict(orient="split")` gives it, or plain rows where columns have no names."""
    if isinstance(subject.row, dict):
        return {"dataframe_split": {"columns": list(subject.row), "data": [list(subject.row.values())]}}
    return {"inputs": [subject.row]}


def v2_request(subject: Subject) -> dict[str, Any]:
    """V2: the tensors that the metadata asks for."""
    signature, cells = subject.signature, subject.cells
    if signature.form is Form.TEXT:
        return {"inputs": [_tensor("text", [1], "BYTES", cells)]}
    if signature.form is Form.TENSORS:
        return {"inputs": [_of_input(each, subject.example.values[each.name][:1]) for each in signature.inputs]}
    pairs = list(zip(signature.columns, cells, strict=False))
    if signature.per_column:
        return {"inputs": [_column(column, cell) for column, cell in pairs if column.used]}
    datatypes = {_datatype(column, cell) for column, cell in pairs if column.used and cell is not None}
    datatype = datatypes.pop() if len(datatypes) == 1 else "FP64"
    return {"inputs": [_tensor("input", [1, len(cells)], datatype, cells)]}


def _of_input(each: Input, values: Any) -> dict[str, Any]:
    return _tensor(each.name, list(values.shape), each.datatype, values.ravel().tolist())


def _column(column: Column, cell: Any) -> dict[str, Any]:
    tensor = _tensor(column.name, [1], _datatype(column, cell), [cell])
    return tensor | ({"parameters": {"content_type": "datetime"}} if column.dates is not None else {})


def _datatype(column: Column, cell: Any) -> str:
    """Of the value, where only the model's own code knows the column's type."""
    if column.typed or cell is None:
        return column.datatype
    return {str: "BYTES", bool: "BOOL", int: "INT64"}.get(type(cell), "FP64")


def _tensor(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}
