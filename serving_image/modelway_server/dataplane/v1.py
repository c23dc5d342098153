"""V1 prediction requests, and what MLflow's scoring protocol shares with them: one method, answered as predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelway_server.contract.frames import rows_of_frame, rows_of_records
from modelway_server.contract.rows import Rows
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Body, Query
from modelway_server.errors import MalformedRequest
from modelway_server.protocol import v1


def read_v1(plane: DataPlane, body: bytes) -> Query:
    """Read a V1 prediction request.

    Raises:
        InputError: the request is at fault; the field is named.
    """
    request = v1.decode_request(body, long_integers=plane.runtime.signature.literal)
    rows = rows_of(plane, request.rows, request.columns, request.member)
    return query_of(plane, rows, request.method, "parameters", classes=request.classes)


def rows_of(
    plane: DataPlane,
    records: Sequence[Any] | None,
    columns: Mapping[str, Sequence[Any]] | None,
    member: str,
    *,
    ordered: bool = False,
    textual: bool = False,
) -> Rows:
    """The rows of a request that sends them row by row, or column by column.

    Args:
        plane: whose model is asked.
        records: the rows, where there are no columns.
        columns: the values of each column by its name, else None.
        member: where in the request they stand, for messages.
        ordered: whether columns without known names are taken in their order.
        textual: whether the values are texts, as in CSV.

    Raises:
        InputError: the rows are not what the model takes; the field is named.
    """
    signature = plane.runtime.signature
    if columns is not None:
        return rows_of_frame(signature, columns, member, ordered=ordered, textual=textual)
    return rows_of_records(signature, records or [], member)


def query_of(plane: DataPlane, rows: Rows, method: str, member: str, *, classes: bool) -> Query:
    """The query for one method.

    Args:
        plane: whose model is asked.
        rows: that passed its contract.
        method: its name; empty for the model's default.
        member: the object of the request that names the method, for messages.
        classes: whether the answer lists the classes, too.

    Raises:
        MalformedRequest: the model has no such method, or no classes.
    """
    known = plane.runtime.methods
    chosen = method or known[0]
    if chosen not in known:
        raise MalformedRequest(
            f"the model has no method {chosen!r}; it has {', '.join(known)}", field=f"{member}.method"
        )
    lists = list(plane.classes_of((chosen,)).values()) if classes else []
    # several arrays have one list of classes each
    listed = lists[0] if len(lists) == 1 else lists or None
    return Query({chosen: 0}, rows, lambda outputs: Body(v1.encode_answer(outputs, listed)))
