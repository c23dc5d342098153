"""Every estimator of scikit-learn, fitted on rows that suit it: its own list, so that a new one is never forgotten."""

import inspect
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401  (they list more)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.discovery import all_estimators

RANDOM = np.random.default_rng(7)
ROWS = RANDOM.uniform(0.1, 1.0, size=(40, 4))
CLASSES = (ROWS[:, 0] + ROWS[:, 1] > 1.1).astype(int)
TARGET = ROWS @ [1.0, 2.0, 3.0, 4.0] + 1.0
LABELS = np.where(CLASSES == 1, "yes", "no")
GAPS = np.where(RANDOM.uniform(size=ROWS.shape) < 0.2, np.nan, ROWS)
TEXTS = [f"word{index % 5} and word{index % 3}" for index in range(len(ROWS))]

CLASSIFIER, REGRESSOR = LogisticRegression(), LinearRegression()
TWO_CLASSIFIERS = [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]
TWO_REGRESSORS = [("a", LinearRegression()), ("b", LinearRegression(fit_intercept=False))]
FAST = {
    "n_estimators": 5,
    "max_iter": 50,
    "n_resampling": 5,
    "n_jobs": 1,
    "random_state": 0,
    "perplexity": 5.0,
    "cv": 2,
    "n_init": 1,
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{name: {"alpha": 0.01} for name in ("ElasticNet", "Lasso", "LassoLars", "QuantileRegressor")},
    **{name: {"alpha": 0.01} for name in ("MultiTaskElasticNet", "MultiTaskLasso")},
    "CCA": {"n_components": 1},
    "GammaRegressor": {"max_iter": 500},
    "HashingVectorizer": {"n_features": 16},
    "HistGradientBoostingClassifier": {"max_iter": 3},
    "HistGradientBoostingRegressor": {"max_iter": 3},
    "LogisticRegressionCV": {"Cs": 2},
    "OrthogonalMatchingPursuitCV": {"max_iter": 3},
    "PLSCanonical": {"n_components": 1},
    "PLSSVD": {"n_components": 1},
    "TSNE": {"max_iter": 250},
    "ClassifierChain": {"estimator": CLASSIFIER},
    "ColumnTransformer": {"transformers": [("s", StandardScaler(), [0, 1])]},
    "FeatureUnion": {"transformer_list": [("s", StandardScaler())]},
    "FixedThresholdClassifier": {"estimator": CLASSIFIER},
    "FrozenEstimator": {"estimator": LogisticRegression().fit(ROWS, LABELS)},
    "GaussianRandomProjection": {"n_components": 2},
    "GridSearchCV": {"estimator": CLASSIFIER, "param_grid": {"C": [0.1, 1.0]}},
    "HalvingGridSearchCV": {"estimator": CLASSIFIER, "param_grid": {"C": [0.1, 1.0]}},
    "HalvingRandomSearchCV": {"estimator": CLASSIFIER, "param_distributions": {"C": [0.1, 1.0]}, "n_candidates": 2},
    "MultiOutputClassifier": {"estimator": CLASSIFIER},
    "MultiOutputRegressor": {"estimator": REGRESSOR},
    "OneVsOneClassifier": {"estimator": CLASSIFIER},
    "OneVsRestClassifier": {"estimator": CLASSIFIER},
    "OutputCodeClassifier": {"estimator": CLASSIFIER},
    "Pipeline": {"steps": [("s", StandardScaler()), ("c", CLASSIFIER)]},
    "RFE": {"estimator": CLASSIFIER},
    "RFECV": {"estimator": CLASSIFIER},
    "RandomizedSearchCV": {"estimator": CLASSIFIER, "param_distributions": {"C": [0.1, 1.0]}, "n_iter": 2},
    "RegressorChain": {"estimator": REGRESSOR},
    "SelectFromModel": {"estimator": CLASSIFIER},
    "SelfTrainingClassifier": {"estimator": CLASSIFIER},
    "SequentialFeatureSelector": {"estimator": CLASSIFIER},
    "SparseCoder": {"dictionary": np.eye(4)},
    "SparseRandomProjection": {"n_components": 2},
    "StackingClassifier": {"estimators": TWO_CLASSIFIERS},
    "StackingRegressor": {"estimators": TWO_REGRESSORS},
    "TunedThresholdClassifierCV": {"estimator": CLASSIFIER},
    "VotingClassifier": {"estimators": TWO_CLASSIFIERS},
    "VotingRegressor": {"estimators": TWO_REGRESSORS},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "LocalOutlierFactor(novelty=True)": ("LocalOutlierFactor", {"novelty": True}),
}
"""Classes that are served or not as an argument says: shown twice."""
OTHER_ROWS: dict[str, Any] = {
    "DictVectorizer": [{"a": 1.0, "b": "x"}, {"a": 2.0}],
    "FeatureHasher": [{"a": 1.0}, {"b": 2.0}],
    "IsotonicRegression": ROWS[:, :1],
    "IterativeImputer": GAPS,
    "KNNImputer": GAPS,
    "KernelCenterer": ROWS @ ROWS.T,
    "LabelBinarizer": LABELS,
    "LabelEncoder": LABELS,
    "MissingIndicator": GAPS,
    "MultiLabelBinarizer": [{"red", "blue"}, {"red"}],
    "PatchExtractor": RANDOM.uniform(size=(3, 12, 12)),
    "SimpleImputer": GAPS,
}
"""Rows of the classes that take something else than a full table of numbers."""
NUMBERED_LABELS = {"ClassifierChain", "SelfTrainingClassifier"}
"""Classifiers that take no strings as labels."""
WITHOUT_TARGET = {"DictVectorizer", "FeatureHasher", "LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"}
WITHOUT_TARGET |= {"PatchExtractor"}


