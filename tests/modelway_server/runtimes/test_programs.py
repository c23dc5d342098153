"""Programs of PyTorch, TensorFlow and ONNX are judged before their libraries open them, and need none of these for it."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelway_server.errors import InvalidArtifact, LoadFailure, MissingModule, RuntimeVersionMismatch, UnsafeArtifact
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.file_checks.saved_model import judge as judge_saved_model
from modelway_server.runtimes.file_checks.torch_archive import judge as judge_torch
from modelway_server.runtimes.trust import Trust
from support.files.messages import message
from support.trained.saved_models import calling, node, save

TENSORS = (
    b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x020ctorch\nFloatStorage\n0."
)
"""The opcodes of PyTorch's pickles, as far as names go."""
GRAPH = {
    "nodes": [{"target": "torch.ops.aten.linear.default"}, {"target": "_operator.getitem"}],
    "expr_str": "Mul(Integer(36), Symbol('s77', positive=True, integer=True))",
}


class Call:
    """A pickle that calls a function."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def archive(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, each in members.items():
            file.writestr(f"model/{name}", each)
    return content.getvalue()


def export_of(**more: bytes) -> bytes:
    members = {"archive_format": b"pt2", "models/model.json": json.dumps(GRAPH).encode()}
    members["data/sample_inputs/model.pt"] = archive({"data.pkl": TENSORS, "data/0": b"\0" * 8})
    return archive(members | {name.replace("__", "/"): each for name, each in more.items()})


def script(code: str = "", pickled: bytes = TENSORS) -> bytes:
    return archive({"data.pkl": pickled, "constants.pkl": TENSORS, "code/__torch__/net.py": code.encode()})


def graph(**more: str) -> bytes:
    return json.dumps(GRAPH | more).encode()


def with_member(name: str, content: bytes) -> bytes:
    return export_of(**{name: content})


HOSTILE_PYTORCH = {
    "a compiled library": with_member("data__aotinductor__model__net.so", b"\x7fELF"),
    "a compiled library elsewhere": with_member("extra/kernel.CUBIN", b"x"),
    "source of one": with_member("data/aotinductor/model/wrapper", b"x"),
    "a pickled object": with_member("data/constants/custom_obj_0", pickle.dumps(Call())),
    "a pickle in the samples": with_member("data/sample_inputs/model.pt", archive({"data.pkl": pickle.dumps(Call(), 2)})),
    "a pickle of a newer protocol": with_member("data/sample_inputs/model.pt", archive({"data.pkl": pickle.dumps(Call(), 4)})),
    "a pickle of an old form": with_member("data/sample_inputs/model.pt", pickle.dumps(Call())),
    "a pickle deeper inside": with_member("data/weights/w", archive({"x.pt": archive({"data.pkl": pickle.dumps(Call(), 2)})})),
    "a pickle for weights": with_member("data/weights/model_weights_config.json", b'{"config": {"w": {"use_pickle": true}}}'),
    "a node that calls Python": with_member("models/model.json", graph(target="torch.os.system")),
    "a node that reads a file": with_member("models/model.json", graph(target="torch.ops.aten.from_file.default")),
    "a node that looks up": with_member("models/model.json", graph(target="_operator.attrgetter")),
    "a formula that calls": with_member("models/model.json", graph(expr_str="__import__('os').system('true')")),
    "a formula with a text": with_member("models/model.json", graph(expr_str="Symbol('s0', x='y')")),
    "a formula with an attribute": with_member("models/model.json", graph(expr_str="s0.func.mro()")),
    "a script that reads a file by a spaced name": script('x = torch . from_file("/etc/passwd", False, 10)'),
    "a script that reads a file by another name": script('t = torch\nx = t.from_file("/etc/passwd", False, 10)'),
    "a script that writes a file by another name": script('a = ops.aten\na.save(x, "there")'),
    "a script that writes a file by an attribute": script('getattr(torch, "sa" "ve")(x, "there")'),
    "a script that reads a file": script('x = torch.from_file("/etc/passwd", False, 10)'),
    "a script that writes one": script('ops.aten.save(x, "/tmp/x")'),
    "a script with a pickle": script(pickled=pickle.dumps(Call(), 2)),
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE_PYTORCH.values(), ids=HOSTILE_PYTORCH)
def test_pytorch_program_that_holds_more_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    with pytest.raises(UnsafeArtifact, match="the PyTorch program holds") as error:
        load_runtime(path, format="auto", method="auto")
    assert "model/" in error.value.message
    name = "torch.jit.load" if b"constants.pkl" in content else "torch.export.load"
    assert name in error.value.remedy
    judge_torch(path, Trust((name,)))


@pytest.mark.parametrize(
    "content",
    [
        export_of(),
        script("class Net(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return torch.relu(x)"),
        script('ops = self.ops\n_0 = (getattr(getattr(self, "0"), "conv-1")).forward(x, )\nreturn torch.add(_0, x)'),
    ],
)
def test_honest_pytorch_program_passes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    judge_torch(path, Trust())


def test_damaged_archive_within_an_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(with_member("data/sample_inputs/model.pt", b"PK\x03\x04 and no more"))
    with pytest.raises(InvalidArtifact, match=r"model\.pt2 is a PyTorch program that is truncated or damaged"):
        judge_torch(path, Trust())


@pytest.mark.parametrize("flipped", range(8))
def test_damaged_packed_member_is_named(tmp_path: Path, flipped: int) -> None:
    path, packed = tmp_path / "model.pt", io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("constants.pkl", "code/__torch__.py"):
            file.writestr(f"model/{name}", b"x = torch.relu(y)\n" * 400 if name.endswith(".py") else TENSORS)
    content = bytearray(packed.getvalue())
    place = content.index(b"code/__torch__.py") + len(b"code/__torch__.py") + flipped
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InvalidArtifact, match="truncated or damaged"):
        judge_torch(path, Trust())


def weights(location: str) -> TensorProto:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], np.zeros(2, np.float32).tobytes(), raw=True)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "length": "8"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def write(path: Path, tensor: TensorProto | None = None, node: onnx.NodeProto | None = None) -> Path:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xy")
    nodes = [node or helper.make_node("Add", ["x", "w"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], [tensor or weights("w.bin")]), ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("../secret", "leads out"),
        ("inner/../../secret", "leads out"),
        ("link", "a link"),
        ("linked/secret", "a link"),
        ("hard", "a hard link"),
        ("*/_ORT_MEM_ADDR_/*", "no name"),
        ("W.BIN", "not there"),
        ("inner", "no regular file"),
        ("", "no name"),
        ("x" * 2000, "no name"),
    ],
)
def test_onnx_weights_elsewhere_are_refused(tmp_path: Path, location: str, words: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "model"
    for each in (outside, folder, folder / "inner"):
        each.mkdir()
    (outside / "secret").write_bytes(b"\0" * 8)
    (folder / "w.bin").write_bytes(b"\0" * 8)
    (folder / "link").symlink_to(outside / "secret")
    (folder / "linked").symlink_to(outside)
    (folder / "hard").hardlink_to(outside / "secret")
    for tensor, operator in (
        (weights(location), None),
        (None, helper.make_node("Constant", [], ["y"], value=weights(location))),
        (
            None,
            helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph([], "t", [], [], [weights(location)])),
        ),
    ):
        path = write(folder / "model.onnx", tensor, operator)
        with pytest.raises(UnsafeArtifact, match=words):
            load_runtime(path, format="onnx", method="auto")


@pytest.mark.parametrize(
    ("node", "failure", "words"),
    [
        (helper.make_node("PythonOp", ["x"], ["y"], domain="com.microsoft"), UnsafeArtifact, "PythonOp"),
        (helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft"), UnsafeArtifact, "EPContext"),
        (helper.make_node("Run", ["x"], ["y"], domain="evil"), InvalidArtifact, "Run of 'evil'"),
    ],
)
def test_onnx_operator_of_nobody_is_named(
    tmp_path: Path, node: onnx.NodeProto, failure: type[LoadFailure], words: str
) -> None:
    with pytest.raises(failure, match=words):
        load_runtime(write(tmp_path / "model.onnx", node=node), format="onnx", method="auto")


def test_onnx_graphs_within_graphs_have_an_end(tmp_path: Path) -> None:
    inner = b""
    for _ in range(200):
        inner = message((1, message((4, "If"), (5, message((6, inner))))))
    path = tmp_path / "model.onnx"
    path.write_bytes(message((1, 8), (7, inner)))
    with pytest.raises(InvalidArtifact, match="deep"):
        load_runtime(path, format="onnx", method="auto")


HONEST = {
    "answer": [node("product", "MatMul"), node("end", "Softmax")],
    "traced_save": [node("a", "ShardedFilename"), node("b", "SaveV2"), node("c", "MergeV2Checkpoints")],
    "traced_restore": [node("a", "RestoreV2"), node("b", "AssignVariableOp")],
}
NODES = [
    node("call", "StatefulPartitionedCall", "x", calls=calling("answer")),
    node("save", "StatefulPartitionedCall", calls=calling("traced_save")),
    node("restore", "StatefulPartitionedCall", calls=calling("traced_restore")),
]


def test_honest_saved_model_passes(tmp_path: Path) -> None:
    path = save(tmp_path / "model", NODES, HONEST)
    judge_saved_model(path, Trust())
    with pytest.raises(MissingModule):
        load_runtime(path, format="auto", method="auto")


@pytest.mark.parametrize(
    ("saved_with", "ours", "failure"),
    [
        (b"99.1.0", "2.20.0", RuntimeVersionMismatch),
        (b"2.20.1", "2.20.0", UnsafeArtifact),
        (b"99.1.0", "", UnsafeArtifact),
        (b"", "2.20.0", UnsafeArtifact),
    ],
)
def test_operation_of_a_later_tensorflow_names_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved_with: bytes, ours: str, failure: type[Exception]
) -> None:
    monkeypatch.setattr("modelway_server.runtimes.file_checks.saved_model._installed_version", lambda _: ours)
    path = save(tmp_path / "model", [*NODES, node("n", "NoSuchOperation")], HONEST, version=saved_with)
    with pytest.raises(failure, match="NoSuchOperation"):
        judge_saved_model(path, Trust())


LISTED = message((1, message((9, message((1, "ReadFile"))))))
INNER = message((10, message((1, "answer"), (2, message((1, "g"), (2, calling("WriteFile")))))))
HOSTILE_TENSORFLOW: dict[str, tuple[list[bytes], dict[str, list[bytes]], dict[str, bytes]]] = {
    **{
        f"{operation} in the graph": ([*NODES, node("n", operation)], HONEST, {})
        for operation in ("ReadFile", "WriteFile", "MatchingFiles", "SaveV2", "RestoreV2", "PyFunc", "EagerPyFunc", "TextLineDataset", "PrintV2", "InitializeTableFromTextFileV2", "NoSuchOperation")
    },
    "in a function": (NODES, HONEST | {"answer": [node("n", "ReadFile")]}, {}),
    "in the place of a function": ([*NODES, node("n", "PartitionedCall", calls=calling("ReadFile"))], HONEST, {}),
    "in a list of functions": ([*NODES, node("n", "Case", calls=LISTED)], HONEST, {}),
    "in a function's own attribute": ([*NODES, node("n", "While", calls=INNER)], HONEST, {}),
    "the saver is called": (NODES, HONEST | {"answer": [node("n", "PartitionedCall", calls=calling("traced_save"))]}, {}),
    "the saver is needed": ([*NODES, node("n", "Identity", "^save")], HONEST, {}),
    "the saver is an object's": (NODES, HONEST, {"objects": b"traced_save"}),
    "the saver is called twice": ([*NODES, node("n", "PartitionedCall", calls=calling("traced_save"))], HONEST, {}),
    "restoring writes": (NODES, HONEST | {"traced_restore": [node("n", "SaveV2")]}, {}),
    "a signature saves": (NODES, HONEST, {"signature": message((1, "s"), (2, message((2, message((1, "o"), (2, message((1, "save:0"))))))))}),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_TENSORFLOW.values(), ids=HOSTILE_TENSORFLOW)
def test_saved_model_that_does_more_than_compute_is_refused(
    tmp_path: Path, case: tuple[list[bytes], dict[str, list[bytes]], dict[str, bytes]]
) -> None:
    nodes, functions, meta = case
    path = save(tmp_path / "model", nodes, functions, **meta)
    with pytest.raises(UnsafeArtifact, match="none that only computes") as error:
        load_runtime(path, format="auto", method="auto")
    assert "tensorflow.saved_model.load" in error.value.remedy
    judge_saved_model(path, Trust(("tensorflow.saved_model.load",)))


@pytest.mark.parametrize("cut", [1, 10, 40, 200])
def test_saved_model_that_is_cut_off_is_damaged(tmp_path: Path, cut: int) -> None:
    path = save(tmp_path / "model", NODES, HONEST)
    whole = (path / "saved_model.pb").read_bytes()
    (path / "saved_model.pb").write_bytes(whole[:-cut])
    with pytest.raises(InvalidArtifact, match="truncated or damaged"):
        judge_saved_model(path, Trust())


def test_saved_model_in_two_forms_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "model", NODES, HONEST)
    (path / "saved_model.cpb").write_bytes(b"x")
    with pytest.raises(InvalidArtifact, match=r"saved_model\.cpb"):
        judge_saved_model(path, Trust())
