"""How each server is asked for class probabilities, and how its answer is read; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.server.models import Array

JSON = "application/json"
BINARY = "application/octet-stream"
HEADER_LENGTH = "Inference-Header-Content-Length"
METHOD = "predict_proba"


@dataclass(frozen=True)
class Request:
    """What is posted."""

    path: str
    body: bytes
    headers: Mapping[str, str]


class Dialect(Protocol):
    """One way to ask."""

    def ask(self, rows: Array) -> Request:
        """The request for float64 rows of (rows, columns)."""

    def read(self, body: bytes, headers: Mapping[str, str], /) -> Array:
        """The probabilities, float64 (rows, classes), in the answer with these headers (names in lower case)."""


class Tutorial:
    """The application in `tutorial/`."""

    def ask(self, rows: Array) -> Request:
        return Request("/predict", json.dumps({"rows": rows.tolist()}).encode(), {"Content-Type": JSON})

    def read(self, body: bytes, _: Mapping[str, str]) -> Array:
        return np.asarray(json.loads(body)["probabilities"], dtype=np.float64)


@dataclass(frozen=True)
class V2:
    """The Open Inference Protocol with JSON."""

    model: str = "model"

    def ask(self, rows: Array) -> Request:
        tensor = {"name": "rows", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
        body = {"inputs": [tensor], "outputs": [{"name": METHOD}]}
        return Request(f"/v2/models/{self.model}/infer", json.dumps(body).encode(), {"Content-Type": JSON})

    def read(self, body: bytes, _: Mapping[str, str]) -> Array:
        [output] = json.loads(body)["outputs"]
        return np.asarray(output["data"], dtype=np.float64).reshape(output["shape"])


@dataclass(frozen=True)
class V2Binary:
    """The same with its binary tensor extension."""

    model: str = "model"

    def ask(self, rows: Array) -> Request:
        tensor = {
            "name": "rows",
            "shape": list(rows.shape),
            "datatype": "FP64",
            "parameters": {"binary_data_size": rows.nbytes},
        }
        output = {"name": METHOD, "parameters": {"binary_data": True}}
        head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
        headers = {"Content-Type": BINARY, HEADER_LENGTH: str(len(head))}
        return Request(f"/v2/models/{self.model}/infer", head + rows.astype("<f8").tobytes(), headers)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Array:
        length = int(headers[HEADER_LENGTH.lower()])
        [output] = json.loads(body[:length])["outputs"]
        kind = {"FP64": "<f8", "FP32": "<f4"}[output["datatype"]]
        return np.frombuffer(body[length:], dtype=kind).astype(np.float64).reshape(output["shape"])
