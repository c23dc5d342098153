"""Answer one JSON request by the data plane, read by the same readers as a client's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelway_server.dataplane import v1
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import JSON, Query
from modelway_server.dataplane.usual_v2 import UsualRequests
from modelway_server.dataplane.v2 import read_v2
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import UnsupportedMediaType


def answer(plane: DataPlane, request: Mapping[str, Any]) -> bytes:
    """The body of the answer to a V1 or V2 request.

    Raises:
        InputError: the request is at fault.
        PredictionFailed: the model is.
    """
    body = plane.answer(_read(plane, request)).body
    if body.content_type != JSON:
        raise UnsupportedMediaType("the answer is in bytes; leave binary_data out of the request")
    return body.content


def answer_example(plane: DataPlane, prepared_dir: Path) -> bytes:
    """The body of the V1 answer to the row that `prepare` chose as the example.

    Raises:
        ModelwayServerError: there is none.
    """
    rows = Prepared.read(prepared_dir).rows()
    return plane.answer(v1.query_of(plane, rows, "", "parameters", classes=False)).body.content


def is_v2(request: Mapping[str, Any]) -> bool:
    """Whether a request is meant for V2: its inputs are tensors, not rows and not columns."""
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or not inputs or not isinstance(inputs[0], dict):
        return False
    return {"name", "datatype"} <= inputs[0].keys() or {"shape", "data"} <= inputs[0].keys()


def _read(plane: DataPlane, request: Mapping[str, Any]) -> Query:
    body = json.dumps(request, ensure_ascii=False).encode(errors="surrogatepass")
    if not is_v2(request):
        return v1.read_v1(plane, body)
    return UsualRequests(plane).read(body) or read_v2(plane, body)
