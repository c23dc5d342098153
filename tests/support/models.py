"""Small trained models, and models that misbehave, for tests of the server. A server process can import this module."""

import ctypes
import gc
import os
import signal
import tempfile
import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

WINE, WINE_KINDS = load_wine(return_X_y=True)
TEXTS = ["good wine", "bad wine", "very good", "very bad"] * 5
APPLICANTS = pd.DataFrame(
    {
        "age": [20.0, 31.0, np.nan, 50.0] * 10,
        "city": ["Rome", "Oslo", None, "Bern"] * 10,
        "member": ["yes", "no", "yes", "no"] * 10,
        "note": ["not used"] * 40,
    }
)
APPROVED = np.array(["no", "yes", "no", "yes"] * 10)


def wine_forest() -> RandomForestClassifier:
    """Three classes of 13 numbers; saved with n_jobs=-1, as people do."""
    return RandomForestClassifier(20, n_jobs=-1, random_state=0).fit(WINE, WINE_KINDS)


def mixed_pipeline() -> Pipeline:
    """Labels that are strings, of: a number and a string that may be missing, a string of known categories, one unused."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            (
                "cities",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                ["city"],
            ),
            ("members", OneHotEncoder(), ["member"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(APPLICANTS, APPROVED)


def text_pipeline() -> Pipeline:
    """Rows are bare strings."""
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 1, 0] * 5)


def hoard() -> None:
    """Take a GiB of memory, and hold it until the process is ended for it."""
    ballast = b"x" * (1 << 30)
    time.sleep(60)
    del ballast


class Told(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Does what the first number of a request's first row says: sleep so many seconds, die of -666, hoard memory at -999, or fail below 0."""

    def fit(self, _rows: Any = None, _: Any = None) -> "Told":
        self.n_features_in_ = 1
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, rows: Any) -> Any:
        order = float(rows[0, 0])
        if order == -666:
            os.kill(os.getpid(), signal.SIGKILL)
        if order == -999:
            hoard()
        if order < 0:
            raise RuntimeError("told to fail")
        time.sleep(order)
        return np.zeros(len(rows), dtype=int)


class Forked(BaseEstimator):  # type: ignore[misc]  # as above
    """Answers with the process that asked it first, and how many objects the garbage collector was spared then and now."""

    n_features_in_ = 1

    def predict(self, rows: Any) -> Any:
        if not hasattr(self, "first_"):
            self.first_ = (os.getpid(), gc.get_freeze_count())
        return np.tile([*self.first_, gc.get_freeze_count()], (len(rows), 1))


class Stubborn(BaseEstimator):  # type: ignore[misc]  # as above
    """Misbehaves while it is loaded: `deed` is the exception it raises, or how many seconds it sleeps."""

    def __init__(self, deed: Any = 0.0) -> None:
        self.deed = deed

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["deed"], Exception):
            raise state["deed"]
        time.sleep(state["deed"])
        super().__setstate__(state)


class Hungry(BaseEstimator):  # type: ignore[misc]  # as above
    """Needs more memory than a pod may use, while it is loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        hoard()


class Littering(BaseEstimator):  # type: ignore[misc]  # as above
    """Fills the pod's folder for temporary files, while it is loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        with tempfile.NamedTemporaryFile() as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
            time.sleep(60)


class Absorbed(BaseEstimator):  # type: ignore[misc]  # as above
    """Is stuck in native code that never lets another thread run, while it is loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        ctypes.PyDLL(None).sleep(600)  # unlike CDLL, this keeps the interpreter


class Crashing(BaseEstimator):  # type: ignore[misc]  # as above
    """Reads what is not there, in native code, while it is loaded: a segmentation fault."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        ctypes.string_at(0)


class Broken(BaseEstimator):  # type: ignore[misc]  # as above
    """Loads, and fails on every row."""

    n_features_in_ = 2

    def predict(self, _: Any) -> Any:
        raise RuntimeError("there is no prediction in me")


class Boastful(BaseEstimator):  # type: ignore[misc]  # as above
    """Says of itself that it is perfect, whenever it is asked."""

    n_features_in_ = 2

    def predict(self, rows: Any) -> Any:
        os.write(1, b'{"reason": "I am perfect"}\n')
        return np.zeros(len(rows))


class Spying(BaseEstimator):  # type: ignore[misc]  # as above
    """Answers 1 where it finds the right answers of its evaluation: in a file, or in the memory of its process."""

    n_features_in_ = 13

    def __init__(self, file: str = "") -> None:
        self.file = file

    def predict(self, rows: Any) -> Any:
        held = [one for one in gc.get_objects() if type(one).__name__ == "Dataset" and len(one.target)]
        return np.full(len(rows), int(bool(held) or _opens(self.file)))


def _opens(file: str) -> bool:
    try:
        with open(file, "rb"):  # noqa: PTH123  (a model's code is not ours)
            return True
    except OSError:
        return False
