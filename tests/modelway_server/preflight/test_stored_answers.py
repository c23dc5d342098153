"""A model's answers come back from its process as they were, and a folder that holds anything else is refused."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway_server.errors import InvalidDataset, LoadCrashed
from modelway_server.evaluation.answers import Answers
from modelway_server.preflight.stored_answers import read_answers, write_answers

ARRAYS = [
    np.array([1, 2, 3]),
    np.array([[0.1, 0.9], [0.5, 0.5], [np.nan, np.inf]]),
    np.array(["no", "yes", "é"]),
    np.array(["no", "yes", "é"], dtype=object),
    np.array([True, None, 1.5], dtype=object),
    np.array([["a", "b"], ["c", "d"], ["e", "f"]], dtype=object),
]


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("classes", [None, (0, 1), ("no", "yes"), ((0, 1), ("a", "b")), (False, True)])
def test_answers_come_back_as_they_were(tmp_path: Path, array: Any, classes: Any) -> None:
    write_answers(Answers(outputs={"predict": (array, array)}, classes=classes, count=3), tmp_path)
    answers = read_answers(tmp_path)
    assert (answers.classes, answers.count, len(answers.outputs["predict"])) == (classes, 3, 2)
    for other in answers.outputs["predict"]:
        np.testing.assert_array_equal(other, array)
        assert other.dtype == array.dtype


@pytest.mark.parametrize(
    "index", ["", "[]", "{}", '{"arrays": {"predict": 1}, "classes": null, "count": 3}', "[" * 100_000]
)
def test_folder_that_holds_no_answers_is_refused(tmp_path: Path, index: str) -> None:
    (tmp_path / "answers.json").write_text(index)
    with pytest.raises(LoadCrashed, match="left no answers"):
        read_answers(tmp_path)


@pytest.mark.parametrize("array", [np.zeros(2), np.zeros(()), np.array([{"a": 1}, 1, 2], dtype=object)])
def test_array_of_other_rows_or_of_code_is_refused(tmp_path: Path, array: Any) -> None:
    write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), tmp_path)
    np.save(tmp_path / "predict.0.npy", array, allow_pickle=True)
    (tmp_path / "predict.0.npy").rename(tmp_path / "predict.0")
    with pytest.raises(LoadCrashed):
        read_answers(tmp_path)


@pytest.mark.parametrize("name", ["answers.json", "predict.0"])
def test_link_to_the_answers_of_another_model_is_refused(tmp_path: Path, name: str) -> None:
    for folder in (tmp_path / "better", tmp_path / "own"):
        folder.mkdir()
        write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), folder)
    (tmp_path / "own" / name).unlink()
    (tmp_path / "own" / name).symlink_to(tmp_path / "better" / name)
    with pytest.raises(LoadCrashed, match="left no answers"):
        read_answers(tmp_path / "own")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04abc", b"\x93NUMPY", b"[[", b"["], ids=repr)
def test_file_that_holds_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), tmp_path)
    (tmp_path / "predict.0").write_bytes(content)
    with pytest.raises(LoadCrashed, match="left no answers"):
        read_answers(tmp_path)


@pytest.mark.parametrize("classes", [[[["a"]]], [{}], 1])
def test_classes_that_are_no_labels_are_refused(tmp_path: Path, classes: Any) -> None:
    write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), tmp_path)
    index = json.loads((tmp_path / "answers.json").read_text())
    (tmp_path / "answers.json").write_text(json.dumps(index | {"classes": classes}))
    with pytest.raises(LoadCrashed, match="left no answers"):
        read_answers(tmp_path)


def test_pipe_in_the_place_of_answers_is_refused(tmp_path: Path) -> None:
    write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), tmp_path)
    (tmp_path / "predict.0").unlink()
    os.mkfifo(tmp_path / "predict.0")
    writer = os.open(tmp_path / "predict.0", os.O_RDWR)  # a reader that opened it would wait for what is written
    try:
        with pytest.raises(LoadCrashed, match="left no answers"):
            read_answers(tmp_path)
    finally:
        os.close(writer)


def test_array_whose_head_claims_another_size_is_refused(tmp_path: Path) -> None:
    write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), tmp_path)
    head = {"descr": "<f8", "fortran_order": False, "shape": (3, 1 << 50)}
    with (tmp_path / "predict.0").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, head)
    with pytest.raises(LoadCrashed, match="left no answers"):
        read_answers(tmp_path)


def test_answers_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    write_answers(Answers(outputs={"predict": (np.zeros(3),)}, classes=None, count=3), tmp_path)
    with (tmp_path / "predict.1").open("wb") as file:
        file.truncate(1 << 40)  # which takes no room on the disk
    with pytest.raises(InvalidDataset, match=r"take 1048576 MiB, .* has room for"):
        read_answers(tmp_path)
