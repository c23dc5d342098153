"""Check the answers of members each time, because compiled code takes their length for granted.

Gradient boosting adds trees to the answers of its initial model. One-vs-rest makes a sparse matrix of its members' answers.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import LinearClassifierMixin


class WholeAnswers(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model that raises unless its answers have one row for each row of the input.

    Attributes:
        estimator: the model itself.
        columns: the number of columns of its probabilities.
    """

    def __init__(self, estimator: Any, columns: int) -> None:
        self.estimator, self.columns = estimator, columns

    def __getattr__(self, name: str) -> Any:
        """Return another attribute of the model. The answers of `decision_function` are checked."""
        if name == "estimator":  # not set yet
            raise AttributeError(name)
        attribute = getattr(self.estimator, name)
        if name == "decision_function":
            return lambda rows: _check_whole(rows, attribute(rows), 1)
        return attribute

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the attribute on the model."""
        if name in {"estimator", "columns"}:
            super().__setattr__(name, value)
        else:
            setattr(self.estimator, name, value)

    def __sklearn_tags__(self) -> Any:
        """Return the model's own tags."""
        return self.estimator.__sklearn_tags__()

    def predict(self, X: Any) -> Any:  # noqa: N803  (scikit-learn's name)
        """Answer as the model does.

        Raises:
            ValueError: the model gives another number of rows or columns.
        """
        return _check_whole(X, self.estimator.predict(X), 1)

    def predict_proba(self, X: Any) -> Any:  # noqa: N803  (scikit-learn's name)
        """Answer as the model does; see `predict`."""
        return _check_whole(X, self.estimator.predict_proba(X), self.columns)


class WholeKernel:
    """A kernel that raises unless it gives one column for each training row of the machine.

    Attributes:
        kernel: the function itself.
        count: the number of training rows. Compiled code finds support vectors among the columns by number.
    """

    def __init__(self, kernel: Any, count: int) -> None:
        self.kernel, self.count = kernel, count

    def __call__(self, rows: Any, others: Any) -> Any:
        """Answer as the kernel does.

        Raises:
            ValueError: the kernel gives another number of rows or columns.
        """
        attribute = self.kernel(rows, others)
        if np.shape(attribute) != (rows.shape[0], self.count):
            raise ValueError(
                f"the kernel gives the shape {np.shape(attribute)} for {rows.shape[0]} rows and {self.count}"
            )
        return attribute


def guard_kernel(machine: Any) -> None:
    """Wrap the kernel of a machine, if it is a function of its own, so that its answers are checked."""
    if callable(machine.kernel) and not isinstance(machine.kernel, WholeKernel):
        machine.kernel = WholeKernel(machine.kernel, int(machine.shape_fit_[0]))


def guard_voters(voting: Any) -> None:
    """Wrap the members of a one-vs-rest classifier so that their answers are checked.

    A classifier that takes the best of several classes needs no check. Nor does a member with one row of coefficients.
    """
    if voting.label_binarizer_.y_type_ == "multiclass":
        return
    voting.estimators_ = [
        each if isinstance(each, WholeAnswers) or _is_single(each) else WholeAnswers(each, 2)
        for each in voting.estimators_
    ]


def _is_single(member: Any) -> bool:
    """Whether a member is a linear classifier of scikit-learn that answers one number for each row."""
    if not isinstance(member, LinearClassifierMixin) or not type(member).__module__.startswith("sklearn."):
        return False
    return np.ndim(member.coef_) == 2 and np.shape(member.coef_)[0] == 1 == np.size(member.intercept_)


def _check_whole(rows: Any, answers: Any, columns: int) -> Any:
    answers = np.asarray(answers)
    count = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    if answers.shape not in {(count, columns), (count,) if columns == 1 else ()}:
        raise ValueError(f"a member of the model gives answers of the shape {answers.shape} for {count} rows")
    return answers
