"""What a gRPC client says to a served model, with nothing of ours between it and the wire but the messages."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from modelway_server.grpc import inference_pb2 as pb
from modelway_server.protocol.binary import write_raw
from modelway_server.protocol.tensors import datatype_of

SERVICE = "/inference.GRPCInferenceService"
SECONDS = 20.0


class Caller:
    """A client of one server.

    Args:
        target: host and port.
        options: of its channel.
    """

    def __init__(self, target: str, options: Sequence[tuple[str, Any]] = ()) -> None:
        own = ("grpc.use_local_subchannel_pool", 1)  # else two callers of one process share a connection
        self.channel = grpc.insecure_channel(target, options=[own, *options])

    def bytes(self, method: str, content: bytes, timeout: float | None = SECONDS, **options: Any) -> bytes:
        """The answer to any bytes.

        Raises:
            grpc.RpcError: the call failed.
        """
        call: Any = self.channel.unary_unary(method, request_serializer=None, response_deserializer=None)
        return bytes(call(content, timeout=timeout, **options))

    def ask(self, method: str, message: Any, **options: Any) -> Any:
        """The answer of a method of the inference service.

        Raises:
            grpc.RpcError: the call failed.
        """
        answer = getattr(pb, f"Model{method}Response" if method == "Infer" else f"{method}Response")()
        name = "ModelInfer" if method == "Infer" else method
        answer.ParseFromString(self.bytes(f"{SERVICE}/{name}", message.SerializeToString(), **options))
        return answer

    def infer(self, message: pb.ModelInferRequest, **options: Any) -> pb.ModelInferResponse:
        """The answer to an inference request.

        Raises:
            grpc.RpcError: the call failed.
        """
        answer: pb.ModelInferResponse = self.ask("Infer", message, **options)
        return answer


@contextmanager
def calling(target: str, **options: Any) -> Iterator[Caller]:
    """A client until the end of the block."""
    caller = Caller(target, **options)
    try:
        yield caller
    finally:
        caller.channel.close()


def question(inputs: Mapping[str, NDArray[Any]], *, raw: bool = False, model: str = "model") -> pb.ModelInferRequest:
    """A request of these arrays: numbers as bytes when `raw`, else FP64 alone."""
    request = pb.ModelInferRequest(model_name=model)
    for name, values in inputs.items():
        tensor = request.inputs.add(name=name, datatype=datatype_of(values.dtype), shape=values.shape)
        if raw:
            request.raw_input_contents.append(write_raw(values))
        elif values.dtype.kind == "O":
            tensor.contents.bytes_contents.extend(text.encode() for text in values.flat)
        else:
            tensor.contents.fp64_contents.extend(values.astype(np.float64).flat)
    return request


def values_of(answer: pb.ModelInferResponse, index: int = 0) -> Any:
    """The numbers of an output that is FP64 or INT64, or the strings of one that is BYTES, as an array."""
    output = answer.outputs[index]
    if answer.raw_output_contents:
        dtype = {"FP64": np.float64, "INT64": np.int64}[output.datatype]
        return np.frombuffer(answer.raw_output_contents[index], dtype=dtype).reshape(tuple(output.shape))
    field = {"FP64": "fp64_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}[output.datatype]
    return np.array(getattr(output.contents, field)).reshape(tuple(output.shape))
