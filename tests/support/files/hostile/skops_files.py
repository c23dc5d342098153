"""skops files whose nodes call, import, or lead out of the archive."""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from support.files.hostile.kinds import CANARY, MARK, Hostile, of_bytes

_ROWS = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5], [0.2, 3.0]])
_TOUCH = f"touch {MARK}"
_HEAD = {"protocol": 2, "_skops_version": "0.13.0"}
Node = dict[str, Any]


def files() -> Iterator[Hostile]:
    """Each node once."""
    for what, schema in _schemas():
        yield of_bytes(f"skops: {what}", _archive({"schema.json": json.dumps({**_HEAD, **schema}).encode()}))
    for what, content in _archives():
        yield of_bytes(f"skops: {what}", content)


def _archive(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return file.getvalue()


def node(module: str, kind: str, loader: str, content: Any = None, **others: Any) -> Node:
    """One node of a schema."""
    return {"__class__": kind, "__module__": module, "__loader__": loader, "content": content, "__id__": 1, **others}


def _json(value: Any) -> Node:
    return node("builtins", type(value).__name__, "JsonNode", json.dumps(value), is_json=True)


def _tuple(*members: Node) -> Node:
    return node("builtins", "tuple", "TupleNode", list(members))


def _dict(**members: Node) -> Node:
    keys = node(
        "builtins",
        "list",
        "ListNode",
        [node("builtins", "str", "TypeNode", {"__module__": "builtins", "__class__": "str"}) for _ in members],
    )
    return node("builtins", "dict", "DictNode", dict(members), key_types=keys)


def _function(module: str, name: str) -> Node:
    return node(module, name, "FunctionNode", {"module_path": module, "function": name})


def _schemas() -> Iterator[tuple[str, Node]]:
    for module, name in (
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "open"),
        ("numpy", "fromfile"),
        ("importlib", "import_module"),
        ("absent_package", "run"),
        ("sklearn.base", "absent_name"),
    ):
        yield f"a function {module}.{name}", _function(module, name)
        yield f"a type {module}.{name}", node(module, name, "TypeNode", {"__module__": module, "__class__": name})
        yield (
            f"a partial of {module}.{name}",
            node(
                "functools",
                "partial",
                "PartialNode",
                {"func": _function(module, name), "args": _tuple(_json(_TOUCH)), "kwds": _dict(), "namespace": _dict()},
            ),
        )
        yield f"an object {module}.{name}", node(module, name, "ObjectNode", _dict(x=_json(1)))
        yield f"a reduction by {module}.{name}", node(module, name, "ReduceNode", _dict(), args=_tuple(_json(_TOUCH)))
        yield f"a tree by {module}.{name}", node(module, name, "TreeNode", _dict(), args=_tuple(_json(_TOUCH)))
        yield f"a loss by {module}.{name}", node(module, name, "SGDNode", _dict(), args=_tuple(_json(_TOUCH)))
        yield (
            f"a method of {module}.{name}",
            node(
                "builtins", "method", "MethodNode", {"func": "__init__", "obj": node(module, name, "ObjectNode", None)}
            ),
        )
    yield (
        "a method of an estimator",
        node(
            "builtins",
            "method",
            "MethodNode",
            {
                "func": "set_params",
                "obj": node("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode", _dict(C=_json(1.0))),
            },
        ),
    )
    for name, argument in (("methodcaller", "tofile"), ("attrgetter", "__globals__"), ("itemgetter", 0)):
        yield f"an operator {name}", node("operator", name, "OperatorFuncNode", None, attrs=_tuple(_json(argument)))
    yield "an unknown loader", node("os", "system", "NoNode", None)
    yield "no loader", {"__class__": "system", "__module__": "os"}
    yield "a loader that is a list", {**_function("os", "system"), "__loader__": ["FunctionNode"]}
    yield "a module that is a number", node(7, "system", "FunctionNode", {})  # type: ignore[arg-type]  # on purpose
    yield (
        "keys of a type that is called",
        node(
            "builtins",
            "dict",
            "DictNode",
            {"x": _json(1)},
            key_types=node(
                "builtins",
                "list",
                "ListNode",
                [node("os", "system", "TypeNode", {"__module__": "os", "__class__": "system"})],
            ),
        ),
    )
    yield (
        "a default factory",
        node(
            "collections",
            "defaultdict",
            "DefaultDictNode",
            {"main": _dict(), "default_factory": _function("builtins", "breakpoint")},
        ),
    )
    yield "a list as a process", node("subprocess", "Popen", "ListNode", [_json("touch"), _json(MARK)])
    yield "a tuple as a process", node("subprocess", "Popen", "TupleNode", [_json("touch"), _json(MARK)])
    yield "a set as a process", node("subprocess", "Popen", "SetNode", [_json("touch"), _json(MARK)])
    yield "a dictionary as a process", {**_dict(a=_json(1)), "__module__": "subprocess", "__class__": "Popen"}
    yield "bytes that are a file", node("builtins", "bytes", "BytesNode", None, file=f"../{CANARY}")
    yield "an array that is a file", node("numpy", "ndarray", "NdArrayNode", None, type="numpy", file=f"../{CANARY}")
    yield (
        "an array of an absolute path",
        node("numpy", "ndarray", "NdArrayNode", None, type="numpy", file="/etc/hostname"),
    )
    yield (
        "an array of another class",
        node("subprocess", "Popen", "NdArrayNode", [_json("touch")], type="json", shape=_json([1])),
    )
    yield "a cached node that is not there", node("os", "system", "CachedNode", None)
    yield "a JSON that calls", node("os", "system", "JsonNode", '"x"', is_json=True)
    yield "a JSON without end", node("builtins", "list", "JsonNode", "[" * 200_000, is_json=True)
    yield (
        "an attribute that shadows a method",
        node(
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            "ObjectNode",
            _dict(
                predict=node(
                    "functools",
                    "partial",
                    "PartialNode",
                    {"func": _function("builtins", "print"), "args": _tuple(), "kwds": _dict(), "namespace": _dict()},
                )
            ),
        ),
    )
    yield (
        "an attribute with underscores",
        node("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode", _dict(__class__=_json(1))),
    )
    yield (
        "a state that is no dictionary",
        node(
            "sklearn.linear_model._logistic",
            "LogisticRegression",
            "ObjectNode",
            _tuple(_json(None), _dict(predict=_json(1))),
        ),
    )


