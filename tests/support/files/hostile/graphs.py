"""ONNX, PyTorch, TensorFlow and booster files that read other files, hold code, or end the process that reads them."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from support.files.hostile.assembly import call, name, program
from support.files.hostile.kinds import CANARY, MARK, UNREAD, Hostile, of_bytes

_TOUCH = f"touch {MARK}"


def files() -> Iterator[Hostile]:
    """Each once."""
    yield from _onnx()
    yield from _pytorch()
    yield from _tensorflow()
    for what, content in _boosters():
        yield of_bytes(f"booster: {what}", content)


def _model(location: str = "", domain: str = "", operator: str = "Add") -> ModelProto:
    weight = numpy_helper.from_array(np.ones(2, dtype=np.float32), "w")
    if location:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
        weight.external_data.add(key="length", value="8")
    node = helper.make_node(operator, ["x", "w"], ["y"], domain=domain)
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [None, 2]) for end in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    opsets = [helper.make_opsetid("", 21), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _canary(path: Path) -> Path:
    return path.parent.parent / CANARY


def _with_link(path: Path, link: Callable[[Path, Path], None]) -> None:
    path.mkdir()
    (path / "model.onnx").write_bytes(_model("weights").SerializeToString())
    link(_canary(path), path / "weights")


def _absolute(path: Path) -> None:
    path.write_bytes(_model(str(_canary(path).resolve())).SerializeToString())


def _in_folder(location: str, path: Path) -> None:
    path.mkdir()
    (path / "model.onnx").write_bytes(_model(location).SerializeToString())


def _onnx() -> Iterator[Hostile]:
    for location in (
        f"../{CANARY}",
        f"./../{CANARY}",
        f"a/../../{CANARY}",
        "/proc/self/environ",
        "/dev/zero",
        "~/x",
        "..\\canary.txt",
        "",
        "a\0b",
    ):
        if location:
            yield of_bytes(f"onnx: weights in {location!r}", _model(location).SerializeToString())
            yield Hostile(f"onnx: weights of a folder in {location!r}", partial(_in_folder, location))
    yield Hostile("onnx: weights in an absolute path", _absolute)
    yield Hostile("onnx: weights by a hard link", partial(_with_link, link=os.link))
    yield Hostile("onnx: weights by a symbolic link", partial(_with_link, link=lambda old, new: new.symlink_to(old)))
    for domain, operator in (
        ("com.microsoft", "PythonOp"),
        ("ai.onnx.contrib", "PyCustomOpDef"),
        ("org.pytorch.aten", "ATen"),
        ("com.evil", "Add"),
    ):
        yield of_bytes(
            f"onnx: the operator {domain}.{operator}", _model(domain=domain, operator=operator).SerializeToString()
        )
    content = _model().SerializeToString()
    yield of_bytes("onnx: a truncated graph", content[:-20])
    yield of_bytes("onnx: a graph of noise", content[:30] + b"\xff" * 200)


def _zip(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return file.getvalue()


def _pytorch() -> Iterator[Hostile]:
    shell = program(call(name("os", "system"), _TOUCH), protocol=2)
    script = {
        "m/version": b"3",
        "m/constants.pkl": program(b")", protocol=2),
        "m/data.pkl": program(b")", protocol=2),
        "m/code/__torch__.py": b"",
    }
    exported = {
        "m/archive_format": b"pt2",
        "m/version": b"0",
        "m/archive_version": b"0",
        "m/byteorder": b"little",
        "m/models/model.json": b"{}",
        "m/data/weights/model_weights_config.json": b'{"config": {}}',
    }
    old = {"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": b"", "version": b"8.8"}
    for what, members in (
        ("a script whose data calls", {**script, "m/data.pkl": shell}),
        ("a script whose constants call", {**script, "m/constants.pkl": shell}),
        ("a script with bytecode that calls", {**script, "m/bytecode.pkl": shell}),
        ("a script with a file that leads out", {**script, f"../{MARK}": b"x"}),
        ("an exported program with a compiled part", {**exported, "m/data/aotinductor/model/model.so": b"\x7fELF"}),
        (
            "an exported program with a wrapper in C++",
            {**exported, "m/data/aotinductor/model/model.wrapper.so": b"\x7fELF"},
        ),
        ("an exported program with a kernel", {**exported, "m/data/aotinductor/model/kernel.cubin": b"x"}),
        (
            "an exported program whose samples call",
            {**exported, "m/data/sample_inputs/model.pt": _zip({"s/data.pkl": shell, "s/version": b"3"})},
        ),
        (
            "an exported program whose weights call",
            {**exported, "m/data/weights/weight_0": b"", "m/data/weights/model.pt": _zip({"s/data.pkl": shell})},
        ),
        (
            "an exported program whose constants call",
            {**exported, "m/data/constants/model.pt": _zip({"s/data.pkl": shell})},
        ),
        ("an exported program with an object of its own", {**exported, "m/data/constants/opaque_obj_0": shell}),
        (
            "an old exported program whose weights call",
            {**old, "serialized_state_dict.pt": _zip({"s/data.pkl": shell})},
        ),
        (
            "an old exported program whose constants call",
            {**old, "serialized_constants.pt": _zip({"s/data.pkl": shell})},
        ),
        (
            "an old exported program whose samples call",
            {**old, "serialized_example_inputs.pt": _zip({"s/data.pkl": shell})},
        ),
        ("an old exported program with a plain pickle", {**old, "serialized_state_dict.pt": shell}),
        ("weights that call", {"m/data.pkl": shell, "m/version": b"3"}),
    ):
        yield Hostile(f"pytorch: {what}", _writer(_zip(members)), reasons=UNREAD)


def _writer(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _field(number: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    digits = b""
    while value > 0x7F:
        digits += bytes([value & 0x7F | 0x80])
        value >>= 7
    return digits + bytes([value])


def _node(operator: str) -> bytes:
    return _field(1, "n") + _field(2, operator)


def saved_model(graph: bytes) -> bytes:
    """A SavedModel of one graph. Source: TensorFlow, saved_model.proto, meta_graph.proto, graph.proto."""
    tags = _field(1, _field(4, "serve"))
    return b"\x08\x01" + _field(2, tags + _field(2, graph))


def _tensorflow() -> Iterator[Hostile]:
    operators = (
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "PyFunc",
        "PyFuncStateless",
        "EagerPyFunc",
        "SaveV2",
        "Save",
        "TextLineDataset",
        "TFRecordDataset",
        "FixedLengthRecordDatasetV2",
        "LoadDataset",
        "SaveDatasetV2",
        "InitializeTableFromTextFileV2",
        "TextLineReaderV2",
        "WholeFileReaderV2",
        "PrintV2",
        "Print",
        "ImmutableConst",
        "DebugIdentityV2",
        "SqlDataset",
        "CSVDataset",
        "ReadVariableXlaSplitND",
        "XlaLaunch",
        "RpcServer",
        "AnOperatorOfMine",
    )
    for operator in operators:
        graph, function = (
            _field(1, _node(operator)),
            _field(2, _field(1, _field(1, _field(1, "f")) + _field(3, _node(operator)))),
        )
        yield _folder(f"tensorflow: the operator {operator}", graph)
        yield _folder(f"tensorflow: the operator {operator} in a function", function)
    yield Hostile("tensorflow: a graph of noise", partial(_save_folder, b"\x08\x01\x12\xff\xff"), reasons=UNREAD)


def _folder(what: str, graph: bytes) -> Hostile:
    return Hostile(what, partial(_save_folder, saved_model(graph)), reasons=UNREAD)


def _save_folder(content: bytes, path: Path) -> None:
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(content)


def _boosters() -> Iterator[tuple[str, bytes]]:
    yield "a JSON without end", b'{"learner":' + b'{"a":' * 200_000
    yield "a JSON that is empty", b'{"learner": {}, "version": [3, 0, 0]}'
    yield "a JSON of lists", json.dumps({"learner": [[[]]], "version": [3, 0, 0]}).encode()
    yield (
        "a JSON with a number that is none",
        b'{"learner": {"learner_model_param": {"num_feature": "1e999"}}, "version": [3,0,0]}',
    )
    yield "a text that is cut", b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=3\n"
    yield (
        "a text of many trees",
        b"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\nfeature_infos=[0:1]\ntree_sizes=99999999999\n\nTree=0\nnum_leaves=2\n",
    )
    yield (
        "a text with a negative size",
        b"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\nfeature_infos=[0:1]\ntree_sizes=-5\n\nTree=0\n",
    )
