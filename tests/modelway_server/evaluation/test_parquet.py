"""Parquet files are read as CSV files of the same rows are, or refused by the column at fault."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from arro3.core import Array, DataType, Table, list_array
from arro3.io import write_parquet
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import answers_of
from modelway_server.evaluation.dataset import Dataset, read_dataset
from modelway_server.evaluation.parquet import BATCH, parquet_columns
from modelway_server.evaluation.targets import targets_of
from modelway_server.evaluation.wish import Wish
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import EstimatorRuntime
from support.models import mixed_pipeline

WRITTEN = Path(__file__).parents[2] / "support" / "files" / "parquet"
"""Files of pandas with pyarrow, and of Polars."""
ROOM = 1 << 30
WISH = Wish.from_document(
    {"target": "y", "weight": "w", "slices": ["city"], "metrics": [{"name": "accuracy", "min": 0}]}
)
COUNT = 2 * BATCH + 5


def save(file: Path, columns: Mapping[str, Array], compression: str = "snappy") -> Path:
    write_parquet(Table.from_pydict(dict(columns)), file, compression=compression)
    return file


def texts(*values: str | None) -> Array:
    return Array(list(values), type=DataType.utf8())


def test_types_of_pandas_are_those_of_a_request() -> None:
    assert parquet_columns(WRITTEN / "pandas.parquet", ROOM) == {
        "number": [1.5, None, -3.25],
        "count": [1, None, 9007199254740993],
        "whole": [1, 2, 3],
        "half": [0.5, 1.5, None],
        "flag": [True, False, True],
        "maybe": [True, None, False],
        "text": ["p", None, "ü"],
        "kind": ["x", None, "y"],
        "grade": [3, 4, 3],
        "seen": ["2024-01-02T03:04:05.678901", None, "1900-01-01T00:00:00.000000"],
        "zoned": ["2024-01-02T02:04:05.000000Z", None, "2024-06-30T22:00:00.000000Z"],
        "day": ["2024-01-02", None, "1900-01-01"],
        "price": [1.25, None, 0.1],
        "nothing": [None, None, None],
    }, "without the labels of the rows"


def test_types_of_polars_are_those_of_a_request() -> None:
    assert parquet_columns(WRITTEN / "polars.parquet", ROOM) == {
        "number": [1.5, None, None],
        "text": ["x", None, "y"],
        "kind": ["x", "y", None],
        "grade": ["x", "y", None],
    }


# As a CSV ---------------------------------------------------------------------------------------------------------------------------------


def numbers(**more: Any) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"age": draw.normal(size=COUNT), "visits": draw.integers(0, 9, COUNT)})
    return frame.assign(city=draw.choice(["Rome", "Oslo", "Bern"], COUNT), member=draw.random(COUNT) < 0.5, **more)


def named_model() -> EstimatorRuntime:
    frame = numbers()
    parts = make_column_transformer(
        (StandardScaler(), ["age", "visits"]), (OneHotEncoder(), ["city"]), ("passthrough", ["member"])
    )
    return EstimatorRuntime(make_pipeline(parts, LogisticRegression()).fit(frame, frame.age > 0), METHODS, None)


def unnamed_model() -> EstimatorRuntime:
    frame = numbers()
    model = LogisticRegression().fit(frame[["age", "visits"]].to_numpy(), np.where(frame.age > 0, "yes", "no"))
    return EstimatorRuntime(model, METHODS, None)


METHODS = ("predict", "predict_proba", "decision_function")
LABELS = {named_model: [True, False], unnamed_model: ["yes", "no"]}


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "zstd(3)", "gzip(6)"])
@pytest.mark.parametrize("train", LABELS, ids=lambda train: train.__name__)
def test_answers_are_those_to_a_csv_bit_by_bit(train: Any, compression: str, tmp_path: Path) -> None:
    labels = np.resize(np.array(LABELS[train]), COUNT)
    frame = numbers(w=np.arange(COUNT) / 7, y=labels)
    frame = frame if train is named_model else frame.drop(columns="member")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    arrays = {
        str(name): texts(*column)
        if name == "city" or column.dtype.kind in "OT"
        else Array.from_numpy(column.to_numpy())
        for name, column in frame.items()
    }
    runtime = train()
    runtime.warm_up()
    of_csv = judged(runtime, read_dataset(tmp_path / "rows.csv", WISH))
    of_parquet = judged(runtime, read_dataset(save(tmp_path / "rows.parquet", arrays, compression), WISH))
    assert of_csv == of_parquet


def judged(runtime: Runtime, dataset: Dataset) -> tuple[Any, ...]:
    """All that metrics are computed of, as bytes."""
    answers = answers_of(runtime, dataset)
    assert dataset.weights is not None
    outputs = {name: [array.tobytes() for array in arrays] for name, arrays in answers.outputs.items()}
    target = targets_of(dataset.target, answers, "y").tolist()
    return outputs, target, dataset.weights.tobytes(), dataset.slices["city"].tolist(), dataset.count


def test_missing_values_are_answered_as_those_of_a_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [20.0, np.nan], "city": ["Rome", None], "member": ["yes", "no"], "y": ["no", "yes"]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    columns = {name: texts(*frame[name].replace({np.nan: None})) for name in ("city", "member", "y")}
    columns["age"] = Array.from_numpy(frame.age.to_numpy())
    runtime = EstimatorRuntime(mixed_pipeline(), METHODS, None)
    runtime.warm_up()
    wish = Wish.from_document({"target": "y", "metrics": [{"name": "accuracy", "min": 0}]})
    of_csv, of_parquet = (
        answers_of(runtime, read_dataset(file, wish)).outputs["predict_proba"][0].tobytes()
        for file in (tmp_path / "rows.csv", save(tmp_path / "rows.parquet", columns))
    )
    assert of_csv == of_parquet


# What is refused --------------------------------------------------------------------------------------------------------------------------

LISTS = list_array(Array([0, 1, 2], type=DataType.int32()), texts("a", "b"))
BYTES = Array([b"x", None], type=DataType.binary())


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"a": LISTS, "y": texts("p", "q")}, "column 'a' holds lists or objects; make a column of each"),
        ({"a": texts("p", "q"), "y": LISTS}, "column 'y' holds lists or objects"),
        ({"a": BYTES, "y": texts("p", "q")}, "column 'a' holds Binary; save it as numbers, texts"),
        ({"a": texts("p", "q"), "y": texts("p", None)}, "'y', the target, is empty or NaN in row 1"),
        ({"a": texts("p", "q")}, "target: the dataset has no column 'y'; it has a"),
        ({"y": texts()}, "has no rows"),
    ],
)
def test_column_that_no_request_can_hold_is_named(columns: dict[str, Array], says: str, tmp_path: Path) -> None:
    wish = Wish.from_document({"target": "y", "metrics": [{"name": "accuracy", "min": 0}]})
    with pytest.raises(InvalidDataset, match=says):
        read_dataset(save(tmp_path / "rows.parquet", columns), wish)


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = Table.from_arrays([texts("p"), texts("q"), texts("r")], names=["x", "y", "x"])
    write_parquet(table, tmp_path / "rows.parquet")
    with pytest.raises(InvalidDataset, match="several columns of one name: x; rename them"):
        parquet_columns(tmp_path / "rows.parquet", ROOM)


@pytest.mark.parametrize("column", [texts(*["x" * 1000] * 3000), Array.from_numpy(np.zeros(10**6, bool))])
def test_small_file_that_unpacks_to_much_is_refused(column: Array, tmp_path: Path) -> None:
    file = save(tmp_path / "rows.parquet", {"y": column}, "zstd(3)")
    assert file.stat().st_size < 20_000
    with pytest.raises(InvalidDataset, match="unpacks to more than 1,000,000 bytes: sample its rows"):
        parquet_columns(file, 1_000_000)


@pytest.mark.parametrize("length", [0, 4, 8, 600, 9000])
def test_file_that_is_cut_short_is_no_parquet(length: int, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes((WRITTEN / "pandas.parquet").read_bytes()[:length])
    with pytest.raises(InvalidDataset, match="no Parquet that can be read"):
        parquet_columns(tmp_path / "rows.parquet", ROOM)
