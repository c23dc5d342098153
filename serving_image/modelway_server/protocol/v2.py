"""Open Inference Protocol V2 over JSON: the messages of `infer`.

Source: Open Inference Protocol V2, "Inference" (HTTP/REST). Numbers of an answer are flat and row-major.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.strict_json import dumps, json_type, parse_object
from modelway_server.protocol.tensors import DATATYPES, Tensor, datatype_of, parse_data, parse_shape

MAX_ID_LENGTH = 256


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One V2 request.

    Attributes:
        id: the client's, or one of ours.
        inputs: at least one tensor, no two of one name.
        outputs: the names of the outputs that are asked for; empty for the default.
    """

    id: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]


def decode_request(body: bytes) -> InferRequest:
    """The message in a request's body.

    Raises:
        MalformedRequest: it is not a V2 inference request; the field at fault is named.
    """
    document = parse_object(body)
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise MalformedRequest(
            'inputs must be an array of at least one tensor, such as {"name": "input", "shape": [1, 2], '
            '"datatype": "FP64", "data": [0.5, 1.5]}',
            field="inputs",
        )
    booleans = b"true" in body or b"false" in body
    _check_parameters(document.get("parameters"), "parameters")
    tensors = tuple(_tensor(tensor, f"inputs[{index}]", booleans=booleans) for index, tensor in enumerate(inputs))
    _check_unique([tensor.name for tensor in tensors], "inputs")
    return InferRequest(id=_request_id(document.get("id")), inputs=tensors, outputs=_outputs(document.get("outputs")))


def encode_answer(
    *, model: str, version: str, request_id: str, outputs: Mapping[str, NDArray[Any]], parameters: Mapping[str, str]
) -> bytes:
    """An inference answer; a version that is empty is left out, what is not finite becomes null."""
    answer: dict[str, Any] = {"model_name": model}
    if version:
        answer["model_version"] = version
    answer["id"] = request_id
    if parameters:
        answer["parameters"] = dict(parameters)
    answer["outputs"] = [_output(name, values) for name, values in outputs.items()]
    return dumps(answer)


def _output(name: str, values: NDArray[Any]) -> dict[str, Any]:
    flat = np.ascontiguousarray(values).reshape(-1)
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": datatype_of(values.dtype),
        "data": flat.tolist() if values.dtype.kind in "OUS" else flat,
    }


def _tensor(document: Any, field: str, *, booleans: bool) -> Tensor:
    if not isinstance(document, dict):
        raise MalformedRequest(f"a tensor must be an object, this is {json_type(document)}", field=field)
    name, datatype = document.get("name"), document.get("datatype")
    if not isinstance(name, str) or not name:
        raise MalformedRequest("a tensor needs a name, a string", field=f"{field}.name")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise MalformedRequest(f"datatype must be one of {', '.join(DATATYPES)}", field=f"{field}.datatype")
    if "shape" not in document:
        raise MalformedRequest("a tensor needs a shape, such as [1, 4]", field=f"{field}.shape")
    if "data" not in document:
        raise MalformedRequest("a tensor needs data; binary tensors are not supported", field=f"{field}.data")
    _check_parameters(document.get("parameters"), f"{field}.parameters")
    shape = parse_shape(document["shape"], f"{field}.shape")
    return Tensor(
        name, datatype, parse_data(document["data"], shape, datatype, f"{field}.data", booleans=booleans), field
    )


def _outputs(outputs: Any) -> tuple[str, ...]:
    if outputs is None:
        return ()
    if not isinstance(outputs, list):
        raise MalformedRequest(f"outputs must be an array, it is {json_type(outputs)}", field="outputs")
    names = []
    for index, output in enumerate(outputs):
        field = f"outputs[{index}]"
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise MalformedRequest('an output must be an object with a name, such as {"name": "predict"}', field=field)
        _check_parameters(output.get("parameters"), f"{field}.parameters")
        names.append(output["name"])
    _check_unique(names, "outputs")
    return tuple(names)


def _request_id(given: Any) -> str:
    if given is None:
        return os.urandom(16).hex()
    if not isinstance(given, str) or len(given) > MAX_ID_LENGTH:
        raise MalformedRequest(f"id must be a string of at most {MAX_ID_LENGTH} characters", field="id")
    return given


def _check_parameters(parameters: Any, field: str) -> None:
    if parameters is not None and not isinstance(parameters, dict):
        raise MalformedRequest(f"parameters must be an object, it is {json_type(parameters)}", field=field)


def _check_unique(names: Sequence[str], field: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise MalformedRequest(f"the name {name!r} is there twice", field=f"{field}[{index}].name")
        seen.add(name)
