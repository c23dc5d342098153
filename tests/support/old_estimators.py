"""Run by a Python with an older scikit-learn: every estimator it has, fitted, saved, and with its answers.

`python old_estimators.py FOLDER` writes a joblib file each and `answers.pkl`: by name, the rows and what each method gave.
It imports nothing of this project, and runs on every Python since 3.9.
"""

import inspect
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.utils import all_estimators

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
VARIANTS: "dict[str, list[dict[str, Any]]]" = {
    "LogisticRegression": [
        {"multi_class": "ovr"},
        {"multi_class": "multinomial"},
        {"solver": "liblinear"},
        {"solver": "newton-cholesky"},
    ],
    "AdaBoostClassifier": [{"algorithm": "SAMME"}, {"algorithm": "SAMME.R"}],
    "SVC": [{"probability": True}],
    "PCA": [{"whiten": True}],
    "LinearDiscriminantAnalysis": [{"solver": "lsqr"}],
    "OneHotEncoder": [{"handle_unknown": "ignore"}],
    "QuantileTransformer": [{"output_distribution": "normal"}],
}
"""Parameters beside the defaults; those that a version does not know are left out."""


def main(folder: Path) -> None:
    """Save what can be fitted."""
    warnings.simplefilter("ignore")
    answers = {}
    for name, kind in all_estimators():
        for index, parameters in enumerate([{}, *VARIANTS.get(name, [])]):
            for target, (rows, labels) in _tables().items():
                called = f"{name}-{index}-{target}"
                given = _answers(kind, parameters, rows, labels, folder / f"{called}.joblib")
                if given:
                    answers[called] = (rows[::7], given)
    (folder / "answers.pkl").write_bytes(pickle.dumps(answers, protocol=4))


def _tables() -> "dict[str, tuple[Any, Any]]":
    random = np.random.default_rng(0)
    rows, labels = load_iris(return_X_y=True)
    square = random.normal(size=(60, 3))
    return {
        "several": (rows, labels),
        "binary": (rows[:100], labels[:100]),
        "number": (rows, rows[:, 0] * 2 + labels),
        "square": (square, random.normal(size=(60, 3))),
    }


def _answers(kind: Any, parameters: "dict[str, Any]", rows: Any, labels: Any, path: Path) -> "dict[str, Any]":
    try:
        estimator = kind(**{**_needed(kind), **parameters}).fit(rows, labels)
    except Exception:  # noqa: BLE001  (not for this table, or not in this version)
        return {}
    given = {}
    for method in METHODS:
        try:
            result = getattr(estimator, method)(rows[::7].copy())
            given[method] = np.asarray(result.toarray() if hasattr(result, "toarray") else result)
        except Exception:  # noqa: BLE001  (it has no such method)
            continue
    if given:
        joblib.dump(estimator, path)
    return given


def _needed(kind: Any) -> "dict[str, Any]":
    """Members for what is made of others, and a seed for what draws."""
    simple = LogisticRegression(max_iter=500)
    offered = {
        "estimator": simple,
        "base_estimator": simple,
        "estimators": [("a", simple), ("b", LogisticRegression(C=0.1, max_iter=500))],
        "param_grid": {"C": [1.0, 2.0]},
        "param_distributions": {"C": [1.0, 2.0]},
    }
    parameters = inspect.signature(kind).parameters
    needed = {
        name: value
        for name, value in offered.items()
        if name in parameters and parameters[name].default is inspect.Parameter.empty
    }
    return {**needed, "random_state": 0} if "random_state" in parameters else needed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
