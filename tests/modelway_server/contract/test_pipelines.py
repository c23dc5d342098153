"""Pipelines as people build them, served row by row as objects or arrays, answer as they do in process."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from modelway_server.contract.signature import Form
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.errors import UnsupportedModel
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.server import planes
from support.trained.lazy import Lazy

# as `serve` does: the contract has checked the columns
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

RANDOM = np.random.default_rng(0)
ROWS = 60
FRAME = pd.DataFrame(
    {
        "age": RANDOM.normal(40, 10, ROWS),
        "visits": RANDOM.integers(0, 5, ROWS),
        "member": RANDOM.integers(0, 2, ROWS).astype(bool),
        "city": RANDOM.choice(["Rome", "Oslo", "Bern"], ROWS),
        "text": RANDOM.choice(["good wine", "bad day", "fine"], ROWS),
    }
)
FRAME.loc[3, "age"] = np.nan
FRAME.loc[4, "city"] = None
CLASSES = RANDOM.integers(0, 2, ROWS)
TARGET = RANDOM.normal(size=ROWS)
CATEGORIES = FRAME.assign(city=FRAME["city"].astype("category"), text=FRAME["text"].astype("category"))
OBJECTS = FRAME[["visits", "member", "text"]].to_numpy(dtype=object)


def columns() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("age", SimpleImputer(), ["age"]),
            ("visits", OneHotEncoder(handle_unknown="ignore"), ["visits"]),
            ("member", "passthrough", ["member"]),
            ("city", OneHotEncoder(handle_unknown="infrequent_if_exist"), ["city"]),
            ("text", TfidfVectorizer(), "text"),
        ]
    )


def classifier() -> Pipeline:
    return make_pipeline(columns(), LogisticRegression(max_iter=2000))


def lengths(frame: pd.DataFrame) -> Any:
    """A transformation that reads one column as numbers and one as strings."""
    return frame[["age"]].fillna(0).assign(length=[len(city) if isinstance(city, str) else 0 for city in frame["city"]])


CASES: Lazy[tuple[Any, Any]] = Lazy(
    {
        "mixed columns": lambda: (classifier().fit(FRAME, CLASSES), FRAME),
        "grid search": lambda: (
            GridSearchCV(classifier(), {"logisticregression__C": [1.0, 2.0]}, cv=2).fit(FRAME, CLASSES),
            FRAME,
        ),
        "calibrated": lambda: (CalibratedClassifierCV(classifier(), cv=2).fit(FRAME, CLASSES), FRAME),
        "voting": lambda: (VotingClassifier([("a", classifier()), ("b", classifier())]).fit(FRAME, CLASSES), FRAME),
        "target": lambda: (TransformedTargetRegressor(make_pipeline(columns(), Ridge())).fit(FRAME, TARGET), FRAME),
        "dropped columns": lambda: (
            make_pipeline(
                make_column_transformer(
                    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"])
                ),
                HistGradientBoostingClassifier(max_iter=3),
            ).fit(FRAME, CLASSES),
            FRAME,
        ),
        "columns by type": lambda: (
            make_pipeline(
                make_column_transformer(
                    (StandardScaler(), make_column_selector(dtype_include=np.number)), (OneHotEncoder(), ["text"])
                ),
                SimpleImputer(),
                LogisticRegression(max_iter=2000),
            ).fit(FRAME, CLASSES),
            FRAME,
        ),
        "categories by dtype": lambda: (
            HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(CATEGORIES, CLASSES),
            CATEGORIES,
        ),
        "target encoder": lambda: (
            make_pipeline(make_column_transformer((TargetEncoder(), ["city"])), LinearRegression()).fit(FRAME, TARGET),
            FRAME,
        ),
        "frames inside": lambda: (
            make_pipeline(
                make_column_transformer((SimpleImputer(), ["age", "visits"])).set_output(transform="pandas"),
                LinearRegression(),
            ).fit(FRAME, TARGET),
            FRAME,
        ),
        "a function of columns": lambda: (
            make_pipeline(FunctionTransformer(lengths), LinearRegression()).fit(FRAME[["age", "city"]], TARGET),
            FRAME[["age", "city"]],
        ),
        "names without strings": lambda: (
            make_pipeline(SimpleImputer(), LinearRegression()).fit(FRAME[["age", "visits"]], TARGET),
            FRAME[["age", "visits"]],
        ),
        "strings without names": lambda: (
            make_pipeline(
                ColumnTransformer([("o", OneHotEncoder(), [2]), ("s", StandardScaler(), [0, 1])]),
                LogisticRegression(max_iter=2000),
            ).fit(OBJECTS, CLASSES),
            OBJECTS,
        ),
        "a logarithm": lambda: (
            make_pipeline(FunctionTransformer(np.log), LinearRegression()).fit(np.abs(TARGET)[:, None] + 1, TARGET),
            np.abs(TARGET)[:, None] + 1,
        ),
        "two labels": lambda: (
            RandomForestClassifier(3).fit(FRAME[["visits"]], np.c_[CLASSES, CLASSES]),
            FRAME[["visits"]],
        ),
        "texts": lambda: (
            make_pipeline(
                FeatureUnion([("a", CountVectorizer()), ("b", HashingVectorizer(n_features=8))]), Ridge()
            ).fit(FRAME["text"], TARGET),
            FRAME["text"],
        ),
    }
)


def plane(model: Any) -> tuple[EstimatorRuntime, DataPlane]:
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return runtime, DataPlane(runtime, Identity(name="model"))


def instances(rows: Any) -> list[Any]:
    if isinstance(rows, pd.DataFrame):
        return rows.astype(object).where(rows.notna(), None).to_dict("records")
    return list(rows.tolist())


@pytest.mark.parametrize("case", CASES)
def test_pipeline_answers_as_in_process(case: str) -> None:
    model, rows = CASES[case]
    runtime, server = plane(model)
    answer = planes.predict(server, {"instances": instances(rows)})
    own = np.asarray(getattr(model, runtime.methods[0])(rows))
    # how an array lies in memory decides the last bit of a product on some processors
    assert np.asarray(answer["predictions"]) == pytest.approx(own, rel=1e-12, abs=0)


def test_contract_of_mixed_columns_is_derived() -> None:
    signature = plane(CASES["mixed columns"][0])[0].signature
    assert signature.form is Form.FRAME
    assert [(column.name, column.datatype, column.nullable) for column in signature.columns] == [
        ("age", "FP64", True),
        ("visits", "INT64", True),
        ("member", "FP64", False),
        ("city", "BYTES", True),
        ("text", "BYTES", False),
    ]


def test_several_arrays_become_several_outputs() -> None:
    model, rows = CASES["two labels"]
    tensor = {"name": "visits", "shape": [2, 1], "datatype": "INT64", "data": [1, 2]}
    request = {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}
    outputs = planes.infer(plane(model)[1], request)["outputs"]
    assert [output["name"] for output in outputs] == ["predict_proba_0", "predict_proba_1"]
    expected = model.predict_proba(pd.DataFrame({"visits": [1.0, 2.0]}))
    assert [output["data"] for output in outputs] == [part.ravel().tolist() for part in expected]
    assert len(rows) == ROWS


def test_model_of_dictionaries_is_refused_with_a_remedy() -> None:
    model = make_pipeline(DictVectorizer(), Ridge()).fit([{"a": 1.0}, {"b": "x"}], [0, 1])
    with pytest.raises(UnsupportedModel, match="takes dictionaries"):
        plane(model)
