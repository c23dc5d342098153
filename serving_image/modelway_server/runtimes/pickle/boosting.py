# ruff: noqa: SLF001  (the checked attributes are private to scikit-learn)
"""Check the initial answers of gradient boosting, to which compiled code adds the trees.

They must have a row for each row of the input, and a column for each tree of a step. Source: `predict_stages` of
sklearn/ensemble/_gradient_boosting.pyx, which checks neither.
"""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from modelway_server.runtimes.pickle.whole_answers import WholeAnswers

_DUMMIES = (DummyClassifier, DummyRegressor)


def has_room(boosting: Any) -> bool:
    """Whether the initial answers have a column for each tree of a step.

    If the initial model is not one of scikit-learn's constants, it is wrapped so that its answers are checked each time.

    Raises:
        Exception: an attribute is of another kind than scikit-learn keeps there.
    """
    tree_columns, initial = boosting.estimators_.shape[1], boosting.init_
    if isinstance(initial, str):
        return (
            isinstance(boosting.n_trees_per_iteration_, int | np.integer)
            and boosting.n_trees_per_iteration_ == tree_columns
        )
    if not _is_whole_loss(boosting._loss) or (tree_columns > 1 and not boosting._loss.is_multiclass):
        return False
    if type(initial) not in _DUMMIES:
        if not isinstance(initial, WholeAnswers):
            boosting.init_ = WholeAnswers(initial, max(tree_columns, 2))
        return bool(tree_columns > 1 or not boosting._loss.is_multiclass)
    if initial.n_outputs_ != 1:
        return False
    if isinstance(initial, DummyRegressor):
        return bool(tree_columns == 1 == np.size(initial.constant_))
    columns = {np.size(values) for values in (initial.classes_, getattr(initial, "class_prior_", initial.classes_))}
    columns.add(int(initial.n_classes_))
    return columns == {tree_columns if tree_columns > 1 else 2}


def _is_whole_loss(loss: Any) -> bool:
    """Whether a loss and its link are scikit-learn's own, which keep the shape of their arguments."""
    kinds = (type(loss).__module__, type(loss.link).__module__)
    return kinds == ("sklearn._loss.loss", "sklearn._loss.link")
