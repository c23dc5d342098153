"""What a data plane answers to a document, without a transport."""

import json
from typing import Any

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.rows import read_rows
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import read_v2


def infer(plane: DataPlane, document: Any) -> dict[str, Any]:
    """A V2 inference request."""
    return dict(json.loads(plane.answer(read_v2(plane, json.dumps(document).encode())).body.content))


def predict(plane: DataPlane, document: Any) -> dict[str, Any]:
    """A V1 prediction request."""
    return dict(json.loads(plane.answer(read_v1(plane, json.dumps(document).encode())).body.content))


def rows(plane: DataPlane, document: Any) -> dict[str, Any]:
    """A request of rows, which is answered in words."""
    return dict(json.loads(plane.answer(read_rows(plane, json.dumps(document).encode())).body.content))
