"""Check that support vector machines agree with themselves, because libsvm derives the size of one array from another.

Source: sklearn/svm/_libsvm.pyx and sklearn/svm/src/libsvm/libsvm_helper.c.
"""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from modelway_server.runtimes.file_checks.clauses import State, hold, within


def machine(state: State) -> None:
    """Check the arrays of libsvm: as many coefficients, intercepts and counts as vectors and classes."""
    if "support_" not in state:
        return
    hold("_impl" not in state, "it is said to be another machine")
    support, vectors, dual = state["support_"], state["support_vectors_"], state["_dual_coef_"]
    count = len(support)
    within(support, int(state["shape_fit_"][0]), "support_")
    is_computed = state.get("kernel") == "precomputed" or not isinstance(state.get("kernel"), str)
    hold(is_computed or vectors.shape == (count, state["shape_fit_"][1]), "support_vectors_ is of another shape")
    classes = state.get("classes_")
    _counts(np.asarray(state["_n_support"]), count, None if classes is None else len(classes))
    class_count = 2 if classes is None else len(classes)
    hold(dual.shape == (class_count - 1, count), "dual_coef_ is of another shape")
    hold(not issparse(dual) or len(dual.data) == (class_count - 1) * count, "dual_coef_ leaves coefficients out")
    pairs = class_count * (class_count - 1) // 2
    hold(len(state["_intercept_"]) == pairs, "intercept_ is of another length")
    _probabilities(state, pairs, has_classes=classes is not None)


def _counts(counts: Any, count: int, classes: int | None) -> None:
    """Check the number of vectors of each class. A machine without classes has two numbers, and uses the first."""
    hold(counts.shape == (2 if classes is None else classes,), "n_support_ is of another length")
    hold(np.all(counts >= 0), "n_support_ is negative")
    hold(int(counts[0] if classes is None else counts.sum()) == count, "n_support_ has another sum")


def _probabilities(state: State, pairs: int, *, has_classes: bool) -> None:
    """Check the sigmoids behind the probabilities: one for each pair of classes, or none."""
    flags = [state[key] for key in ("probability", "_effective_probability") if key in state]
    hold(all(isinstance(each, bool | np.bool_) or each == "deprecated" for each in flags), "probability is no truth")
    lengths = {len(state.get(name, ())) for name in ("_probA", "_probB")}
    needed = any(each is True or each == np.True_ for each in flags)
    hold(lengths == {pairs} if needed else lengths <= {0, pairs}, "probA_ is of another length")
    hold(has_classes or not needed, "it has probabilities without classes")
