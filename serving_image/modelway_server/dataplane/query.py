"""The values that pass between a transport, the predictor and the data plane: a query, and the body of its answer."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

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


class CallOutputs:
    """The outputs of one call of the model for the rows of several queries.

    Args:
        whole: the arrays of each method, for all rows of the call.
        count: of these rows.

    Attributes:
        whole: as given.
        memo: what an encoder keeps of them for the next query of the same call.
    """

    __slots__ = ("_count", "memo", "whole")

    def __init__(self, whole: Mapping[str, Arrays], count: int) -> None:
        self.whole = whole
        self._count = count
        self.memo: dict[Any, Any] = {}

    def part(self, begin: int, end: int) -> Mapping[str, Arrays]:
        """The arrays of each method for the rows from `begin` to `end`: views of the whole."""
        if end - begin == self._count:
            return self.whole
        return {
            method: {name: values[begin:end] for name, values in arrays.items()}
            for method, arrays in self.whole.items()
        }


class PartEncoder(Protocol):
    """Encodes the answer to one query from the outputs of a whole call.

    Attributes:
        kind: of the query; one call of the model answers queries of one kind.
    """

    kind: Hashable

    def encode_part(self, outputs: CallOutputs, begin: int, end: int) -> Body | None:
        """The answer for the rows from `begin` to `end`; None where `encode` of the query shall do it."""


class Answer:
    """The answer to one query.

    Args:
        body: encoded.
        outputs: of the call that the query was in.
        begin, end: its rows among those of the call.
    """

    __slots__ = ("_begin", "_end", "_outputs", "body")

    def __init__(self, body: Body, outputs: CallOutputs, begin: int, end: int) -> None:
        self.body = body
        self._outputs, self._begin, self._end = outputs, begin, end

    @property
    def outputs(self) -> Mapping[str, Arrays]:
        """The arrays of each method that was called, by their names, with one entry a row."""
        return self._outputs.part(self._begin, self._end)


@dataclass(slots=True)
class Query:
    """One request that was read: the rows, the methods to call, and how to encode the answer.

    Attributes:
        methods: the methods to call, each with the number of best classes to give (0: all scores).
        rows: checked by the model's contract.
        encode: encodes the outputs of all these methods.
        timeout: seconds in which the caller wants the answer; None where the request does not say.
        stages: when the request passed each stage, for observers; None where there are none.
        usual: encodes the answer of a usual request faster than `encode`; None for others.
        trace_id: of the trace that the request belongs to; empty where it does not say.
    """

    methods: Mapping[str, int]
    rows: Rows
    encode: Callable[[Arrays], Body]
    timeout: float | None = None
    stages: Stages | None = None
    usual: PartEncoder | None = None
    trace_id: str = field(default_factory=TRACE_ID.get)
