"""A model that another version of a library saved: refused as such where it fails, and told of where it answers."""

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from modelway_server.errors import LoadFailure, RuntimeVersionMismatch, UnsafeArtifact
from modelway_server.runtimes.estimators.runtime import load_estimator, runtime_of
from modelway_server.runtimes.estimators.sub_estimators import sub_estimators
from modelway_server.runtimes.pickle.file import Unpickled, rebuild
from modelway_server.runtimes.versions import lacks
from support.models import WINE, WINE_KINDS
from support.trained.compositions import CLASSES, FRAME
from support.trained.lazy import Lazy

OLD = {"sklearn": "1.0.2"}
BINARY = WINE_KINDS > 0
VERSION = sklearn.__version__


@pytest.mark.parametrize(
    ("module", "name", "absent"),
    [
        ("xgboost.compat", "XGBoostLabelEncoder", True),
        ("sklearn.ensemble.forest", "RandomForestClassifier", True),
        ("sklearn.linear_model._logistic", "Vanished.fit", True),
        ("pandas.core.indexes.numeric", "Int64Index", True),
        ("sklearn.metrics._dist_metrics", "EuclideanDistance", True),
        ("sklearn.linear_model._sgd_fast", "Log", True),
        ("sklearn.metrics._dist_metrics", "EuclideanDistance64", False),
        ("sklearn.linear_model._sgd_fast", "Hinge", False),
        ("sklearn.linear_model._logistic", "LogisticRegression", False),
        ("sklearn.tree._tree", "Tree", False),
        ("sklearn", "linear_model", False),
        ("xgboost.core", "Booster", False),
        ("lightgbm.sklearn", "LGBMClassifier", False),
        ("scipy.sparse._csr", "csr_matrix", False),
        ("numpy.core.multiarray", "_reconstruct", False),
        ("os", "no_such_name", False),
        ("absent_package", "Model", False),
    ],
)
def test_name_that_a_library_dropped_is_named(module: str, name: str, *, absent: bool) -> None:
    assert lacks(module, name) is absent


def test_lookup_of_a_name_imports_nothing() -> None:
    code = """if True:
        import sys
        from modelway_server.runtimes.versions import lacks

        before, optimizers = set(sys.modules), "sklearn.neural_network._stochastic_optimizers"
        print(lacks(optimizers, "AdamOptimizer"), lacks(optimizers, "Gone"), lacks("xgboost.testing.data", "Gone"))
        print([name for name in set(sys.modules) - before if name.startswith(("sklearn", "xgboost"))])
    """
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False True True\n[]"


