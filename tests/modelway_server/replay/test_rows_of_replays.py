"""Which rows a replay asks, and in which requests."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.wish import Format
from modelway_server.replay.rows import Selection, choose_columns, draw, questions_of_dataset, questions_of_model

MATRIX = [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]
TABLE = [{"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in ("amount", "hour")]
NAMED = [{**MATRIX[0], "parameters": {"columns": ["amount", "hour"]}}]


def test_equal_rows_are_asked_once() -> None:
    rows = [(number % 7, "x") for number in range(1000)]
    drawn = draw(rows, Selection(requests=1000))
    assert sorted(row for request in drawn for row in request) == [(number, "x") for number in range(7)]


def test_same_rows_are_drawn_each_time() -> None:
    first, again = (draw(range(500), Selection(requests=20, rows_per_request=3)) for _ in range(2))
    assert first == again
    assert first != [list(range(at, at + 3)) for at in range(0, 60, 3)]
    assert [len(request) for request in first] == [3] * 20


@pytest.mark.parametrize("inputs", [TABLE, NAMED])
def test_columns_that_the_model_does_not_know_are_left_out(inputs: Any) -> None:
    columns = ["id", "hour", "amount", "fraud"]
    assert choose_columns(inputs, columns, Selection(requests=1, hidden=("fraud",))) == ["amount", "hour"]


def test_model_without_names_never_sees_the_right_answers() -> None:
    selection = Selection(requests=1, hidden=("fraud", "weight"), groups=("country",))
    assert choose_columns(MATRIX, ["a", "fraud", "b", "weight", "country"], selection) == ["a", "b"]


@pytest.mark.parametrize(("inputs", "columns"), [(MATRIX, ["a"]), (TABLE, ["a", "b"])])
def test_dataset_of_another_model_is_named(inputs: Any, columns: list[str]) -> None:
    with pytest.raises(InvalidDataset, match="the model takes"):
        choose_columns(inputs, columns, Selection(requests=1))


def test_rows_of_a_csv_stay_text(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('amount,hour,fraud\n1.50,3,yes\n,"4",no\n')
    selection = Selection(requests=9, rows_per_request=2, hidden=("fraud",))
    [question] = questions_of_dataset(tmp_path, Format.AUTO, selection, TABLE)
    names, *rows = csv.reader(io.StringIO(question.body.decode()))
    assert (names, sorted(rows), question.rows) == (["amount", "hour"], [["", "4"], ["1.50", "3"]], 2)
    assert question.content_type == b"text/csv"


@pytest.mark.parametrize(
    "document",
    [[[1, 2], [3, 4]], {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}, {"instances": [{"a": 1}, {"a": 3}]}],
)
def test_rows_beside_a_model_are_asked(tmp_path: Path, document: Any) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("x")
    (tmp_path / "model" / "input_example.json").write_text(json.dumps(document))
    questions = questions_of_model(tmp_path, Selection(requests=9))
    assert len(questions) == 2
    assert all(len(json.loads(one.body)["instances"]) == 1 for one in questions)


def test_model_without_rows_asks_for_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"x")
    with pytest.raises(InvalidDataset, match=r"spec\.rollout\.replay\.dataset"):
        questions_of_model(tmp_path, Selection(requests=9))
