"""Files whose numbers compiled code would believe, or that change after they were judged."""

import json
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster._kmeans import _kmeans_single_lloyd
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics.pairwise import linear_kernel
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.utils import Bunch
from sklearn.utils.extmath import safe_sqr

from support.files.hostile.assembly import FALSE, TRUE, Blob, build, call, name, program, stack_name, value
from support.files.hostile.kinds import CANARY, Hostile, of_bytes

_ROWS = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5], [0.2, 3.0]])
_LABELS = np.array([0, 1, 1, 0])
_FAR = 10**6


def files() -> Iterator[Hostile]:
    """Each lie once."""
    for what, model in _models():
        yield of_bytes(f"believed: {what}", pickle.dumps(model, 4))
    for what, content in _calls():
        yield of_bytes(f"believed: {what}", content)
    yield from _boosters()


def _models() -> Iterator[tuple[str, Any]]:
    sizes = {"sample_weight": np.ones(2), "centers_init": np.zeros((2, 1)), "max_iter": 3}
    yield "a function of training on sizes of its own", FunctionTransformer(_kmeans_single_lloyd, kw_args=sizes)
    yield "the same with arguments kept", FunctionTransformer(partial(_kmeans_single_lloyd, max_iter=3), kw_args=sizes)
    machine = SVC(kernel=linear_kernel).fit(_ROWS, _LABELS)
    machine._BaseLibSVM__Xfit = machine._BaseLibSVM__Xfit[:1]
    yield "a kernel of fewer rows than the machine has", machine
    boosting = GradientBoostingClassifier(n_estimators=2).fit(_ROWS, _LABELS)
    boosting.estimators_[1, 0].tree_ = None
    yield "boosting with no tree", boosting
    forest = RandomForestClassifier(2).fit(np.tile(_ROWS, (1, 500)), _LABELS)
    forest.n_features_in_, forest.tree_ = 2, Bunch(n_features=2)
    yield "a forest that ends its own check", forest
    machine = SVC().fit(_ROWS, _LABELS)
    chosen = FunctionTransformer(partial(np.atleast_1d, machine.support_))
    squared = FunctionTransformer(safe_sqr, kw_args={"copy": False})
    writing = make_pipeline(chosen, FunctionTransformer(itemgetter(0)), squared)
    yield (
        "a step that changes the indices of another",
        Pipeline([("w", FeatureUnion([("w", writing)])), ("m", machine)]),
    )
    arguments = {"out": machine.support_vectors_, "casting": "unsafe"}
    yield "a step that writes into another", FunctionTransformer(np.negative, kw_args=arguments)
    yield "the same with arguments kept for it", FunctionTransformer(partial(np.negative, **arguments))


def _calls() -> Iterator[tuple[str, bytes]]:
    index, zone = name("pandas.core.indexes.base", "_new_Index"), f"dateutil/{Path.cwd() / CANARY}"
    moments = [1, 2]
    dated = {"data": moments, "tz": "dateutil//etc/hostname"}
    yield "a time zone that is a file", program(call(index, name("pandas", "DatetimeIndex"), dated))
    typed = {"data": moments, "dtype": f"datetime64[ns, {zone}]"}
    yield "a type whose time zone is a file", program(call(index, name("pandas", "Index"), typed))
    yield "a fraction of more digits than memory", program(call(name("fractions", "Fraction"), "1e999999999"))
    plain = build(call(name("numpy", "dtype"), "i8", FALSE, TRUE), (3, "<", None, None, None, -1, -1, 0))
    far = build(
        call(name("numpy", "dtype"), "V8", FALSE, TRUE), (3, "|", None, ("a",), {"a": (plain, 2**31 - 1)}, 8, 1, 0)
    )
    array = call(stack_name("numpy._core.numeric", "_frombuffer"), value(Blob(b"12345678")), far, (1,), "C")
    yield "a field whose place overflows", program(array)


