"""Open Inference Protocol V2 over HTTP: the messages of `infer`, as JSON, or with tensors as bytes after it.

Source: Open Inference Protocol V2, "Inference" (HTTP/REST); Triton Inference Server, "Binary Tensor Data Extension".
Numbers of an answer are flat and row-major.
"""

from collections.abc import Mapping, Sequence
from random import getrandbits
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.base64_text import BASE64, decode_base64
from modelway_server.protocol.binary import Tail, has_raw, read_raw, split_body, write_raw
from modelway_server.protocol.bulk_json import MIN_BYTES, read_bulk
from modelway_server.protocol.classification import read_classification
from modelway_server.protocol.parameters import (
    asks_for_classes,
    check_parameters,
    read_content_type,
    read_flag,
    read_timeout,
)
from modelway_server.protocol.strict_json import dumps, json_type, parse_object
from modelway_server.protocol.tensors import DATATYPES, Tensor, datatype_of, parse_data, parse_numbers, parse_shape

MAX_ID_LENGTH = 256


class InferRequest(NamedTuple):
    """One V2 request.

    Attributes:
        id: the client's, or one of ours.
        inputs: at least one tensor, no two of one name.
        outputs: the outputs that are asked for, and for how many of the best classes of each (0: for all scores);
            empty for the default.
        classes: whether the answer shall name the classes.
        binary: the outputs that the answer shall carry as bytes; None for all that it has.
        timeout: seconds in which the caller wants the answer; None when it does not say.
    """

    id: str
    inputs: tuple[Tensor, ...]
    outputs: Mapping[str, int]
    classes: bool = False
    binary: frozenset[str] | None = frozenset()
    timeout: float | None = None


class EncodedAnswer(NamedTuple):
    """An answer's body.

    Attributes:
        content: JSON, and after it the tensors that are bytes.
        header_length: bytes of the JSON where tensors follow it, else None.
    """

    content: bytes
    header_length: int | None = None


def decode_request(body: bytes, header_length: int | None = None) -> InferRequest:
    """The message in a request's body.

    Args:
        body: JSON, and after it the tensors that are bytes.
        header_length: the header Inference-Header-Content-Length, or None.

    Raises:
        MalformedRequest: it is not a V2 inference request; the field at fault is named.
    """
    header, tail = split_body(body, header_length)
    document = (len(header) >= MIN_BYTES and read_bulk(header)) or parse_object(header)
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise MalformedRequest(
            'inputs must be an array of at least one tensor, such as {"name": "input", "shape": [1, 2], '
            '"datatype": "FP64", "data": [0.5, 1.5]}',
            field="inputs",
        )
    parameters = _parameters(document.get("parameters"))
    tensors = tuple(
        [
            _tensor(tensor, f"inputs[{index}]", parameters.content_type, tail, header)
            for index, tensor in enumerate(inputs)
        ]
    )
    tail.check_end()
    check_unique([tensor.name for tensor in tensors], "inputs")
    requested = _read_outputs(document.get("outputs"), binary=parameters.binary)
    return InferRequest(
        request_id(document.get("id")),
        tensors,
        requested.best,
        parameters.classes,
        requested.binary,
        parameters.timeout,
    )


class _Parameters(NamedTuple):
    """The parameters of a request."""

    classes: bool = False
    content_type: str = ""
    binary: bool = False
    timeout: float | None = None


_NO_PARAMETERS = _Parameters()


def _parameters(parameters: Any) -> _Parameters:
    if parameters is None:
        return _NO_PARAMETERS
    return _Parameters(
        asks_for_classes(parameters),
        read_content_type(parameters, "parameters"),
        read_flag(parameters, "binary_data_output", "parameters"),
        read_timeout(parameters, "parameters"),
    )


def encode_answer(
    *,
    model: str,
    version: str,
    request_id: str,
    outputs: Mapping[str, NDArray[Any]],
    classes: Mapping[str, Sequence[Any]],
    binary: frozenset[str] | None = frozenset(),
) -> EncodedAnswer:
    """An inference answer; an empty version is left out, and a number that is not finite becomes null in JSON.

    Args:
        model: its name.
        version: the user's word for it.
        request_id: of the request that is answered.
        outputs: arrays by name.
        classes: what the outputs stand for, by the output's name; sent as parameters of the outputs that are in it.
        binary: names of the outputs that are sent as bytes, None for all; one with missing strings is JSON still.
    """
    answer: dict[str, Any] = {"model_name": model}
    if version:
        answer["model_version"] = version
    answer["id"] = request_id
    raw = {
        name: write_raw(values)
        for name, values in outputs.items()
        if (binary is None or name in binary) and has_raw(values)
    }
    answer["outputs"] = [_output(name, values, classes.get(name), raw.get(name)) for name, values in outputs.items()]
    header = dumps(answer)
    return EncodedAnswer(b"".join((header, *raw.values())), len(header)) if raw else EncodedAnswer(header)


