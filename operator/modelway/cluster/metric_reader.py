"""Ask for the metrics of rollouts beside the passes, so that a slow source holds up nobody."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from modelway.api.analysis import AnalysisMetric
from modelway.api.status import LONGEST_PROBLEM
from modelway.cluster.metric_answers import NoReading
from modelway.cluster.metric_sources import Sources, session
from modelway.observed import Key
from modelway.rollout.metrics import Reading, source_of
from modelway.rollout.questions import Subject

ASK_SECONDS: Final = 15.0
"""How often a metric is asked: Prometheus scrapes every 15 s to 60 s."""
WAIT_SECONDS: Final = 20.0
"""The longest that a question may wait for its turn and its answers, before it counts as not answered."""
AT_ONCE: Final = 16
"""Questions to Prometheus under way at the same time, and as many to webhooks."""
OF_ONE: Final = 4
"""The same of one model: slow sources of one namespace leave room for others."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Rounds:
    """The questions of one model."""

    questions: tuple[str, ...]
    """What they are about; with another rollout or metric all begins anew."""
    readings: dict[str, Reading] = field(default_factory=dict)
    begun: float = 0.0
    task: asyncio.Task[None] | None = None

    @property
    def is_due(self) -> bool:
        return self.task is None or (self.task.done() and time.monotonic() - self.begun >= ASK_SECONDS)


class MetricReader:
    """Hands out what the sources of metrics said last, and asks them anew where that is due.

    Args:
        sources: asks one metric.
        count: told of each question, by its source and what came of it.
        now: the time, with a time zone.
    """

    def __init__(
        self,
        sources: Sources,
        count: Callable[[str, str], None] = lambda _source, _result: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sources = sources
        self._count = count
        self._now = now
        self._rounds: dict[Key, _Rounds] = {}
        self._room = {"prometheus": asyncio.Semaphore(AT_ONCE), "webhook": asyncio.Semaphore(AT_ONCE)}

    def read(self, key: Key, subject: Subject, metrics: Sequence[AnalysisMetric]) -> Mapping[str, Reading]:
        """What the sources said last, by the name of the metric, without waiting for them.

        Args:
            key: whose metrics they are.
            subject: the rollout that they are about.
            metrics: what is asked.
        """
        questions = (subject.rollout, *(f"{one.name} {source_of(one)}" for one in metrics))
        rounds = self._rounds.get(key)
        if rounds is None or rounds.questions != questions:
            self.forget(key)
            rounds = self._rounds[key] = _Rounds(questions)
        if metrics and rounds.is_due:
            rounds.begun = time.monotonic()
            rounds.task = asyncio.create_task(self._ask_all(key, rounds.readings, subject, metrics))
        return dict(rounds.readings)

    def forget(self, key: Key) -> None:
        """No rollout of the model is on trial."""
        rounds = self._rounds.pop(key, None)
        if rounds is not None and rounds.task is not None:
            rounds.task.cancel()

    async def _ask_all(
        self, key: Key, readings: dict[str, Reading], subject: Subject, metrics: Sequence[AnalysisMetric]
    ) -> None:
        own = asyncio.Semaphore(OF_ONE)
        async with session() as connections:

            async def ask(metric: AnalysisMetric) -> None:
                source = "webhook" if metric.webhook is not None else "prometheus"
                result = "answered"
                try:
                    async with asyncio.timeout(WAIT_SECONDS), own, self._room[source]:
                        reading = await self._sources.ask(connections, metric, subject, self._now())
                except NoReading as error:
                    reading, result = Reading(self._now(), problem=str(error)[:LONGEST_PROBLEM]), error.kind
                except TimeoutError:
                    late = f"its answers were not there within {WAIT_SECONDS:.0f} s: the source is slow, or too much is asked of it"
                    reading, result = Reading(self._now(), problem=late), "failed"
                except (
                    Exception
                ) as error:  # a fault of ours must not look like an answer, and not end the other questions
                    logger.exception("Metric %s cannot be asked", metric.name, extra={"resource": key})
                    reading = Reading(self._now(), problem=f"it cannot be asked: {type(error).__name__}")
                    result = "failed"
                self._count(source, result)
                readings[metric.name] = reading

            await asyncio.gather(*map(ask, metrics))
