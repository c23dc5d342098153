# ruff: noqa: SLF001  (what is looked through is private to scikit-learn)
"""What gradient boosting begins with. Compiled code adds the trees to it: it must have a row for each row, and a column for each tree.

Source: `predict_stages` of sklearn/ensemble/_gradient_boosting.pyx, which looks at neither.
"""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from modelway_server.runtimes.pickle.whole_answers import WholeAnswers

_DUMMIES = (DummyClassifier, DummyRegressor)


def has_room(boosting: Any) -> bool:
    """Whether the trees of a step have as many columns to add to as there are of them.

    A model that boosting begins with and that is none of scikit-learn's constants is made to hold to that itself.

    Raises:
        Exception: what boosting has is of another kind than scikit-learn keeps there.
    """
    answers, first = boosting.estimators_.shape[1], boosting.init_
    if isinstance(first, str):
        return (
            isinstance(boosting.n_trees_per_iteration_, int | np.integer) and boosting.n_trees_per_iteration_ == answers
        )
    if not _is_whole_loss(boosting._loss) or (answers > 1 and not boosting._loss.is_multiclass):
        return False
    if type(first) not in _DUMMIES:
        if not isinstance(first, WholeAnswers):
            boosting.init_ = WholeAnswers(first, max(answers, 2))
        return bool(answers > 1 or not boosting._loss.is_multiclass)
    if first.n_outputs_ != 1:
        return False
    if isinstance(first, DummyRegressor):
        return bool(answers == 1 == np.size(first.constant_))
    columns = {np.size(held) for held in (first.classes_, getattr(first, "class_prior_", first.classes_))}
    columns.add(int(first.n_classes_))
    return columns == {answers if answers > 1 else 2}


def _is_whole_loss(loss: Any) -> bool:
    """Whether a loss and its link are scikit-learn's, which keep the shape of what they are given."""
    kinds = (type(loss).__module__, type(loss.link).__module__)
    return kinds == ("sklearn._loss.loss", "sklearn._loss.link")
