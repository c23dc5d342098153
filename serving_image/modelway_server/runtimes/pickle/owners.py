# ruff: noqa: SLF001  (the checked attributes are private to scikit-learn)
"""Check the parts of a built model against their owner, which must ensure that a row has what they read.

Fitted trees, histograms and encoders check neither the width of a row nor the width of its answer.
"""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree._tree import Tree
from sklearn.utils._indexing import _get_column_indices

from modelway_server.errors import LoadFailure, UnsafeArtifact
from modelway_server.runtimes.estimators.sub_estimators import members, sub_estimators
from modelway_server.runtimes.pickle.boosting import has_room
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.whole_answers import guard_kernel, guard_voters


def check_model(model: Any) -> None:
    """Check that the parts of a built model agree.

    Raises:
        UnsafeArtifact: a part reads more columns than its owner takes, or writes more than its owner has.
    """
    parts = sub_estimators(model)
    if (part := _holder_of_itself(parts)) is not None:
        raise refuse(
            Rule.STRUCTURE, f"the file holds a {_class_name(part)} that holds itself, and would ask itself for ever"
        )
    for part in parts:
        if not _is_own(part):
            continue
        for check in (_check_widths, _check_sizes):
            try:
                check(part)
            except LoadFailure:
                raise
            except AttributeError as error:
                if error.obj is not part:
                    raise _refusal(part, f"a part of it has no {error.name}") from error
                continue  # another version saved it: its methods do not find the attribute either
            except Exception as error:
                raise _refusal(part, f"it cannot be looked through ({type(error).__name__})") from error


def _refusal(part: Any, what: str) -> UnsafeArtifact:
    return refuse(Rule.STRUCTURE, f"the file holds a {_class_name(part)} whose parts disagree: {clip(what)}")


def _class_name(part: Any) -> str:
    return clip(f"{type(part).__module__}.{type(part).__qualname__}")


def _holder_of_itself(parts: list[Any]) -> Any:
    """Return an estimator of scikit-learn that holds itself; None if there is none."""
    own = {id(part): part for part in parts if _is_own(part)}
    inside = {key: [id(each) for each in members(part)] for key, part in own.items()}
    try:
        TopologicalSorter(inside).prepare()
    except CycleError as error:
        return own[error.args[1][0]]
    return None


def _is_own(part: Any) -> bool:
    return type(part).__module__.startswith("sklearn.")


def _check_widths(part: Any) -> None:
    width = getattr(part, "n_features_in_", None)
    for what, columns in _widths(part):
        if not isinstance(width, int | np.integer) or isinstance(width, bool):
            raise _refusal(part, f"{what} reads columns, and n_features_in_ is no number of them")
        if columns != width:
            raise _refusal(part, f"{what} has {columns} columns, and the model takes {width}")


def _check_sizes(part: Any) -> None:
    for what, holds in _sizes(part):
        if not holds:
            raise _refusal(part, what)


def _widths(part: Any) -> Iterator[tuple[str, int]]:
    """Yield the number of columns that inner parts read of unchecked rows, with what reads them."""
    if (tree := getattr(part, "tree_", None)) is not None and hasattr(tree, "n_features"):
        yield "tree_", int(tree.n_features)
        features = tree.feature[tree.children_left != -1]
        if features.size and features.max() >= tree.n_features:
            yield "tree_", int(features.max()) + 1
    if type(part).__module__ in {"sklearn.ensemble._forest", "sklearn.ensemble._gb"} and hasattr(part, "estimators_"):
        for each in np.ravel(part.estimators_).tolist():
            if not isinstance(each.tree_, Tree):
                raise _refusal(part, "a tree of it is none")
            yield "a tree", int(each.tree_.n_features)
    if predictors := getattr(part, "_predictors", None):
        yield "a histogram", int(np.size(part._bin_mapper.is_categorical_))
        for nodes in (predictor.nodes for row in predictors for predictor in row):
            columns = nodes["feature_idx"][nodes["is_leaf"] == 0]
            if columns.size and columns.max() >= part.n_features_in_:
                yield "a tree", int(columns.max()) + 1
    yield from _widths_of_centers(part)


