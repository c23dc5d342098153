"""A field of the spec is followed by the operator, and stands in the example that sets every field."""

import re
from typing import Any

import pytest

from modelway.api.analysis import Analysis
from modelway.api.base import ApiModel
from modelway.api.exposure import Exposure, Gateway
from modelway.api.model import Model, Storage
from modelway.api.replay import Replay
from modelway.api.rollout import Rollout, RolloutStep, Sticky
from modelway.api.runtime import Batching, Limits, Runtime
from modelway.api.scaling import Scaling
from modelway.api.scheduling import Scheduling
from modelway.api.v1alpha1 import ModelDeploymentSpec
from support.operator.specs import every_field
from support.pages.blocks import ROOT

SPEC = every_field()
BLOCKS: list[tuple[type[ApiModel], Any]] = [
    (ModelDeploymentSpec, SPEC),
    (Model, SPEC["model"]),
    (Storage, SPEC["model"]["storage"]),
    (Runtime, SPEC["runtime"]),
    (Batching, SPEC["runtime"]["batching"]),
    (Limits, SPEC["runtime"]["limits"]),
    (Scaling, SPEC["scaling"]),
    (Rollout, SPEC["rollout"]),
    (RolloutStep, SPEC["rollout"]["steps"][0]),
    (Sticky, SPEC["rollout"]["sticky"]),
    (Analysis, SPEC["rollout"]["analysis"]),
    (Replay, SPEC["rollout"]["replay"]),
    (Exposure, SPEC["exposure"]),
    (Gateway, SPEC["exposure"]["gateway"]),
    (Scheduling, SPEC["scheduling"]),
]
ELSE_REFUSED = {"replicas", "serviceAccountName", "mirror", "scaleDownDelay"}
"""Fields that exclude others of the example, or that a policy must allow; their own tests set them."""
PASSED_WHOLE = {"node_selector", "topology_spread"}
"""Fields that reach the pod with all of their block, under the name that Kubernetes gives them."""
CODE = "".join(file.read_text() for file in (ROOT / "operator" / "modelway").rglob("*.py") if file.parent.name != "api")


@pytest.mark.parametrize(("block", "example"), BLOCKS, ids=lambda value: getattr(value, "__name__", ""))
def test_example_sets_every_field(block: type[ApiModel], example: Any) -> None:
    names = {field.alias or name for name, field in block.model_fields.items()}
    assert names - ELSE_REFUSED == set(example)


@pytest.mark.parametrize("block", [block for block, _ in BLOCKS], ids=lambda block: block.__name__)
def test_operator_follows_every_field(block: type[ApiModel]) -> None:
    names = set(block.model_fields) - PASSED_WHOLE
    assert sorted(name for name in names if not re.search(rf"\.{name}\b", CODE)) == []
