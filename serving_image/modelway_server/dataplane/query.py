"""The values that pass between a transport, the predictor and the data plane: a query, and the body of its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.protocol.trace_context import TRACE_ID
from modelway_server.telemetry.observers import Stages

JSON = b"application/json"
BINARY = b"application/octet-stream"

Arrays = dict[str, NDArray[Any]]
"""Outputs by name."""
Classes = Mapping[str, tuple[Any, ...]]
"""The classes of outputs, by the name of the output."""


class Body(NamedTuple):
    """An encoded answer.

    Attributes:
        content: its bytes.
        content_type: media type.
        headers: beside type and length, names in lower case.
    """

    content: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class Query:
    """One request that was read: the rows, the methods to call, and how to encode the answer.

    Attributes:
        methods: the methods to call, each with the number of best classes to give (0: all scores).
        rows: checked by the model's contract.
        encode: encodes the outputs of all these methods.
        timeout: seconds in which the caller wants the answer; None where the request does not say.
        stages: when the request passed each stage, for observers; None where there are none.
        trace_id: of the trace that the request belongs to; empty where it does not say.
    """

    methods: Mapping[str, int]
    rows: Rows
    encode: Callable[[Arrays], Body]
    timeout: float | None = None
    stages: Stages | None = None
    trace_id: str = field(default_factory=TRACE_ID.get)
