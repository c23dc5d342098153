"""PyTorch programs: TorchScript (`torch.jit.save`) and exported programs (`torch.export.save`).

An exported program tells the shapes and types of its inputs. TorchScript does not: a member `inputs.json` of the archive
may, in the words of V2's metadata, or else a single input is found by trying sizes that fit the first weights.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelway_server.contract.signature import ROWS, Input
from modelway_server.errors import (
    InvalidArtifact,
    LoadFailure,
    MissingModule,
    RuntimeVersionMismatch,
    UnsupportedModel,
    words,
)
from modelway_server.protocol.tensors import NUMPY_TYPES, datatype_of
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.file_checks.torch_archive import EXPORTED, is_exported
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.named_tensors import Arrays, Program, TensorRuntime, check_inputs
from modelway_server.runtimes.threads import threads
from modelway_server.runtimes.trust import trust

INPUTS_FILE = "inputs.json"
"""Member of a TorchScript archive that tells its inputs: `[{"name": "x", "datatype": "FP32", "shape": [-1, 13]}]`."""
_LIST, _NO_LIST = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""PyTorch's own variables: the first wins over what its code asks for, and may not be there beside the second."""
_SIDES = (28, 32, 64, 224)
"""Heights and widths of images that are tried."""
_NEWER = ("version", "schema", "Unknown type name", "Unknown builtin op: aten")
"""What PyTorch says of TorchScript, which does not tell who saved it, where that was another PyTorch."""
_PROGRAM_FILES = ("model.json", "serialized_exported_program.json")
"""Members of an exported program's archive that may tell who saved it."""


def load(path: Path, options: Options) -> Runtime:
    """The program in a file.

    Raises:
        LoadFailure: the file is no program, or not one that can be served.
    """
    torch.set_num_threads(1)  # a pool of threads does not survive the fork of the server's workers
    try:
        exported = _is_exported(path)
        model = _Exported(path, trusted=trust(options.trusted_types).covers(EXPORTED)) if exported else _Script(path)
    except LoadFailure:
        raise
    except Exception as error:
        raise _failure(path, error) from error
    inputs = model.inputs()
    check_inputs(inputs, [each.shape[0] if each.shape else 0 for each in inputs])
    description = {
        "estimator": "torch.export.ExportedProgram" if exported else f"torch.jit.ScriptModule ({model.name})",
        "torch": str(torch.__version__),
    }
    if saved_with := _saved_with(path):
        description["saved_with_torch"] = saved_with
    program = Program(inputs, ("predict",), lambda _, fed: model.run(inputs, fed))
    return TensorRuntime("pytorch", program, options.method, description)


