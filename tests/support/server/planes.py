"""What a data plane answers to a document, without a transport."""

import json
from typing import Any

from modelway_server.dataplane import DataPlane


def infer(plane: DataPlane, document: Any) -> dict[str, Any]:
    """A V2 inference request."""
    return dict(json.loads(plane.answer(plane.read_infer(json.dumps(document).encode())).content))


def predict(plane: DataPlane, document: Any) -> dict[str, Any]:
    """A V1 prediction request."""
    return dict(json.loads(plane.answer(plane.read_predict(json.dumps(document).encode())).content))


def rows(plane: DataPlane, document: Any) -> dict[str, Any]:
    """A request of rows, which is answered in words."""
    return dict(json.loads(plane.answer(plane.read_rows(json.dumps(document).encode())).content))
