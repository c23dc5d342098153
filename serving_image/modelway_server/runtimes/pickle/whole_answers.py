"""Members whose answers compiled code takes for as long as the rows: they are looked at each time.

Gradient boosting adds trees to what it begins with, and one-vs-rest makes a sparse matrix out of its members' answers.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import LinearClassifierMixin


class WholeAnswers(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model as it is, but that its answers have a row for each row that it is asked; else it raises.

    Attributes:
        estimator: the model itself.
        columns: of its probabilities.
    """

    def __init__(self, estimator: Any, columns: int) -> None:
        self.estimator, self.columns = estimator, columns

    def __getattr__(self, name: str) -> Any:
        """What else the model has; what it answers is looked at."""
        if name == "estimator":  # not set yet
            raise AttributeError(name)
        found = getattr(self.estimator, name)
        if name == "decision_function":
            return lambda rows: _whole(rows, found(rows), 1)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        """What is set is the model's, too."""
        if name in {"estimator", "columns"}:
            super().__setattr__(name, value)
        else:
            setattr(self.estimator, name, value)

    def __sklearn_tags__(self) -> Any:
        """The model's own."""
        return self.estimator.__sklearn_tags__()

    def predict(self, X: Any) -> Any:  # noqa: N803  (scikit-learn's name)
        """As the model's own.

        Raises:
            ValueError: it gives another number of rows or columns.
        """
        return _whole(X, self.estimator.predict(X), 1)

    def predict_proba(self, X: Any) -> Any:  # noqa: N803  (scikit-learn's name)
        """As `predict`."""
        return _whole(X, self.estimator.predict_proba(X), self.columns)


class WholeKernel:
    """A kernel as it is, but that it gives a column for each row that the machine was trained on; else it raises.

    Attributes:
        kernel: the function itself.
        count: of those rows. Compiled code finds support vectors among the columns by their numbers.
    """

    def __init__(self, kernel: Any, count: int) -> None:
        self.kernel, self.count = kernel, count

    def __call__(self, rows: Any, others: Any) -> Any:
        """As the kernel's own.

        Raises:
            ValueError: it gives another number of rows or columns.
        """
        found = self.kernel(rows, others)
        if np.shape(found) != (rows.shape[0], self.count):
            raise ValueError(f"the kernel gives the shape {np.shape(found)} for {rows.shape[0]} rows and {self.count}")
        return found


def guard_kernel(machine: Any) -> None:
    """Have the answers of a machine's own kernel looked at."""
    if callable(machine.kernel) and not isinstance(machine.kernel, WholeKernel):
        machine.kernel = WholeKernel(machine.kernel, int(machine.shape_fit_[0]))


def guard_voters(voting: Any) -> None:
    """Have the members of a one-vs-rest classifier looked at, where it does not take the best of several classes.

    Those that hold one row of coefficients need no look.
    """
    if voting.label_binarizer_.y_type_ == "multiclass":
        return
    voting.estimators_ = [
        each if isinstance(each, WholeAnswers) or _is_single(each) else WholeAnswers(each, 2)
        for each in voting.estimators_
    ]


def _is_single(member: Any) -> bool:
    """Whether a member is one of scikit-learn's linear classifiers, whose answer is one number a row."""
    if not isinstance(member, LinearClassifierMixin) or not type(member).__module__.startswith("sklearn."):
        return False
    return np.ndim(member.coef_) == 2 and np.shape(member.coef_)[0] == 1 == np.size(member.intercept_)


def _whole(rows: Any, answers: Any, columns: int) -> Any:
    answers = np.asarray(answers)
    count = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    if answers.shape not in {(count, columns), (count,) if columns == 1 else ()}:
        raise ValueError(f"a member of the model gives answers of the shape {answers.shape} for {count} rows")
    return answers
