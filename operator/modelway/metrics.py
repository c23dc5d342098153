"""The metrics of the operator itself."""

import re
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

RENAMED: Final = {
    "modelway_operator_reconcile_duration_seconds": "modelway_operator_reconcile_seconds",
    "modelway_operator_queue_oldest_wait_duration_seconds": "modelway_operator_queue_oldest_seconds",
}
"""Metrics and their names until 0.1; both names are published for one release."""
REPLACED: Final = frozenset({"modelway_operator_resync_age_seconds"})
"""Metrics that are published for one more release beside their replacements: ages, replaced by timestamps."""

_PASS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass
class Metrics:
    """Every metric of one operator, in a registry of its own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        """Register every metric."""
        prefix, registry = "modelway_operator", self.registry
        self.reconciles = Counter(
            f"{prefix}_reconciles", "Passes over one ModelDeployment.", ["result"], registry=registry
        )
        self.seconds = Histogram(
            f"{prefix}_reconcile_duration_seconds", "Seconds of one pass.", buckets=_PASS_SECONDS, registry=registry
        )
        self.depth = Gauge(f"{prefix}_queue_depth", "ModelDeployments that wait for a pass.", registry=registry)
        self.waiting_rollouts = Gauge(
            f"{prefix}_waiting_rollouts",
            "ModelDeployments that wait for their turn to be rolled out anew for the platform's server image, or the way it is pulled.",
            registry=registry,
        )
        self.oldest = Gauge(
            f"{prefix}_queue_oldest_wait_duration_seconds",
            "Seconds that the first of them has waited.",
            registry=registry,
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
        self.rollout_questions = Counter(
            f"{prefix}_rollout_questions",
            "Questions to the sources of rollouts' metrics: answered, empty, failed or refused.",
            ["source", "result"],
            registry=registry,
        )
        self.leader = Gauge(
            f"{prefix}_leader", "1 while this operator leads and writes, 0 while it stands by.", registry=registry
        )
        self.watch_silence = Gauge(
            f"{prefix}_watch_silence_duration_seconds",
            "Seconds for which a watch has told nothing, not even where it stands.",
            ["kind", "namespace"],
            registry=registry,
        )
        self.watch_restarts = Counter(
            f"{prefix}_watch_restarts",
            "Watches that were opened anew because they were dead.",
            ["kind", "namespace"],
            registry=registry,
        )
        self.lag = Gauge(f"{prefix}_loop_lag_seconds", "How late the event loop runs.", registry=registry)
        self.resynced = Gauge(
            f"{prefix}_last_resync_timestamp_seconds",
            "When everything was last listed, in seconds since 1970; 0 before the first time.",
            registry=registry,
        )
        self.resync_age = Gauge(
            f"{prefix}_resync_age_seconds", "Seconds since everything was last listed.", registry=registry
        )
        self.deployments = Gauge(
            f"{prefix}_modeldeployments", "ModelDeployments by readiness.", ["ready"], registry=registry
        )

    def count_question(self, source: str, result: str) -> None:
        """Count a question to the source of a rollout's metric."""
        self.rollout_questions.labels(source=source, result=result).inc()

    def exposition(self) -> bytes:
        """The text that a scrape gets."""
        return with_old_names(generate_latest(self.registry))


def with_old_names(text: bytes) -> bytes:
    """The text that a scrape gets, with each renamed metric a second time under its old name."""
    return text + b"".join(
        line.replace(new, old, 1)
        for new, old in ((new.encode(), old.encode()) for new, old in RENAMED.items())
        for line in text.splitlines(keepends=True)
        if re.match(rb"(# (HELP|TYPE) )?" + new + rb"[_ {]", line)
    )
