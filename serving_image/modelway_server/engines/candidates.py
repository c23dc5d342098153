"""The engines that may take an estimator's place, the fastest first."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelway_server.contract.names import enumerate_names
from modelway_server.contract.signature import Form, Signature
from modelway_server.engines.direct_trees import as_trees
from modelway_server.engines.plan.from_estimator import as_graph, last_step, plan_estimator
from modelway_server.engines.plan.plan import NotCovered, Plan
from modelway_server.engines.plan.trees import is_of_trees
from modelway_server.engines.prepared import PLAN, TREES, Prepared

Build = Callable[[Prepared, Path], Prepared]
MAX_CONVERTED_BYTES = 64 << 20
"""Bytes of the artifact. For larger models skl2onnx takes minutes, and many times their memory."""


def candidates_of(estimator: Any, wanted: str, *, size: int) -> Iterator[tuple[str, str, Build]]:
    """Yield the name of each engine, how it is built, and the function that writes its files into a folder.

    Args:
        estimator: fitted.
        wanted: `auto`, `onnx` or `native`; see `ModelSettings.engine`.
        size: bytes of the model's file.
    """

    def write_own_plan(native: Prepared, directory: Path) -> Prepared:
        _check_types(native.signature)
        plan = plan_estimator(estimator, native.signature, native.methods)
        if wanted == "onnx":
            plan = as_graph(plan)
        if plan.graph and wanted == "native":
            raise NotCovered("it is no linear model")
        return _write(plan, native, directory)

    def write_converted(native: Prepared, directory: Path) -> Prepared:
        if size > MAX_CONVERTED_BYTES:
            raise NotCovered(f"it is larger than {MAX_CONVERTED_BYTES >> 20} MiB, which takes skl2onnx too long")
        _check_types(native.signature)
        from modelway_server.engines.conversion import convert  # noqa: PLC0415  (skl2onnx: a second)

        return _write(convert(estimator, native.signature, native.methods), native, directory)

    yield ("linear" if wanted == "native" else "onnx"), "from its parts", write_own_plan
    if wanted != "onnx":
        yield "trees", "its own", lambda native, _: _name_trees(estimator, native)
    if wanted != "native" and not (wanted == "auto" and is_of_trees(last_step(estimator))):
        yield "onnx", "by skl2onnx in float64", write_converted


def _check_types(signature: Signature) -> None:
    """Check that made-up rows can stand for everything that clients may send.

    Raises:
        NotCovered: a column may hold anything, so that rows of the proof prove nothing about it.
    """
    untyped = [column.name for column in signature.columns if column.used and not column.typed]
    if untyped:
        raise NotCovered(f"nobody knows what is sent for {enumerate_names(untyped)}")


def _name_trees(estimator: Any, native: Prepared) -> Prepared:
    as_trees(estimator)
    return replace(native, engine="trees", engine_state={"kind": TREES})


def _write(plan: Plan, native: Prepared, directory: Path) -> Prepared:
    plan.write(directory)
    form = Form.COLUMNS if native.signature.form is Form.FRAME else native.signature.form
    engine = "onnx" if plan.graph or plan.graphs else "linear"
    return replace(native, engine=engine, signature=replace(native.signature, form=form), engine_state={"kind": PLAN})