def _put(key: str, place: int, number: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(tree: dict[str, Any]) -> None:
        tree[key][place] = number

    return spoil


def _categories(**columns: Any) -> Callable[[dict[str, Any]], None]:
    lists = {"categories": [1], "categories_nodes": [0], "categories_segments": [0], "categories_sizes": [1]}

    def spoil(tree: dict[str, Any]) -> None:
        tree["split_type"][0] = 1
        tree.update(lists | columns)

    return spoil


SPOILT: dict[str, Callable[[dict[str, Any]], None]] = {
    "a child beyond it": _put("left_children", 0, _FAR),
    "a child before it": _put("right_children", 0, -5),
    "a child that is itself": _put("left_children", 0, 0),
    "a column that is not there": _put("split_indices", 0, _FAR),
    "a parent beyond it": _put("parents", 1, _FAR),
    "categories that are not there": _categories(categories_sizes=[_FAR]),
    "categories that begin beyond it": _categories(categories_segments=[_FAR]),
    "categories of another node": _categories(categories_nodes=[_FAR]),
    "a category without end": _categories(categories=[2**30]),
}
"""What is done to a tree of XGBoost."""
LINES: dict[str, tuple[str, str]] = {
    "a child beyond it": ("left_child=", "1000000"),
    "a leaf beyond it": ("left_child=", "-1000000"),
    "a child that is itself": ("left_child=", "0"),
    "a column that is not there": ("split_feature=", "1000000"),
    "a column before the first": ("split_feature=", "-3"),
    "categories without a set": ("decision_type=", "1"),
    "more sets of categories than it has": ("num_cat=", "1000"),
    "more answers than trees": ("num_class=", "1000"),
    "fewer trees a round": ("num_tree_per_iteration=", "0"),
    "formulas that are not there": ("is_linear=", "1"),
}
"""Lines of LightGBM's text, and what comes in the place of their first number."""


def boosters() -> tuple[Any, Any]:
    """One of XGBoost and one of LightGBM, of two columns."""
    import lightgbm  # noqa: PLC0415  (for these alone)
    import xgboost  # noqa: PLC0415  (as above)

    rows = np.random.default_rng(0).normal(size=(60, 2))
    labels = (rows.sum(axis=1) > 0).astype(int)
    first = xgboost.XGBClassifier(n_estimators=2, max_depth=2, n_jobs=1).fit(rows, labels)
    second = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=5, n_jobs=1, verbose=-1).fit(rows, labels)
    return first.get_booster(), second.booster_


def spoilt_document(booster: Any, spoil: Callable[[dict[str, Any]], None]) -> bytes:
    """The JSON of a booster of XGBoost, its first tree spoilt."""
    document = json.loads(bytes(booster.save_raw("json")))
    spoil(document["learner"]["gradient_booster"]["model"]["trees"][0])
    return json.dumps(document).encode()


def spoilt_text(booster: Any, line: str, number: str) -> str:
    """The text of a booster of LightGBM, one number of it another; its own account of sizes is right."""
    head, *trees = booster.model_to_string().split("\nTree=")
    parts = [head, *trees]
    index = next(index for index, part in enumerate(parts) if f"\n{line}" in part)
    before, label, after = parts[index].partition(f"\n{line}")
    parts[index] = before + label + number + after.lstrip("-0123456789")
    head, *trees = parts
    last, end, tail = trees[-1].partition("end of trees")
    sizes = [len(f"Tree={tree}\n") for tree in trees[:-1]] + [len(f"Tree={last}")]
    lines = [
        f"tree_sizes={' '.join(map(str, sizes))}" if each.startswith("tree_sizes=") else each
        for each in head.split("\n")
    ]
    return "\nTree=".join(["\n".join(lines), *trees[:-1], last + end + tail])


def _boosters() -> Iterator[Hostile]:
    first, second = boosters()
    for what, spoil in SPOILT.items():
        content = spoilt_document(first, spoil)
        yield of_bytes(f"believed: a tree of XGBoost with {what}", content)
        yield of_bytes(f"believed: a pickled tree of XGBoost with {what}", _pickle("xgboost.core", content))
    document = json.loads(bytes(first.save_raw("json")))
    document["learner"]["gradient_booster"]["model"]["tree_info"] = [9, 9]
    yield of_bytes("believed: trees of XGBoost that answer in others' places", json.dumps(document).encode())
    for what, (line, number) in LINES.items():
        text = spoilt_text(second, line, number)
        yield of_bytes(f"believed: a tree of LightGBM with {what}", text.encode())
        yield of_bytes(f"believed: a pickled tree of LightGBM with {what}", _pickle("lightgbm.basic", text))


def _pickle(module: str, handle: bytes | str) -> bytes:
    content = value(Blob(handle)) if isinstance(handle, bytes) else handle
    return program(build(name(module, "Booster") + b")\x81", {"handle": content, "_handle": content}))
