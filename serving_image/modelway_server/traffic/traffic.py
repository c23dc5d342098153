"""What a server does for a rollout: it obeys `traffic.json` while it is there and orders something of its revision."""

import logging
import os
from hmac import compare_digest
from pathlib import Path

from modelway_server.prediction.calls import Calls
from modelway_server.prediction.predictor import Predictor
from modelway_server.telemetry.metrics import Metrics
from modelway_server.traffic.client import Client
from modelway_server.traffic.connector import Connector
from modelway_server.traffic.document import FILE_NAME, MAX_BYTES, WHOLE, BadDocument, Rollout, read_document, read_key
from modelway_server.traffic.handover import HandOver
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.series import RolloutSeries
from modelway_server.traffic.shared import Shared

MIN_ANSWER_BYTES = 32 * 1024 * 1024
ANSWERS_PER_REQUEST = 4
"""An answer of the candidate may be so many times larger than a request may be."""
_LOGGER = logging.getLogger(__name__)

_Version = tuple[int, int, int]


class Traffic:
    """The rollout of one worker, if there is one.

    Args:
        folder: of `traffic.json`.
        shared: memory of the pod, entered by this worker.
        connector: opens connections to candidates.
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
        connector: Connector,
        predictor: Predictor,
        metrics: Metrics,
        *,
        max_request_bytes: int,
    ) -> None:
        self._path = folder / FILE_NAME
        self._shared = shared
        self._connector = connector
        self._metrics = metrics
        self._calls = Calls(predictor, metrics)
        self._limit = max(MIN_ANSWER_BYTES, max_request_bytes * ANSWERS_PER_REQUEST)
        self._pace = Pace()
        self._version: _Version | None = None
        self._unread: _Version | None = None
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
        version = _identity(self._path)
        if version != self._version:
            self._take_up(version)
        if self.active is not None:
            self._pace.measure(self._metrics.recent_seconds)
            if self._shared.is_stopped:
                self.active.stop()  # as another worker has found
            if self._client is not None:
                self._client.close_old()

    def _take_up(self, version: _Version | None) -> None:
        """Obey this version of the file. One that cannot be opened now is tried again at the next look; until then the last holds."""
        try:
            content = None if version is None else self._content()
        except OSError as error:
            if version != self._unread:
                _LOGGER.error("%s cannot be read yet, and what it said before holds: %s", self._path, error)  # noqa: TRY400  (the message says all)
            self._unread = version
            return
        self._version = version
        self._key = b""
        self._obey(None if content is None else self._read(content))

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
        if before is not None and _is_same_way(before.rollout, rollout):
            before.obey(rollout)
        else:
            self._end()
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
        return HandOver(rollout, self._client, self._shared, self._calls, self._pace)

    def _end(self) -> None:
        if self.active is not None:
            self.active.end()
        self.active = self._client = None
        self._shared.set_weight(0.0)

    def _content(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_BYTES)
        except FileNotFoundError:
            return None

    def _read(self, content: bytes) -> Rollout | None:
        try:
            self._key = read_key(content).encode()
            return read_document(content, self._metrics.identity[2])
        except BadDocument as error:
            _LOGGER.error("%s is not obeyed, and this server answers every request itself: %s", self._path, error)  # noqa: TRY400  (the message says all)
            return None

    def _id(self) -> str | None:
        return None if self.active is None else self.active.rollout.id


def _identity(path: Path) -> _Version | None:
    """What tells one content of a file from another; None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116  (a path's method costs twice as much)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _is_same_way(one: Rollout, other: Rollout) -> bool:
    """Whether both are the same attempt at the same candidate."""
    return (one.id, one.candidate, one.host, one.port) == (other.id, other.candidate, other.host, other.port)
