"""What an encoder has learned is known of the column itself, whatever steps stand before it."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from modelway_server.contract.signature import Column, Signature
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.errors import InvalidInput
from modelway_server.pages import schemas
from modelway_server.pages.human import HumanPage
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.server import planes
from support.server.subjects import subject_of

# as `serve` does: the contract has checked the columns
pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:Skipping features without any observed values"),
]

ROWS = 40
FRAME = pd.DataFrame(
    {
        "country": np.array(["germany", "france", np.nan, "spain"] * 10, dtype=object),
        "floor": np.array([1.0, 2.0, np.nan, 3.0] * 10),
        "area": np.linspace(20, 120, ROWS),
        "empty": np.full(ROWS, np.nan),
    }
)
COUNTRIES = frozenset({"germany", "france", "spain"})
FLOORS = frozenset({1.0, 2.0, 3.0})
TARGET = np.linspace(0, 1, ROWS)
LENIENT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
STRICT = OneHotEncoder(sparse_output=False)


def runtime(model: Any) -> EstimatorRuntime:
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return runtime


def columns(model: Any) -> dict[str, Column]:
    return {column.name: column for column in runtime(model).signature.columns}


def plane(model: Any) -> DataPlane:
    return DataPlane(runtime(model), Identity(name="model"))


def of(step: Any, names: list[str]) -> Pipeline:
    return make_pipeline(make_column_transformer((step, names)), Ridge()).fit(FRAME, TARGET)


def frequent(**more: Any) -> SimpleImputer:
    return SimpleImputer(strategy="most_frequent", **more)


def then_encoded(columns: ColumnTransformer, encoder: Any, positions: list[int]) -> Pipeline:
    """A second table, of what the first gives; it has positions alone."""
    return make_pipeline(columns, ColumnTransformer([("encoded", encoder, positions)]), Ridge()).fit(FRAME, TARGET)


TEXT = ["country"]
BEFORE: dict[str, Any] = {
    "an imputer": of(make_pipeline(frequent(), STRICT), TEXT),
    "a constant": of(make_pipeline(SimpleImputer(strategy="constant", fill_value="spain"), STRICT), TEXT),
    "an imputer with an indicator": of(make_pipeline(frequent(add_indicator=True), ColumnTransformer([("encoded", STRICT, [0])])), TEXT),
    "an identity": of(make_pipeline(FunctionTransformer(), "passthrough", frequent(), STRICT), TEXT),
    "a union": of(make_pipeline(frequent(), FeatureUnion([("a", STRICT), ("b", LENIENT)])), TEXT),
    "a table": then_encoded(make_column_transformer(("passthrough", ["area"]), (frequent(), TEXT)), STRICT, [1]),
    "a table's remainder": then_encoded(
        ColumnTransformer([("a", "passthrough", ["area"]), ("e", "drop", ["empty"])], remainder=frequent()), STRICT, [1]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BEFORE)
def test_unknown_text_behind_other_steps_is_refused(case: str) -> None:
    assert columns(BEFORE[case])["country"].categories is not None
    rows = FRAME.astype(object).where(FRAME.notna(), None).to_dict("records")
    server = plane(BEFORE[case])
    planes.predict(server, {"instances": rows[:1]})
    with pytest.raises(InvalidInput) as error:
        planes.predict(server, {"instances": [rows[0], {**rows[1], "country": "germny"}]})
    assert (error.value.field, "'germany'" in error.value.message) == ("instances[1].country", True)


NUMBERS = ["empty", "floor", "area"]
IMPUTERS: dict[str, Any] = {
    "simple": SimpleImputer(strategy="most_frequent"),
    "with an indicator": SimpleImputer(strategy="most_frequent", add_indicator=True),
    "neighbours": KNNImputer(n_neighbors=1),
}


@pytest.mark.parametrize("case", IMPUTERS)
def test_dropped_empty_column_does_not_shift_the_others(case: str) -> None:
    encoded = ColumnTransformer([("floor", OneHotEncoder(sparse_output=False), [0])], remainder="passthrough")
    model = of(make_pipeline(IMPUTERS[case], encoded), NUMBERS)
    by_name = columns(model)
    assert (by_name["floor"].categories, by_name["area"].categories, by_name["empty"].datatype) == (
        FLOORS,
        None,
        "FP64",
    )


def test_iterative_imputation_keeps_the_columns() -> None:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415
    from sklearn.impute import IterativeImputer  # noqa: PLC0415  (experimental)

    steps = make_pipeline(IterativeImputer(max_iter=1), ColumnTransformer([("floor", OrdinalEncoder(), [0])]), Ridge())
    by_name = columns(steps.fit(FRAME[NUMBERS].to_numpy(), TARGET))
    assert (by_name["x1"].categories or frozenset()) >= FLOORS


def test_missing_indicator_says_nothing_of_a_column() -> None:
    both = FeatureUnion([("missing", MissingIndicator(features="all")), ("value", SimpleImputer())])
    floor = columns(of(both, ["floor"]))["floor"]
    assert (floor.datatype, floor.typed, floor.nullable) == ("FP64", True, True)


def test_selection_keeps_the_columns_that_it_selects() -> None:
    chosen = make_pipeline(SimpleImputer(), SelectKBest(lambda rows, _: rows.max(axis=0), k=1), LENIENT)
    by_name = columns(of(chosen, ["floor", "area"]))
    assert (by_name["floor"].known, by_name["area"].known is None) == (None, False)


def test_imputed_value_is_no_unknown_category() -> None:
    frame = FRAME.fillna({"country": "?"})
    step = make_pipeline(frequent(missing_values="?"), STRICT)
    model = make_pipeline(make_column_transformer((step, TEXT)), Ridge()).fit(frame, TARGET)
    assert columns(model)["country"].categories == COUNTRIES | {"?"}


FORGIVING: dict[str, Any] = {
    "ignore": LENIENT,
    "infrequent": OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2),
    "warn": OneHotEncoder(handle_unknown="warn"),
    "encoded": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "target": TargetEncoder(),
}


@pytest.mark.parametrize("case", FORGIVING)
def test_tolerant_encoder_lists_its_known_categories(case: str) -> None:
    model = of(make_pipeline(frequent(), FORGIVING[case]), TEXT)
    column = columns(model)["country"]
    assert (column.known, column.categories, column.datatype) == (COUNTRIES, None, "BYTES")


def test_known_categories_are_in_metadata_and_page() -> None:
    server = plane(of(make_pipeline(frequent(), LENIENT), TEXT))
    (tensor,) = json.loads(json.dumps(server.model_metadata()))["inputs"]
    assert tensor["parameters"]["known_categories"] == sorted(COUNTRIES)
    assert schemas.column(server.runtime.signature.columns[0], None)["examples"] == sorted(COUNTRIES)


def test_page_says_how_unknown_categories_are_answered() -> None:
    page = HumanPage(subject_of(runtime(of(LENIENT, TEXT)))).render(b"x").decode()
    assert "<code>&quot;spain&quot;</code>; any other is answered as unknown" in page


def test_columns_of_one_tensor_have_their_own_categories() -> None:
    shared = Signature(
        runtime(of(LENIENT, TEXT)).signature.form,
        (Column("a", "BYTES", nullable=True, known=frozenset("x")), Column("b", "BYTES", nullable=True)),
        named=True,
    )
    (tensor,) = shared.describe_inputs()
    assert tensor["parameters"] == {"columns": ["a", "b"], "nullable": True, "known_categories_by_column": {"a": ["x"]}}


CATEGORIES = FRAME[["country", "floor", "area"]].astype({"country": "category", "floor": "category"})
CODES = np.stack([np.tile([0.0, 1.0, 2.0, 7.0], 10), FRAME["area"]], axis=1)
BOOSTED: dict[str, Any] = {
    "by type": HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype"),
    "by mask": HistGradientBoostingRegressor(max_iter=2, categorical_features=[True, True, False]),
    "by name": HistGradientBoostingClassifier(max_iter=2, categorical_features=["country", "floor"]),
}


@pytest.mark.parametrize("case", BOOSTED)
def test_boosting_declares_the_types_of_its_columns(case: str) -> None:
    frame = CATEGORIES if case != "by mask" else FRAME[["country", "floor", "area"]]
    by_name = columns(BOOSTED[case].fit(frame, (TARGET > 0.5).astype(int)))
    assert {name: (column.datatype, column.known) for name, column in by_name.items()} == {
        "country": ("BYTES", COUNTRIES),
        "floor": ("FP64", FLOORS),
        "area": ("FP64", None),
    }
    assert all(column.nullable for column in by_name.values())


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"area": "large"}, "instances[1].area", "takes numbers"),
        ({"floor": "first"}, "instances[1].floor", "takes numbers"),
        ({"country": 5}, "instances[1].country", "takes strings"),
    ],
)
def test_wrong_value_for_boosting_is_named_by_row_and_column(change: dict[str, Any], field: str, words: str) -> None:
    server = plane(BOOSTED["by type"].fit(CATEGORIES, TARGET))
    row = {"country": "france", "floor": 2.0, "area": 50.0}
    with pytest.raises(InvalidInput) as error:
        planes.predict(server, {"instances": [row, row | change]})
    assert (error.value.field, words in error.value.message) == (field, True)
    unknown, missing = (
        planes.predict(server, {"instances": [row | {"country": value}]}) for value in ("atlantis", None)
    )
    assert unknown == missing


def test_boosting_on_an_array_knows_its_codes() -> None:
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0]).fit(CODES, TARGET)
    assert [column.known for column in columns(model).values()] == [frozenset({0.0, 1.0, 2.0, 7.0}), None]
