"""Run by a Python with an older scikit-learn: every estimator it has, fitted, saved, and with its answers.

`python old_estimators.py FOLDER` writes a file each, by joblib or by pickle in turn, and `answers.pkl`: by name, the rows
and what each method gave. It imports nothing of this project, and runs on every Python since 3.9.
"""

import copy
import inspect
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401  (they list more)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
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
    "ColumnTransformer": [{"remainder": "passthrough"}],
    "GradientBoostingClassifier": [{"init": "zero"}, {"init": LogisticRegression(max_iter=500)}],
    "HistGradientBoostingClassifier": [{"categorical_features": [0]}],
    "KNeighborsClassifier": [{"algorithm": "kd_tree"}, {"algorithm": "ball_tree", "metric": "seuclidean"}],
    "LocalOutlierFactor": [{"novelty": True}],
    "MLPClassifier": [{"solver": "lbfgs"}],
    "SGDClassifier": [{"loss": "log_loss"}, {"loss": "modified_huber"}, {"loss": "squared_hinge"}],
    "SimpleImputer": [{"add_indicator": True}],
    "SplineTransformer": [{"extrapolation": "periodic"}],
    "StackingClassifier": [{"stack_method": "predict"}],
    "VotingClassifier": [{"voting": "soft"}],
}
"""Parameters beside the defaults; those that a version does not know are left out."""


FORMS = ("joblib", "2.pkl", "4.pkl", "5.pkl")
"""By joblib, or by pickle in one of its protocols."""


def main(folder: Path) -> None:
    """Save what can be fitted."""
    warnings.simplefilter("ignore")
    answers: dict[str, Any] = {}
    for name, kind in all_estimators():
        for index, parameters in enumerate([{}, *VARIANTS.get(name, [])]):
            for target, (rows, labels) in _tables().items():
                file = f"{name}-{index}-{target}.{FORMS[len(answers) % len(FORMS)]}"
                answer_by_method = _answers(kind, parameters, rows, labels, folder / file)
                if answer_by_method:
                    answers[file] = (rows[::7], answer_by_method)
    (folder / "answers.pkl").write_bytes(pickle.dumps(answers, protocol=4))


def _tables() -> "dict[str, tuple[Any, Any]]":
    random = np.random.default_rng(0)
    rows, labels = load_iris(return_X_y=True)
    square = random.normal(size=(60, 3))
    texts = [f"word{index % 5} and word{index % 3}" for index in range(40)]
    gaps = np.where(random.uniform(size=rows.shape) < 0.1, np.nan, rows)
    words = np.array([["red", "blue", "green"][index % 3] for index in range(60)], dtype=object)
    return {
        "texts": (texts, np.arange(40) % 2),
        "records": ([{"a": float(index), "b": "xyz"[index % 3]} for index in range(40)], np.arange(40) % 2),
        "gaps": (gaps, labels),
        "words": (np.column_stack([words, words[::-1]]), np.arange(60) % 2),
        "one": (rows[:, :1], rows[:, 0] * 2),
        "sets": ([{"red", "blue"}, {"red"}] * 20, None),
        "labels": (words, None),
        "several": (rows, labels),
        "binary": (rows[:100], labels[:100]),
        "number": (rows, rows[:, 0] * 2 + labels),
        "square": (square, random.normal(size=(60, 3))),
    }


def _answers(kind: Any, parameters: "dict[str, Any]", rows: Any, labels: Any, path: Path) -> "dict[str, Any]":
    try:
        estimator = kind(**{**_arguments_of(kind), **parameters})
        estimator.fit(rows) if labels is None else estimator.fit(rows, labels)
    except Exception:  # noqa: BLE001  (not for this table, or not in this version)
        return {}
    answers = {}
    for method in METHODS:
        try:
            result = getattr(estimator, method)(copy.deepcopy(rows[::7]))
            answers[method] = np.asarray(result.toarray() if hasattr(result, "toarray") else result)
        except Exception:  # noqa: BLE001  (it has no such method)
            continue
    if answers:
        _save(estimator, path)
    return answers


def _save(estimator: Any, path: Path) -> None:
    if path.suffix == ".joblib":
        joblib.dump(estimator, path)
    else:
        path.write_bytes(pickle.dumps(estimator, protocol=int(path.name.split(".")[-2])))


def _arguments_of(kind: Any) -> "dict[str, Any]":
    """Members for what is made of others, and a seed for what draws."""
    regresses = "Regress" in kind.__name__
    simple, other = (
        (Ridge(), Ridge(2.0)) if regresses else (LogisticRegression(max_iter=500), LogisticRegression(C=0.1))
    )
    offered = {
        "estimator": simple,
        "base_estimator": simple,
        "steps": [("scale", StandardScaler()), ("classify", simple)],
        "transformer_list": [("scale", StandardScaler()), ("reduce", PCA(1))],
        "transformers": [("scale", StandardScaler(), [0, 1]), ("drop", "drop", [2])],
        "dictionary": np.eye(4),
        "estimators": [("a", simple), ("b", other)],
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
