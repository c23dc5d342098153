"""What a server does for a rollout: it obeys `traffic.json` while it is there and orders something of its revision."""

import logging
from hmac import compare_digest
from pathlib import Path

from modelway_server.prediction.calls import Calls
from modelway_server.prediction.predictor import Predictor
from modelway_server.telemetry.metrics import Metrics
from modelway_server.traffic.client import Client, largest_answer
from modelway_server.traffic.connector import BrokerConnector
from modelway_server.traffic.document import WHOLE, BadDocument, Rollout, is_same_way, read_document, read_key
from modelway_server.traffic.handover import HandOver
from modelway_server.traffic.order import OrderFile
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.series import RolloutSeries
from modelway_server.traffic.shared import Shared
from modelway_server.traffic.way import Way

_LOGGER = logging.getLogger(__name__)


class Traffic:
    """The rollout of one worker, if there is one.

    Args:
        folder: of `traffic.json`.
        shared: memory of the pod, entered by this worker.
        connector: gives connections to candidates, and the way to the process that sends copies.
        predictor: the stable model.
        metrics: of this worker.
        max_request_bytes: cap on one body.

    Attributes:
        active: what is carried out now; None where there is no rollout.
    """

    def __init__(
        self,
        folder: Path,
        shared: Shared,
        connector: BrokerConnector,
        predictor: Predictor,
        metrics: Metrics,
        *,
        max_request_bytes: int,
    ) -> None:
        self._file = OrderFile(folder)
        self._shared = shared
        self._connector = connector
        self._metrics = metrics
        self._calls = Calls(predictor, metrics)
        self._limit = largest_answer(max_request_bytes)
        self._pace = Pace()
        self._way = Way(connector, self._calls.held_bytes, self._set_weight)
        self._client: Client | None = None
        self._key = b""
        self.active: HandOver | None = None
        metrics.add_collector(RolloutSeries(shared, self._id, metrics.identity))

    def is_handover(self, value: bytes) -> bool:
        """Whether a request with this value of the header comes from a stable server of the rollout that is ordered."""
        return bool(self._key) and compare_digest(value, self._key)

    def look(self) -> None:
        """Read the file where it has changed, and take the stable model's pace; called every second or so."""
        try:
            self._look()
        except Exception:
            _LOGGER.exception("the rollout cannot be carried out, and this server answers every request itself")
            self._end()

    def _look(self) -> None:
        news = self._file.look()
        if news is not None:
            self._key = b""
            self._obey(None if news.content is None else self._read(news.content))
        if self.active is not None:
            self._way.look()
            self._pace.measure(self._metrics.recent_seconds)
            if self._shared.is_stopped:
                self.active.stop()  # as another worker has found
            if self._client is not None:
                self._client.close_old()

    def close(self) -> None:
        """Obey nothing any more."""
        self._obey(None)

    def _obey(self, rollout: Rollout | None) -> None:
        before = self.active
        if (before.rollout if before else None) == rollout:
            return
        if rollout is None:
            self._end()
            _LOGGER.info("no rollout: this server answers every request itself")
            return
        goes_on = before is not None and is_same_way(before.rollout, rollout)
        if not rollout.mirrors:
            self._way.close()
        elif before is None or not goes_on or not before.rollout.mirrors:
            self._way.open()
        if before is not None and goes_on:
            before.obey(rollout)
        else:
            self._end_active()
            self.active = self._begin(rollout)
            self.active.set_weight()
        verb = "mirrors" if rollout.mirrors else "hands over"
        _LOGGER.info(
            "a rollout: this server %s %g %% of its requests",
            verb,
            rollout.share * 100 / WHOLE,
            extra={"rollout": rollout.id},
        )

    def _begin(self, rollout: Rollout) -> HandOver:
        self._client = Client(self._connector, self._limit, rollout.candidate, self._calls.held_bytes)
        self._shared.begin(rollout.id)
        return HandOver(rollout, self._client, self._shared, self._calls, self._pace, way=self._way)

    def _set_weight(self) -> None:
        """Say whether copies are sent from now on."""
        if self.active is not None:
            self.active.set_weight()

    def _end(self) -> None:
        self._end_active()
        self._way.close()

    def _end_active(self) -> None:
        if self.active is not None:
            self.active.end()
        self.active = self._client = None
        self._shared.set_weight(0.0)

    def _read(self, content: bytes) -> Rollout | None:
        try:
            self._key = read_key(content).encode()
            return read_document(content, self._metrics.identity[2])
        except BadDocument as error:
            _LOGGER.error("%s is not obeyed, and this server answers every request itself: %s", self._file.path, error)  # noqa: TRY400  (the message says all)
            return None

    def _id(self) -> str | None:
        return None if self.active is None else self.active.rollout.id
