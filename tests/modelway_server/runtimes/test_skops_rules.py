"""skops files that mean harm, or that are broken: refused with what, where and by which rule, and nothing of them runs."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from modelway_server.errors import LoadFailure
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.base import Runtime
from support.files import skops_files as files
from support.files.skops_files import Schema, attributes, constant, items, node
from support.trained.estimators import CLASSES, ROWS

MODEL = LogisticRegression().fit(ROWS, CLASSES)
HONEST = files.members(MODEL)
NOTHING = attributes()
TYPES = items(node("TypeNode", "builtins.str"), kind="list")
HOSTILE: dict[str, tuple[Schema, str]] = {
    "a command": (node("FunctionNode", "os.system"), "os.system"),
    "a command as a type": (node("TypeNode", "posix.system"), "posix.system"),
    "a function that makes folders": (node("FunctionNode", "sklearn.utils.validation.check_memory"), "check_memory"),
    "a call of such a function": (
        node("ConstructorFromReduceNode", "sklearn.utils.validation.check_memory", content=items(constant("here"))),
        "check_memory",
    ),
    "a call that opens a file": (
        node(
            "ConstructorFromReduceNode", "xgboost.core.Booster", content=items(constant(None), items(), constant("x"))
        ),
        "xgboost.core.Booster",
    ),
    "an array over memory": (
        node("ConstructorFromReduceNode", "numpy.ndarray", content=items(items(constant(4)), constant("O"))),
        "numpy.ndarray",
    ),
    "a loss that is none": (
        node("LossNode", "subprocess.Popen", content=NOTHING, __reduce__={"args": items(constant("true"))}),
        "subprocess.Popen",
    ),
    "a method of an object": (
        node("MethodNode", "builtins.str", content={"func": "format", "obj": constant("a")}),
        "a method of an object",
    ),
    "an attribute getter": (
        node("OperatorFuncNode", "operator.attrgetter", attrs=items(constant("__globals__"))),
        "operator.attrgetter",
    ),
    "a method caller": (
        node("OperatorFuncNode", "operator.methodcaller", attrs=items(constant("tofile"), constant("x"))),
        "operator.methodcaller",
    ),
    "a partial of a command": (
        node(
            "PartialNode",
            "functools.partial",
            content={
                "func": node("FunctionNode", "os.system"),
                "args": items(constant("true")),
                "kwds": NOTHING,
                "namespace": constant(None),
            },
        ),
        "os.system",
    ),
    "a key of a function": (
        node(
            "DictNode",
            "builtins.dict",
            content={"true": constant(1)},
            key_types=items(node("FunctionNode", "os.system"), kind="list"),
        ),
        "keys of what is no type",
    ),
    "a key of a class": (
        node(
            "DictNode",
            "builtins.dict",
            content={"x": constant(1)},
            key_types=items(node("TypeNode", "xgboost.core.Booster"), kind="list"),
        ),
        "xgboost.core.Booster",
    ),
    "a dictionary of commands": (
        node(
            "DefaultDictNode",
            "collections.defaultdict",
            content={"main": NOTHING, "default_factory": node("FunctionNode", "os.abort")},
        ),
        "os.abort",
    ),
    "an attribute of Python's": (
        node("ObjectNode", "sklearn.preprocessing._data.StandardScaler", content=attributes(__class__=constant("x"))),
        "__class__",
    ),
    "a hidden method": (
        node("ObjectNode", "sklearn.preprocessing._data.StandardScaler", content=attributes(transform=constant("x"))),
        "transform",
    ),
    "an instance of a function": (node("ObjectNode", "numpy.log1p", content=NOTHING), "numpy.log1p"),
    "a generator by another name": (
        node("RandomStateNode", "numpy.random.mtrand.RandomState", content=attributes(bit_generator=constant("seed"))),
        "seed",
    ),
    "a loader of no model": (node("AnyNode", "builtins.str"), "AnyNode"),
    "a name that is none": (node("TypeNode", "os\0.system"), "os"),
}
BROKEN: dict[str, Schema] = {
    "a member that is not there": node("NdArrayNode", "numpy.ndarray", type="numpy", file="/etc/hostname"),
    "a member that is no text": node("BytesNode", "builtins.bytes", file=["x"]),
    "a constant that is no JSON": node("JsonNode", "builtins.str", content="{"),
    "an array of another shape": node(
        "NdArrayNode", "numpy.ndarray", type="json", content=[], shape=items(constant(10**9))
    ),
    "no node": {"__loader__": "ListNode"},
    "more keys than types": node(
        "DictNode", "builtins.dict", content={"a": constant(1), "b": constant(2)}, key_types=TYPES
    ),
}


def load(path: Path, **options: Any) -> Runtime:
    return load_runtime(path, format="skops", method="auto", **options)


def with_attribute(value: Schema) -> Callable[[Schema], None]:
    """The model with one more attribute."""

    def edit(schema: Schema) -> None:
        schema["content"]["content"]["more_"] = value
        schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))

    return edit


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_node_is_refused_by_what_and_where(tmp_path: Path, what: str) -> None:
    value, message = HOSTILE[what]
    path = files.write(tmp_path / "model.skops", HONEST, with_attribute(value))
    with pytest.raises(LoadFailure) as error:
        load(path)
    assert (error.value.reason, error.value.remedy != "") == ("UnsafeArtifact", True)
    assert message in error.value.message
    assert "rule " in error.value.message
    assert "$.content.content.more_" in error.value.message


@pytest.mark.parametrize("what", BROKEN)
def test_broken_node_is_damage(tmp_path: Path, what: str) -> None:
    path = files.write(tmp_path / "model.skops", HONEST, with_attribute(BROKEN[what]))
    with pytest.raises(LoadFailure) as error:
        load(path)
    assert error.value.reason == "InvalidArtifact"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sklearn.ensemble._gb_losses.BinomialDeviance", "RuntimeVersionMismatch"),
        ("nothing_installed.Thing", "MissingModule"),
        ("__main__.Thing", "MissingModule"),
        ("sklearn.utils.validation.nothing", "RuntimeVersionMismatch"),
    ],
)
def test_name_that_does_not_resolve_is_never_trusted(tmp_path: Path, name: str, reason: str) -> None:
    path = files.write(tmp_path / "model.skops", HONEST, with_attribute(node("TypeNode", name)))
    with pytest.raises(LoadFailure) as error:
        load(path)
    assert error.value.reason == reason


@pytest.mark.parametrize("identity", [1, 2])
def test_node_inside_itself_is_refused(tmp_path: Path, identity: int) -> None:
    inner = node(
        "ListNode", "builtins.list", content=[node("ListNode", "builtins.list", content=[], __id__=1)], __id__=identity
    )
    outer = node("ListNode", "builtins.list", content=[inner], __id__=1)
    path = files.write(tmp_path / "model.skops", HONEST, with_attribute(outer))
    with pytest.raises(LoadFailure, match="holds itself") as error:
        load(path)
    assert error.value.reason == "UnsafeArtifact"


def test_deep_schema_is_refused(tmp_path: Path) -> None:
    deep = constant(1)
    for _ in range(300):
        deep = items(deep)
    for content in (json.dumps(deep), "[" * 100_000):
        path = tmp_path / "model.skops"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.json", content.replace('{"__loader__"', '{"protocol": 2, "__loader__"', 1))
        with pytest.raises(LoadFailure) as error:
            load(path)
        assert error.value.reason == "UnsafeArtifact"


def test_duplicate_key_or_member_is_refused(tmp_path: Path) -> None:
    path, schema = tmp_path / "model.skops", HONEST["schema.json"].decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", schema.replace('"protocol":', '"protocol": 1, "protocol":'))
    with pytest.raises(LoadFailure, match="'protocol' twice"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", schema)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("schema.json", schema)
    with pytest.raises(LoadFailure, match="a member twice"):
        load(path)


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", HONEST["schema.json"])
        archive.writestr("x.bin", bytes(80 << 20))
    with pytest.raises(LoadFailure, match="200 times its size"):
        load(path)


def test_array_of_objects_in_a_member_is_refused(tmp_path: Path) -> None:
    pickled = io.BytesIO()
    np.save(pickled, np.array([print], dtype=object), allow_pickle=True)
    value = node("NdArrayNode", "numpy.ndarray", type="numpy", file="x.npy")
    path = files.write(tmp_path / "model.skops", HONEST | {"x.npy": pickled.getvalue()}, with_attribute(value))
    with pytest.raises(LoadFailure, match="only a pickle could say") as error:
        load(path)
    assert error.value.reason == "UnsafeArtifact"


@pytest.mark.parametrize("child", [-2, 0, 10**6])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, HistGradientBoostingClassifier])
def test_tree_whose_child_is_elsewhere_is_refused(tmp_path: Path, kind: type, child: int) -> None:
    parts = files.members(kind(random_state=0).fit(ROWS, CLASSES))
    for name, content in parts.items():
        if name.endswith(".npy") and (array := np.load(io.BytesIO(content))).dtype.names:
            field = array[next(field for field in ("left_child", "left") if field in array.dtype.names)]
            field[0] = np.array(child).astype(field.dtype)
            changed = io.BytesIO()
            np.save(changed, array)
            parts[name] = changed.getvalue()
    with pytest.raises(LoadFailure, match="structure") as error:
        load(files.write(tmp_path / "model.skops", parts))
    assert error.value.reason == "UnsafeArtifact"


def test_search_with_its_results_keeps_them(tmp_path: Path) -> None:
    model = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0], "class_weight": [None, "balanced"]}, cv=2).fit(
        ROWS, CLASSES
    )
    path = files.write(tmp_path / "model.skops", files.members(model))
    runtime = load(path)
    runtime.warm_up()
    assert np.array_equal(runtime.call("predict", ROWS, len(ROWS))["predict"], model.predict(ROWS))


def test_files_at_random_do_nothing_but_compute() -> None:
    """In a child, whose audit hook sees every file, socket, process and import."""
    script = Path(__file__).parents[2] / "support" / "files" / "random_skops.py"
    result = subprocess.run(
        [sys.executable, str(script), "0", "150"], capture_output=True, text=True, timeout=280, check=False
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stderr[-2000:]
