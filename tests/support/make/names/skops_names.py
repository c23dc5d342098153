"""Which names a skops file holds, and what becomes of each."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import skops.io

from support.make.names.traced import CALLED, INSTANTIATED, NAMED, Uses

_USES = {
    "ConstructorFromReduceNode": CALLED,
    "LossNode": CALLED,
    "TreeNode": CALLED,
    "ObjectNode": INSTANTIATED,
    "FunctionNode": NAMED,
    "TypeNode": NAMED,
    "NdArrayNode": NAMED,
    "MaskedArrayNode": NAMED,
    "SparseMatrixNode": INSTANTIATED,
    "RandomStateNode": NAMED,
    "RandomGeneratorNode": NAMED,
}
"""The nodes whose names count, beside containers of Python."""
_MADE_BY_FUNCTION = {"sklearn.metrics._dist_metrics", "sklearn.neighbors._ball_tree", "sklearn.neighbors._kd_tree"}
"""Modules whose instances the reader has made by the module's own `newObj`."""


def uses_in_skops(thing: Any) -> Uses:
    """What a skops file of the object names; nothing where skops cannot write it and read it again."""
    with suppress(Exception):
        content = skops.io.dumps(thing)
        skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            schema = json.loads(archive.read("schema.json"))
        return {
            (_use(node), f"{node['__module__']}.{node['__class__']}")
            for node in _nodes(schema)
            if node["__loader__"] in _USES
        }
    return set()


def _use(node: dict[str, Any]) -> str:
    return NAMED if node["__module__"] in _MADE_BY_FUNCTION else _USES[node["__loader__"]]


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)
