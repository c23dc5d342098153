"""A file of labelled rows is read as requests would send them, or refused in words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import answers_of
from modelway_server.evaluation.dataset import read_dataset
from modelway_server.evaluation.wish import Wish
from modelway_server.runtimes.estimators.runtime import EstimatorRuntime


def wish(**members: Any) -> Wish:
    return Wish.from_document({"target": "y", "metrics": [{"name": "r2", "min": 0}], **members})


def write(folder: Path, text: str) -> Path:
    file = folder / "rows.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_columns_are_those_beside_target_and_weights(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, "a,y,w,c\n1,2,3,DE\n4,5,6,\n"), wish(weight="w", slices=["c"]))
    assert list(dataset.columns) == ["a", "c"]
    assert list(dataset.target) == ["2", "5"]
    assert dataset.weights is not None
    assert dataset.weights.tolist() == [3.0, 6.0]
    assert dataset.slices["c"].tolist() == ["DE", ""]


def test_rows_for_a_model_hold_no_right_answers(tmp_path: Path) -> None:
    greedy = replace(wish(weight="w"), slices=("y", "w", "c"))
    rows = read_dataset(write(tmp_path, "a,y,w,c\n1,2,3,DE\n"), greedy).without_answers(greedy)
    assert (list(rows.columns), list(rows.slices), rows.target, rows.weights) == (["a", "c"], ["c"], (), None)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no target": ("a,b\n1,2\n", {}, "target: the dataset has no column 'y'; it has a, b"),
    "no rows": ("a,y\n", {}, "has no rows"),
    "empty target": ("a,y\n1,2\n1,\n", {}, "'y', the target, is empty or NaN in row 1"),
    "NaN target": ("a,y\n1,nan\n", {}, "'y', the target, is empty or NaN in row 0"),
    "negative weight": ("a,y,w\n1,2,-1\n", {"weight": "w"}, "is -1 in row 0; a weight is a number of at least 0"),
    "weights of zero": ("a,y,w\n1,2,0\n", {"weight": "w"}, "is 0 in every row"),
    "weight of text": ("a,y,w\n1,2,x\n", {"weight": "w"}, "must hold numbers"),
    "weight of Python": ("a,y,w\n1,2,1_0\n", {"weight": "w"}, "must hold numbers"),
    "no slice": ("a,y\n1,2\n", {"slices": ["c"]}, r"slices\[0\]: the dataset has no column 'c'"),
    "many values": ("y,c\n" + "".join(f"1,{row}\n" for row in range(51)), {"slices": ["c"]}, "has 51 values"),
    "ragged": ("a,y\n1,2\n1\n", {}, "no CSV: line 3 has 1 fields"),
    "parquet as csv": ("PAR1", {"dataset": {"format": "csv"}}, "the file is Parquet"),
    "csv as parquet": ("a,y\n1,2\n", {"dataset": {"format": "parquet"}}, "format is parquet, and the file is none"),
    "parquet": ("PAR1", {}, "no Parquet that can be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_dataset_that_cannot_be_used_is_refused_in_words(tmp_path: Path, case: str) -> None:
    text, members, words = REFUSED[case]
    with pytest.raises(InvalidDataset, match=words):
        read_dataset(write(tmp_path, text), wish(**members))


def test_folder_of_several_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a,y\n1,2\n")
    (tmp_path / "more.csv").write_text("a,y\n1,2\n")
    with pytest.raises(InvalidDataset, match=r"there are 2: more\.csv, rows\.csv"):
        read_dataset(tmp_path, wish())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be an object"),
        ({"target": "y"}, "metrics must be a list"),
        ({"metrics": [{"name": "r2", "min": 0}]}, "target must be a text"),
        ({"target": "y", "metrics": [{"name": "r2"}]}, "has no limit"),
        ({"target": "y", "metrics": [{"name": "r2", "min": True}]}, "min must be a number"),
        ({"target": "y", "metrics": [{"name": "r2", "min": 1, "max": 0}]}, "above max"),
        ({"target": "y", "metrics": [{"name": "r2", "notWorseThanStableBy": -1}]}, "must not be negative"),
        ({"target": "y", "metrics": [{"name": "r2", "min": 0}] * 2}, "twice"),
        ({"target": "y", "metrics": [{"name": "r2", "min": 0}], "confidence": 1}, "below 1"),
        ({"target": "y", "metrics": [{"name": "r2", "min": 0}], "onInconclusive": "No"}, "one of Refuse, Accept"),
        ({"target": "y", "metrics": [{"name": "r2", "min": 0}], "weight": "y"}, "name two columns"),
        (
            {"target": "y", "metrics": [{"name": "r2", "min": 0}], "slices": ["c", "y"]},
            r"slices\[1\] is 'y', the target",
        ),
        ({"target": "y", "metrics": [{"name": "r2", "min": 0}], "slice": []}, "has no member 'slice'"),
    ],
)
def test_wrong_document_is_refused_by_its_field(document: Any, words: str) -> None:
    with pytest.raises(InvalidDataset, match=words):
        Wish.from_document(document)


def test_model_without_names_leaves_out_slices(tmp_path: Path) -> None:
    model = Ridge().fit(np.eye(3), [1.0, 2.0, 3.0])
    runtime = EstimatorRuntime(model, ("predict",), None)
    runtime.warm_up()
    dataset = read_dataset(write(tmp_path, "a,c,b,d,y\n1,DE,0,0,1\n"), wish(slices=["c"]))
    assert answers_of(runtime, dataset).outputs["predict"][0][0] == model.predict([[1, 0, 0]])[0]


def test_rows_that_the_model_does_not_take_are_refused(tmp_path: Path) -> None:
    runtime = EstimatorRuntime(Ridge().fit(np.eye(3), [1.0, 2.0, 3.0]), ("predict",), None)
    runtime.warm_up()
    with pytest.raises(InvalidDataset, match="takes 3 values a row, and there are 1: a"):
        answers_of(runtime, read_dataset(write(tmp_path, "a,y\n1,2\n"), wish()))