@dataclass(frozen=True)
class Example:
    """A fitted estimator.

    Attributes:
        name: its class, or its class and the argument that makes the difference.
        kind: what scikit-learn calls its sort: classifier, regressor, transformer...
        estimator: fitted, without its class's defaults where they are slow.
        rows: a few to ask it for, as Python values.
    """

    name: str
    kind: str
    estimator: Any
    rows: Any


def names() -> list[str]:
    """Every public estimator, in alphabetical order, and its variants."""
    return sorted([*_classes(), *VARIANTS])


@cache
def example(name: str) -> Example:
    """The estimator of that name, fitted; the same object each time."""
    kind, arguments = VARIANTS.get(name, (name, {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few iterations do not converge
        estimator = _build(_classes()[kind], arguments)
        rows = _rows(kind, estimator)
        estimator.fit(rows, *_target(kind, estimator, len(rows)))
    few = rows[:4]
    return Example(name, _sort(estimator), estimator, few.tolist() if isinstance(few, np.ndarray) else few)


def takes_numbers(name: str) -> bool:
    """Whether the estimator of that name takes a table of numbers, and nothing else."""
    kind, arguments = VARIANTS.get(name, (name, {}))
    return not isinstance(_rows(kind, _build(_classes()[kind], arguments)), list) and kind not in WITHOUT_TARGET


def fitted_behind(first: Any, name: str, rows: Any, score: Any) -> Any:
    """A pipeline of a step and the estimator of that name, fitted on rows with a score each.

    Raises:
        ValueError: the numbers of the step do not suit it.
    """
    kind, arguments = VARIANTS.get(name, (name, {}))
    estimator = _build(_classes()[kind], arguments)
    return make_pipeline(first, estimator).fit(rows, *_targets(kind, estimator, score))


def fitted_on_two(name: str, rows: Any) -> Any:
    """The estimator of that name, fitted on a table of numbers with two targets; None where it takes one alone.

    Raises:
        ValueError: these numbers do not suit it.
    """
    kind, arguments = VARIANTS.get(name, (name, {}))
    estimator = _build(_classes()[kind], arguments)
    tags = estimator.__sklearn_tags__()
    if not tags.target_tags.multi_output or not takes_numbers(name):
        return None
    score = rows @ [1.0, 0.5, -0.5, 0.2]
    targets = [
        np.ravel(_targets(kind, estimator, each)[0]).reshape(len(rows), -1)[:, 0] for each in (score, rows[:, 1])
    ]
    if tags.estimator_type == "classifier" and kind not in NUMBERED_LABELS:
        targets[1] = targets[1] == "yes"
        targets = [np.unique(target, return_inverse=True)[1] for target in targets]
    return estimator.fit(rows, np.column_stack(targets))


def fit(name: str, rows: Any) -> Any:
    """The estimator of that name, fitted on a table of numbers; None where it takes other rows.

    Raises:
        ValueError: these numbers do not suit it.
    """
    kind, arguments = VARIANTS.get(name, (name, {}))
    estimator = _build(_classes()[kind], arguments)
    if isinstance(_rows(kind, estimator), list) or kind in WITHOUT_TARGET:
        return None
    narrow = rows[:, :1] if kind == "IsotonicRegression" else rows
    standard = (rows - np.nanmean(rows, axis=0)) / np.nanstd(rows, axis=0)
    score = np.nan_to_num(standard).clip(-3, 3) @ [1.0, 0.5, -0.5, 0.2]
    return estimator.fit(narrow, *_targets(kind, estimator, score))


def _targets(kind: str, estimator: Any, score: Any) -> list[Any]:
    """A target of three classes, or a positive number, that follows a score."""
    tags = estimator.__sklearn_tags__()
    codes = np.searchsorted(np.quantile(score, [0.4, 0.75]), score)
    y: Any = (
        np.exp(score / 2)
        if tags.estimator_type == "regressor"
        else codes
        if kind in NUMBERED_LABELS
        else np.array(["no", "so", "yes"])[codes]
    )
    several = tags.target_tags.multi_output and not tags.target_tags.single_output
    if kind == "ClassifierChain":
        y = np.column_stack([codes > 0, codes > 1]).astype(int)
    elif several or kind == "RegressorChain":
        y = np.column_stack([y, y])
    return [y]


@cache
def _classes() -> dict[str, type]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(all_estimators())


def _build(kind: type, arguments: dict[str, Any]) -> Any:
    takes = inspect.signature(kind).parameters
    fast = {name: value for name, value in FAST.items() if name in takes}
    return kind(**fast | ARGUMENTS.get(kind.__name__, {}) | arguments)


def _rows(kind: str, estimator: Any) -> Any:
    inputs = estimator.__sklearn_tags__().input_tags
    words = "CountVectorizer" in str(type(estimator).__mro__) or (inputs.string and not inputs.two_d_array)
    return OTHER_ROWS.get(kind, TEXTS if words else ROWS)


def _target(kind: str, estimator: Any, count: int) -> list[Any]:
    if kind in WITHOUT_TARGET:
        return []
    tags = estimator.__sklearn_tags__()
    named = tags.estimator_type == "classifier" and kind not in NUMBERED_LABELS
    y: Any = TARGET if tags.estimator_type == "regressor" else LABELS if named else CLASSES
    several = tags.target_tags.multi_output and not tags.target_tags.single_output
    if several or kind in {"ClassifierChain", "RegressorChain"}:
        y = np.column_stack([y, y])
    return [y[:count]]


def _sort(estimator: Any) -> str:
    tags = estimator.__sklearn_tags__()
    sort = tags.estimator_type or ("transformer" if tags.transformer_tags else "other")
    return str(sort).replace("_", " ")
