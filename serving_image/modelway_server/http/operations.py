"""The inference routes: the media types of each, and their readers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from modelway_server.dataplane.mlflow import read_csv, read_invocations
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Query
from modelway_server.dataplane.rows import read_rows
from modelway_server.dataplane.usual_v2 import UsualRequests
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import read_v2
from modelway_server.errors import UnsupportedMediaType
from modelway_server.http.heads import Head
from modelway_server.protocol.compression import CODINGS, is_known
from modelway_server.telemetry.observers import time_reader
from modelway_server.traffic.answers import Decode, decode_json, decode_v2

JSON: Final = "application/json"
CSV: Final = "text/csv"
BINARY: Final = "application/octet-stream"
FORM: Final = "application/x-www-form-urlencoded"
"""The media type that `curl -d` sends by default."""

Reader = Callable[[bytes, Head], Query]


@dataclass(frozen=True, slots=True)
class Operation:
    """An inference route.

    Attributes:
        method: the metrics' word for it.
        readers: the reader of a body, by media type; the first also reads a body without one.
        decode: gives the columns of an answer, to compare two revisions.
        protocol: that its clients speak: `http`, or `grpc` to the server that hands their requests over.
    """

    method: str
    readers: Mapping[str, Reader]
    decode: Decode = decode_json
    protocol: str = "http"

    def reader(self, head: Head) -> Reader | None:
        """The reader of a body with that head; None where there is none."""
        if not is_known(head.content_encoding):
            return None
        if head.content_type == FORM:
            return self._read_unnamed
        return self.readers.get(head.content_type or JSON)

    def complaint(self, head: Head) -> str:
        """Why no reader takes a body with that head, and what to send."""
        if not is_known(head.content_encoding):
            return f"Content-Encoding is {head.content_encoding}; send the body as it is, or as {' or '.join(CODINGS)}"
        return f"Content-Type is {head.content_type}; send {' or '.join(self.readers)}"

    def _read_unnamed(self, body: bytes, head: Head) -> Query:
        """Read JSON that was sent as a form, as KServe's server does: no form begins with a brace.

        Raises:
            UnsupportedMediaType: it is no JSON object.
        """
        if not body.lstrip().startswith(b"{"):
            raise UnsupportedMediaType(
                f"{self.complaint(head)} (curl -d says so of any body: add -H 'Content-Type: ...')"
            )
        return self.readers[JSON](body, head)


def routes(plane: DataPlane, roots: list[str], *, observed: bool) -> dict[str, Operation]:
    """The operations by their path.

    Args:
        plane: the model.
        roots: the paths of the model in V2.
        observed: whether anyone observes how long each stage of a request takes.
    """
    every = _routes(plane, roots)
    if not observed:
        return every
    return {
        path: replace(operation, readers={media: time_reader(read) for media, read in operation.readers.items()})
        for path, operation in every.items()
    }


def _routes(plane: DataPlane, roots: list[str]) -> dict[str, Operation]:
    usual = UsualRequests(plane)

    def infer(body: bytes, head: Head) -> Query:
        query = usual.read(body) if head.header_length is None else None
        return query or read_v2(plane, body, head.header_length)

    def predict(body: bytes, _: Head) -> Query:
        return read_v1(plane, body)

    def invoke(body: bytes, _: Head) -> Query:
        return read_invocations(plane, body)

    def invoke_csv(body: bytes, head: Head) -> Query:
        return read_csv(plane, body, head.charset)

    def predict_rows(body: bytes, _: Head) -> Query:
        return read_rows(plane, body)

    infers = Operation("infer", {JSON: infer, BINARY: infer}, decode_v2)
    rows = Operation("rows", {JSON: predict_rows})
    return {
        **{f"{root}/infer": infers for root in roots},
        **{f"{root}/predict": rows for root in roots},
        "/predict": rows,
        f"/v1/models/{plane.identity.name}:predict": Operation("predict", {JSON: predict}),
        "/invocations": Operation("invocations", {JSON: invoke, CSV: invoke_csv}),
    }