def test_booster_of_another_version_names_both_and_the_way(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    name = b"\x8c\x0exgboost.compat\x8c\x13XGBoostLabelEncoder\x93"
    path.write_bytes(b'\x80\x04C\x11"version":[1,2,1]0' + name + b".")
    with pytest.raises(
        RuntimeVersionMismatch, match=r"saved with XGBoost 1\.2\.1, served with \d.*XGBoostLabel"
    ) as refusal:
        load_estimator(path, "auto")
    assert "save_model('model.json')" in refusal.value.remedy


MODELS: Lazy[tuple[Any, Any]] = Lazy({
    "imputed": lambda: (make_pipeline(SimpleImputer(), StandardScaler(), SVC()).fit(WINE, BINARY), WINE),
    "columns": lambda: (
        make_pipeline(
            make_column_transformer((OneHotEncoder(), ["wood"]), (SimpleImputer(add_indicator=True), ["width"])),
            LogisticRegression(),
        ).fit(FRAME, CLASSES),
        FRAME,
    ),
    "categories": lambda: (HistGradientBoostingClassifier(max_iter=1, categorical_features=[0]).fit(FRAME[["wood", "width"]], CLASSES), FRAME),
    "voters": lambda: (
        VotingClassifier([("a", make_pipeline(FeatureUnion([("s", StandardScaler())]), LogisticRegression()))]).fit(WINE, BINARY),
        WINE,
    ),
})  # fmt: skip


def without_each(model: Any) -> Iterator[tuple[str, Any]]:
    """Copies of a model, each without one attribute of one of its parts."""
    for index, part in enumerate(sub_estimators(model)):
        for name in vars(part):
            broken = copy.deepcopy(model)
            del vars(sub_estimators(broken)[index])[name]
            yield f"{type(part).__name__}.{name}", broken


def failures(model: Any, saved: dict[str, str]) -> dict[str, LoadFailure]:
    """Of the copies of a model that cannot be served, by what they lost."""
    failure_of = {}
    for lost, broken in without_each(model):
        try:
            runtime_of(Unpickled(broken, saved), "auto").warm_up()
        except LoadFailure as failure:
            failure_of[lost] = failure
    return failure_of


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.filterwarnings("ignore")  # which the loss of an attribute may cause
def test_what_an_old_file_lacks_is_a_matter_of_versions(case: str) -> None:
    failure_of = failures(MODELS[case][0], OLD)
    assert failure_of
    assert {failure.reason for failure in failure_of.values()} == {"RuntimeVersionMismatch"}
    assert all("saved with scikit-learn 1.0.2, served with" in failure.message for failure in failure_of.values())


@pytest.mark.parametrize("lost", ["_asarray", "k"])
@pytest.mark.parametrize(("version", "failure"), [("1.2.2", RuntimeVersionMismatch), (VERSION, UnsafeArtifact)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_part_without_a_checked_attribute_names_the_version(
    tmp_path: Path, lost: str, version: str, failure: type[LoadFailure]
) -> None:
    model = SplineTransformer().fit(WINE)
    del vars(model.bsplines_[0])[lost]
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model).replace(b"\x05" + VERSION.encode(), b"\x05" + version.encode()))
    with pytest.raises(failure):
        load_estimator(path, "auto")


@pytest.mark.filterwarnings("ignore")
def test_what_a_file_of_no_version_lacks_has_a_remedy() -> None:
    failure_of = failures(MODELS["categories"][0], {})
    assert {failure.reason for failure in failure_of.values()} == {"LoadFailed", "WarmupFailed"}
    assert not any("Report" in failure.remedy for failure in failure_of.values())


def logistic(**state: Any) -> LogisticRegression:
    model = LogisticRegression().fit(WINE / WINE.max(axis=0), state.pop("kinds", WINE_KINDS))
    vars(model).update(state)
    return model


def boosting(algorithm: str) -> AdaBoostClassifier:
    model = AdaBoostClassifier(n_estimators=2).fit(WINE, BINARY)
    model.algorithm = algorithm
    return model


def tree(factor: float) -> DecisionTreeClassifier:
    model = DecisionTreeClassifier(max_depth=2).fit(WINE, WINE_KINDS)
    model.tree_.value[...] *= factor
    return model


def fitted_line(*, scaled: bool) -> PLSRegression:
    model = PLSRegression(2).fit(WINE, WINE_KINDS)
    if scaled:
        model.coef_ = model.coef_ * model._x_std
    return model


CHANGED: list[tuple[Any, str, bool]] = [
    (logistic(multi_class="ovr"), "1.6.1", True),
    (logistic(multi_class="auto", solver="liblinear"), "1.2.2", True),
    (logistic(multi_class="auto", solver="newton-cholesky"), "1.2.2", True),
    (logistic(multi_class="deprecated", solver="newton-cholesky"), "1.6.1", False),
    (logistic(multi_class="auto"), "1.2.2", False),
    (logistic(multi_class="multinomial", kinds=BINARY), "1.3.2", True),
    (logistic(multi_class="ovr", kinds=BINARY), "1.3.2", False),
    (make_pipeline(StandardScaler(), logistic(multi_class="ovr")), "1.6.1", True),
    (boosting("SAMME.R"), "1.3.2", True),
    (boosting("SAMME"), "1.3.2", False),
    (tree(178), "1.3.2", True),
    (VotingClassifier([("tree", tree(1))]).fit(WINE, WINE_KINDS), "1.5.2", False),
    (fitted_line(scaled=True), "1.3.2", True),
    (fitted_line(scaled=False), "1.5.2", False),
    (logistic(multi_class="ovr"), sklearn.__version__, False),
]


@pytest.mark.parametrize(("model", "version", "refused"), CHANGED)
def test_model_whose_answers_have_changed_is_refused(model: Any, version: str, *, refused: bool) -> None:
    unpickled = Unpickled(model, {"sklearn": version})
    if not refused:
        runtime_of(unpickled, "auto")
        return
    with pytest.raises(RuntimeVersionMismatch, match=f"{version}.*would give other answers: "):
        runtime_of(unpickled, "auto")


def test_model_of_another_version_has_a_caution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.pkl"
    monkeypatch.setattr("sklearn.base.__version__", "1.3.2")
    path.write_bytes(pickle.dumps(MODELS["imputed"][0]))
    monkeypatch.undo()
    runtime = load_estimator(path, "auto")
    runtime.warm_up()
    caution = f"saved with scikit-learn 1.3.2, served with {sklearn.__version__}: answers may differ"
    assert runtime.description["caution"] == caution


def test_model_of_this_version_needs_no_caution(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(MODELS["imputed"][0]))
    assert "caution" not in load_estimator(path, "auto").description


def test_model_of_several_versions_names_the_oldest(tmp_path: Path) -> None:
    def build() -> None:
        for version in ("1.10.0", "1.2.2", "1.9.1"):
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name="Ridge", current_sklearn_version="2.0", original_sklearn_version=version
                ),
                stacklevel=1,
            )

    assert rebuild(tmp_path, build, {"sklearn": "1.9.1"}).saved == {"sklearn": "1.2.2"}


def test_method_that_another_version_dropped_is_named(tmp_path: Path) -> None:
    runtime = runtime_of(Unpickled(_Half(), OLD), "auto")
    runtime.warm_up()
    assert runtime.methods == ("predict",)
    assert "predict_proba is not offered" in runtime.description["caution"]


class _Half:
    n_features_in_ = 1

    def fit(self) -> None:
        """Be an estimator."""

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows))

    def predict_proba(self, rows: Any) -> Any:
        del rows
        raise AttributeError("what another version has")


def boosted_from(start: Any) -> Any:
    return GradientBoostingClassifier(n_estimators=1, init=start).fit(WINE, BINARY)


@pytest.mark.parametrize(
    ("start", "saved", "refused"),
    [(GaussianNB(), "1.7.2", True), (GaussianNB(), "1.8.0", False), (None, "1.7.2", False), ("zero", "1.7.2", False)],
)
def test_boosting_behind_a_model_is_refused_before_1_8(start: Any, saved: str, *, refused: bool) -> None:
    model = Unpickled(boosted_from(start), {"sklearn": saved})
    if refused:
        with pytest.raises(RuntimeVersionMismatch, match="begins with probabilities of a model"):
            runtime_of(model, "auto")
    else:
        assert "predict_proba" in runtime_of(model, "auto").methods
