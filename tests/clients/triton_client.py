"""What tritonclient makes of our server, over HTTP and gRPC; runs in its own environment, with a JSON file of what to expect."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

case = json.loads(Path(sys.argv[1]).read_text())
ROWS = np.array(case["rows"])


def check_metadata(client: Any, **options: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("wine")
    assert client.get_server_metadata(**options)["name"] == "modelway-server"
    assert [tensor["datatype"] for tensor in client.get_model_metadata("wine", **options)["inputs"]] == ["FP64"]
    try:
        client.get_model_metadata("other")
    except InferenceServerException as error:
        assert "there is no model 'other' here" in error.message()
    else:
        raise AssertionError("a model that is not served has metadata")


def check_answers(client: Any, module: Any, **options: Any) -> None:
    """Tensors there and back; `options` tell how over HTTP, where JSON is possible too."""
    for rows in (ROWS, ROWS.astype(np.float32)):
        tensor = module.InferInput("input", rows.shape, np_to_triton_dtype(rows.dtype))
        tensor.set_data_from_numpy(rows, **options)
        wanted = [module.InferRequestedOutput(name, **options) for name in ("predict", "predict_proba")]
        answer = client.infer("wine", [tensor], outputs=wanted, request_id="7", timeout=10_000_000)
        assert answer.as_numpy("predict").tolist() == case["predict"]
        assert np.allclose(answer.as_numpy("predict_proba"), case["predict_proba"], atol=0.05)
    best = module.InferRequestedOutput("predict_proba", class_count=1)
    answer = client.infer("wine", [tensor], outputs=[best])
    assert answer.as_numpy("predict_proba")[0, 0].decode().split(":")[1] == str(case["predict"][0])
    narrow = module.InferInput("input", [1, 2], "FP64")
    narrow.set_data_from_numpy(ROWS[:1, :2], **options)
    try:
        client.infer("wine", [narrow])
    except InferenceServerException as error:
        assert "this model takes 13 values a row" in error.message()
    else:
        raise AssertionError("rows that are too narrow were taken")


def check_columns(client: Any, module: Any, **options: Any) -> None:
    """Strings and numbers, one tensor for each column."""
    columns = []
    for name, values in case["columns"].items():
        array = np.array(values, dtype=np.float64 if name == "age" else np.object_)
        column = module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        column.set_data_from_numpy(array, **options)
        columns.append(column)
    answer = client.infer("applicants", columns)
    labels = [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("predict")]
    assert labels == case["approved"]


def main() -> None:
    for binary in (True, False):
        with tritonclient.http.InferenceServerClient(case["wine"]["http"].removeprefix("http://")) as client:
            check_metadata(client)
            check_answers(client, tritonclient.http, binary_data=binary)
        with tritonclient.http.InferenceServerClient(case["applicants"]["http"].removeprefix("http://")) as client:
            check_columns(client, tritonclient.http, binary_data=binary)
    with tritonclient.grpc.InferenceServerClient(case["wine"]["grpc"]) as client:
        check_metadata(client, as_json=True)
        check_answers(client, tritonclient.grpc)
    with tritonclient.grpc.InferenceServerClient(case["applicants"]["grpc"]) as client:
        check_columns(client, tritonclient.grpc)
    print("tritonclient is content")


main()
