"""Every estimator of scikit-learn that can be fitted is served as it answers in process, or refused with its reason."""

import inspect
import json
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.discovery import all_estimators

from modelway_server.dataplane import DataPlane, Identity
from modelway_server.errors import LoadFailure
from modelway_server.runtimes.estimator import load_estimator

RANDOM = np.random.default_rng(7)
ROWS = RANDOM.uniform(0.1, 1.0, size=(40, 4))
CLASSES = (ROWS[:, 0] + ROWS[:, 1] > 1.1).astype(int)
TARGET = ROWS @ [1.0, 2.0, 3.0, 4.0] + 1.0
TEXTS = [f"word{index % 5} and word{index % 3}" for index in range(len(ROWS))]

CLASSIFIER, REGRESSOR = LogisticRegression(), LinearRegression()
TWO_CLASSIFIERS = [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]
TWO_REGRESSORS = [("a", LinearRegression()), ("b", LinearRegression(fit_intercept=False))]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "CCA": {"n_components": 1},
    "HashingVectorizer": {"n_features": 16},
    "OrthogonalMatchingPursuitCV": {"max_iter": 3},
    "PLSCanonical": {"n_components": 1},
    "PLSSVD": {"n_components": 1},
    "TSNE": {"max_iter": 250},
    "ClassifierChain": {"estimator": CLASSIFIER},
    "ColumnTransformer": {"transformers": [("s", StandardScaler(), [0, 1])]},
    "FeatureUnion": {"transformer_list": [("s", StandardScaler())]},
    "FixedThresholdClassifier": {"estimator": CLASSIFIER},
    "FrozenEstimator": {"estimator": LogisticRegression().fit(ROWS, CLASSES)},
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
FAST = {"n_estimators": 5, "max_iter": 50, "n_resampling": 5, "n_jobs": 1, "random_state": 0, "perplexity": 5.0}
CLUSTERINGS = {"AgglomerativeClustering", "DBSCAN", "HDBSCAN", "OPTICS", "SpectralClustering"}
CLUSTERINGS |= {"SpectralBiclustering", "SpectralCoclustering"}
EMBEDDINGS = {"ClassicalMDS", "MDS", "SpectralEmbedding", "TSNE"}
COVARIANCES = {"EmpiricalCovariance", "GraphicalLasso", "GraphicalLassoCV", "LedoitWolf", "MinCovDet", "OAS"}
COVARIANCES |= {"ShrunkCovariance"}
REFUSED = CLUSTERINGS | EMBEDDINGS | COVARIANCES | {"LocalOutlierFactor", "NearestNeighbors"}
NOT_ROWS = {
    "DictVectorizer": "takes dictionaries",
    "FeatureHasher": "takes dictionaries",
    "IsotonicRegression": "takes one column without a width",
    "LabelBinarizer": "takes labels",
    "LabelEncoder": "takes labels",
    "MultiLabelBinarizer": "takes sets of labels",
    "PatchExtractor": "takes images",
}


def estimators() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [pytest.param(kind, id=name) for name, kind in all_estimators() if name not in NOT_ROWS]


def fitted(kind: type[BaseEstimator]) -> tuple[Any, list[Any]]:
    """The estimator, fitted, and the rows to ask it for."""
    takes = inspect.signature(kind).parameters
    estimator = kind(
        **{name: value for name, value in FAST.items() if name in takes} | ARGUMENTS.get(kind.__name__, {})
    )
    tags = estimator.__sklearn_tags__()
    if "CountVectorizer" in str(kind.__mro__) or (tags.input_tags.string and not tags.input_tags.two_d_array):
        return estimator.fit(TEXTS), TEXTS[:4]
    several = tags.target_tags.multi_output and not tags.target_tags.single_output
    y: Any = CLASSES if tags.estimator_type != "regressor" else TARGET
    y = np.column_stack([y, y]) if several or kind.__name__ in {"ClassifierChain", "RegressorChain"} else y
    rows = ROWS @ ROWS.T if kind.__name__ == "KernelCenterer" else ROWS
    return estimator.fit(rows, y), rows[:4].tolist()


def dense(result: Any) -> Any:
    return np.asarray(result.toarray() if issparse(result) else result)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", estimators())
def test_it_answers_as_in_process_or_is_refused(kind: type[BaseEstimator], tmp_path: Path) -> None:
    estimator, rows = fitted(kind)
    path = tmp_path / "model.joblib"
    joblib.dump(estimator, path)
    if kind.__name__ in REFUSED:
        with pytest.raises(LoadFailure, match=kind.__name__) as refusal:
            load_estimator(path, "auto")
        assert refusal.value.reason == "UnsupportedModel"
        return
    runtime = load_estimator(path, "auto")
    runtime.warm_up()
    answer = json.loads(DataPlane(runtime, Identity(name="m")).predict(json.dumps({"instances": rows}).encode()).body)
    asked = getattr(estimator, runtime.methods[0])
    np.testing.assert_allclose(np.asarray(answer["predictions"]), dense(asked(rows)), rtol=1e-12, atol=1e-12)
