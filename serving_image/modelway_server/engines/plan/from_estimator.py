"""Split an estimator into a plan, if every part of it is known here."""

from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from modelway_server.contract.signature import Form, Signature
from modelway_server.engines.plan.graphs import linear_graph
from modelway_server.engines.plan.linear import plan_linear
from modelway_server.engines.plan.plan import NotCovered, Plan, Step
from modelway_server.engines.plan.steps import StepPlanner
from modelway_server.engines.plan.trees import is_of_trees, plan_trees

_AFFINE = {"add", "divide", "matmul", "multiply", "subtract"}


def plan_estimator(estimator: Any, signature: Signature, methods: tuple[str, ...]) -> Plan:
    """Make the plan of an estimator. The plan answers all methods.

    Raises:
        NotCovered: a part of the estimator, or a method, has no counterpart here.
    """
    before, last = split_steps(estimator)
    if methods == ("transform",):
        before, plan = [*before, last], Plan(outputs={"transform": "scores"}, flat=False)
    else:
        plan = plan_trees(last) if is_of_trees(last) else plan_linear(last)
        _add_labels(plan, last)
    missing = [method for method in methods if method not in plan.outputs]
    if missing:
        raise NotCovered(f"{type(last).__name__} computes {', '.join(missing)} in a way of its own")
    plan_steps(plan, before, signature)
    if "coef" in plan.arrays:
        _fold(plan)
    return plan


def split_steps(estimator: Any) -> tuple[list[Any], Any]:
    """Return the steps before the one that answers, and the step that answers."""
    *before, last = _steps(estimator)
    return before, last


def last_step(estimator: Any) -> Any:
    """Return the step that answers."""
    return split_steps(estimator)[1]


def plan_steps(plan: Plan, transformers: list[Any], signature: Signature) -> None:
    """Set the steps of a plan to those of some transformers.

    Raises:
        NotCovered: one of them has no counterpart here.
    """
    if signature.form is Form.TEXT or any(column.dates or not column.typed for column in signature.columns):
        raise NotCovered("its rows are texts or dates, or only its own code knows what they are")
    raw = signature.form is not Form.MATRIX
    names = [column.name for column in signature.columns] if signature.named and raw else range(len(signature.columns))
    plan.steps = StepPlanner(plan, names).of(transformers, raw=raw)


def as_graph(plan: Plan) -> Plan:
    """Give the plan an ONNX graph for its scores.

    Raises:
        NotCovered: it has no scores.
    """
    if not plan.graph:
        if "coef" not in plan.arrays:
            raise NotCovered("it only transforms rows")
        plan.graph = linear_graph(plan.arrays.pop("coef"), plan.arrays.pop("intercept"))
    return plan


def _steps(estimator: Any) -> list[Any]:
    """Return the estimator's steps. Leave out wrappers that hand their rows on unchanged."""
    if isinstance(estimator, BaseSearchCV):
        return _steps(estimator.best_estimator_)
    if type(estimator) is FrozenEstimator:
        return _steps(estimator.estimator)
    if type(estimator) is Pipeline:
        *before, last = [step for _, step in estimator.steps]
        return [*before, *_steps(last)] if last is not None and not isinstance(last, str) else [*before, last]
    return [estimator]


def _add_labels(plan: Plan, estimator: Any) -> None:
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return
    values = np.asarray(classes)
    if values.dtype.kind not in "biuU" and not all(isinstance(label, str) for label in values.tolist()):
        raise NotCovered("its classes are neither strings nor integers")
    plan.labels, plan.label_dtype = values.tolist(), "O" if values.dtype.kind == "O" else values.dtype.str


def _fold(plan: Plan) -> None:
    """Fold the last affine steps into the coefficients, so that one product does the work of all."""
    while plan.steps and plan.steps[-1]["op"] in _AFFINE:
        _fold_step(plan, plan.steps.pop())


def _fold_step(plan: Plan, step: Step) -> None:
    operand, coef = plan.arrays.pop(step["array"]), plan.arrays["coef"]
    match step["op"]:
        case "add":
            plan.arrays["intercept"] = plan.arrays["intercept"] + operand @ coef
        case "subtract":
            plan.arrays["intercept"] = plan.arrays["intercept"] - operand @ coef
        case "multiply":
            plan.arrays["coef"] = operand[:, np.newaxis] * coef
        case "divide":
            plan.arrays["coef"] = coef / operand[:, np.newaxis]
        case "matmul":
            plan.arrays["coef"] = operand @ coef
