"""The metrics of each model: whether it is ready and available, how many pods it has, which spec was looked at.

The values are read from the cache at the moment of a scrape, so a deleted model leaves no series behind.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from modelway.api.scaling import Scaling
from modelway.observed import DeploymentView, Owner
from modelway.rollout.state import UNDER_WAY

PREFIX = "modelway_modeldeployment"
_LABELS = ("namespace", "name")
_CONDITIONS = {
    "ready": "1 while the present spec is fully served.",
    "available": "1 while at least one pod answers requests.",
    "stalled": "1 while waiting alone will not make the present spec served.",
}
_OF_MEASURES = {
    "bad": ("bad", "Bad trials of a rollout's candidate, by measure; of a value, looks in a row beyond its limit."),
    "trials": ("trials", "Trials of a rollout's candidate, by measure; of a value, looks in a row that roll back."),
    "needed": ("needed_trials", "About how many trials in all show that the candidate is not worse."),
    "bound": ("bound", "The share of bad trials, or the value, up to which the candidate is not worse."),
    "value": ("value", "The value of a metric of the spec that has one."),
}


class Model(NamedTuple):
    """One ModelDeployment as watched, with the Deployment that it owns."""

    owner: Owner
    deployment: DeploymentView | None


class ModelGauges(Collector):
    """The gauges of all models.

    Args:
        models: what is watched, asked at each scrape.
        registry: where scrapes find the gauges.
    """

    def __init__(self, models: Callable[[], Iterable[Model]], registry: CollectorRegistry) -> None:
        self._models = models
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Every gauge with a sample for each model; the gauge of pods has one for wanted and one for ready pods."""
        values = {
            **{f"{PREFIX}_{name}": _gauge(name, text) for name, text in _CONDITIONS.items()},
            f"{PREFIX}_suspended": _gauge("suspended", "1 while spec.suspend is true."),
            f"{PREFIX}_rollout_weight": _gauge(
                "rollout_weight", "Percent of requests that a rollout's candidate answers; 0 while there is none."
            ),
            f"{PREFIX}_generation": _gauge("generation", "Generation of the present spec."),
            f"{PREFIX}_observed_generation": _gauge(
                "observed_generation", "Generation that status is about; -1 before the first."
            ),
        }
        measures = {
            field: GaugeMetricFamily(f"{PREFIX}_rollout_{name}", text, labels=(*_LABELS, "measure"))
            for field, (name, text) in _OF_MEASURES.items()
        }
        pods = GaugeMetricFamily(f"{PREFIX}_replicas", "Pods by what they are counted as.", labels=(*_LABELS, "state"))
        for model in self._models():
            for name, value in _values(model.owner):
                values[f"{PREFIX}_{name}"].add_metric(model.owner.key, value)
            for measure, field, value in _measured(model.owner):
                measures[field].add_metric((*model.owner.key, measure), value)
            pods.add_metric((*model.owner.key, "wanted"), _wanted_size(model))
            pods.add_metric((*model.owner.key, "ready"), model.deployment.ready if model.deployment else 0)
        yield from values.values()
        yield from measures.values()
        yield pods


def _gauge(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", documentation, labels=_LABELS)


def _values(owner: Owner) -> Iterator[tuple[str, float]]:
    conditions = {one["type"]: one for one in owner.status.get("conditions") or ()}
    for name in _CONDITIONS:
        condition = conditions.get(name.capitalize(), {})
        # Available does not depend on the spec. The others are about one spec, and an old verdict says nothing about the present one.
        of_now = name == "available" or condition.get("observedGeneration") == owner.generation
        yield name, float(of_now and condition.get("status") == "True")
    yield "suspended", float(bool(owner.document["spec"].get("suspend")))
    yield "rollout_weight", float((owner.status.get("rollout") or {}).get("weight") or 0)
    yield "generation", owner.generation
    yield "observed_generation", owner.status.get("observedGeneration", -1)


def _measured(owner: Owner) -> Iterator[tuple[str, str, float]]:
    """What is known of the candidate of a rollout under way: measure, field of status, and value."""
    rollout = owner.status.get("rollout") or {}
    for measure in (rollout.get("measures") or ()) if rollout.get("phase") in UNDER_WAY else ():
        for field in _OF_MEASURES:
            if field in measure:
                yield str(measure["name"]), field, float(measure[field])


def _wanted_size(model: Model) -> int:
    """The size of the Deployment, which an autoscaler may have set; before it exists, the size that the spec asks for."""
    if model.deployment is not None:
        return model.deployment.size
    fewest, _ = Scaling.of_stored(model.owner.document["spec"].get("scaling")).bounds
    return fewest
