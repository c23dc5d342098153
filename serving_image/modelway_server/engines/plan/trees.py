"""Plan scikit-learn's trees and their ensembles as sums of leaves."""

import resource
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from modelway_server.engines.plan.graphs import BYTES_PER_NODE, MAX_NODES, Tree, forest_graph, stump
from modelway_server.engines.plan.plan import NotCovered, Plan
from modelway_server.process.child import memory_limit

MAX_COPIES = 3
"""Scores at most, where leaves are divided among them. A leaf adds to one score, so each score takes a copy of the trees."""

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
_FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
_BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
_BINNED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


def is_of_trees(estimator: Any) -> bool:
    """Whether the class itself is known here. A subclass may compute in another way."""
    return type(estimator) in {*_TREES, *_FORESTS, *_BOOSTED, *_BINNED}


def plan_trees(estimator: Any) -> Plan:
    """Make a plan whose scores are sums of leaves.

    Raises:
        NotCovered: the trees do something that our graphs do not.
    """
    kind = type(estimator)
    if kind in _TREES:
        return _plan_forest(estimator, [estimator])
    if kind in _FORESTS:
        return _plan_forest(estimator, list(estimator.estimators_))
    return _plan_boosted(estimator) if kind in _BOOSTED else _plan_binned(estimator)


def _plan_forest(forest: Any, members: list[Any]) -> Plan:
    classes = getattr(forest, "classes_", None)
    if classes is not None and forest.n_outputs_ > 1:
        raise NotCovered("it gives several labels a row")
    values = [_values(member.tree_) for member in members]
    pure = classes is not None and all(map(_is_pure, members, values))
    count = values[0].shape[1]
    if not pure and count > MAX_COPIES:
        raise NotCovered(f"its leaves are divided among {count} classes")
    trees: list[Tree] = []
    for member, value in zip(members, values, strict=True):
        if pure:
            trees.append(_tree(member.tree_, value.argmax(axis=1), np.ones(len(value))))
        else:
            trees += [_tree(member.tree_, np.full(len(value), k), value[:, k]) for k in range(count)]
    plan = _plan(trees, count, forest.n_features_in_, single=True)
    plan.divisor = float(len(members))
    if classes is None:
        plan.outputs, plan.flat = {"predict": "scores"}, count == 1
    else:
        plan.outputs = {"predict": "argmax", "predict_proba": "shares"}
    return plan


def _values(tree: Any) -> Any:
    """Return the value of each node, float64 of [nodes, scores]."""
    return tree.value[:, :, 0] if tree.value.shape[2] == 1 else tree.value[:, 0, :]


def _is_pure(member: Any, value: Any) -> bool:
    """Whether every leaf holds rows of one class alone."""
    return bool((value[member.tree_.children_left < 0].max(axis=1) == 1.0).all())


def _tree(tree: Any, score: Any, weight: Any) -> Tree:
    if tree.node_count == 1:
        return stump(int(score[0]), float(weight[0]))
    nodes = tree.__getstate__()["nodes"]
    return Tree(
        left=nodes["left_child"],
        right=nodes["right_child"],
        feature=nodes["feature"],
        threshold=nodes["threshold"],
        missing_left=nodes["missing_go_to_left"],
        score=score,
        weight=weight,
    )


def _plan_boosted(boosted: Any) -> Plan:
    count = boosted.n_trees_per_iteration_
    trees = [stump(k, start) for k, start in enumerate(_start(boosted))]
    for stage in boosted.estimators_:
        for k, member in enumerate(stage):
            tree = member.tree_
            trees.append(_tree(tree, np.full(tree.node_count, k), boosted.learning_rate * tree.value[:, 0, 0]))
    plan = _plan(trees, count, boosted.n_features_in_, single=True)
    if isinstance(boosted, GradientBoostingRegressor):
        plan.outputs = {"predict": "scores"}
    else:
        rule = "not_negative" if count == 1 else "argmax"
        plan.outputs = {"predict": rule, "decision_function": "scores", **_probabilities(boosted, count)}
    return plan


def _start(boosted: Any) -> list[float]:
    """Return the scores before the first tree, which must be the same for every row."""
    if type(boosted.init_) not in {DummyClassifier, DummyRegressor} and boosted.init_ != "zero":
        raise NotCovered(f"it starts from a {type(boosted.init_).__name__}")
    rows = np.zeros((1, boosted.n_features_in_), dtype=np.float32)
    return [float(score) for score in boosted._raw_predict_init(rows)[0]]  # noqa: SLF001  (its own way to tell)


def _plan_binned(boosted: Any) -> Plan:
    if boosted._preprocessor is not None:  # noqa: SLF001  (nothing public tells)
        raise NotCovered("it takes categories")
    count = boosted.n_trees_per_iteration_
    trees = [stump(k, float(start)) for k, start in enumerate(np.ravel(boosted._baseline_prediction))]  # noqa: SLF001
    for stage in boosted._predictors:  # noqa: SLF001
        trees += [_binned_tree(predictor.nodes, k) for k, predictor in enumerate(stage)]
    plan = _plan(trees, count, boosted.n_features_in_, single=False)
    if isinstance(boosted, HistGradientBoostingRegressor):
        links = {"IdentityLink": "scores", "LogLink": "exp"}
        plan.outputs = {"predict": links[type(boosted._loss.link).__name__]}  # noqa: SLF001
    else:
        rule = "positive" if count == 1 else "argmax"
        plan.outputs = {"predict": rule, "decision_function": "scores", **_probabilities(boosted, count)}
    return plan


def _binned_tree(nodes: Any, score: int) -> Tree:
    if len(nodes) == 1:
        return stump(score, float(nodes["value"][0]))
    is_leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"],
        score=np.full(len(nodes), score),
        weight=nodes["value"],
    )


def _probabilities(boosted: Any, count: int) -> dict[str, str]:
    if count > 1:
        return {"predict_proba": "softmax"}
    is_exponential = type(boosted._loss).__name__ == "ExponentialLoss"  # noqa: SLF001
    return {"predict_proba": "both_of_double" if is_exponential else "both"}


def _plan(trees: list[Tree], scores: int, width: int, *, single: bool) -> Plan:
    total = sum(len(tree.left) for tree in trees)
    if total > MAX_NODES:
        raise NotCovered(f"its trees have {total:,} nodes")
    limit = memory_limit()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if limit is not None and used + total * BYTES_PER_NODE > limit:
        raise NotCovered(f"a graph of its {total:,} nodes cannot be made in the memory of this pod")
    return Plan(outputs={}, graph=forest_graph(trees, scores=scores, width=width, single=single), single=single)


def thresholds(estimator: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the columns and the thresholds of each tree of an estimator, as arrays; a column may be negative, of no split."""
    for stage in getattr(estimator, "_predictors", ()):
        for predictor in stage:
            yield predictor.nodes["feature_idx"].astype(np.int64), predictor.nodes["num_threshold"]
    for member in [estimator, *_members(getattr(estimator, "estimators_", ()))]:
        if isinstance(member, _TREES):
            yield member.tree_.feature, member.tree_.threshold


def _members(container: Any) -> list[Any]:
    """Return the members of an ensemble. numpy must not make the list: it would look into members that have a length."""
    if isinstance(container, np.ndarray):
        return list(container.flat)
    return list(container) if isinstance(container, list | tuple) else []
