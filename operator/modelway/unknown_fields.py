"""Fields of stored objects that this release does not know, because the definition in the cluster is newer. Each is logged once and counted."""

import logging
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from modelway.observed import Key

MOST_FIELDS = 100
"""The most fields that are reported by name, so that nobody who writes objects can fill Prometheus."""

METRIC = "modelway_operator_unknown_fields"

logger = logging.getLogger(__name__)


class UnknownFields(Collector):
    """Counts the ignored fields of each model.

    Args:
        registry: where scrapes find the gauge.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fields: dict[Key, tuple[str, ...]] = {}
        self._reported: set[str] = set()
        registry.register(self)

    def note(self, key: Key, fields: tuple[str, ...]) -> None:
        """Note that a ModelDeployment was read without these fields."""
        if not fields:
            self.forget(key)
            return
        self._fields[key] = fields
        new = [field for field in fields if field not in self._reported][: MOST_FIELDS - len(self._reported)]
        if new:
            self._reported.update(new)
            text = "This operator ignores fields that the definition in the cluster is newer for, of this model and of others: %s. Upgrade it."
            logger.warning(text, ", ".join(new), extra={"resource": key})

    def forget(self, key: Key) -> None:
        """Forget a ModelDeployment that is gone or holds no unknown field."""
        self._fields.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        """One sample for each field."""
        gauge = GaugeMetricFamily(METRIC, "ModelDeployments with a field that this release ignores.", labels=("field",))
        for field, count in sorted(Counter(field for fields in self._fields.values() for field in fields).items()):
            if field in self._reported:
                gauge.add_metric((field,), count)
        yield gauge
