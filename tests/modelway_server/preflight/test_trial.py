"""Whatever the process of one model writes in place of a result, its trial ends with a reason, and the others go on."""

import math
from pathlib import Path
from typing import Any

import pytest

from modelway_server.preflight.child import PreparedModel
from modelway_server.preflight.trial import Trial

NO_FOOTPRINTS: list[dict[str, Any]] = [
    {},
    {"seconds": {}, "memory": 1},
    {"seconds": math.nan, "memory": 1},
    {"seconds": math.inf, "memory": 1},
    {"seconds": -1.0, "memory": 1},
    {"seconds": 1e-3, "memory": math.inf},
    {"seconds": 1e-3, "memory": -1},
    {"seconds": 1e-3, "memory": 10**400},
]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(PreparedModel(model_dir=tmp_path, prepared_dir=tmp_path))


@pytest.mark.parametrize("result", NO_FOOTPRINTS, ids=lambda it: repr(it)[:40])
def test_model_whose_footprint_is_none_is_out(trial: Trial, result: dict[str, Any]) -> None:
    trial.note(lambda: trial.take_footprint(result))
    assert trial.failure is not None
    assert (trial.failure.reason, trial.footprint) == ("LoadCrashed", None)


@pytest.mark.parametrize("result", [{}, {"replies": []}, {"replies": [1]}, {"replies": {}}], ids=repr)
def test_model_whose_replies_are_none_is_out(trial: Trial, result: dict[str, Any]) -> None:
    trial.note(lambda: trial.take_answers((), result))
    assert trial.failure is not None
    assert trial.failure.reason == "LoadCrashed"


def test_footprint_as_it_was_measured_is_taken(trial: Trial) -> None:
    trial.note(lambda: trial.take_footprint({"seconds": 1e-3, "memory": 4096}))
    assert trial.failure is None
    assert trial.footprint is not None
    assert trial.footprint.cost == pytest.approx(4.096)
