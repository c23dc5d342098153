"""A plan in a folder: what one release writes, the next one reads."""

import json
from pathlib import Path

import numpy as np

from modelway_server.engines.plan.plan import Plan

DOCUMENT = {
    "heads": {"predict": "sign", "decision_function": "scores"},
    "steps": [{"op": "subtract", "values": "a0"}],
    "labels": ["no", "yes"],
    "label_dtype": "<U3",
    "flat": True,
    "divisor": 1.0,
    "single": False,
}
"""As the first release with this layout wrote it; `prepared.LAYOUT` rises with a change that it cannot be read with."""


def written_by_hand(folder: Path) -> Path:
    (folder / "plan.json").write_text(json.dumps(DOCUMENT))
    np.savez(folder / "plan.npz", a0=np.zeros(2), coef=np.ones((2, 1)), intercept=np.zeros(1))
    return folder


def test_plan_of_the_first_release_is_read(tmp_path: Path) -> None:
    plan = Plan.read(written_by_hand(tmp_path))
    assert plan.outputs == {"predict": "sign", "decision_function": "scores"}
    assert (plan.steps, plan.labels, set(plan.arrays)) == (
        DOCUMENT["steps"],
        DOCUMENT["labels"],
        {"a0", "coef", "intercept"},
    )


def test_plan_is_written_with_the_keys_of_the_first_release(tmp_path: Path) -> None:
    Plan.read(written_by_hand(tmp_path)).write(tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text()) == DOCUMENT
