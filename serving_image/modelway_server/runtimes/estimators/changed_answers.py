"""Refuse estimators of an older scikit-learn whose answers are known to differ in this one."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from modelway_server.runtimes.estimators.sub_estimators import sub_estimators
from modelway_server.runtimes.versions import differs, version_mismatch

Version = tuple[int, ...]


def check_answers(estimator: Any, saved: Mapping[str, str]) -> None:
    """Refuse a model whose answers are known to be others in the version that is here.

    Args:
        estimator: the model.
        saved: the versions that saved it, by package.

    Raises:
        RuntimeVersionMismatch: one of its parts answers otherwise.
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
    """`multi_class` went in 1.8: several classes are softmax, two are one logistic function."""
    chosen, solver, classes = state.get("multi_class"), state.get("solver"), len(state.get("classes_", ()))
    alone = solver == "liblinear" or (solver == "newton-cholesky" and version < (1, 6))
    if classes > 2 and (chosen == "ovr" or (chosen in {"auto", "deprecated"} and alone)):
        return f"its probabilities are those of one classifier a class (multi_class={chosen!r}, solver={solver!r})"
    if classes == 2 and chosen == "multinomial":
        return "its probabilities are those of multi_class='multinomial'"
    return None


def _boosted(state: Mapping[str, Any], _: Version) -> str | None:
    """`SAMME.R` went in 1.8."""
    return "it was trained with algorithm='SAMME.R'" if state.get("algorithm") == "SAMME.R" else None


def _boosted_from(state: Mapping[str, Any], version: Version) -> str | None:
    """Probabilities to begin with were kept 1e-7 from 0 and 1; since 1.8 they are kept 2e-16 from them."""
    first = state.get("init_")
    constant = first is None or isinstance(first, str) or type(first).__name__ == "DummyClassifier"
    return None if constant or version >= (1, 8) else "it begins with probabilities of a model, which were clipped"


def _tree(state: Mapping[str, Any], _: Version) -> str | None:
    """A leaf held counts of rows, which predict_proba divided; today it holds shares, which are the answer."""
    tree = state.get("tree_")
    shares = tree is None or np.allclose(tree.value[0].sum(axis=-1), 1.0)
    return None if shares else "its leaves hold counts of rows, not shares of them"


def _least_squares(state: Mapping[str, Any], _: Version) -> str | None:
    """The coefficients were those of scaled columns; today they are those of the columns as they are."""
    if not {"x_rotations_", "y_loadings_", "_y_std", "_x_std", "coef_"} <= state.keys():
        return None  # nor does it answer
    scaled = np.dot(state["x_rotations_"], state["y_loadings_"].T) * state["_y_std"]
    today = np.shape(state["coef_"]) == scaled.T.shape and np.allclose(state["coef_"], scaled.T / state["_x_std"])
    return None if today else "its coefficients are those of scaled columns"


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal() and len(part) < 10)


_CHANGES: Mapping[str, Callable[[Mapping[str, Any], Version], str | None]] = {
    "LogisticRegression": _logistic,
    "AdaBoostClassifier": _boosted,
    "DecisionTreeClassifier": _tree,
    "GradientBoostingClassifier": _boosted_from,
    "_PLS": _least_squares,
}
"""By class: what is known of it, by its state and the version that saved it."""