def _output(name: str, values: NDArray[Any], classes: Sequence[Any] | None, raw: bytes | None) -> dict[str, Any]:
    output: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": datatype_of(values.dtype)}
    parameters: dict[str, Any] = {} if classes is None else {"classes": classes}
    if raw is not None:
        parameters["binary_data_size"] = len(raw)
    if parameters:
        output["parameters"] = parameters
    if raw is not None:
        return output
    flat = np.ascontiguousarray(values).reshape(-1)
    output["data"] = _texts(flat) if values.dtype.kind == "O" else flat.tolist() if values.dtype.kind == "U" else flat
    return output


def _texts(values: NDArray[Any]) -> list[str | None]:
    """BYTES are strings: numbers among them are written as such, what is missing stays null."""
    return [value if value is None or type(value) is str else str(value) for value in values]


def _tensor(document: Any, field: str, content_type: str, tail: Tail, header: bytes) -> Tensor:
    if not isinstance(document, dict):
        raise MalformedRequest(f"a tensor must be an object, this is {json_type(document)}", field=field)
    name, datatype = document.get("name"), document.get("datatype")
    if not isinstance(name, str) or not name:
        raise MalformedRequest("a tensor needs a name, a string", field=f"{field}.name")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise MalformedRequest(f"datatype must be one of {', '.join(DATATYPES)}", field=f"{field}.datatype")
    if "shape" not in document:
        raise MalformedRequest("a tensor needs a shape, such as [1, 4]", field=f"{field}.shape")
    shape = parse_shape(document["shape"], f"{field}.shape")
    parameters, size = document.get("parameters"), None
    if parameters is not None:
        content_type = read_content_type(parameters, f"{field}.parameters") or content_type
        size = parameters.get("binary_data_size")
    if ("data" in document) is (size is not None):
        raise MalformedRequest(
            "a tensor needs data, or else parameters.binary_data_size and its bytes after the JSON",
            field=f"{field}.data",
        )
    if size is not None:
        raw = tail.take(size, f"{field}.parameters.binary_data_size")
        values = read_raw(raw, shape, datatype, f"{field}.data")
    else:
        values = _data(document["data"], shape, datatype, f"{field}.data", header)
    if content_type == BASE64 and datatype == "BYTES":
        values = decode_base64(values, f"{field}.data")
    return Tensor(name, datatype, values, field, content_type)


def _data(data: Any, shape: tuple[int, ...], datatype: str, field: str, header: bytes) -> NDArray[Any]:
    if isinstance(data, np.ndarray):
        return parse_numbers(data, shape, datatype, field)
    booleans = b"true" in header or b"false" in header
    return parse_data(data, shape, datatype, field, booleans=booleans)


class _Requested(NamedTuple):
    """The requested outputs: the number of best classes of each, and which are wanted as bytes."""

    best: Mapping[str, int]
    binary: frozenset[str] | None


def _read_outputs(outputs: Any, *, binary: bool) -> _Requested:
    """Args: `binary` is the default for outputs without parameters."""
    if outputs is None or outputs == []:
        return _Requested({}, None if binary else frozenset())
    if not isinstance(outputs, list):
        raise MalformedRequest(f"outputs must be an array, it is {json_type(outputs)}", field="outputs")
    best, raw = [], set()
    for index, output in enumerate(outputs):
        field = f"outputs[{index}]"
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise MalformedRequest('an output must be an object with a name, such as {"name": "predict"}', field=field)
        parameters, name = output.get("parameters"), output["name"]
        if parameters is None:
            best.append((name, 0))
            if binary:
                raw.add(name)
            continue
        check_parameters(parameters, f"{field}.parameters")
        best.append((name, read_classification(parameters, f"{field}.parameters")))
        if read_flag(parameters, "binary_data", f"{field}.parameters", default=binary):
            raw.add(name)
    check_unique([name for name, _ in best], "outputs")
    return _Requested(dict(best), frozenset(raw))


def request_id(value: Any) -> str:
    """The client's id of a request, or a new one where there is none.

    Raises:
        MalformedRequest: it is no string, or too long.
    """
    if value is None:
        return f"{getrandbits(128):032x}"  # unique, not secret
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH:
        raise MalformedRequest(f"id must be a string of at most {MAX_ID_LENGTH} characters", field="id")
    return value


def check_unique(names: Sequence[str], field: str) -> None:
    """Refuse tensors of `field` if two have the same name.

    Raises:
        MalformedRequest: two have the same name.
    """
    if len(names) == len(set(names)):
        return
    earlier: set[str] = set()
    for index, name in enumerate(names):
        if name in earlier:
            raise MalformedRequest(f"the name {name!r} appears twice", field=f"{field}[{index}].name")
        earlier.add(name)
