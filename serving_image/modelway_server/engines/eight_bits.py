"""Prepare a model with 8-bit weights: its own ONNX graph, or the one that its estimator is converted into.

Its answers are others than the model's own, and nothing here judges how much: the gate does, on labelled rows. Held to
the model is the form of the answers.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from modelway_server.artifacts.record import locate_model
from modelway_server.contract.signature import Form
from modelway_server.engines.batch_choice import record_batching
from modelway_server.engines.folder import QUANTISED
from modelway_server.engines.load import load_engine
from modelway_server.engines.plan.plan import NotCovered, Plan
from modelway_server.engines.prepared import GRAPH, PLAN, Prepared
from modelway_server.engines.quantise import quantise
from modelway_server.errors import EngineUnavailable, NothingToQuantise, words
from modelway_server.protocol.tensors import datatype_of
from modelway_server.runtimes.base import Runtime, as_estimator_holder
from modelway_server.runtimes.recognise import model_files
from modelway_server.settings import INT8, ModelSettings

_ONNX = "onnx"


def quantise_model(chosen: ModelSettings, directory: Path, runtime: Runtime, native: Prepared) -> Prepared:
    """Write the engine with 8-bit weights into a folder, and return its document.

    Args:
        chosen: the model and its settings.
        directory: the folder.
        runtime: the model itself, warm.
        native: the document of the model itself.

    Raises:
        NothingToQuantise: the model has no weights for it.
        EngineUnavailable: the settings refuse onnxruntime.
    """
    if chosen.engine == "native":
        raise EngineUnavailable(
            "spec.runtime.engine is native, and onnxruntime alone evaluates weights of 8 bits",
            remedy="Set spec.runtime.engine to auto, or spec.runtime.precision to full.",
        )
    path = locate_model(chosen.model_dir)
    holder = as_estimator_holder(runtime)
    if holder is not None:
        prepared, count = _quantise_estimator(holder.estimator, native, directory)
    elif native.platform == _ONNX:
        prepared, count = _quantise_graph(path, native, directory)
    else:
        raise NothingToQuantise(f"a model of the format {native.platform} has no ONNX graph to quantise")
    if not count:
        raise NothingToQuantise(
            "its graph has no constant weights of float32 in matrix products or convolutions, which alone get 8 bits"
        )
    engine = load_engine(prepared, path, directory, chosen.trusted_types)
    engine.warm_up()
    _check_form(runtime, engine)
    weights = "1 weight has" if count == 1 else f"{count} weights have"
    reason = f"spec.runtime.precision is int8; {weights} 8 bits, and answers are not the model's own"
    return record_batching(replace(prepared, reason=reason), "with 8-bit weights each row is computed alone")


def _quantise_graph(path: Path, native: Prepared, directory: Path) -> tuple[Prepared, int]:
    (file,) = [path] if path.is_file() else model_files(path)
    content, count = quantise(onnx.load(str(file)))
    (directory / QUANTISED).write_bytes(content)
    return replace(native, format=_ONNX, engine_state={"kind": GRAPH, "precision": INT8}), count


def _quantise_estimator(estimator: Any, native: Prepared, directory: Path) -> tuple[Prepared, int]:
    plan, count = _plan_of(estimator, native), 0
    if plan.graph:
        plan.graph, count = quantise(onnx.load_from_string(plan.graph))
    quantised: dict[bytes, bytes] = {}
    for graph in dict.fromkeys(plan.graphs.values()):
        quantised[graph], more = quantise(onnx.load_from_string(graph))
        count = max(count, more)  # graphs of several methods have the same weights
    plan.graphs = {method: quantised[graph] for method, graph in plan.graphs.items()}
    plan.write(directory)
    form = Form.COLUMNS if native.signature.form is Form.FRAME else native.signature.form
    state = {"kind": PLAN, "precision": INT8}
    signature = replace(native.signature, form=form)
    return replace(native, engine=_ONNX, signature=signature, engine_state=state), count


def _plan_of(estimator: Any, native: Prepared) -> Plan:
    """A plan of graphs in float32, of which onnxruntime can quantise the weights.

    Raises:
        NothingToQuantise: the estimator has no such graph.
    """
    from modelway_server.engines.conversion import convert  # noqa: PLC0415  (skl2onnx: a second)
    from modelway_server.engines.plan.from_estimator import last_step, plan_estimator  # noqa: PLC0415  (scikit-learn)
    from modelway_server.engines.plan.graphs import linear_graph  # noqa: PLC0415  (as above)
    from modelway_server.engines.plan.trees import is_of_trees  # noqa: PLC0415  (as above)

    last = last_step(estimator)
    if is_of_trees(last):
        raise NothingToQuantise(f"{type(last).__name__} is made of trees, which compare numbers and have no weights")
    try:
        plan = plan_estimator(estimator, native.signature, native.methods)
    except NotCovered:
        plan = Plan(outputs={})
    if "coef" in plan.arrays:
        plan.graph = linear_graph(plan.arrays.pop("coef"), plan.arrays.pop("intercept"), single=True)
        return plan
    try:
        return convert(estimator, native.signature, native.methods, single=True)
    except NotCovered as error:
        raise NothingToQuantise(f"{type(last).__name__} has no ONNX graph to quantise: {words(error)}") from error


def _check_form(native: Runtime, engine: Runtime) -> None:
    """Check that the engine answers in the form of the model.

    Raises:
        NothingToQuantise: it does not.
    """
    rows = native.example()
    own = engine.example()
    for method in native.methods:
        expected = _forms(native.call(method, rows.values, rows.count))
        forms = _forms(engine.call(method, own.values, own.count))
        if forms != expected:
            raise NothingToQuantise(f"with 8-bit weights {method} gives {forms}, and the model itself {expected}")


def _forms(answers: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (datatype_of(values.dtype), values.shape) for name, values in answers.items()}
