"""Models whose data becomes a call, or opens a file, when they are asked."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, FeatureAgglomeration
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from support.files.hostile.assembly import FALSE, TRUE, Blob, Piece, assemble, build, call, name, new, stack_name, value
from support.files.hostile.kinds import CANARY, MARK, Hostile, of_bytes

_ROWS = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5], [0.2, 3.0], [1.5, 1.5], [0.1, 0.1]])
_LABELS = np.array([0, 1, 1, 0, 1, 0])
_TEXTS = ["a few words", "of text"]
_TOUCH = f"touch {MARK}"
_FUNCTIONS = {
    "a shell": name("os", "system"),
    "evaluation": name("builtins", "eval"),
    "a file": name("builtins", "open"),
    "a file of numpy's": name("numpy", "fromfile"),
    "a text of numpy's": name("numpy", "loadtxt"),
    "saving": name("numpy", "save"),
    "files of a data set": name("sklearn.datasets", "load_files"),
    "an attribute": call(name("operator", "attrgetter"), "__class__"),
    "a method": call(name("operator", "methodcaller"), "tofile", MARK),
    "a partial of a shell": call(name("functools", "partial"), name("os", "system"), _TOUCH),
    "a partial of a file": call(name("functools", "partial"), stack_name("numpy", "ndarray.tofile"), MARK),
    "a bound method": stack_name("numpy", "ndarray.tofile"),
    "a class": name("subprocess", "Popen"),
    "an import": name("importlib", "import_module"),
    "a table's method": stack_name("pandas.core.frame", "DataFrame.to_pickle"),
    "a query": stack_name("pandas.core.frame", "DataFrame.query"),
    "printing": name("builtins", "print"),
}


def _function_transformers() -> Iterator[tuple[str, Any]]:
    for what, opcodes in _FUNCTIONS.items():
        step = FunctionTransformer().fit(_ROWS)
        step.func = Piece(opcodes)
        yield f"{what} as a step", step
    step = FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}).fit(_ROWS)
    step.kw_args = {"out": Piece(call(name("numpy", "memmap"), MARK, "f8", "w+", 0, (2, 2)))}
    yield "an argument that is a file", step


def _texts() -> Iterator[tuple[str, Any]]:
    for kind in (CountVectorizer, TfidfVectorizer, HashingVectorizer):
        for source in ("filename", "file"):
            model = kind().fit(_TEXTS)
            model.input = source
            yield f"{kind.__name__} that opens each row as a {source}", model
    for parameter in ("analyzer", "tokenizer", "preprocessor"):
        model = CountVectorizer().fit(_TEXTS)
        setattr(model, parameter, Piece(_FUNCTIONS["a file"]))
        yield f"a {parameter} that opens a file", model
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(_TEXTS, [0, 1])
    model.steps[0][1].input = "filename"
    yield "a pipeline that opens each row", model


def _callables() -> Iterator[tuple[str, Any]]:
    shell = Piece(_FUNCTIONS["a shell"])
    for what, model, parameter in (
        ("a kernel of KernelPCA", KernelPCA().fit(_ROWS), "kernel"),
        ("a kernel of SVC", SVC().fit(_ROWS, _LABELS), "kernel"),
        ("a metric of neighbours", KNeighborsClassifier(1, algorithm="brute").fit(_ROWS, _LABELS), "effective_metric_"),
        ("weights of neighbours", KNeighborsClassifier(1).fit(_ROWS, _LABELS), "weights"),
        ("a metric of DBSCAN", DBSCAN().fit(_ROWS), "metric"),
        ("a pooling function", FeatureAgglomeration(1).fit(_ROWS), "pooling_func"),
        ("a score function", SelectKBest(k=1).fit(_ROWS, _LABELS), "score_func"),
        ("a kernel of a Gaussian process", GaussianProcessRegressor().fit(_ROWS, _LABELS), "kernel_"),
        ("an importance getter", SelectFromModel(LogisticRegression()).fit(_ROWS, _LABELS), "importance_getter"),
        ("an importance getter of RFE", RFE(LogisticRegression()).fit(_ROWS, _LABELS), "importance_getter"),
        ("a scorer of a search", GridSearchCV(LogisticRegression(), {}, cv=2).fit(_ROWS, _LABELS), "scorer_"),
    ):
        setattr(model, parameter, shell)
        yield what, model
    target = TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1).fit(_ROWS, _LABELS)
    target.transformer_.inverse_func = shell
    yield "an inverse function of the target", target


def _method_names() -> Iterator[tuple[str, Any]]:
    stacking = StackingClassifier([("a", LogisticRegression())], cv=2).fit(_ROWS, _LABELS)
    stacking.stack_method_ = ["__reduce__"]
    yield "a stack method that is none", stacking
    importance = SelectFromModel(LogisticRegression()).fit(_ROWS, _LABELS)
    importance.importance_getter = "__class__.__init__.__globals__"
    yield "an importance getter with a path", importance
    fixed = FixedThresholdClassifier(LogisticRegression(), response_method="predict_proba").fit(_ROWS, _LABELS)
    fixed.response_method = "set_params"
    yield "a response method that is none", fixed
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=2).fit(_ROWS, _LABELS)
    tuned._curve_scorer._response_method = "set_params"
    yield "a scorer's response method that is none", tuned
    chain = ClassifierChain(LogisticRegression(), chain_method="predict").fit(_ROWS, _LABELS[:, None])
    chain.chain_method_ = "get_params"
    yield "a chain method that is none", chain


def _members() -> Iterator[tuple[str, Any]]:
    """What stands in the place of an estimator is none."""
    lure = build(
        new(name("types", "SimpleNamespace")), {"predict": _FUNCTIONS["a shell"], "transform": _FUNCTIONS["a shell"]}
    )
    strangers = {
        "a class": name("sklearn.linear_model._base", "LinearRegression"),
        "a module": stack_name("sklearn", "base"),
        "a namespace": lure,
        "a function": name("numpy", "log1p"),
        "a partial": call(name("functools", "partial"), name("builtins", "print")),
    }
    for what, opcodes in strangers.items():
        frozen = FrozenEstimator(LogisticRegression().fit(_ROWS, _LABELS))
        frozen.estimator = Piece(opcodes)
        yield f"{what} that is frozen", frozen
    stranger = Piece(lure)
    voting = VotingClassifier([("a", LogisticRegression())]).fit(_ROWS, _LABELS)
    voting.estimators_ = [stranger]
    yield "a voter that is none", voting
    bagging = BaggingClassifier(n_estimators=1).fit(_ROWS, _LABELS)
    bagging.estimators_ = [stranger]
    yield "a bagged member that is none", bagging
    forest = RandomForestClassifier(1).fit(_ROWS, _LABELS)
    forest.estimators_ = [stranger]
    yield "a tree that is none", forest
    search = GridSearchCV(LogisticRegression(), {}, cv=2).fit(_ROWS, _LABELS)
    search.best_estimator_ = stranger
    yield "a best estimator that is none", search
    yield "a step that is none", Pipeline([("a", stranger), ("b", LogisticRegression().fit(_ROWS, _LABELS))])
    union = FeatureUnion([("a", StandardScaler())]).fit(_ROWS)
    union.transformer_list = [("a", stranger)]
    yield "a member of a union that is none", union
    columns = ColumnTransformer([("a", StandardScaler(), [0])]).fit(_ROWS)
    columns.transformers_ = [("a", stranger, [0])]
    yield "a transformer of columns that is none", columns
    calibrated = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(_ROWS, _LABELS)
    calibrated.calibrated_classifiers_[0].estimator = stranger
    yield "a calibrated classifier that is none", calibrated
    rest = OneVsRestClassifier(LogisticRegression()).fit(_ROWS, _LABELS)
    rest.estimators_ = [stranger]
    yield "a classifier against the rest that is none", rest
    outputs = MultiOutputRegressor(LinearRegression()).fit(_ROWS, _ROWS)
    outputs.estimators_ = [stranger, stranger]
    yield "a regressor of an output that is none", outputs


def _shadows() -> Iterator[tuple[str, Any]]:
    for method in ("predict", "predict_proba", "transform", "get_params", "_validate_params", "_check_n_features"):
        model = LogisticRegression().fit(_ROWS, _LABELS)
        setattr(model, method, Piece(_FUNCTIONS["a partial of a shell"]))
        yield f"{method} as data", model
    model = LogisticRegression().fit(_ROWS, _LABELS)
    model.coef_ = Piece(
        build(
            new(name("types", "SimpleNamespace")),
            {"__array_interface__": {"data": (4096, False), "shape": (1, 2), "typestr": "<f8", "version": 3}},
        )
    )
    yield "coefficients at an address", model
    model = LogisticRegression().fit(_ROWS, _LABELS)
    model.classes_ = Piece(
        call(
            name("numpy.core.multiarray", "scalar"),
            call(name("numpy", "dtype"), "O8", FALSE, TRUE),
            value(Blob(b"\x10" + b"\0" * 7)),
        )
    )
    yield "classes at an address", model


def files() -> Iterator[Hostile]:
    """Each once; texts are asked with the name of a file that none may read."""
    for source in (_function_transformers, _callables, _method_names, _members, _shadows):
        for what, model in source():
            yield of_bytes(f"held: {what}", assemble(model))
    for what, model in _texts():
        yield of_bytes(f"held: {what}", assemble(model), rows=(CANARY,))
