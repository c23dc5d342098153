"""Check that XGBoost's document, JSON or UBJSON, agrees with itself: no index of a tree may lead out of it.

Source: "Introduction to Model IO", the JSON schema of XGBoost's documentation, and its `RegTree::LoadModel`,
`GBTreeModel::LoadModel`, `CatContainer::Load` and `Learner::LoadModel`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.runtimes.file_checks import ubjson
from modelway_server.runtimes.file_checks.clauses import Disagreement, hold, within
from modelway_server.runtimes.file_checks.xgboost_trees import check_tree, wholes

MAX_COLUMNS: Final = 1_000_000
_JSON: Final = re.compile(rb'\{\s*"')
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_GROUPED: Final = ("softmax_multiclass_param",)
"""Parameters of objectives that repeat the number of classes."""


def read(content: bytes) -> Any:
    """Read the document in the bytes.

    Raises:
        Disagreement: the bytes hold no document.
    """
    if not _JSON.match(content):
        return ubjson.read(content)
    try:
        return json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Disagreement(f"it is no JSON: {str(error)[:100]}") from error


def loadable(content: bytes, document: Any) -> bytes:
    """Return the bytes for XGBoost. If escapes allow two readings, write the document anew."""
    if _JSON.match(content) and b"\\" in content:
        return json.dumps(document, ensure_ascii=False).encode()
    return content


def version_of(document: Any) -> str:
    """Return the version of XGBoost that saved a model.

    Raises:
        Disagreement: the document has no version.
    """
    value = document.get("version") if isinstance(document, Mapping) else None
    hold(isinstance(value, list | np.ndarray) and len(value) == 3, "it does not name the XGBoost that saved it")
    parts = wholes(value)
    within(parts, 100_000, "its version")
    return ".".join(map(str, parts.tolist()))


def check(document: Any) -> None:
    """Check that a model, or a pickled booster with its configuration, agrees with itself.

    Raises:
        Disagreement: two parts disagree, or XGBoost does not write such a part.
    """
    try:
        if isinstance(document, Mapping) and "Model" in document:
            learner = _check_learner(document["Model"]["learner"])
            _check_configuration(document["Config"]["learner"], learner)
        else:
            _check_learner(document["learner"])
    except Disagreement:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise Disagreement(f"a part is missing or of another type: {type(error).__name__} {error}"[:200]) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    hold(len(members) == len(pairs), "it says something twice")
    return members


def _check_learner(learner: Mapping[str, Any]) -> Mapping[str, Any]:
    shape = learner["learner_model_param"]
    columns, classes = count(shape["num_feature"]), count(shape["num_class"])
    targets = count(shape.get("num_target", "1"))
    groups = max(classes, targets, 1)
    hold(columns <= MAX_COLUMNS and groups <= MAX_COLUMNS, f"it has more than {MAX_COLUMNS} columns or classes")
    hold(classes <= 1 or targets <= 1, "it has several classes and several targets")
    _check_names(learner, columns)
    _check_base(str(shape["base_score"]), groups)
    _check_objective(learner["objective"], classes)
    booster = learner["gradient_booster"]
    kind = booster["name"]
    if kind == "gblinear":
        _check_linear(booster["model"], columns, groups)
    else:
        hold(kind in {"gbtree", "dart"}, "its booster is none of gbtree, dart and gblinear")
        model = booster["gbtree"]["model"] if kind == "dart" else booster["model"]
        rounds = _check_forest(model, columns, groups)
        if kind == "dart":
            drops = numbers(booster["weight_drop"])
            hold(len(drops) == len(model["trees"]), "weight_drop is none for each tree")
        _check_best(learner.get("attributes", {}), rounds)
    return learner


def _check_names(learner: Mapping[str, Any], columns: int) -> None:
    for key in ("feature_names", "feature_types"):
        value = learner.get(key) or []
        hold(
            isinstance(value, list) and len(value) in {0, columns} and all(isinstance(each, str) for each in value),
            f"{key} are none for each column",
        )
    names = learner.get("feature_names") or []
    hold(len(set(names)) == len(names), "two columns have one name")


def _check_base(value: str, groups: int) -> None:
    values = value.strip().removeprefix("[").removesuffix("]").split(",")
    hold(len(values) in {1, groups}, "base_score is none for each class")
    for each in values:
        float(each)


def _check_objective(objective: Mapping[str, Any], classes: int) -> None:
    hold(isinstance(objective["name"], str), "its objective has no name")
    for key in _GROUPED:
        if key in objective:
            hold(count(objective[key]["num_class"]) == classes, "the objective has other classes than the model")
    hold(not objective["name"].startswith("multi:") or classes > 1, "the objective has other classes than the model")


def _check_best(attributes: Mapping[str, Any], rounds: int) -> None:
    best = attributes.get("best_iteration")
    hold(attributes.get("scikit_learn") != "", "its attribute scikit_learn is empty")
    hold(best is None or count(best) < max(rounds, 1), "best_iteration is none of its rounds")


def _check_linear(model: Mapping[str, Any], columns: int, groups: int) -> None:
    hold(len(numbers(model["weights"])) == (columns + 1) * groups, "its weights are not one for each column and class")
    count(str(model.get("boosted_rounds", "0")))


def _check_forest(model: Mapping[str, Any], columns: int, groups: int) -> int:
    """Check a forest, and return its number of rounds."""
    trees, shape = model["trees"], model["gbtree_model_param"]
    parallel = count(shape.get("num_parallel_tree", "1"))
    hold(isinstance(trees, list) and count(shape["num_trees"]) == len(trees), "num_trees is another number of trees")
    hold(0 < parallel <= max(len(trees), 1), "num_parallel_tree is none of its trees")
    owners = wholes(model["tree_info"])
    hold(len(owners) == len(trees), "tree_info is none for each tree")
    within(owners, groups, "the class of a tree")
    for number, tree in enumerate(trees):
        try:
            check_tree(tree, number, columns, groups)
        except Disagreement as error:
            raise Disagreement(f"tree {number}: {error.args[0]}") from error
    if isinstance(model.get("cats"), Mapping):
        _check_categories(model["cats"], columns)
    if "iteration_indptr" not in model:
        vector = any(count(tree["tree_param"].get("size_leaf_vector", "1")) > 1 for tree in trees)
        each = parallel * (1 if vector else groups)
        hold(len(trees) % each == 0, "its last round lacks trees")
        return len(trees) // each
    bounds = wholes(model["iteration_indptr"])
    whole = len(bounds) > 0 and bounds[0] == 0 and bounds[-1] == len(trees) and bool((np.diff(bounds) >= 0).all())
    hold(whole or (not len(bounds) and not trees), "iteration_indptr leads out of its trees")
    return max(len(bounds) - 1, 0)


def _check_categories(cats: Mapping[str, Any], columns: int) -> None:
    """Check that the lists of known categories agree."""
    lists, bounds = cats["enc"], wholes(cats["feature_segments"])
    order = wholes(cats["sorted_idx"])
    sizes = [_size_of(each) for each in lists]
    hold(not sizes or len(sizes) == columns, "its lists of categories are none for each column")
    hold(
        bounds.tolist() == ([0, *np.cumsum(sizes).tolist()] if sizes else bounds[:1].tolist()) and not bounds[:1].any(),
        "feature_segments are other sizes than those of its lists of categories",
    )
    hold(len(order) == sum(sizes), "sorted_idx is none for each category")
    for start, size in zip(bounds, sizes, strict=False):
        ranks = np.sort(order[start : start + size])
        hold(np.array_equal(ranks, np.arange(size)), "sorted_idx is no order of its categories")


def _size_of(known: Mapping[str, Any]) -> int:
    """Return the number of known categories of a column."""
    values = known["values"]
    if "offsets" not in known:
        return len(numbers(values))
    offsets = wholes(known["offsets"])
    within(np.asarray(wholes(values)) + 128, 384, "a byte of a category")
    fits = not len(offsets) or (offsets[0] == 0 and offsets[-1] == len(values) and bool((np.diff(offsets) >= 0).all()))
    hold(fits and (len(offsets) or not len(values)), "offsets lead out of the text of its categories")
    return max(len(offsets) - 1, 0)


def _check_configuration(configuration: Mapping[str, Any], learner: Mapping[str, Any]) -> None:
    """Check that the configuration of a pickled booster agrees with its model."""
    shape = configuration.get("learner_model_param", {})
    for key in shape.keys() & learner["learner_model_param"].keys() - {"base_score", "boost_from_average"}:
        hold(str(shape[key]) == str(learner["learner_model_param"][key]), f"its configuration has another {key}")
    if "base_score" in shape:
        _check_base(str(shape["base_score"]), max(count(shape["num_class"]), count(shape.get("num_target", "1")), 1))
    _check_objective(configuration["objective"], count(learner["learner_model_param"]["num_class"]))
    booster = configuration["gradient_booster"]
    hold(booster["name"] == learner["gradient_booster"]["name"], "its configuration has another booster")
    inner = booster.get("gbtree", booster).get("gbtree_model_param", {})
    own = learner["gradient_booster"]
    model = own.get("gbtree", own).get("model", {}).get("gbtree_model_param", {})
    for key in inner.keys() & model.keys():
        hold(str(inner[key]) == str(model[key]), f"its configuration has another {key}")


def count(value: Any) -> int:
    """Parse a number of things, which XGBoost writes as a text.

    Raises:
        Disagreement: the value is no such number.
    """
    hold(isinstance(value, str) and _COUNT.fullmatch(value), f"{str(value)[:30]!r} is no number of things")
    return int(value)


def numbers(value: Any) -> NDArray[Any]:
    """Return a list of numbers as an array.

    Raises:
        Disagreement: the value is no list of numbers.
    """
    array = np.asarray(value)
    hold(isinstance(value, list | np.ndarray) and array.ndim == 1, "a list of numbers is none")
    hold(not array.size or array.dtype.kind in "iuf", "a list of numbers is none")
    return array
