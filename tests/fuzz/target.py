"""One input for the codecs: its first bytes choose the model and the reader, the rest is a body."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from sklearn.linear_model import LinearRegression

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.mlflow import read_csv, read_invocations
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Body, Query
from modelway_server.dataplane.rows import read_rows
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import query_of, read_v2
from modelway_server.errors import InputError, MalformedRequest
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.codec import decode_request
from modelway_server.pages import examples
from modelway_server.protocol.binary import write_raw
from modelway_server.protocol.bulk_json import MIN_BYTES, read_bulk
from modelway_server.protocol.compression import Inflater, compress
from modelway_server.protocol.strict_json import parse_object
from modelway_server.protocol.tensors import NUMPY_TYPES
from support.models import WINE, WINE_KINDS, mixed_pipeline, text_pipeline
from support.server.subjects import subject_of, warm

MAX_BODY: Final = 4096
PLANES: Final = [
    DataPlane(warm(model), Identity(name="model"))
    for model in (mixed_pipeline(), text_pipeline(), LinearRegression().fit(WINE[:, :3], WINE_KINDS))
]


def read_one(content: bytes) -> None:
    """Read an input as a server would; only a refusal that names the fault may come of it.

    Raises:
        AssertionError: what was read is not what the model takes.
        Exception: a defect.
    """
    if len(content) < 3:
        return
    plane, reader = PLANES[content[0] % len(PLANES)], READERS[content[1] % len(READERS)]
    try:
        query = reader(plane, content[2], content[3:])
    except InputError:
        return
    assert query.rows.count > 0
    plane.kind_of(query)


def seeds() -> Iterator[bytes]:
    """Inputs that are answered, one of each reader and model."""
    for index, plane in enumerate(PLANES):
        subject = subject_of(plane.runtime)
        documents = [
            examples.v2_request(subject),
            examples.v1_request(subject),
            examples.mlflow_request(subject),
            examples.rows_request(subject),
        ]
        for reader, document in enumerate(documents):
            body = json.dumps(document).encode()
            yield bytes([index, reader, 0]) + body
            yield bytes([index, PACKED, reader]) + compress(body)
        yield bytes([index, MESSAGE, 0]) + _message_seed(documents[0])
        yield bytes([index, LARGE, 0]) + json.dumps(documents[0]).encode()
        yield bytes([index, CSV, 0]) + b"age,city,member\n1,Oslo,no\n,,yes\n"
        yield bytes([index, BINARY, 0]) + _binary_seed(index)
        yield bytes([index, BINARY, 0]) + _binary_seed(index, "BYTES")


def _binary_seed(index: int, datatype: str = "FP64") -> bytes:
    values = np.array([["a", "b", "c"]], dtype=object) if datatype == "BYTES" else np.ones((1, 3))
    raw = write_raw(values)
    tensor = {"name": "input", "shape": [1, 3], "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    request = {"inputs": [tensor], "parameters": {"binary_data_output": True}, "id": str(index)}
    header = json.dumps(request).encode()
    return len(header).to_bytes(2, "big") + header + raw


def _message_seed(document: dict[str, Any]) -> bytes:
    """The same request over gRPC, with its values as bytes."""
    message = pb.ModelInferRequest(model_name="model", id="1")
    for tensor in document["inputs"]:
        message.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        kind = object if tensor["datatype"] == "BYTES" else NUMPY_TYPES[tensor["datatype"]]
        message.raw_input_contents.append(write_raw(np.array(tensor["data"], dtype=kind)))
    return message.SerializeToString()


def _read_binary(plane: DataPlane, _: int, body: bytes) -> Query:
    return read_v2(plane, body[2:], int.from_bytes(body[:2], "big"))


def _read_packed(plane: DataPlane, choice: int, body: bytes) -> Query:
    """In pieces, as it would arrive."""
    inflater = Inflater("gzip" if choice < 128 else "deflate", MAX_BODY)
    for begin in range(0, len(body), 7):
        inflater.feed(body[begin : begin + 7])
    return READERS[choice % 4](plane, 0, inflater.finish())


def _read_large(plane: DataPlane, _: int, body: bytes) -> Query:
    """As large as it must be to be read in bulk; both parsers must find the same in it."""
    padded = body + b" " * MIN_BYTES
    bulk = read_bulk(padded)
    if bulk is not None:
        document = parse_object(padded)
        for request in (bulk, document):
            for tensor in request["inputs"]:
                tensor["data"] = np.asarray(tensor["data"], dtype=np.float64).reshape(-1).tolist()
        assert bulk == document
    return read_v2(plane, padded)


def _read_message(plane: DataPlane, _: int, body: bytes) -> Query:
    try:
        message = pb.ModelInferRequest.FromString(body)
    except DecodeError as error:
        raise MalformedRequest(str(error)) from error  # the library's own parser, whose refusals are not ours
    return query_of(plane, decode_request(message), lambda *_: Body(b""))


Reader = Callable[[DataPlane, int, bytes], Query]
READERS: Final[list[Reader]] = [
    lambda plane, _, body: read_v2(plane, body),
    lambda plane, _, body: read_v1(plane, body),
    lambda plane, _, body: read_invocations(plane, body),
    lambda plane, _, body: read_rows(plane, body),
    lambda plane, _, body: read_csv(plane, body),
    _read_binary,
    _read_packed,
    _read_large,
    _read_message,
]
CSV, BINARY, PACKED, LARGE, MESSAGE = 4, 5, 6, 7, 8


def dictionary() -> list[str]:
    """Words that the protocols know, for libFuzzer to put together."""
    words: list[Any] = ["inputs", "outputs", "instances", "rows", "dataframe_split", "dataframe_records", "columns"]
    words += ["data", "shape", "datatype", "name", "parameters", "params", "method", "classes", "classification"]
    words += ["binary_data_size", "binary_data_output", "binary_data", "content_type", "base64", "datetime"]
    words += [
        "FP16",
        "FP32",
        "FP64",
        "INT64",
        "UINT64",
        "BOOL",
        "BYTES",
        "age",
        "city",
        "member",
        "x0",
        "null",
        "1e400",
    ]
    return [f'"{word}"' for word in words]
