"""The gRPC status of each error of the server.

Metrics use HTTP's statuses for all transports, so that a dashboard or an analysis does not depend on the transport.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc

from modelway_server.errors import (
    InputError,
    InvalidInput,
    MalformedRequest,
    ModelwayServerError,
    NotReady,
    Overloaded,
    PredictionFailed,
    QueueFull,
    RequestTooLarge,
    TooSlow,
    UnknownModel,
    UnsupportedMediaType,
)
from modelway_server.grpc.crowds import MessageTooSlow

MAX_DETAILS: Final = 2000
"""Characters of a message; a client takes no more than 8 KB of metadata."""
RETRY_PUSHBACK: Final = (("grpc-retry-pushback-ms", "1000"),)
"""When a client's retry policy may try again, as Retry-After says over HTTP (gRPC proposal A6)."""


@dataclass(frozen=True, slots=True)
class Status:
    """One outcome.

    Attributes:
        code: gRPC's.
        counted: its HTTP status, for metrics.
        details: for people.
        again: whether a retry may succeed.
    """

    code: grpc.StatusCode
    counted: int
    details: str
    again: bool = False


_CODES: Final[Mapping[type[Exception], tuple[grpc.StatusCode, int]]] = {
    MalformedRequest: (grpc.StatusCode.INVALID_ARGUMENT, 400),
    InvalidInput: (grpc.StatusCode.INVALID_ARGUMENT, 422),
    UnsupportedMediaType: (grpc.StatusCode.INVALID_ARGUMENT, 415),
    UnknownModel: (grpc.StatusCode.NOT_FOUND, 404),
    MessageTooSlow: (grpc.StatusCode.DEADLINE_EXCEEDED, 408),
    RequestTooLarge: (grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
    QueueFull: (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    Overloaded: (grpc.StatusCode.UNAVAILABLE, 503),
    NotReady: (grpc.StatusCode.UNAVAILABLE, 503),
    TooSlow: (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    PredictionFailed: (grpc.StatusCode.INTERNAL, 500),
}
_AGAIN: Final = (QueueFull, Overloaded, NotReady)


def status_of(error: ModelwayServerError) -> Status:
    """The status of a call that ended with this error; the field at fault comes first, as over HTTP."""
    code, counted = _CODES[type(error)]
    field = error.field if isinstance(error, InputError) else None
    details = f"{field}: {error.message}" if field else error.message
    return Status(code, counted, details[:MAX_DETAILS], isinstance(error, _AGAIN))
