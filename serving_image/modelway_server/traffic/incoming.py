"""One request as a transport gives it to a rollout: enough to have either revision answer it.

Source: RFC 9110, section 5.5, for what a field may bear.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from modelway_server.dataplane.query import Answer, Query
from modelway_server.prediction.calls import Call
from modelway_server.traffic.answers import Decode
from modelway_server.traffic.wire import CandidateAnswer

HANDOVER_HEADER: Final = b"modelway-handover"
"""Of a request that one server of a model sends to another; its value is the rollout's key, which no client knows."""
REVISION_HEADER: Final = b"modelway-revision"
"""Of every answer: the hash of the revision that gave it."""
SECONDS_HEADER: Final = b"modelway-seconds"
"""Of an answer to another server: how long it took, without the way."""
GRPC_PATH: Final = b"/inference.GRPCInferenceService/ModelInfer"
"""Where a candidate takes the messages of ModelInfer as bodies, from another server alone."""
GRPC_TYPE: Final = "application/grpc+proto"
NAMING: Final = frozenset({b"traceparent", b"tracestate", b"x-request-id"})
"""Headers of a request that name it."""
DECIDING: Final = frozenset(
    {b"content-type", b"content-encoding", b"accept-encoding", b"inference-header-content-length"}
)
"""Headers of a request that decide on its answer; metadata of gRPC decides nothing."""
FORWARDED: Final = NAMING | DECIDING

_FIELD_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
"""What else a value may bear would end its line, and begin another request."""

Deliver = Callable[[Answer | CandidateAnswer | Exception], None]
"""Takes what a request came to; it is called once, or not at all for a request that is abandoned."""


@dataclass(slots=True, eq=False)
class Incoming:
    """A request that has arrived.

    Attributes:
        call: of it.
        target: its path and query.
        headers: that it came with; those in FORWARDED go on.
        body: as it came.
        read: gives its query; may raise.
        apart: whether reading takes so long that the event loop shall not do it.
        deliver: takes its answer.
        decode: gives the columns of an answer.
        timeouts: seconds in which its caller wants the answer, by its transport.
        is_pinned: whether it names the version that it is for, which the candidate may not be.
    """

    call: Call
    target: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    read: Callable[[], Query]
    apart: bool
    deliver: Deliver
    decode: Decode
    timeouts: tuple[float | None, ...] = ()
    is_pinned: bool = False

    @property
    def is_message(self) -> bool:
        """Whether it is a message of gRPC."""
        return self.target == GRPC_PATH

    @property
    def may_have_timeout(self) -> bool:
        """Whether the body may bear a timeout: what is packed has to be read to know that."""
        is_plain = self.headers.get(b"content-encoding", b"identity").strip().lower() in {b"", b"identity"}
        return not is_plain or b"timeout" in self.body

    def read_timeout(self) -> bool:
        """Note the timeout in a body that is not read apart; whether the request may be asked of another server then."""
        if self.apart or not self.may_have_timeout:
            return True
        try:
            query = self.read()
        except Exception:  # noqa: BLE001  (whoever reads it again says so to its client)
            return False
        self.timeouts = (*self.timeouts, query.timeout)
        self.read = lambda: query
        return True

    def content(self, key: str, seconds: float) -> tuple[bytes, ...]:
        """The request to the candidate, as bytes.

        Args:
            key: by which the candidate knows it.
            seconds: in which the answer must come.
        """
        return request_bytes(self.target, self.headers, self.body, key, seconds)


def request_bytes(
    target: bytes, headers: Mapping[bytes, bytes], body: bytes, key: str, seconds: float
) -> tuple[bytes, ...]:
    """A request to another server of the same model, which counts it as no client's and answers it itself.

    Args:
        target: its path and query.
        headers: those in FORWARDED go with it.
        body: as it goes.
        key: of the rollout that it is sent for; where the operator gives none, its id.
        seconds: in which the answer must come.
    """
    lines = [b"POST %b HTTP/1.1\r\nhost: candidate\r\n" % target]
    lines += (
        b"%b: %b\r\n" % (name, value)
        for name, value in headers.items()
        if name in FORWARDED and _FIELD_VALUE.fullmatch(value)
    )
    lines.append(
        b"%b: %b\r\ntimeout: %.3f\r\ncontent-length: %d\r\n\r\n" % (HANDOVER_HEADER, key.encode(), seconds, len(body))
    )
    return b"".join(lines), body
