"""The gauges of each model: what status says of the present spec, and nothing once the model is gone."""

import pytest
from prometheus_client import CollectorRegistry

from modelway.model_gauges import Model, ModelGauges
from modelway.observed import Owner
from support.operator.observed import deployment, owner

NAMES = {"namespace": "risk", "name": "fraud"}


def conditions(generation: int, **statuses: str) -> dict[str, object]:
    conditions = [
        {"type": kind, "status": status, "observedGeneration": generation} for kind, status in statuses.items()
    ]
    return {"observedGeneration": generation, "conditions": conditions}


def gauge(models: list[Model], name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    ModelGauges(lambda: models, registry)
    return registry.get_sample_value(f"modelway_modeldeployment_{name}", {**NAMES, **labels})


def of(one: Owner, name: str) -> float | None:
    return gauge([Model(one, None)], name)


@pytest.mark.parametrize("kind", ["Ready", "Available", "Stalled"])
@pytest.mark.parametrize(("status", "value"), [("True", 1), ("False", 0), ("Unknown", 0)])
def test_condition_gauge_is_one_while_condition_is_true(kind: str, status: str, value: float) -> None:
    assert of(owner(status=conditions(1, **{kind: status})), kind.lower()) == value


def test_a_verdict_on_an_older_spec_counts_for_available_alone() -> None:
    old = owner(generation=2, status=conditions(1, Ready="True", Stalled="True", Available="True"))
    assert [of(old, name) for name in ("ready", "stalled", "available")] == [0, 0, 1]
    assert (of(old, "generation"), of(old, "observed_generation")) == (2, 1)


def test_a_new_model_is_neither_ready_nor_available() -> None:
    assert [of(owner(), name) for name in ("ready", "available", "stalled", "suspended")] == [0, 0, 0, 0]
    assert of(owner(), "observed_generation") == -1


def test_share_of_a_candidate_is_the_weight_of_its_rollout() -> None:
    assert of(owner(), "rollout_weight") == 0
    assert of(owner(status={"rollout": {"phase": "Progressing", "weight": 25}}), "rollout_weight") == 25


@pytest.mark.parametrize(("phase", "values"), [("Progressing", [3.0, 1000.0, 0.01]), ("RolledBack", [None] * 3)])
def test_measures_are_told_while_a_rollout_is_under_way(phase: str, values: list[float | None]) -> None:
    measure = {"name": "app", "bad": 3, "trials": 1000, "bound": 0.01}
    models = [Model(owner(status={"rollout": {"phase": phase, "measures": [measure]}}), None)]
    parts = ("rollout_bad", "rollout_trials", "rollout_bound")
    assert [gauge(models, part, measure="app") for part in parts] == values


def test_pods_are_counted_as_wanted_and_as_ready() -> None:
    models = [Model(owner(), deployment(size=8, available=3))]
    assert gauge(models, "replicas", state="wanted") == 8
    assert gauge(models, "replicas", state="ready") == models[0].deployment.ready  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("scaling", "wanted"), [(None, 1), ({"replicas": 3}, 3), ({"min": 2, "max": 9}, 2), ({"max": 9}, 1)]
)
def test_before_there_are_pods_the_spec_says_how_many(scaling: dict[str, int] | None, wanted: int) -> None:
    spec = {"model": {"uri": "s3://a/b"}, **({"scaling": scaling} if scaling else {})}
    assert gauge([Model(owner(spec), None)], "replicas", state="wanted") == wanted


def test_a_model_that_is_gone_leaves_no_series() -> None:
    models = [Model(owner(), None)]
    registry = CollectorRegistry()
    ModelGauges(lambda: models, registry)
    assert registry.get_sample_value("modelway_modeldeployment_ready", NAMES) == 0
    models.clear()
    assert registry.get_sample_value("modelway_modeldeployment_ready", NAMES) is None
