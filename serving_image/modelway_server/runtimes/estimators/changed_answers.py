"""Refuse estimators of an older scikit-learn whose answers are known to differ in this version."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from modelway_server.runtimes.estimators.sub_estimators import sub_estimators
from modelway_server.runtimes.versions import differs, version_mismatch

Version = tuple[int, ...]


def check_answers(estimator: Any, saved: Mapping[str, str]) -> None:
    """Refuse a model whose answers are known to differ in the installed version.

    Args:
        estimator: the model.
        saved: the versions that saved it, by package.

    Raises:
        RuntimeVersionMismatch: a part would give other answers.
    """
    version = saved.get("sklearn")
    if version is None or not differs(version):
        return
    for part in sub_estimators(estimator):
        if (change := _change(part, _numbers(version))) is not None:
            raise version_mismatch(version, f"{type(part).__name__} would give other answers: {change}")


def _change(part: Any, version: Version) -> str | None:
    kinds = [kind.__name__ for kind in type(part).__mro__ if kind.__module__.startswith("sklearn.")]
    return next(
        (change for kind in kinds if kind in _CHANGES and (change := _CHANGES[kind](vars(part), version))), None
    )


def _logistic(state: Mapping[str, Any], version: Version) -> str | None:
    """1.8 removed `multi_class`: several classes use softmax, and two use one logistic function."""
    multi_class, solver, classes = state.get("multi_class"), state.get("solver"), len(state.get("classes_", ()))
    is_one_vs_rest = solver == "liblinear" or (solver == "newton-cholesky" and version < (1, 6))
    if classes > 2 and (multi_class == "ovr" or (multi_class in {"auto", "deprecated"} and is_one_vs_rest)):
        return f"its probabilities are those of one classifier a class (multi_class={multi_class!r}, solver={solver!r})"
    if classes == 2 and multi_class == "multinomial":
        return "its probabilities are those of multi_class='multinomial'"
    return None


def _ada_boost(state: Mapping[str, Any], _: Version) -> str | None:
    """1.8 removed `SAMME.R`."""
    return "it was trained with algorithm='SAMME.R'" if state.get("algorithm") == "SAMME.R" else None


def _gradient_boosting(state: Mapping[str, Any], version: Version) -> str | None:
    """Initial probabilities were clipped 1e-7 from 0 and 1; since 1.8 they are clipped 2e-16 from them."""
    first = state.get("init_")
    constant = first is None or isinstance(first, str) or type(first).__name__ == "DummyClassifier"
    return None if constant or version >= (1, 8) else "it begins with probabilities of a model, which were clipped"


def _tree(state: Mapping[str, Any], _: Version) -> str | None:
    """A leaf held counts of rows, which predict_proba divided. Today it holds shares, which are the answer."""
    tree = state.get("tree_")
    holds_shares = tree is None or np.allclose(tree.value[0].sum(axis=-1), 1.0)
    return None if holds_shares else "its leaves hold counts of rows, not shares of them"


def _least_squares(state: Mapping[str, Any], _: Version) -> str | None:
    """The coefficients were for scaled columns; today they are for the columns as they are."""
    if not {"x_rotations_", "y_loadings_", "_y_std", "_x_std", "coef_"} <= state.keys():
        return None  # without them it does not answer either
    scaled = np.dot(state["x_rotations_"], state["y_loadings_"].T) * state["_y_std"]
    is_unscaled = np.shape(state["coef_"]) == scaled.T.shape and np.allclose(state["coef_"], scaled.T / state["_x_std"])
    return None if is_unscaled else "its coefficients are those of scaled columns"


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal() and len(part) < 10)


_CHANGES: Mapping[str, Callable[[Mapping[str, Any], Version], str | None]] = {
    "LogisticRegression": _logistic,
    "AdaBoostClassifier": _ada_boost,
    "DecisionTreeClassifier": _tree,
    "GradientBoostingClassifier": _gradient_boosting,
    "_PLS": _least_squares,
}
"""Functions by class that say how its answers changed, from its state and the version that saved it."""
