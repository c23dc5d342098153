"""Queries of ModelInfer's messages, whichever way they come: over gRPC, or from another server as bodies of HTTP."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Body, Query
from modelway_server.dataplane.v2 import query_of
from modelway_server.errors import MalformedRequest
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.codec import decode_request, encode_answer, plain_parameters, typed_values
from modelway_server.traffic.answers import Column, Undecodable, raw_values
from modelway_server.traffic.incoming import GRPC_TYPE

_NAME, _VERSION = 0x0A, 0x12
"""The tags of `model_name` and `model_version`."""
_TYPE: Final = GRPC_TYPE.encode()
_MORE: Final = 0x80


def query_of_message(plane: DataPlane, content: bytes) -> Query:
    """The query of a message ModelInferRequest; its answer is encoded as ModelInferResponse.

    Raises:
        InputError: the message is at fault; the field is named.
    """
    try:
        message = pb.ModelInferRequest.FromString(content)
    except Exception as error:
        raise MalformedRequest("the message is no inference.ModelInferRequest") from error
    plane.identity.check(message.model_name, message.model_version)
    request = decode_request(message)
    identity = plane.identity

    def encode(outputs: Any, classes: Any) -> Body:
        answer = encode_answer(
            model=identity.name,
            version=identity.version,
            request_id=request.id,
            outputs=outputs,
            classes=classes,
            raw=bool(message.raw_input_contents),
        )
        return Body(answer.SerializeToString(), _TYPE)

    return query_of(plane, request, encode)


def decode_message(content: bytes, _: Mapping[bytes, bytes]) -> list[Column]:
    """The columns of a message ModelInferResponse; see `traffic.answers.Decode`."""
    try:
        message = pb.ModelInferResponse.FromString(content)
        raw = message.raw_output_contents
        return [_column(output, raw[index] if raw else None) for index, output in enumerate(message.outputs)]
    except Exception as error:
        raise Undecodable(f"no inference.ModelInferResponse: {error}") from error


def _column(output: "pb.ModelInferResponse.InferOutputTensor", raw: bytes | None) -> Column:
    shape = tuple(output.shape)
    if raw is not None:
        values = raw_values(memoryview(raw), shape, output.datatype)
    elif output.datatype.startswith("FP"):
        numbers = output.contents.fp32_contents if output.datatype == "FP32" else output.contents.fp64_contents
        values = np.array(numbers, dtype=np.float64).reshape(shape)
    else:
        values = typed_values(output.contents, shape, output.datatype, output.name)
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
    return Column(output.name, values, plain_parameters(output.parameters) or None)


def names_version(content: bytes) -> bool:
    """Whether a message names the version of the model, found without decoding it; every library writes the fields in their order."""
    place = 0
    if content[:1] == bytes((_NAME,)):
        size, shift, place = 0, 0, 1
        while place < len(content) and content[place] & _MORE:
            size |= (content[place] & ~_MORE) << shift
            place, shift = place + 1, shift + 7
        if place < len(content):
            place += 1 + (size | content[place] << shift)
    return content[place : place + 1] == bytes((_VERSION,)) and content[place + 1 : place + 2] != b"\x00"
