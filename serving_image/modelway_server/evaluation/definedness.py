"""Rows for which a score is not defined, although scikit-learn gives 0 or 1 there."""

import numpy as np

from modelway_server.contract.names import enumerate_names
from modelway_server.evaluation.influence import Part
from modelway_server.evaluation.scorers import Score

_OF_ONE_CLASS = frozenset({"average_precision", "f1", "jaccard", "precision", "recall"})
"""Without a row of the positive class these are 0, however good the model is."""
_EXPLAIN = ("r2", "d2_", "explained_variance")
"""What the names of shares of variance begin with: where nothing varies, there is nothing to explain."""
_OF_SEVERAL_CLASSES = frozenset(
    {
        "adjusted_mutual_info_score",
        "adjusted_rand_score",
        "balanced_accuracy",
        "completeness_score",
        "fowlkes_mallows_score",
        "homogeneity_score",
        "matthews_corrcoef",
        "mutual_info_score",
        "normalized_mutual_info_score",
        "rand_score",
        "v_measure_score",
    }
)
"""On rows of one class these are 0 or 1, whatever the model knows of the others."""


def why_undefined(score: Score, part: Part) -> str | None:
    """Why a score says nothing about the model on these rows; None where it does.

    Args:
        score: of one model.
        part: the rows.
    """
    if score.target.ndim > 1:
        return None
    present = np.unique(score.target[part.rows])
    if score.name in _OF_ONE_CLASS and score.positive not in present.tolist() and len(present) <= 2:
        return f"no row has the target {score.positive}, which is the positive class"
    is_macro = score.name.endswith("_macro")
    takes_several = is_macro or score.name in _OF_SEVERAL_CLASSES or score.name.startswith(_EXPLAIN)
    if takes_several and len(present) == 1:
        return f"its {len(part.rows):,} rows have 1 different value of the target"
    return _why_macro_undefined(score, part) if is_macro and score.by_labels else None


def _why_macro_undefined(score: Score, part: Part) -> str | None:
    """A class that the model answers and no row has counts 0, even if the model knows it well."""
    response = score.response(part.rows)
    if response.ndim > 1:
        return None
    lacking = np.setdiff1d(response, score.target[part.rows])
    return (
        f"the model answers {enumerate_names(map(str, lacking.tolist()))}, which no row has as target"
        if len(lacking)
        else None
    )
