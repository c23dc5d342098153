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
from modelway_server.protocol.classification import read_classification
from modelway_server.protocol.parameters import asks_for_classes, check_parameters, read_content_type
from modelway_server.protocol.strict_json import dumps, json_type, parse_object
from modelway_server.protocol.tensors import DATATYPES, Tensor, datatype_of, parse_data, parse_shape

MAX_ID_LENGTH = 256


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One V2 request.

    Attributes:
        id: the client's, or one of ours.
        inputs: at least one tensor, no two of one name.
        outputs: the outputs that are asked for, and for how many of the best classes of each (0: for all scores);
            empty for the default.
        classes: whether the answer shall name the classes.
    """

    id: str
    inputs: tuple[Tensor, ...]
    outputs: Mapping[str, int]
    classes: bool = False


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
    classes = asks_for_classes(document.get("parameters"))
    tensors = tuple(_tensor(tensor, f"inputs[{index}]", booleans=booleans) for index, tensor in enumerate(inputs))
    _check_unique([tensor.name for tensor in tensors], "inputs")
    return InferRequest(_request_id(document.get("id")), tensors, _outputs(document.get("outputs")), classes)


def encode_answer(
    *,
    model: str,
    version: str,
    request_id: str,
    outputs: Mapping[str, NDArray[Any]],
    classes: Mapping[str, Sequence[Any]],
) -> bytes:
    """An inference answer; a version that is empty is left out, what is not finite becomes null.

    Args:
        model: its name.
        version: the user's word for it.
        request_id: of the request that is answered.
        outputs: arrays by name.
        classes: what the outputs stand for, by the output's name; sent as parameters of the outputs that are in it.
    """
    answer: dict[str, Any] = {"model_name": model}
    if version:
        answer["model_version"] = version
    answer["id"] = request_id
    answer["outputs"] = [_output(name, values, classes.get(name)) for name, values in outputs.items()]
    return dumps(answer)


def _output(name: str, values: NDArray[Any], classes: Sequence[Any] | None) -> dict[str, Any]:
    flat = np.ascontiguousarray(values).reshape(-1)
    output: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": datatype_of(values.dtype)}
    if classes is not None:
        output["parameters"] = {"classes": classes}
    output["data"] = _texts(flat) if values.dtype.kind == "O" else flat.tolist() if values.dtype.kind == "U" else flat
    return output


def _texts(values: NDArray[Any]) -> list[str | None]:
    """BYTES are strings: numbers among them are written as such, what is missing stays null."""
    return [value if value is None or type(value) is str else str(value) for value in values]


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
    content_type = read_content_type(document.get("parameters"), f"{field}.parameters")
    shape = parse_shape(document["shape"], f"{field}.shape")
    data = parse_data(document["data"], shape, datatype, f"{field}.data", booleans=booleans)
    return Tensor(name, datatype, data, field, content_type)


def _outputs(outputs: Any) -> dict[str, int]:
    if outputs is None:
        return {}
    if not isinstance(outputs, list):
        raise MalformedRequest(f"outputs must be an array, it is {json_type(outputs)}", field="outputs")
    asked = []
    for index, output in enumerate(outputs):
        field = f"outputs[{index}]"
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise MalformedRequest('an output must be an object with a name, such as {"name": "predict"}', field=field)
        check_parameters(output.get("parameters"), f"{field}.parameters")
        asked.append((output["name"], read_classification(output.get("parameters"), f"{field}.parameters")))
    _check_unique([name for name, _ in asked], "outputs")
    return dict(asked)


def _request_id(given: Any) -> str:
    if given is None:
        return os.urandom(16).hex()
    if not isinstance(given, str) or len(given) > MAX_ID_LENGTH:
        raise MalformedRequest(f"id must be a string of at most {MAX_ID_LENGTH} characters", field="id")
    return given


def _check_unique(names: Sequence[str], field: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise MalformedRequest(f"the name {name!r} is there twice", field=f"{field}[{index}].name")
        seen.add(name)
