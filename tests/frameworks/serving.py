"""Models saved by the real library, served by our process in the same environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from support.server.served import Served, launch

SEED = 0


@contextmanager
def serve(folder: Path, *arguments: str) -> Iterator[Served]:
    """A server of the model in `folder/models`, with two workers, so that all forks well."""
    server = launch(folder, "--workers=2", *arguments, cold=True)
    try:
        yield server.started(deadline=300)
    finally:
        server.stop()


def tensor(name: str, values: Any) -> dict[str, Any]:
    """An input of a V2 request."""
    array = np.asarray(values)
    datatype = {"f": "FP32", "i": "INT64", "O": "BYTES", "U": "BYTES"}[array.dtype.kind]
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": array.ravel().tolist()}


def outputs(server: Served, *inputs: dict[str, Any]) -> dict[str, Any]:
    """What the server answers, by output: arrays of their shape."""
    reply = server.infer({"inputs": list(inputs)})
    assert reply.status == 200, reply.body
    return {each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in reply.body["outputs"]}
