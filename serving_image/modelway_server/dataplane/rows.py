"""Requests of rows as people write them, answered in words."""

from modelway_server.contract.names import member_names
from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Output
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Arrays, Body, Query
from modelway_server.protocol import rows


def read_rows(plane: DataPlane, body: bytes) -> Query:
    """Read a request of rows.

    Raises:
        InputError: the request is at fault; the field is named.
    """
    runtime, identity = plane.runtime, plane.identity
    signature = runtime.signature
    checked = rows_of_instances(signature, rows.decode_request(body, long_integers=signature.literal), "rows")
    methods = rows.methods_to_call(runtime.methods)

    def encode(outputs: Arrays) -> Body:
        named = [_named_output(method, output, outputs) for method in methods for output in signature.outputs[method]]
        return Body(
            rows.encode_answer(model=identity.name, version=identity.version, count=checked.count, outputs=named)
        )

    return Query(dict.fromkeys(methods, 0), checked, encode)


def _named_output(method: str, output: Output, outputs: Arrays) -> rows.NamedOutput:
    return rows.NamedOutput(rows.WORDS.get(method, method), outputs[output.name], member_names(method, output))
