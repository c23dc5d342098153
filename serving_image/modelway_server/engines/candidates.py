"""The engines that might take an estimator's place, the fastest first."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelway_server.contract.signature import Form
from modelway_server.engines.plan import NotCovered
from modelway_server.engines.planning import as_graph, plan_estimator
from modelway_server.engines.prepared import Prepared

Build = Callable[[Prepared, Path], Prepared]


def of_estimator(estimator: Any, wanted: str) -> Iterator[tuple[str, Build]]:
    """Engines by name, each with what writes its files into a folder.

    Args:
        estimator: fitted.
        wanted: `auto`, `onnx` or `native`; see `ModelSettings.engine`.
    """
    yield (
        ("linear" if wanted == "native" else "onnx"),
        lambda native, directory: _planned(estimator, native, directory, wanted),
    )


def _planned(estimator: Any, native: Prepared, directory: Path, wanted: str) -> Prepared:
    plan = plan_estimator(estimator, native.signature, native.methods)
    if wanted == "onnx":
        plan = as_graph(plan)
    if plan.graph and wanted == "native":
        raise NotCovered("it is no linear model")
    plan.write(directory)
    form = Form.COLUMNS if native.signature.form is Form.FRAME else native.signature.form
    engine = "onnx" if plan.graph else "linear"
    return replace(native, engine=engine, signature=replace(native.signature, form=form), parts={"kind": "plan"})