def _widths_of_centers(part: Any) -> Iterator[tuple[str, int]]:
    if isinstance(centers := getattr(part, "cluster_centers_", None), np.ndarray) and centers.ndim == 2:
        yield "cluster_centers_", centers.shape[1]
    for node in _bisecting_nodes(getattr(part, "_bisecting_tree", None)):
        if (center := getattr(node, "center", None)) is not None:
            yield "a centre", int(np.shape(center)[-1])


def _sizes(part: Any) -> Iterator[tuple[str, bool]]:
    """Yield pairs: what would disagree, as a clause, and whether it agrees."""
    name = type(part).__name__
    if name.startswith("GradientBoosting") and hasattr(part, "estimators_"):
        yield "estimators_ answers more than there is room for", has_room(part)
        part.estimators_ = part.estimators_.copy()  # compiled code takes only a writable array
    elif name in {"SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"} and hasattr(part, "support_"):
        guard_kernel(part)
    elif name == "OneVsRestClassifier" and hasattr(part, "estimators_"):
        guard_voters(part)
    elif name == "IsolationForest" and hasattr(part, "estimators_"):
        yield "a tree reads other columns than it is given", _are_subsets(part)
    elif name.startswith("HistGradientBoosting") and getattr(part, "_predictors", None):
        yield "a tree takes a number for a category", _are_categories_known(part)
        yield "_preprocessor gives other columns", _is_as_wide(part)
    elif name == "OneHotEncoder" and hasattr(part, "categories_"):
        yield "its columns are not those of its categories", _are_columns_counted(part)


def _bisecting_nodes(root: Any) -> Iterator[Any]:
    ids: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is not None and id(node) not in ids:
            ids.add(id(node))
            yield node
            waiting += [getattr(node, "left", None), getattr(node, "right", None)]


def _are_subsets(forest: Any) -> bool:
    """Whether each tree of an isolation forest reads as many columns as it is given: its own, or all."""
    width = getattr(forest, "n_features_in_", None)
    has_all_columns = forest._max_features == width
    pairs = zip(forest.estimators_, forest.estimators_features_, strict=True)
    return width is not None and all(
        tree.tree_.n_features == (width if has_all_columns else np.size(columns)) for tree, columns in pairs
    )


def _are_categories_known(model: Any) -> bool:
    known = np.asarray(model._bin_mapper.is_categorical_) != 0
    nodes = [predictor.nodes for row in model._predictors for predictor in row]
    return all(
        known[each["feature_idx"][(each["is_leaf"] == 0) & (each["is_categorical"] != 0)]].all() for each in nodes
    )


def _is_as_wide(model: Any) -> bool:
    """Whether the preprocessor gives as many columns as it takes. It encodes categories, and hands on the others."""
    preprocessor = getattr(model, "_preprocessor", None)
    if preprocessor is None:
        return True
    if type(preprocessor) is not ColumnTransformer:
        return False
    width = 0
    for _, step, columns in preprocessor.transformers_:
        if not isinstance(step, str):
            checks = getattr(getattr(step, "func", None), "func", None)
            if type(step) is not OrdinalEncoder and getattr(checks, "__name__", "") != "check_array":
                return False
        if step != "drop":
            width += len(_get_column_indices(np.empty((0, model.n_features_in_)), columns))
    return bool(width == model.n_features_in_)


def _are_columns_counted(encoder: Any) -> bool:
    """Whether each category, or the group of rare ones that holds it, has a column in the answer."""
    dropped, grouped = encoder._drop_idx_after_grouping, encoder._infrequent_enabled
    counts = list(encoder._n_features_outs)
    try:
        if counts != encoder._compute_n_features_outs():
            return False
        rare = encoder._infrequent_indices if grouped else [None] * len(counts)
        mappings = encoder._default_to_infrequent_mappings if grouped else rare
    except AttributeError:
        return False
    room = [count + (dropped is not None and dropped[number] is not None) for number, count in enumerate(counts)]
    return all(
        (group is None) == (mapping is None) and (mapping is None or (np.min(mapping) >= 0 and np.max(mapping) < most))
        for group, mapping, most in zip(rare, mappings, room, strict=True)
    )
