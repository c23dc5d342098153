"""The facts of an answered request, and those who observe them: the access log, spans, metrics by other names.

Nothing is measured where there is no observer.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from modelway_server.protocol.trace_context import TraceContext


@dataclass(slots=True)
class Stages:
    """The times at which a request passed its stages, in seconds on the monotonic clock; 0 for stages that it did not reach.

    Attributes:
        reading: its bytes had arrived.
        read: it was read, and began to wait for the model.
        calling: the model was called.
        called: the model had answered.
        encoded: its answer was encoded.
    """

    reading: float
    read: float
    calling: float = 0.0
    called: float = 0.0
    encoded: float = 0.0


class Asked(Protocol):
    """A query, as far as observers look at it.

    Attributes:
        rows: checked by the model's contract.
    """

    rows: Any


class Evaluated(Protocol):
    """An answer, as far as observers look at it."""

    @property
    def outputs(self) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        """The arrays of each method that was called, by their names, with one entry a row."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One request that was answered, with success or not.

    Attributes:
        method: the metrics' word for its route.
        code: HTTP status, whatever the transport.
        started: when its header had arrived, on the monotonic clock.
        ended: now, on the same clock.
        stages: of a request that was read, else None.
        rows: of the request; 0 when it was not read.
        trace: that it belongs to, or None.
        protocol: `http` or `grpc`.
        query: of a request that was read, else None; an observer must not change it.
        answer: that the model gave, else None; likewise. Neither may be kept: they hold the memory of a whole call.
    """

    method: str
    code: int
    started: float
    ended: float
    stages: Stages | None
    rows: int
    trace: TraceContext | None
    protocol: str
    query: Asked | None = None
    answer: Evaluated | None = None


_ACCESS = logging.getLogger("modelway_server.access")

Observer = Callable[[Finished], None]


def log_access(finished: Finished) -> None:
    """Log one line for each request."""
    seconds = round(finished.ended - finished.started, 6)
    _ACCESS.info("request", extra={"method": finished.method, "code": finished.code, "seconds": seconds})


class Timed(Protocol):
    """A value with stages: a query."""

    @property
    def stages(self) -> Stages | None:
        """Times of its stages; None where there is no observer."""


Q = TypeVar("Q", bound=Timed)


def time_reader(read: Callable[..., Q]) -> Callable[..., Q]:
    """The same reader; its queries record when they were read."""

    def reading(*arguments: Any) -> Q:
        begun = time.monotonic()
        query = read(*arguments)
        return replace(query, stages=Stages(begun, time.monotonic()))  # type: ignore[type-var]  # queries are dataclasses

    return reading
