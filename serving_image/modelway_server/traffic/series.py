"""The metrics of a rollout: those of one that has ended are gone with it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from modelway_server.traffic.shared import Count, Shared

if TYPE_CHECKING:
    from collections.abc import Callable

STABLE, CANDIDATE = "stable", "candidate"
_TRIALS: Final = (
    ("failed", CANDIDATE, Count.FAILED_TRIALS),
    ("refused", CANDIDATE, Count.REFUSED_TRIALS),
    ("slow", CANDIDATE, Count.SLOW_TRIALS),
    ("slow", STABLE, Count.STABLE_SLOW_TRIALS),
    ("disagreement", CANDIDATE, Count.DISAGREEMENT_TRIALS),
)
_LABELS: Final = ("model", "version", "revision", "rollout")


class RolloutSeries(Collector):
    """Publishes what a pod counted for the rollout that it obeys.

    Args:
        shared: has the counts.
        rollout: gives the id of that rollout; None where there is none.
        identity: model, version and revision of the server.
    """

    def __init__(self, shared: Shared, rollout: "Callable[[], str | None]", identity: tuple[str, str, str]) -> None:
        self._shared = shared
        self._rollout = rollout
        self._identity = identity

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that no rollout need be there when it is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The metrics of the rollout."""
        rollout = self._rollout()
        if rollout is None:
            return
        labels = (*self._identity, rollout)
        yield self._counter(
            "modelway_rollout_requests",
            "Requests by the revision whose answer their client got.",
            ("arm",),
            [((STABLE,), Count.STABLE_REQUESTS), ((CANDIDATE,), Count.CANDIDATE_REQUESTS)],
            labels,
        )
        for name, help_text, offset in (
            ("modelway_rollout_trials", "Requests that were judged.", 0),
            ("modelway_rollout_bad", "Requests that were judged bad.", 1),
        ):
            counts = [((measure, arm), Count(count + offset)) for measure, arm, count in _TRIALS]
            yield self._counter(name, help_text, ("measure", "arm"), counts, labels)
        yield self._counter(
            "modelway_rollout_rows",
            "Rows whose answers were compared.",
            ("result",),
            [(("agree",), Count.ROWS_AGREE), (("disagree",), Count.ROWS_DISAGREE)],
            labels,
        )
        yield self._counter(
            "modelway_rollout_skipped",
            "Requests that say nothing of the candidate.",
            ("cause",),
            [(("unreachable",), Count.UNREACHABLE), (("busy",), Count.BUSY)],
            labels,
        )
        stopped = self._shared.is_stopped
        yield _gauge(
            "modelway_rollout_weight",
            "Percent of requests that this pod hands over or mirrors now.",
            0.0 if stopped else self._shared.weight,
            labels,
        )
        yield _gauge(
            "modelway_rollout_stopped",
            "Whether this pod asks the candidate no more, since it fails.",
            float(stopped),
            labels,
        )

    def _counter(
        self,
        name: str,
        help_text: str,
        names: tuple[str, ...],
        counts: Iterable[tuple[tuple[str, ...], Count]],
        labels: tuple[str, ...],
    ) -> Metric:
        family = CounterMetricFamily(name, help_text, labels=(*_LABELS, *names))
        for values, count in counts:
            family.add_metric((*labels, *values), self._shared.total(count))
        return family


def _gauge(name: str, help_text: str, value: float, labels: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=_LABELS)
    family.add_metric(labels, value)
    return family
