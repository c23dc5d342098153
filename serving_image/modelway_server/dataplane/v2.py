"""V2 inference requests, in JSON, with tensors as bytes, or over gRPC."""

from collections.abc import Callable

from modelway_server.contract.requested_outputs import requested_arrays, requested_methods
from modelway_server.contract.rows import rows_of_tensors
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import BINARY, Arrays, Body, Classes, Query
from modelway_server.protocol import v2


def read_v2(plane: DataPlane, body: bytes, header_length: int | None = None) -> Query:
    """Read a V2 inference request.

    Args:
        plane: whose model is asked.
        body: JSON, followed by the tensors that are sent as bytes.
        header_length: bytes of the JSON where tensors follow it, else None.

    Raises:
        InputError: the request is at fault; the field is named.
    """
    request = v2.decode_request(body, header_length)

    def encode(outputs: Arrays, classes: Classes) -> Body:
        answer = v2.encode_answer(
            model=plane.identity.name,
            version=plane.identity.version,
            request_id=request.id,
            outputs=outputs,
            classes=classes,
            binary=requested_arrays(request.binary, plane.runtime.signature),
        )
        if answer.header_length is None:
            return Body(answer.content)
        length = str(answer.header_length).encode()
        return Body(answer.content, BINARY, ((b"inference-header-content-length", length),))

    return query_of(plane, request, encode)


def query_of(plane: DataPlane, request: v2.InferRequest, encode: Callable[[Arrays, Classes], Body]) -> Query:
    """The query of a decoded V2 inference request, whatever it was encoded in.

    Args:
        plane: whose model is asked.
        request: that was decoded.
        encode: encodes all outputs, and the classes of those that name them.

    Raises:
        InputError: the request is at fault; the field is named.
    """
    runtime = plane.runtime
    methods, wanted = requested_methods(request.outputs, runtime.methods, runtime.signature)
    rows = rows_of_tensors(runtime.signature, request.inputs)
    classes = plane.classes_of(tuple(methods)) if request.classes else {}
    if wanted is None:
        return Query(methods, rows, lambda outputs: encode(outputs, classes), request.timeout)

    def encode_wanted(outputs: Arrays) -> Body:
        return encode({name: values for name, values in outputs.items() if name in wanted}, classes)

    return Query(methods, rows, encode_wanted, request.timeout)
