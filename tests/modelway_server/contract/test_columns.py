"""Columns of every type, with and without missing values: numbers, strings, booleans, dates, categories."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.decomposition import NMF, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder, OrdinalEncoder
from sklearn.svm import SVC

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.v1 import read_v1
from modelway_server.errors import InvalidInput, MalformedRequest, WarmupFailed
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.server import planes

# as `serve` does: the contract has checked the columns
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

RANDOM = np.random.default_rng(0)
ROWS = 40
HOURS = pd.to_timedelta(RANDOM.integers(0, 10000, ROWS), unit="h")
WHEN = pd.Series(pd.Timestamp("2024-01-01") + HOURS)
AMOUNT = pd.Series(RANDOM.normal(size=ROWS)).round(3)
FRAME = pd.DataFrame({"when": WHEN, "amount": AMOUNT, "day": WHEN.dt.normalize()})
ZONED = FRAME.assign(when=WHEN.dt.tz_localize("Europe/Rome", ambiguous=True, nonexistent="shift_forward"))
TARGET = RANDOM.normal(size=ROWS)


def hours(frame: Any) -> Any:
    return frame.apply(lambda column: column.dt.hour)


def hours_in_rome(frame: Any) -> Any:
    return frame.apply(lambda column: column.dt.tz_convert("Europe/Rome").dt.hour)


def seconds(frame: Any) -> Any:
    return frame.apply(lambda column: column.astype("datetime64[s]").astype("int64") / 1e9)


def parse_hours(frame: Any) -> Any:
    return frame.apply(pd.to_datetime).apply(lambda column: column.dt.hour)


class Weekday(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A transformer of a user's own."""

    def fit(self, rows: Any, _: Any = None) -> "Weekday":
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: Any) -> Any:
        return rows.apply(lambda column: column.dt.day_of_week)


def of_dates(step: Any, frame: pd.DataFrame = FRAME, column: str = "when") -> Pipeline:
    """A model of a date and a number."""
    columns = make_column_transformer((step, [column]), ("passthrough", ["amount"]))
    return make_pipeline(columns, SimpleImputer(), Ridge()).fit(frame, TARGET)


def plane(model: Any) -> DataPlane:
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return DataPlane(runtime, Identity(name="model"))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a client has them: dates in ISO 8601, null for what is missing."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(name): value.isoformat() if isinstance(value, pd.Timestamp) else value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]


def predict(server: DataPlane, rows: Sequence[Any]) -> list[Any]:
    return list(planes.predict(server, {"instances": list(rows)})["predictions"])


def infer(server: DataPlane, **columns: Any) -> list[Any]:
    """V2, with one tensor per column of (datatype, values) and perhaps a content type."""
    tensors = [
        {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}
        | ({"parameters": {"content_type": more[0]}} if more else {})
        for name, (datatype, values, *more) in columns.items()
    ]
    return list(planes.infer(server, {"inputs": tensors})["outputs"][0]["data"])


def describe(server: DataPlane) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        tensor["name"]: (tensor["datatype"], tensor.get("parameters", {}))
        for tensor in json.loads(json.dumps(server.model_metadata()))["inputs"]
    }


DATED: dict[str, tuple[Any, pd.DataFrame, str]] = {
    "a function": (of_dates(FunctionTransformer(hours)), FRAME, "when"),
    "a transformer of one's own": (of_dates(Weekday()), FRAME, "when"),
    "dates that are categories": (of_dates(OneHotEncoder(handle_unknown="ignore"), column="day"), FRAME, "day"),
    "dates that are numbered": (of_dates(OrdinalEncoder(), column="day"), FRAME, "day"),
    "a function that parses": (of_dates(FunctionTransformer(parse_hours)), FRAME, "when"),
    "a time zone": (of_dates(FunctionTransformer(hours_in_rome), ZONED), ZONED, "when"),
    "categories with a zone": (of_dates(OneHotEncoder(), ZONED, "when"), ZONED, "when"),
}