def _dump(model: Any) -> dict[str, bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = skops.io.dumps(model)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _archives() -> Iterator[tuple[str, bytes]]:
    deep: bytes = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "a schema without end", _archive({"schema.json": deep})
    yield "a schema that is a list", _archive({"schema.json": b"[]"})
    yield "a schema that is no JSON", _archive({"schema.json": b"\xff\xfe{"})
    yield "a schema that is empty", _archive({"schema.json": b""})
    step = FunctionTransformer(np.log1p).fit(_ROWS)
    honest = _dump(step)
    yield (
        "a step that is a shell",
        _archive({**honest, "schema.json": honest["schema.json"].replace(b'"log1p"', b'"fromfile"')}),
    )
    model = _dump(LogisticRegression().fit(_ROWS, [0, 1, 1, 0]))
    arrays = [member for member in model if member.endswith(".npy")]
    yield "an array of pickled objects", _archive({**model, arrays[0]: _npy(np.array([Path_()], dtype=object))})
    yield "an array that is no array", _archive({**model, arrays[0]: b"\x93NUMPY\x01\x00\xff\xff"})
    yield "an array that lies", _archive({**model, arrays[0]: _npy(np.zeros(2)).replace(b"(2,)", b"(9999999999,)")})
    yield (
        "an array that is missing",
        _archive({member: content for member, content in model.items() if member != arrays[0]}),
    )
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("schema.json", model["schema.json"])
        archive.writestr("schema.json", json.dumps({**_HEAD, **_function("os", "system")}))
    yield "two schemas", file.getvalue()
    tree = DecisionTreeClassifier(random_state=0).fit(_ROWS, [0, 1, 1, 0])
    nodes = _dump(tree)
    for member, content in nodes.items():
        if member.endswith(".npy") and b"left_child" in content:
            array = np.load(io.BytesIO(content))
            for what, index in (("beyond it", 10**9), ("that goes round", 0)):
                spoilt = array.copy()
                spoilt["left_child"][0] = index
                yield f"a tree with a child {what}", _archive({**nodes, member: _npy(spoilt)})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * (1 << 29))
    yield "a bomb", bomb.getvalue()


class Path_:  # noqa: N801  (its pickle is what matters)
    """Pickles as a call."""

    def __reduce__(self) -> Any:
        import os  # noqa: PLC0415

        return os.system, (_TOUCH,)
