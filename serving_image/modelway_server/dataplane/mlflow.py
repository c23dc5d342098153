"""Requests of MLflow's scoring protocol, in JSON or CSV."""

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Query
from modelway_server.dataplane.v1 import query_of, rows_of
from modelway_server.protocol import mlflow


def read_invocations(plane: DataPlane, body: bytes) -> Query:
    """Read a request of MLflow's scoring protocol in JSON.

    Raises:
        InputError: the request is at fault; the field is named.
    """
    return _query(plane, mlflow.decode_json(body, long_integers=plane.runtime.signature.literal))


def read_csv(plane: DataPlane, body: bytes, charset: str = "") -> Query:
    """Read a request of MLflow's scoring protocol in CSV.

    Args:
        plane: whose model is asked.
        body: lines of text.
        charset: the encoding that the request names, in lower case; empty for UTF-8.

    Raises:
        InputError: the request is at fault; the line or the column is named.
    """
    return _query(plane, mlflow.decode_csv(body, charset))


def _query(plane: DataPlane, request: mlflow.Invocation) -> Query:
    rows = rows_of(
        plane, request.rows, request.columns, request.member, ordered=request.ordered, textual=request.textual
    )
    return query_of(plane, rows, request.method, "params", classes=request.classes)
