"""The models that are served, and rows to ask them about."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOREST, LINEAR = "forest", "linear"
FEATURES = 30
POSITIVE = 0.02
"""The share of rows of the rare class, as with fraud."""
DECIMALS = 6
"""Rows are rounded, so that text carries the same numbers as binary tensors do."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """One model as a file.

    Attributes:
        path: saved by joblib.
        rows: float64 (rows, FEATURES), none of which it was trained on.
        expected: what scikit-learn's predict_proba says of them.
    """

    path: Path
    rows: Array
    expected: Array


def train(folder: Path, *, trees: int = 100, rows: int = 20_000, question_rows: int = 1000) -> Mapping[str, Trained]:
    """A random forest, and a logistic regression of scaled columns, with so many rows to ask them about."""
    values, labels = make_classification(
        rows + question_rows, FEATURES, n_informative=12, weights=[1 - POSITIVE], random_state=0
    )
    values = np.round(values, DECIMALS)
    forest = RandomForestClassifier(trees, random_state=0, n_jobs=-1).fit(values[:rows], labels[:rows])
    forest.n_jobs = None  # a peer that leaves -1 as it is answers one row four times as slowly
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(values[:rows], labels[:rows])
    return {name: _save(model, folder / name, values[rows:]) for name, model in ((FOREST, forest), (LINEAR, linear))}


def _save(model: Any, folder: Path, rows: Array) -> Trained:
    folder.mkdir(parents=True)
    path = folder / "model.joblib"
    joblib.dump(model, path)
    return Trained(path, rows, model.predict_proba(rows))
