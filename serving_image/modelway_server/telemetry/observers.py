"""The facts of an answered request, and those who observe them: the access log, spans, metrics by other names.

Nothing is measured where there is no observer.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from modelway_server.protocol.trace_context import TraceContext


@dataclass(slots=True)
class Stages:
    """When a request passed from one stage to the next, in seconds on the monotonic clock; 0 where it did not come.

    Attributes:
        reading: its bytes were there.
        read: it was understood, and began to wait for the model.
        calling: the model was called.
        called: the model had answered.
        encoded: its answer was in bytes.
    """

    reading: float
    read: float
    calling: float = 0.0
    called: float = 0.0
    encoded: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """One request that is answered, well or not.

    Attributes:
        method: the metrics' word for what was asked.
        code: HTTP status, whatever the transport.
        started: when its header had arrived, on the monotonic clock.
        ended: now, on the same clock.
        stages: of a request that was understood, else None.
        rows: that it asked for; 0 when it was not understood.
        trace: that it belongs to, or None.
        protocol: `http` or `grpc`.
    """

    method: str
    code: int
    started: float
    ended: float
    stages: Stages | None
    rows: int
    trace: TraceContext | None
    protocol: str


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


def timed(read: Callable[..., Q]) -> Callable[..., Q]:
    """The same reader; its queries record when they were read."""

    def reading(*arguments: Any) -> Q:
        begun = time.monotonic()
        query = read(*arguments)
        return replace(query, stages=Stages(begun, time.monotonic()))  # type: ignore[type-var]  # queries are dataclasses

    return reading