@pytest.mark.parametrize("case", DATED)
def test_iso_8601_dates_answer_as_in_process(case: str) -> None:
    model, frame, name = DATED[case]
    server, rows = plane(model), records(frame[[name, "amount"]])
    expected = model.predict(frame).tolist()
    assert predict(server, rows) == expected
    columns = {name: ("BYTES", [row[name] for row in rows]), "amount": ("FP64", [row["amount"] for row in rows])}
    assert infer(server, **columns) == expected


def test_metadata_names_the_date_columns() -> None:
    server = plane(DATED["a function"][0])
    assert describe(server)["when"] == (
        "BYTES",
        {"content_type": "datetime", "time_zone": "none", "nullable": True},
    )
    assert describe(plane(DATED["a time zone"][0]))["when"][1]["time_zone"] == "required"


@pytest.mark.parametrize(
    ("case", "value", "words"),
    [
        ("a function", "yesterday", "takes dates such as 2024-05-01 or 2024-05-01T12:00:00, without a time zone"),
        ("a function", "2024-05-01T12:00:00+02:00", "without a time zone; this is a string ('2024-05-01T12"),
        ("a function", "2024-02-30", "takes dates"),
        ("a function", 1714564800, "this is a number (1714564800)"),
        ("a time zone", "2024-05-01T12:00:00", "with a time zone"),
        ("a time zone", "0001-01-01T00:00:00+14:00", "takes dates"),
    ],
)
def test_malformed_date_is_refused(case: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        predict(plane(DATED[case][0]), [{"when": value, "amount": 1.0}])
    assert (refusal.value.field, words in refusal.value.message) == ("instances[0].when", True), refusal.value.message


def test_time_zone_of_a_date_is_used() -> None:
    model = DATED["a time zone"][0]
    same = ["2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z", "2024-05-01T06:00:00-04:00"]
    first, *others = predict(plane(model), [{"when": when, "amount": 1.0} for when in same])
    assert others == [first, first]


def test_missing_date_is_null() -> None:
    rows = FRAME.assign(when=WHEN.where(WHEN.index > 2))
    model = DATED["a function"][0]
    assert predict(plane(model), records(rows[["when", "amount"]])) == model.predict(rows).tolist()


def test_missing_date_without_an_imputer_is_refused() -> None:
    model = make_pipeline(make_column_transformer((FunctionTransformer(hours), ["when"])), Ridge()).fit(FRAME, TARGET)
    with pytest.raises(InvalidInput, match="must not be missing"):
        predict(plane(model), [{"when": None}])


def test_request_can_mark_a_column_as_dates() -> None:
    model = of_dates(FunctionTransformer(seconds))
    rows = records(FRAME[["when", "amount"]])
    when, amount = ([row[name] for row in rows] for name in ("when", "amount"))
    server = plane(model)
    assert infer(server, when=("BYTES", when, "datetime"), amount=("FP64", amount)) == model.predict(FRAME).tolist()
    mixed = ["2024-05-01", "2024-05-01T10:00:00Z"]
    with pytest.raises(InvalidInput, match="these are mixed"):
        infer(server, when=("BYTES", mixed, "datetime"), amount=("FP64", [1.0, 2.0]))
    with pytest.raises(MalformedRequest, match="content_type must be a string"):
        infer(server, when=("BYTES", mixed, 7), amount=("FP64", [1.0, 2.0]))


GAPS = pd.DataFrame(
    {
        "member": np.array([True, False, None, True] * 10, dtype=object),
        "city": np.array(["Rome", None, "Oslo", "Rome"] * 10, dtype=object),
        "floor": np.array([1, 2, None, 3] * 10, dtype=object),
        "amount": AMOUNT,
    }
)
ENCODED = ["member", "city", "floor"]
MISSING: dict[str, tuple[Any, pd.DataFrame]] = {
    "None among objects": (
        make_pipeline(make_column_transformer((OneHotEncoder(), ENCODED), remainder="passthrough"), Ridge()),
        GAPS,
    ),
    "in one column of an encoder": (
        make_pipeline(make_column_transformer((OneHotEncoder(), ["city", "home"]), remainder="drop"), Ridge()),
        GAPS.assign(home=GAPS["city"].fillna("Bern")),
    ),
    "NaN among strings": (
        make_pipeline(make_column_transformer((OneHotEncoder(), ["city"]), remainder="drop"), Ridge()),
        GAPS.assign(city=GAPS["city"].astype("str")),
    ),
    "nullable integers": (
        make_pipeline(make_column_transformer((OneHotEncoder(), ["floor"]), remainder="drop"), Ridge()),
        GAPS.assign(floor=GAPS["floor"].astype("Int64")),
    ),
    "categories": (
        HistGradientBoostingRegressor(max_iter=3, categorical_features="from_dtype"),
        GAPS[["city", "amount"]].astype({"city": "category"}),
    ),
    "categories that are encoded": (
        make_pipeline(make_column_transformer((OneHotEncoder(), ["city"]), remainder="drop"), Ridge()),
        GAPS.astype({"city": "category"}),
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_null_becomes_the_models_own_missing_value(case: str) -> None:
    model, frame = MISSING[case]
    model.fit(frame, TARGET)
    assert predict(plane(model), records(frame)) == model.predict(frame).tolist()


def test_category_type_of_the_models_own_code_is_refused() -> None:
    codes = FunctionTransformer(lambda frame: frame.apply(lambda column: column.cat.codes))
    frame = GAPS[["city"]].astype("category")
    with pytest.raises(WarmupFailed, match="cat accessor"):
        plane(make_pipeline(codes, Ridge()).fit(frame, TARGET))


class Namesless(Weekday):
    """Takes data frames, and does not keep the names of their columns."""


def test_model_of_frames_without_names_is_refused() -> None:
    with pytest.raises(WarmupFailed) as refusal:
        plane(make_pipeline(Namesless(), Ridge()).fit(FRAME[["when"]], TARGET))
    assert "feature_names_in_" in refusal.value.remedy


def test_several_targets_are_columns_of_one_answer() -> None:
    numbers = np.column_stack([AMOUNT, AMOUNT**2])
    for model in (RandomForestRegressor(3, random_state=0), MultiOutputRegressor(Ridge())):
        model.fit(numbers, np.column_stack([TARGET, -TARGET, TARGET + 1]))
        assert predict(plane(model), numbers.tolist()) == model.predict(numbers).tolist()


SPARSE = csr_matrix(RANDOM.poisson(1.0, size=(ROWS, 6)).astype(float))
KINDS = np.arange(ROWS) % 3
TRAINED_ON_SPARSE = [
    KNeighborsClassifier(),
    LogisticRegression(),
    MaxAbsScaler(),
    MultinomialNB(),
    NMF(2, random_state=0),
    OneHotEncoder(handle_unknown="ignore"),
    SVC(),
    SelectKBest(k=2),
    TruncatedSVD(2, random_state=0),
    make_pipeline(MaxAbsScaler(), TruncatedSVD(2, random_state=0), LogisticRegression()),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", TRAINED_ON_SPARSE, ids=lambda model: type(model).__name__)
def test_model_trained_on_sparse_rows_takes_dense_rows(model: Any) -> None:
    trained = model.fit(SPARSE.toarray() if isinstance(model, OneHotEncoder) else SPARSE, KINDS)
    method = getattr(trained, plane(trained).model_metadata()["parameters"]["method"])
    rows = SPARSE[:5].toarray()
    np.testing.assert_allclose(predict(plane(trained), rows.tolist()), dense(method(rows)), rtol=1e-9, atol=1e-12)


def dense(result: Any) -> Any:
    return result.toarray() if hasattr(result, "toarray") else result


def test_passed_through_column_may_hold_anything() -> None:
    frame = pd.DataFrame(
        {"a": [0.5, 1.5, 2.5], "city": ["Oslo", None, "Rome"], "n": [1, 2, 3], "f": [True, False, True]}
    )
    for last in ("passthrough", FunctionTransformer()):
        model = make_column_transformer((MaxAbsScaler(), ["a"]), (last, ["city", "n", "f"])).fit(frame)
        body = json.dumps({"instances": records(frame)}).encode()
        server = plane(model)
        predictions = json.loads(server.answer(read_v1(server, body)).body.content)["predictions"]
        assert predictions == [[0.2, "Oslo", 1, True], [0.6, None, 2, False], [1.0, "Rome", 3, True]]
