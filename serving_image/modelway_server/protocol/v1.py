"""The V1 protocol: `:predict` with instances (a list of rows) or inputs (columns, or a list of rows).

Source: the V1 data plane of KServe, which is TensorFlow Serving's REST predict API.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.parameters import asks_for_classes, read_method
from modelway_server.protocol.strict_json import dumps, json_type, parse_object


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """One V1 request: exactly one of the two is set.

    Attributes:
        rows: JSON rows: arrays, objects of column to value, or bare values where a row has one.
        columns: JSON columns of equal length by name.
        member: `instances` or `inputs`, for messages.
        classes: whether the answer shall name the classes.
        method: what shall answer; empty for the default.
    """

    rows: list[Any] | None
    columns: Mapping[str, list[Any]] | None
    member: str
    classes: bool = False
    method: str = ""


def decode_request(body: bytes, *, long_integers: bool = False) -> PredictRequest:
    """The message in a request's body.

    Args:
        body: JSON.
        long_integers: as `parse_object` has it.

    Raises:
        MalformedRequest: neither or both of instances and inputs are there, or they are of another type.
    """
    document = parse_object(body, long_integers=long_integers)
    members = [member for member in ("instances", "inputs") if member in document]
    if len(members) != 1:
        raise MalformedRequest(
            "send exactly one of instances (a list of rows) and inputs (an object of columns)", field="instances"
        )
    parameters = document.get("parameters")
    classes, method = asks_for_classes(parameters), read_method(parameters, "parameters")
    member, content = members[0], document[members[0]]
    if isinstance(content, list):
        return PredictRequest(rows=content, columns=None, member=member, classes=classes, method=method)
    if member == "inputs" and isinstance(content, dict):
        return PredictRequest(
            rows=None, columns=check_columns(content, member), member=member, classes=classes, method=method
        )
    raise MalformedRequest(f"{member} must be an array, it is {json_type(content)}", field=member)


def encode_answer(outputs: Mapping[str, NDArray[Any]], classes: Sequence[Any] | None = None) -> bytes:
    """Predictions row by row; if the method gives several arrays, each row is a list of their values.

    Args:
        outputs: arrays by name.
        classes: what the predictions stand for, where the request asks for it: beside the predictions.
    """
    arrays = list(outputs.values())
    if len(arrays) == 1:
        values = arrays[0]
        predictions: Any = values.tolist() if values.dtype.kind in "OUS" else np.ascontiguousarray(values)
    else:
        predictions = [list(row) for row in zip(*(values.tolist() for values in arrays), strict=True)]
    return dumps({"predictions": predictions} | ({"classes": classes} if classes is not None else {}))


def check_columns(content: Mapping[str, Any], member: str) -> dict[str, list[Any]]:
    """Columns by name, all arrays of one length.

    Raises:
        MalformedRequest: one is no array, or of another length.
    """
    columns: dict[str, list[Any]] = {}
    for name, values in content.items():
        if not isinstance(values, list):
            raise MalformedRequest(f"a column must be an array, it is {json_type(values)}", field=f"{member}.{name}")
        columns[name] = values
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise MalformedRequest(f"the columns are of different lengths: {sorted(lengths)}", field=member)
    return columns
