"""skops files with something in them that skops does not write: hostile nodes in honest files, and files at random."""

import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import skops.io

from modelway_server.runtimes.pickle.allowed_names import all_lines

Schema = dict[str, Any]
ARRAY = io.BytesIO()
np.save(ARRAY, np.arange(4.0))
STRANGE = [
    "os.system",
    "builtins.eval",
    "builtins.open",
    "builtins.getattr",
    "subprocess.Popen",
    "importlib.import_module",
]
STRANGE += [
    "sklearn.utils.validation.check_memory",
    "sklearn.datasets.load_files",
    "numpy.load",
    "numpy.memmap",
    "nothing.X",
]
LOADERS = [
    "JsonNode",
    "ListNode",
    "SetNode",
    "TupleNode",
    "DictNode",
    "DefaultDictNode",
    "TypeNode",
    "FunctionNode",
    "SliceNode",
    "BytesNode",
    "BytearrayNode",
    "ObjectNode",
    "ConstructorFromReduceNode",
    "LossNode",
    "TreeNode",
    "QuantileForestNode",
    "PartialNode",
    "OperatorFuncNode",
    "MethodNode",
    "NdArrayNode",
    "MaskedArrayNode",
    "DTypeNode",
    "RandomStateNode",
    "RandomGeneratorNode",
    "SparseMatrixNode",
    "UnknownNode",
]


def node(loader: str, name: str, **fields: Any) -> Schema:
    """One node of a schema."""
    module, _, own = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": own, **fields}


def constant(value: Any) -> Schema:
    """A node of a plain value."""
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def items(*nodes: Schema, kind: str = "tuple") -> Schema:
    """A tuple, or a list."""
    return node(f"{kind.title()}Node", f"builtins.{kind}", content=list(nodes))


def attributes(**values: Schema) -> Schema:
    """A dictionary of names."""
    types = [node("TypeNode", "builtins.str") for _ in values]
    return node("DictNode", "builtins.dict", content=values, key_types=items(*types, kind="list"))


def members(model: Any) -> dict[str, bytes]:
    """What the archive of a model holds."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, parts: Mapping[str, bytes], edit: Callable[[Schema], None] | None = None) -> Path:
    """An archive of members, its schema edited."""
    schema = json.loads(parts["schema.json"])
    if edit is not None:
        edit(schema)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (dict(parts) | {"schema.json": json.dumps(schema).encode()}).items():
            archive.writestr(name, content)
    return path


def at_random(path: Path, parts: Mapping[str, bytes], seed: int) -> Path:
    """An honest file some of whose nodes are others, made of every loader and every listed name."""
    draw = random.Random(seed)
    names = [*all_lines(), *STRANGE * 20]
    files = [name for name in parts if name != "schema.json"] + ["x.npy", "../x", "/etc/passwd"]

    def edit(schema: Schema) -> None:
        for _ in range(draw.randint(1, 3)):
            holder, key = draw.choice(list(_places(schema)))
            old = holder[key]
            new = _random(draw, names, files, 3)
            holder[key] = new if draw.random() < 0.5 else _rename(draw, old, names, new)

    return write(path, dict(parts) | {"x.npy": ARRAY.getvalue()}, edit)


def _places(schema: Any) -> Iterator[tuple[Any, Any]]:
    pairs = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for key, value in pairs:
        if isinstance(value, dict) and "__loader__" in value:
            yield schema, key
        yield from _places(value)


def _rename(draw: random.Random, old: Schema, names: list[str], new: Schema) -> Schema:
    """The same node with another name, another loader, or something else inside."""
    changed = dict(old)
    what = draw.random()
    if what < 0.4:
        changed["__module__"], _, changed["__class__"] = draw.choice(names).rpartition(".")
    elif what < 0.6:
        changed["__loader__"] = draw.choice(LOADERS)
    elif what < 0.8:
        changed[draw.choice([*changed])] = new
    else:
        changed["__id__"] = draw.randint(0, 5)
    return changed


def _random(draw: random.Random, names: list[str], files: list[str], depth: int) -> Schema:
    def child() -> Schema:
        return _random(draw, names, files, depth - 1)

    if draw.random() < 0.3:
        text = constant(draw.choice(["true", "x", "os", "/etc/passwd"]))
        return node("ConstructorFromReduceNode", draw.choice(STRANGE), content=items(*[text] * draw.randint(0, 2)))
    if depth == 0:
        return constant(draw.choice([None, 0, -1, 2**70, 1.5, "predict", "__class__", "/etc/passwd", True]))
    many = [child() for _ in range(draw.randint(0, 3))]
    members = {draw.choice(["a", "func", "state", "data", "main", "args", "obj", "__dict__"]): each for each in many}
    types = [
        node(draw.choice(["TypeNode", "TypeNode", "FunctionNode"]), draw.choice(["builtins.str", *names[:3]]))
        for _ in members
    ]
    shapes: list[Schema] = [
        {"content": many},
        {"content": child()},
        {"content": members, "key_types": items(*types, kind="list")},
        {"content": {key: child() for key in ("func", "args", "kwds", "namespace", "main", "default_factory", "obj")}},
        {"content": items(*many), "__reduce__": {"args": items(child(), child())}, "attrs": items(*many)},
        {"content": attributes(**members), "__reduce__": {"args": items(*many)}, "attrs": items(*many)},
        {
            "type": draw.choice(["numpy", "json", "scipy"]),
            "file": draw.choice(files),
            "content": many,
            "shape": items(*many),
        },
    ]
    random_node = node(draw.choice(LOADERS), draw.choice(names), **draw.choice(shapes))
    if draw.random() < 0.2:
        random_node["__id__"] = draw.randint(0, 5)
    return random_node
