"""The same columns in every protocol, as a client of it would send them to a data plane."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from csv import writer as writer_of
from typing import Any, NamedTuple

import numpy as np

from modelway_server.dataplane.mlflow import read_csv, read_invocations
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Body, Query
from modelway_server.dataplane.rows import read_rows
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import query_of, read_v2
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.codec import decode_request
from modelway_server.protocol.binary import write_raw
from modelway_server.protocol.tensors import NUMPY_TYPES

CONTENTS = {
    "BOOL": "bool_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Sent(NamedTuple):
    """One column of a request.

    Attributes:
        datatype: what V2 calls it.
        values: one a row; None is missing, which bytes cannot say of anything but floats.
    """

    datatype: str
    values: Sequence[Any]


Columns = Mapping[str, Sent]


def v2_json(plane: DataPlane, columns: Columns) -> Query:
    """A tensor for each column."""
    tensors = [
        {"name": name, "shape": [len(sent.values)], "datatype": sent.datatype, "data": list(sent.values)}
        for name, sent in columns.items()
    ]
    return read_v2(plane, json.dumps({"inputs": tensors}).encode())


def v2_binary(plane: DataPlane, columns: Columns) -> Query:
    """A tensor of bytes for each column."""
    raw = [write_raw(_array(sent)) for sent in columns.values()]
    tensors = [
        {
            "name": name,
            "shape": [len(sent.values)],
            "datatype": sent.datatype,
            "parameters": {"binary_data_size": len(content)},
        }
        for (name, sent), content in zip(columns.items(), raw, strict=True)
    ]
    header = json.dumps({"inputs": tensors}).encode()
    return read_v2(plane, b"".join((header, *raw)), len(header))


def grpc_raw(plane: DataPlane, columns: Columns) -> Query:
    """The bytes of each tensor in one message."""
    message = pb.ModelInferRequest(raw_input_contents=[write_raw(_array(sent)) for sent in columns.values()])
    for name, sent in columns.items():
        message.inputs.add(name=name, datatype=sent.datatype, shape=[len(sent.values)])
    return _read_message(plane, message)


def grpc_typed(plane: DataPlane, columns: Columns) -> Query:
    """The values of each tensor in the field of its type."""
    message = pb.ModelInferRequest()
    for name, sent in columns.items():
        tensor = message.inputs.add(name=name, datatype=sent.datatype, shape=[len(sent.values)])
        values = [value.encode() if isinstance(value, str) else value for value in _array(sent).tolist()]
        getattr(tensor.contents, CONTENTS[sent.datatype]).extend(values)
    return _read_message(plane, message)


def v1_rows(plane: DataPlane, columns: Columns) -> Query:
    """V1, an object for each row."""
    return read_v1(plane, json.dumps({"instances": _records(columns)}).encode())


def v1_columns(plane: DataPlane, columns: Columns) -> Query:
    """V1, column by column."""
    return read_v1(plane, json.dumps({"inputs": {name: sent.values for name, sent in columns.items()}}).encode())


def mlflow_split(plane: DataPlane, columns: Columns) -> Query:
    """A frame as `to_dict(orient="split")` gives it."""
    split = {"columns": list(columns), "data": [list(record.values()) for record in _records(columns)]}
    return read_invocations(plane, json.dumps({"dataframe_split": split}).encode())


def mlflow_records(plane: DataPlane, columns: Columns) -> Query:
    """A frame as `to_dict(orient="records")` gives it."""
    return read_invocations(plane, json.dumps({"dataframe_records": _records(columns)}).encode())


def csv(plane: DataPlane, columns: Columns) -> Query:
    """A CSV as `to_csv(index=False)` writes it."""
    text = io.StringIO()
    writer = writer_of(text)
    writer.writerow(columns)
    writer.writerows(row.values() for row in _records(columns))
    return read_csv(plane, text.getvalue().encode())


def rows(plane: DataPlane, columns: Columns) -> Query:
    """The plain form."""
    return read_rows(plane, json.dumps({"rows": _records(columns)}).encode())


TEXTUAL: dict[str, Callable[[DataPlane, Columns], Query]] = {
    "v2 json": v2_json,
    "v1 rows": v1_rows,
    "v1 columns": v1_columns,
    "mlflow split": mlflow_split,
    "mlflow records": mlflow_records,
    "rows": rows,
    "csv": csv,
}
"""Protocols of text, which can say that a value is missing."""
ALL = TEXTUAL | {"v2 binary": v2_binary, "grpc raw": grpc_raw, "grpc typed": grpc_typed}


def outputs(plane: DataPlane, query: Query) -> dict[str, Any]:
    """What the default method gives for the rows of a request."""
    return plane.runtime.call(plane.runtime.methods[0], query.rows.values, query.rows.count)


def _records(columns: Columns) -> list[dict[str, Any]]:
    return [
        dict(zip(columns, row, strict=True)) for row in zip(*(sent.values for sent in columns.values()), strict=True)
    ]


def _array(sent: Sent) -> Any:
    return np.array(list(sent.values), dtype=NUMPY_TYPES.get(sent.datatype, np.object_))


def _read_message(plane: DataPlane, message: "pb.ModelInferRequest") -> Query:
    return query_of(
        plane, decode_request(pb.ModelInferRequest.FromString(message.SerializeToString())), lambda *_: Body(b"")
    )
