"""A plan says what happens to a model's rows, what scores them, and how its methods answer from the scores.

A plan is data: JSON, arrays, and an ONNX graph where onnxruntime scores. Making it takes scikit-learn; following it does
not.
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Step = dict[str, Any]
"""One operation on the rows: its name as `op`, and its operands; see `steps.py`."""
_DOCUMENT, _ARRAYS, _GRAPH = "plan.json", "plan.npz", "graph"
_BINARY = {"arrays", "graph", "graphs"}
_KEYS = {"outputs": "heads"}
"""Attributes whose keys in the document are others. A folder outlives a release, so its keys stay."""


class NotCovered(Exception):
    """An engine cannot evaluate the model. The message says why, as a clause."""


@dataclass(kw_only=True)
class Plan:
    """How to evaluate a model without its own code.

    Attributes:
        steps: operations on the rows, in order. They give float64 of [rows, features].
        outputs: how each method answers from the scores; see `plan/outputs.py`.
        labels: the classes as JSON values, in the order of the scores; None if there are none.
        label_dtype: numpy's name for the type of the classes.
        flat: whether a single score per row is an array of [rows].
        divisor: the number by which scores are divided; the number of trees of a forest.
        single: whether the graph rounds the features to float32.
        arrays: the operands of steps and scores by name; `coef` is [features, scores], `intercept` [scores].
        graph: an ONNX model from `rows` to `scores`, both float64. It takes the place of `coef` and `intercept`.
        graphs: an ONNX model for each method, from `rows`, float64, to the output that `outputs` names. They take the
            place of scores.
    """

    outputs: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    labels: list[Any] | None = None
    label_dtype: str = ""
    flat: bool = True
    divisor: float = 1.0
    single: bool = False
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    graph: bytes = b""
    graphs: dict[str, bytes] = field(default_factory=dict)

    def keep(self, values: Any) -> str:
        """Keep an array, and return the name by which a step refers to it."""
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.asarray(values)
        return name

    def write(self, directory: Path) -> None:
        """Write the plan into a folder."""
        (directory / _DOCUMENT).write_text(json.dumps(self._document()), encoding="utf-8")
        stored = self.arrays | {f"{_GRAPH}:{name}": _bytes(graph) for name, graph in self._graphs().items()}
        np.savez(directory / _ARRAYS, allow_pickle=False, **stored)

    def _document(self) -> dict[str, Any]:
        names = [item.name for item in fields(self) if item.name not in _BINARY]
        return {_KEYS.get(name, name): getattr(self, name) for name in names}

    def _graphs(self) -> dict[str, bytes]:
        return {**({"": self.graph} if self.graph else {}), **self.graphs}

    @classmethod
    def read(cls, directory: Path) -> "Plan":
        """Read the plan in a folder.

        Raises:
            OSError, ValueError, TypeError: the folder holds no plan.
        """
        names = {key: name for name, key in _KEYS.items()}
        stored_document = json.loads((directory / _DOCUMENT).read_text(encoding="utf-8"))
        document = {names.get(key, key): value for key, value in stored_document.items()}
        with np.load(directory / _ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        graphs = {
            name.partition(":")[2]: arrays.pop(name).tobytes() for name in list(arrays) if name.startswith(f"{_GRAPH}:")
        }
        return cls(**document, arrays=arrays, graph=graphs.pop("", b""), graphs=graphs)


def discard(directory: Path) -> None:
    """Remove what `Plan.write` left in a folder, whole or in part, to free the space."""
    for name in (_DOCUMENT, _ARRAYS):
        (directory / name).unlink(missing_ok=True)


def _bytes(graph: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(graph, dtype=np.uint8)
