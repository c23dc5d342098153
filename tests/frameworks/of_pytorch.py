"""PyTorch programs answer over HTTP as they do in process. Run by `make test-frameworks`, where PyTorch is installed."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from frameworks.serving import outputs, serve, tensor
from modelway_server.errors import LoadFailure
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.pytorch import INPUTS_FILE

ROWS = np.random.default_rng(0).normal(size=(5, 13)).astype(np.float32)
DYNAMIC = {0: torch.export.Dim("rows")}


class Net(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not among the packages of development
    """Thirteen numbers to three probabilities."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = torch.nn.Linear(13, 8), torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.out(torch.relu(self.hidden(x))), 1)


class Two(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not among the packages of development
    """Two inputs of other types to two named outputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = torch.nn.Embedding(10, 4)

    def forward(self, word: torch.Tensor, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        vectors = self.words(word) * weights.unsqueeze(-1)
        return {"vectors": vectors, "length": vectors.pow(2).sum(dim=[1, 2])}


def model_path(folder: Path) -> Path:
    (folder / "models").mkdir()
    return folder / "models" / "model.bin"


def expect(model: torch.nn.Module, *inputs: Any) -> Any:
    with torch.inference_mode():
        return model(*map(torch.from_numpy, inputs))


@pytest.mark.parametrize("kind", ["script", "trace", "export"])
def test_one_matrix_is_a_table(tmp_path: Path, kind: str) -> None:
    model, path = Net().eval(), model_path(tmp_path)
    if kind == "export":
        program = torch.export.export(model, (torch.zeros(2, 13),), dynamic_shapes={"x": DYNAMIC})
        torch.export.save(program, path.with_suffix(".pt2"))
    else:
        script = torch.jit.script(model) if kind == "script" else torch.jit.trace(model, torch.zeros(2, 13))
        torch.jit.save(script, path)
    with serve(tmp_path) as server:
        answered = server.predict({"instances": ROWS.tolist()})
        assert answered.status == 200, answered.body
        assert np.allclose(answered.body["predictions"], expect(model, ROWS), atol=1e-6)
        assert np.allclose(outputs(server, tensor("x", ROWS))["output"], expect(model, ROWS), atol=1e-6)
        metadata = server.request("GET", "/v2/models/model").body
    assert metadata["platform"] == "pytorch"
    assert metadata["inputs"][0]["shape"] == [-1, 13]
    assert metadata["parameters"]["torch"] == torch.__version__


@pytest.mark.parametrize("kind", ["script", "export", "export by name"])
def test_several_inputs_and_outputs_go_by_name(tmp_path: Path, kind: str) -> None:
    model, path = Two().eval(), model_path(tmp_path)
    words, weights = np.array([[1, 2, 3], [4, 5, 6]]), np.ones((2, 3), dtype=np.float32) / 2
    example = (torch.from_numpy(words), torch.from_numpy(weights))
    if kind == "script":
        inputs = [
            {"name": "word", "datatype": "INT64", "shape": [-1, 3]},
            {"name": "weights", "datatype": "FP32", "shape": [-1, 3]},
        ]
        torch.jit.save(torch.jit.script(model), path, _extra_files={INPUTS_FILE: json.dumps(inputs)})
    else:
        by_name = dict(zip(("word", "weights"), example, strict=True)) if "name" in kind else None
        shapes = {"word": DYNAMIC, "weights": DYNAMIC}
        program = torch.export.export(model, () if by_name else example, kwargs=by_name, dynamic_shapes=shapes)
        torch.export.save(program, path.with_suffix(".pt2"))
    with serve(tmp_path) as server:
        answer = outputs(server, tensor("weights", weights), tensor("word", words))
    wanted = expect(model, words, weights)
    if kind == "script":
        assert set(answer) == {"vectors", "length"}
    for name in ("vectors", "length"):
        assert np.allclose(answer[name], wanted[name], atol=1e-6)


def test_an_image_network_is_found_by_trying(tmp_path: Path) -> None:
    layers = torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(2 * 26 * 26, 2)
    path = model_path(tmp_path)
    torch.jit.save(torch.jit.script(torch.nn.Sequential(*layers).eval()), path)
    runtime = load_runtime(path, format="auto", method="auto")
    runtime.warm_up()
    assert runtime.signature.inputs[0].shape == (-1, 1, 28, 28)


def refusal_of(path: Path) -> LoadFailure:
    with pytest.raises(LoadFailure) as error:
        load_runtime(path, format="auto", method="auto").warm_up()
    return error.value


def test_what_cannot_be_served_says_why(tmp_path: Path) -> None:
    path = model_path(tmp_path)
    torch.save(Net().state_dict(), path)
    assert "torch.save" in refusal_of(path).message
    torch.jit.save(torch.jit.script(Two()), path)
    assert (refusal_of(path).reason, INPUTS_FILE in refusal_of(path).remedy) == ("UnsupportedModel", True)
    fixed = torch.export.export(Net(), (torch.zeros(2, 13),))
    torch.export.save(fixed, path.with_suffix(".pt2"))
    assert "first dimension of 'x' is fixed to 2" in refusal_of(path.with_suffix(".pt2")).message


def change_member(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """The archive with another content of one member."""
    other = path.with_stem("changed")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith(member) else content)
    return other


def test_a_program_of_another_pytorch_says_so(tmp_path: Path) -> None:
    exported, script = tmp_path / "model.pt2", tmp_path / "model.pt"
    torch.export.save(torch.export.export(Net(), (torch.zeros(2, 13),), dynamic_shapes={"x": DYNAMIC}), exported)
    assert load_runtime(exported, format="auto", method="auto").description["saved_with_torch"] == torch.__version__

    def newer(content: bytes) -> bytes:
        document = json.loads(content)
        document["schema_version"]["major"] = 99
        return json.dumps({**document, "torch_version": "9.9.0"}).encode()

    refusal = refusal_of(change_member(exported, "model.json", newer))
    assert refusal.reason == "RuntimeVersionMismatch"
    assert f"saved with PyTorch 9.9.0, served with {torch.__version__}" in refusal.message
    torch.jit.save(torch.jit.script(Net()), script)
    refusal = refusal_of(change_member(script, "/version", lambda _: b"999\n"))
    assert (refusal.reason, str(torch.__version__) in refusal.message) == ("RuntimeVersionMismatch", True)


@pytest.mark.parametrize("kind", ["script", "export"])
def test_damaged_files_are_refused(tmp_path: Path, kind: str) -> None:
    path = model_path(tmp_path).with_suffix(".pt2" if kind == "export" else ".pt")
    if kind == "export":
        torch.export.save(torch.export.export(Net(), (torch.zeros(2, 13),), dynamic_shapes={"x": DYNAMIC}), path)
    else:
        torch.jit.save(torch.jit.script(Net()), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal_of(path).reason == "InvalidArtifact"
    mutants = 0
    for place in np.random.default_rng(0).integers(len(whole), size=30):
        mutant = bytearray(whole)
        mutant[place] ^= 0xFF
        path.write_bytes(mutant)
        try:
            load_runtime(path, format="auto", method="auto").warm_up()
        except LoadFailure:
            mutants += 1
    assert mutants
