"""Open Inference Protocol V2 over gRPC: messages to requests of the data plane, and its answers to messages.

Source: Open Inference Protocol V2, "gRPC". A tensor's values are in the field of its datatype, or as bytes in
`raw_input_contents`; an answer takes the form that the request had.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.protocol.base64_text import BASE64, decode_base64
from modelway_server.protocol.binary import read_raw, write_raw
from modelway_server.protocol.classification import read_classification
from modelway_server.protocol.parameters import asks_for_classes, read_content_type, read_timeout
from modelway_server.protocol.tensors import DATATYPES, NUMPY_TYPES, Tensor, datatype_of, parse_shape
from modelway_server.protocol.v2 import InferRequest, check_unique, request_id

MISSING: Final = "missing"
"""Parameter of an output: the flat positions of its missing strings, as a JSON array; bytes have no null."""

_CONTENTS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of each datatype's values; FP16 has none."""
_WIDE: Final = {"int_contents": np.int32, "uint_contents": np.uint32}


def decode_request(message: "pb.ModelInferRequest") -> InferRequest:
    """The request in a message; `binary` says whether its tensors came as bytes.

    Raises:
        MalformedRequest: it contradicts itself; the field at fault is named.
    """
    if not message.inputs:
        raise MalformedRequest("inputs must hold at least one tensor", field="inputs")
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise MalformedRequest(
            f"there are {len(message.inputs)} inputs, and bytes of {len(raw)}; send the bytes of all or of none",
            field="raw_input_contents",
        )
    parameters = plain_parameters(message.parameters)
    content_type = read_content_type(parameters, "parameters")
    tensors = tuple(
        _tensor(tensor, index, raw[index] if raw else None, content_type) for index, tensor in enumerate(message.inputs)
    )
    check_unique([tensor.name for tensor in tensors], "inputs")
    return InferRequest(
        id=request_id(message.id or None),
        inputs=tensors,
        outputs=_outputs(message.outputs),
        classes=asks_for_classes(parameters),
        binary=None if raw else frozenset(),
        timeout=read_timeout(parameters, "parameters"),
    )


def encode_answer(
    *,
    model: str,
    version: str,
    request_id: str,
    outputs: Mapping[str, NDArray[Any]],
    classes: Mapping[str, Sequence[Any]],
    raw: bool,
) -> "pb.ModelInferResponse":
    """An inference answer.

    Args:
        model: its name.
        version: the user's word for it.
        request_id: of the request that is answered.
        outputs: arrays by name; missing strings are empty, and MISSING says where.
        classes: what the outputs stand for, by the output's name; a JSON array in the parameters of those outputs.
        raw: whether the values are sent as bytes; they are also where an output is FP16, which has no other form.
    """
    raw = raw or any(values.dtype == np.float16 for values in outputs.values())
    answer = pb.ModelInferResponse(model_name=model, model_version=version, id=request_id)
    for name, values in outputs.items():
        datatype = datatype_of(values.dtype)
        output = answer.outputs.add(name=name, datatype=datatype, shape=values.shape)
        if name in classes:
            output.parameters["classes"].string_param = json.dumps(classes[name], ensure_ascii=False)
        sent = values
        if values.dtype.kind == "O" and (missing := [i for i, value in enumerate(values.flat) if value is None]):
            output.parameters[MISSING].string_param = json.dumps(missing)
            sent = np.where(values == None, "", values)  # noqa: E711  (of each element)
        if raw:
            answer.raw_output_contents.append(write_raw(sent))
        else:
            getattr(output.contents, _CONTENTS[datatype]).extend(_wire_values(sent, datatype))
    return answer


def plain_parameters(parameters: "Mapping[str, pb.InferParameter]") -> dict[str, bool | int | float | str | None]:
    """The parameters of a message as those of a JSON message."""
    return {name: _value(parameter) for name, parameter in parameters.items()}


def _value(parameter: "pb.InferParameter") -> bool | int | float | str | None:
    chosen = parameter.WhichOneof("parameter_choice")
    return None if chosen is None else getattr(parameter, chosen)