class _Model:
    """What both kinds have in common."""

    name: str
    named: Sequence[str] = ()
    """Inputs that are handed over by name."""
    module: Any

    def __init__(self) -> None:
        self._pid = 0

    def run(self, inputs: Sequence[Input], fed: Arrays) -> Mapping[str, Any]:
        """All outputs: by their keys, or `output` or `output_<i>` where they have none."""
        if self._pid != os.getpid():
            torch.set_num_threads(threads())
            self._pid = os.getpid()
        tensors = {each.name: torch.from_numpy(np.ascontiguousarray(fed[each.name])) for each in inputs}
        with torch.inference_mode():
            return _outputs_by_name(
                self.module(*[v for k, v in tensors.items() if k not in self.named], **self._by_name(tensors))
            )

    def _by_name(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        return {name: tensors[name] for name in self.named}

    def inputs(self) -> tuple[Input, ...]:
        """What the program takes.

        Raises:
            UnsupportedModel: it does not tell, and it cannot be found out.
        """
        raise NotImplementedError


class _Exported(_Model):
    """An exported program."""

    def __init__(self, path: Path, *, trusted: bool) -> None:
        super().__init__()
        with nullcontext() if trusted else _weights_only():
            self._program = torch.export.load(path)
        self.module = self._program.module()
        self.name = "exported"
        example = self._program.example_inputs
        self.named = tuple(example[1]) if example else ()

    def inputs(self) -> tuple[Input, ...]:
        """As its placeholders have them."""
        wanted = list(self._program.graph_signature.user_inputs)
        nodes = {node.name: node.meta.get("val") for node in self._program.graph.nodes if node.op == "placeholder"}
        inputs = []
        for name in wanted:
            value = nodes.get(str(name))
            if not isinstance(value, torch.Tensor):
                raise UnsupportedModel(
                    f"the input {name!r} is no tensor", remedy="Export a program whose inputs are all tensors."
                )
            sizes = tuple(size if isinstance(size, int) else ROWS for size in value.shape)
            inputs.append(Input(str(name), _datatype(value), sizes))
        return tuple(inputs)


class _Script(_Model):
    """A TorchScript module."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        extra_files = {INPUTS_FILE: ""}
        self.module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra_files).eval()
        self.name = str(self.module.original_name)
        self._declared_inputs: Any = extra_files[INPUTS_FILE]

    def inputs(self) -> tuple[Input, ...]:
        """As the archive tells them, or by trying."""
        if self._declared_inputs:
            return _declared_inputs(self._declared_inputs)
        arguments = [
            argument for argument in self.module.forward.schema.arguments[1:] if not argument.has_default_value()
        ]
        if len(arguments) == 1 and str(arguments[0].type) == "Tensor":
            for candidate in self._candidates(arguments[0].name):
                try:
                    self.run([candidate], {candidate.name: _zeros(candidate)})
                except Exception:  # noqa: BLE001, S112  (a program may raise anything)
                    continue
                return (candidate,)
        raise UnsupportedModel(
            f"the TorchScript program does not say what it takes ({len(arguments)} inputs)",
            remedy=f"Save it with torch.export.save, or name its inputs: torch.jit.save(model, path, _extra_files={{'{INPUTS_FILE}': "
            '\'[{"name": "x", "datatype": "FP32", "shape": [-1, 13]}]\'}).',
        )

    def _candidates(self, name: str) -> Iterator[Input]:
        """Inputs that fit the first weights: of a linear layer, a convolution, an embedding."""
        for weight in self.module.parameters():
            datatype = _datatype(weight) if weight.is_floating_point() else "FP32"
            if weight.ndim == 2:
                yield Input(name, datatype, (ROWS, weight.shape[1]))
                yield Input(name, "INT64", (ROWS, 4))
            elif weight.ndim == 4:
                for side in _SIDES:
                    yield Input(name, datatype, (ROWS, weight.shape[1], side, side))
            elif weight.ndim == 3:
                yield Input(name, datatype, (ROWS, weight.shape[1], 16))
            elif weight.ndim == 1:
                yield Input(name, datatype, (ROWS, weight.shape[0]))


@contextmanager
def _weights_only() -> Iterator[None]:
    """PyTorch's own list of names for the pickles of tensors beside a program, which it else loads as any pickle."""
    if os.environ.get(_NO_LIST):
        yield
        return
    os.environ[_LIST] = "1"
    try:
        yield
    finally:
        del os.environ[_LIST]


def _is_exported(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return is_exported(archive.namelist())


def _saved_with(path: Path) -> str:
    """The version of PyTorch that saved a program; empty where the file does not tell, as TorchScript never does."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.rpartition("/")[2] in _PROGRAM_FILES)
            return str(json.loads(archive.read(name)).get("torch_version", ""))
    except Exception:  # noqa: BLE001  (a damaged archive may raise anything)
        return ""


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _declared_inputs(text: Any) -> tuple[Input, ...]:
    try:
        return tuple(
            Input(str(each["name"]), _known_datatype(each["datatype"]), tuple(int(size) for size in each["shape"]))
            for each in json.loads(text)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArtifact(
            f"{INPUTS_FILE} in the archive does not name the inputs: {error}",
            remedy='Write it as [{"name": "x", "datatype": "FP32", "shape": [-1, 13]}].',
        ) from error


def _known_datatype(datatype: Any) -> str:
    if datatype not in NUMPY_TYPES:
        raise ValueError(f"datatype {datatype!r} is none of {', '.join(NUMPY_TYPES)}")
    return str(datatype)


def _zeros(each: Input) -> Any:
    return np.zeros((2, *each.shape[1:]), dtype=NUMPY_TYPES[each.datatype])


def _datatype(value: torch.Tensor) -> str:
    try:
        return datatype_of(torch.empty(0, dtype=value.dtype).numpy().dtype)
    except TypeError as error:  # bfloat16, say
        raise UnsupportedModel(
            f"the program takes {value.dtype}, which no request can hold",
            remedy="Export it with float32 inputs.",
        ) from error


def _outputs_by_name(result: Any) -> dict[str, Any]:
    if isinstance(result, torch.Tensor):
        return {"output": _array(result)}
    if isinstance(result, Mapping):
        return {str(name): _array(value) for name, value in result.items()}
    return {f"output_{index}": _array(value) for index, value in enumerate(result)}


def _array(value: Any) -> Any:
    tensor = value.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _failure(path: Path, error: Exception) -> LoadFailure:
    what = words(error)
    if "Unknown builtin op: " in what and "aten" not in what:
        operator = what.partition("Unknown builtin op: ")[2].partition(".")[0]
        return MissingModule(
            f"the program uses {operator}, an operator of a package that this server's image does not hold",
            remedy=f"Name a server image in spec.runtime.image that holds {operator.partition(':')[0]}.",
        )
    ours, saved_with = str(torch.__version__), _saved_with(path)
    if _minor(saved_with) != _minor(ours) if saved_with else any(word in what for word in _NEWER):
        return RuntimeVersionMismatch(
            f"saved with {f'PyTorch {saved_with}' if saved_with else 'a PyTorch that the file does not name'}, "
            f"served with {ours}: {what}",
            remedy=f"Save it again with PyTorch {ours}, or run a server image with the one that saved it.",
        )
    return InvalidArtifact(
        f"{path.name} is a PyTorch program that is truncated or damaged ({what})",
        remedy="Compare its size and checksum with the file that was saved, and upload it again.",
    )
