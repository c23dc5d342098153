"""Evaluate a model by its plan, with numpy, and with onnxruntime where the plan has a graph."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Output, Signature
from modelway_server.engines.plan.outputs import output_function
from modelway_server.engines.plan.plan import Plan
from modelway_server.engines.plan.step_functions import follow
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import InvalidInput, LoadFailed, PredictionFailed, WarmupFailed, describe
from modelway_server.protocol.tensors import NUMPY_TYPES

_TOO_LARGE = "these rows hold numbers that are too large for the model"
FLOAT32_MAX = float(np.finfo(np.float32).max)
Scorer = Callable[[Any], NDArray[np.float64]]


class PlannedRuntime:
    """A runtime that follows a plan; see `Runtime`."""

    def __init__(self, prepared: Prepared, plan: Plan) -> None:
        self.platform = prepared.platform
        self.engine = prepared.engine
        self.methods = prepared.methods
        self.signature = prepared.signature
        self.description = prepared.description
        self._example = prepared.rows()
        self._steps = follow(plan.steps, plan.arrays)
        self._divisor = plan.divisor
        self._limit = FLOAT32_MAX if plan.single and plan.steps else None
        self._answers = _answers(plan, prepared.signature) if plan.graphs else None
        if self._answers is not None:
            return
        self._score = _scorer(plan)
        labels = None if plan.labels is None else np.array(plan.labels, dtype=plan.label_dtype)
        self._outputs = {
            method: output_function(name, labels=labels, flat=plan.flat) for method, name in plan.outputs.items()
        }

    def warm_up(self) -> None:
        """Answer the example by every method.

        Raises:
            WarmupFailed: the plan does not work here.
        """
        try:
            for method in self.methods:
                self.call(method, self._example.values, self._example.count)
        except Exception as error:
            raise WarmupFailed(
                f"{self.methods[0]} fails by the engine {self.engine}: {describe(error)}",
                remedy="Set spec.runtime.engine to native, and report this.",
            ) from error

    def call(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        """Compute the output of one method on `count` checked rows, and return it by the method's name.

        Raises:
            InvalidInput: a number is too large for the model's arithmetic.
            PredictionFailed: the number of answers is not the number of rows.
        """
        with np.errstate(all="ignore"):  # numbers that are too large are refused below
            for step in self._steps:
                values = step(values)
        if self._limit is not None and np.abs(values).max(initial=0.0, where=~np.isnan(values)) > self._limit:
            raise InvalidInput(_TOO_LARGE)
        answer = self._answer_from_scores(method, values) if self._answers is None else self._answers[method](values)
        if len(answer) != count:
            raise PredictionFailed(f"{method} gave {len(answer)} answers for {count} rows")
        return {method: answer}

    def example(self) -> Rows:
        """Return the row of `prepare`."""
        return self._example

    def _answer_from_scores(self, method: str, values: Any) -> NDArray[Any]:
        scores = self._score(values)
        if self._divisor != 1.0:
            scores = scores / self._divisor
        if not np.isfinite(scores).all() and (method != "transform" or np.isinf(scores).any()):
            raise InvalidInput(_TOO_LARGE)
        return self._outputs[method](scores)


def load_planned(prepared: Prepared, directory: Path) -> PlannedRuntime:
    """Load the runtime of the plan in a folder.

    Raises:
        LoadFailed: the folder holds no plan that can be read.
    """
    try:
        return PlannedRuntime(prepared, Plan.read(directory))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LoadFailed(
            f"the plan in {directory} cannot be read: {error}", remedy="Run `modelway-server prepare` again."
        ) from error


def _scorer(plan: Plan) -> Scorer:
    if plan.graph:
        from modelway_server.engines.session import open_session  # noqa: PLC0415  (onnxruntime: 0.2 s)

        run = open_session(plan.graph).run
        return lambda values: run(["scores"], {"rows": values})[0]
    if "coef" not in plan.arrays:
        return lambda values: values
    coef, intercept = plan.arrays["coef"], plan.arrays["intercept"]
    return lambda values: values @ coef + intercept


def _answers(plan: Plan, signature: Signature) -> dict[str, Callable[[Any], NDArray[Any]]]:
    """Return the function that answers each method by a graph of its own."""
    from modelway_server.engines.session import open_session  # noqa: PLC0415  (as above)

    sessions = {graph: open_session(graph) for graph in set(plan.graphs.values())}
    return {
        method: _answer(sessions[graph].run, plan.outputs[method], signature.outputs[method][0])
        for method, graph in plan.graphs.items()
    }


def _answer(run: Callable[..., list[Any]], output: str, output_of_contract: Output) -> Callable[[Any], NDArray[Any]]:
    dtype = NUMPY_TYPES.get(output_of_contract.datatype, np.object_)

    def answer(values: Any) -> NDArray[Any]:
        answers = np.asarray(run([output], {"rows": np.ascontiguousarray(values, dtype=np.float64)})[0])
        if len(output_of_contract.shape) == 1 and answers.ndim == 2:
            answers = answers[:, -1]  # of two opposite scores scikit-learn gives the second
        return answers.astype(dtype)

    return answer
