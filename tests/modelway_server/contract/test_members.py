"""Every member of a model is asked for its columns: a column is checked when any of them reads it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import AdaBoostClassifier, BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge
from sklearn.multiclass import OneVsOneClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeRegressor

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Column, Signature
from modelway_server.errors import InvalidInput
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.trained.compositions import CLASSES, FRAME, NUMBERS, TEXTS, compose

# as `serve` does: the contract has checked the columns
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

TARGET = FRAME["width"] + FRAME["height"]
TWO = np.stack([TARGET, -TARGET], axis=1)
KINDS = np.stack([CLASSES, 1 - CLASSES], axis=1)
TABLE = FRAME[list(NUMBERS)]
CODES = FRAME.assign(**{name: FRAME[name].str[-1].map(ord) - 97 for name in TEXTS}).astype("float64")
COMPOSITIONS = 24


def signature(model: Any) -> Signature:
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return runtime.signature


def columns(model: Any) -> dict[str, Column]:
    return {column.name: column for column in signature(model).columns}


def used_columns(model: Any) -> set[str]:
    return {name for name, column in columns(model).items() if column.used}


def records(frame: pd.DataFrame, count: int = 3) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.iloc[:count].to_dict("records")]


def refusal(contract: Signature, rows: list[dict[str, Any]]) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        rows_of_instances(contract, rows, "instances")
    return error.value


def of(*steps: Any) -> Pipeline:
    return make_pipeline(make_column_transformer(*steps), Ridge())


WIDTH = of((StandardScaler(), ["width"]))
HEIGHT = of(("passthrough", ["height"]))
WOOD = of((OneHotEncoder(), ["wood"]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(COMPOSITIONS))
def test_column_that_any_member_reads_is_checked(seed: int) -> None:
    composition = compose(seed)
    contract, rows = signature(composition.model), records(FRAME)
    assert {column.name for column in contract.columns if column.used} == composition.reads
    rows_of_instances(contract, rows, "instances")
    for name in FRAME:
        if name in composition.reads:
            without = [{other: value for other, value in row.items() if other != name} for row in rows]
            assert f"missing: {name}" in refusal(contract, without).message
            wrong = [*rows[:1], {**rows[1], name: "nonsense" if name in NUMBERS else 7.5}, *rows[2:]]
            error = refusal(contract, wrong)
            assert (error.field, repr(name) in error.message) == (f"instances[1].{name}", True)
        else:
            rows_of_instances(contract, [{**row, name: ["anything"]} for row in rows], "instances")


READS: dict[str, tuple[Any, set[str]]] = {
    "union of tables": (
        make_pipeline(
            FeatureUnion(
                [
                    ("numbers", make_column_transformer((StandardScaler(), ["width"]))),
                    ("texts", make_column_transformer((OneHotEncoder(), ["wood"]))),
                ]
            ),
            Ridge(),
        ).fit(FRAME, TARGET),
        {"width", "wood"},
    ),
    "voters": (VotingRegressor([("a", WIDTH), ("b", WOOD)]).fit(FRAME, TARGET), {"width", "wood"}),
    "stacked": (StackingRegressor([("a", WIDTH), ("b", WOOD)], cv=2).fit(FRAME, TARGET), {"width", "wood"}),
    "stacked with the columns": (
        StackingRegressor([("a", WIDTH)], Ridge(), cv=2, passthrough=True).fit(TABLE, TARGET),
        set(NUMBERS),
    ),
    "bagged columns": (
        BaggingRegressor(DecisionTreeRegressor(), 1, max_features=1, random_state=0).fit(TABLE, TARGET),
        {"depth"},
    ),
    "boosted": (AdaBoostClassifier(LogisticRegression(), n_estimators=2).fit(TABLE, CLASSES), set(NUMBERS)),
    "several targets": (MultiOutputRegressor(WOOD).fit(FRAME, TWO), {"wood"}),
    "a chain": (RegressorChain(Ridge()).fit(TABLE, TWO), set(NUMBERS)),
    "pairs of classes": (OneVsOneClassifier(LogisticRegression()).fit(TABLE, CLASSES), set(NUMBERS)),
    "codes of classes": (OutputCodeClassifier(LogisticRegression(), random_state=0).fit(TABLE, CLASSES), set(NUMBERS)),
    "a changed target": (TransformedTargetRegressor(WOOD).fit(FRAME, TARGET), {"wood"}),
    "self-trained": (SelfTrainingClassifier(LogisticRegression()).fit(TABLE, np.where(CODES.index < 4, -1, CLASSES)), set(NUMBERS)),
    "consensus": (RANSACRegressor(random_state=0).fit(TABLE, TARGET), set(NUMBERS)),
    "elimination": (RFE(Ridge(), n_features_to_select=1).fit(TABLE, TARGET), set(NUMBERS)),
    "chosen by a model": (make_pipeline(SelectFromModel(Ridge()), Ridge()).fit(TABLE, TARGET), set(NUMBERS)),
    "a pipeline in a pipeline": (make_pipeline(make_pipeline("passthrough", WIDTH[0]), Ridge()).fit(FRAME, TARGET), {"width"}),
    "a dropped member": (
        make_pipeline(FeatureUnion([("a", "drop"), ("b", WOOD[0])]), Ridge()).fit(FRAME, TARGET),
        {"wood"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", READS)
def test_columns_of_all_members_are_used(case: str) -> None:
    model, reads = READS[case]
    assert used_columns(model) == reads


class Committee(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An ensemble that scikit-learn does not know."""

    def fit(self, rows: Any, target: Any) -> "Committee":
        self.n_features_in_, self.feature_names_in_ = rows.shape[1], np.array(rows.columns, dtype=object)
        self.estimators_ = [WIDTH.fit(rows, target), WOOD.fit(rows, target)]
        return self

    def predict(self, rows: Any) -> Any:
        return sum(member.predict(rows) for member in self.estimators_)


def test_members_of_a_foreign_ensemble_are_inspected() -> None:
    assert used_columns(Committee().fit(FRAME, TARGET)) == {"width", "wood"}


def test_categories_that_all_strict_members_know_are_accepted() -> None:
    halves = [("a", WOOD), ("b", make_pipeline(FeatureUnion([("w", WOOD[0])]), Ridge()))]
    model = VotingRegressor(halves).fit(FRAME, TARGET)
    encoder = model.estimators_[1][0].transformer_list[0][1].transformers_[0][1]
    encoder.categories_ = [np.array(["wood b", "wood c", "wood z"], dtype=object)]
    assert columns(model)["wood"].categories == frozenset({"wood b", "wood c"})


def test_missing_value_is_accepted_if_every_member_takes_it() -> None:
    takes = of((SimpleImputer(), ["width"]), (SimpleImputer(), ["height"]))
    model = VotingRegressor([("a", takes), ("b", HEIGHT)]).fit(FRAME, TARGET)
    assert {name: columns(model)[name].nullable for name in ("width", "height")} == {"width": True, "height": False}


def test_columns_of_one_step_have_their_own_types() -> None:
    frame = FRAME[["width", "wood"]].assign(floor=[1, 2, 3] * 16, garden=[True, False, True] * 16).astype(object)
    step = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    model = of((step, list(frame))).fit(frame, TARGET)
    assert {name: column.datatype for name, column in columns(model).items()} == {
        "width": "FP64",
        "wood": "BYTES",
        "floor": "INT64",
        "garden": "BOOL",
    }