def _tensor(
    message: "pb.ModelInferRequest.InferInputTensor", index: int, raw: bytes | None, content_type: str
) -> Tensor:
    field, datatype = f"inputs[{index}]", message.datatype
    if not message.name:
        raise MalformedRequest("a tensor needs a name", field=f"{field}.name")
    if datatype not in DATATYPES:
        raise MalformedRequest(f"datatype must be one of {', '.join(DATATYPES)}", field=f"{field}.datatype")
    shape = parse_shape(list(message.shape), f"{field}.shape")
    content_type = read_content_type(plain_parameters(message.parameters), f"{field}.parameters") or content_type
    if raw is None:
        values = typed_values(message.contents, shape, datatype, f"{field}.contents")
    elif message.HasField("contents"):
        raise MalformedRequest(
            "the values appear twice: as contents and in raw_input_contents", field=f"{field}.contents"
        )
    else:
        values = read_raw(memoryview(raw), shape, datatype, f"raw_input_contents[{index}]")
    if content_type == BASE64 and datatype == "BYTES":
        values = decode_base64(values, field)
    return Tensor(message.name, datatype, values, field, content_type)


def typed_values(contents: "pb.InferTensorContents", shape: tuple[int, ...], datatype: str, field: str) -> NDArray[Any]:
    """The values of a tensor in the field of its datatype.

    Args:
        contents: all fields.
        shape: that it shall have.
        datatype: by the protocol's word.
        field: where it stands, for messages.

    Raises:
        MalformedRequest: the values contradict that.
    """
    expected = _CONTENTS.get(datatype)
    if expected is None:
        raise MalformedRequest(f"{datatype} has no field here; send its bytes in raw_input_contents", field=field)
    for used, _ in contents.ListFields():
        if used.name != expected:
            raise MalformedRequest(f"{datatype} values belong into {expected}, not {used.name}", field=field)
    values = getattr(contents, expected)
    field = f"{field}.{expected}"
    wanted = math.prod(shape)
    if len(values) != wanted:
        raise MalformedRequest(f"shape {list(shape)} asks for {wanted} values, there are {len(values)}", field=field)
    if datatype == "BYTES":
        return _texts(values, field).reshape(shape)
    return _numbers(values, datatype, field).reshape(shape)


def _numbers(values: Sequence[Any], datatype: str, field: str) -> NDArray[Any]:
    dtype = NUMPY_TYPES[datatype]
    numbers = np.fromiter(values, dtype=_WIDE.get(_CONTENTS[datatype], dtype), count=len(values))
    wrong = np.isinf(numbers) if numbers.dtype.kind == "f" else numbers.astype(dtype) != numbers
    if wrong.any():
        index = int(wrong.argmax())
        complaint = (
            "infinite; send finite numbers, and NaN for what is missing"
            if numbers.dtype.kind == "f"
            else f"{numbers[index]}, which does not fit {datatype}"
        )
        raise MalformedRequest(f"the value is {complaint}", field=f"{field}[{index}]")
    return numbers.astype(dtype, copy=False)


def _texts(values: Sequence[bytes], field: str) -> NDArray[np.object_]:
    texts = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        try:
            texts[index] = value.decode()
        except UnicodeDecodeError:
            raise MalformedRequest("the value is not valid UTF-8", field=f"{field}[{index}]") from None
    return texts


def _wire_values(values: NDArray[Any], datatype: str) -> Iterable[Any]:
    flat = values.reshape(-1).tolist()
    return [str(value).encode(errors="backslashreplace") for value in flat] if datatype == "BYTES" else flat


def _outputs(messages: "Iterable[pb.ModelInferRequest.InferRequestedOutputTensor]") -> dict[str, int]:
    requested = [
        (message.name, read_classification(plain_parameters(message.parameters), f"outputs[{index}].parameters"))
        for index, message in enumerate(messages)
    ]
    check_unique([name for name, _ in requested], "outputs")
    return dict(requested)
