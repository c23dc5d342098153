"""What the operator tells Prometheus about itself."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

_PASS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass
class Metrics:
    """Every metric of one operator; a registry of its own keeps tests and processes apart."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        """Register every metric."""
        prefix, registry = "modelway_operator", self.registry
        self.reconciles = Counter(
            f"{prefix}_reconciles", "Passes over one ModelDeployment.", ["result"], registry=registry
        )
        self.seconds = Histogram(
            f"{prefix}_reconcile_seconds", "Seconds of one pass.", buckets=_PASS_SECONDS, registry=registry
        )
        self.depth = Gauge(f"{prefix}_queue_depth", "ModelDeployments that wait for a pass.", registry=registry)
        self.oldest = Gauge(
            f"{prefix}_queue_oldest_seconds", "How long the first of them has waited.", registry=registry
        )
        self.api_writes = Counter(
            f"{prefix}_api_writes", "Writes sent to the API server.", ["kind", "verb"], registry=registry
        )
        self.repairs = Counter(
            f"{prefix}_drift_repairs", "Children that came back or were put right.", ["kind"], registry=registry
        )
        self.misses = Counter(
            f"{prefix}_resync_misses", "Changes that a LIST found and no watch had told.", ["kind"], registry=registry
        )
        self.lag = Gauge(f"{prefix}_loop_lag_seconds", "How late the event loop runs.", registry=registry)
        self.resync_age = Gauge(
            f"{prefix}_resync_age_seconds", "Seconds since everything was last listed.", registry=registry
        )
        self.deployments = Gauge(
            f"{prefix}_modeldeployments", "ModelDeployments by readiness.", ["ready"], registry=registry
        )

    def exposition(self) -> bytes:
        """The text that a scrape gets."""
        return generate_latest(self.registry)
