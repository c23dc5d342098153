"""The evaluation around its processes: how they end, and what memory they are given."""

import os
from pathlib import Path

import pytest

from modelway_server.errors import InvalidDataset
from modelway_server.preflight import evaluate
from modelway_server.preflight.child import Deadline, Material, PreparedModel
from modelway_server.preflight.report import Report
from modelway_server.preflight.spec import Preflight
from modelway_server.prove import prove
from support.server.served import SharedModel


@pytest.mark.slow
def test_reader_that_crashes_is_told_of_the_dataset(
    tmp_path: Path, forest_model: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelway_server.evaluation.dataset.read_dataset", lambda *_: os.abort())
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n")
    model = PreparedModel(model_dir=forest_model["path"].parent, prepared_dir=forest_model["prepared"])
    wish = {"target": "y", "metrics": [{"name": "accuracy", "min": 0.5}]}
    with pytest.raises(InvalidDataset, match="the reader of the dataset crashed; the file may be damaged"):
        prove(Preflight(evaluation=wish), Material(candidate=model, dataset_dir=tmp_path), Deadline(60), Report())


@pytest.mark.parametrize(("begin", "has_room"), [(b"PAR1", False), (b"a,y\n", True)])
def test_packed_rows_count_for_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: bytes, *, has_room: bool
) -> None:
    (tmp_path / "rows").write_bytes(begin + bytes(5 << 20))
    model = PreparedModel(model_dir=tmp_path / "model", prepared_dir=tmp_path / "prepared")
    monkeypatch.setattr(evaluate, "memory_limit", lambda: 800 << 20)
    assert evaluate._has_room(Material(candidate=model), tmp_path) is has_room
