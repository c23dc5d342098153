"""The real server, asked over HTTP: each route answers as its protocol says, and as the model does in process."""

import json
from contextlib import closing
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.models import APPLICANTS, WINE, mixed_pipeline, wine_forest
from support.server.served import Served

V2_ROWS = {"name": "rows", "shape": [5, 13], "datatype": "FP64", "data": WINE[:5].tolist()}


def test_v2_answers_equal_the_model_in_process(forest: Served) -> None:
    reply = forest.infer({"id": "7", "inputs": [V2_ROWS], "outputs": [{"name": "predict_proba"}, {"name": "predict"}]})
    model = wine_forest()
    assert reply.status == 200
    assert (reply.body["model_name"], reply.body["model_version"], reply.body["id"]) == ("model", "v7", "7")
    probabilities, labels = reply.body["outputs"]
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == (
        "predict_proba",
        "FP64",
        [5, 3],
    )
    assert np.array_equal(np.reshape(probabilities["data"], (5, 3)), model.predict_proba(WINE[:5]))
    assert (labels["datatype"], labels["data"]) == ("INT64", model.predict(WINE[:5]).tolist())


def test_v1_answers_equal_the_model_in_process(forest: Served) -> None:
    reply = forest.predict({"instances": WINE[:50].tolist()})
    assert reply.body == {"predictions": wine_forest().predict(WINE[:50]).tolist()}


def test_strings_and_missing_values_are_served_as_in_process(mixed: Served) -> None:
    rows = APPLICANTS[["age", "city", "member"]].head(8)
    instances = rows.astype(object).where(rows.notna(), None).to_dict("records")
    assert (
        mixed.predict({"instances": instances}).body["predictions"]
        == mixed_pipeline().predict(APPLICANTS.head(8)).tolist()
    )


def test_one_tensor_per_column_is_answered(mixed: Served) -> None:
    inputs = [
        {"name": "age", "shape": [2, 1], "datatype": "INT32", "data": [20, None]},
        {"name": "city", "shape": [2], "datatype": "BYTES", "data": ["Oslo", None]},
        {"name": "member", "shape": [2, 1], "datatype": "BYTES", "data": [["no"], ["yes"]]},
    ]
    reply = mixed.infer({"inputs": inputs})
    frame = APPLICANTS.head(2).assign(age=[20.0, np.nan], city=pd.Series(["Oslo", None]), member=["no", "yes"])
    assert reply.body["outputs"][0] == {
        "name": "predict",
        "shape": [2],
        "datatype": "BYTES",
        "data": mixed_pipeline().predict(frame).tolist(),
    }


@pytest.mark.parametrize("path", ["/v2/models/model", "/v2/models/model/versions/v7"])
def test_model_metadata_names_inputs_and_outputs(forest: Served, path: str) -> None:
    body = forest.request("GET", path).body
    assert (body["name"], body["versions"], body["platform"]) == ("model", ["v7"], "sklearn")
    takes = {"name": "input", "datatype": "FP64", "shape": [-1, 13], "parameters": {"nullable": True}}
    gives = {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3], "parameters": {"classes": [0, 1, 2]}}
    assert body["inputs"] == [takes]
    assert body["outputs"][1] == gives
    assert body["parameters"]["estimator"].endswith("RandomForestClassifier")


def test_metadata_lists_the_used_columns(mixed: Served) -> None:
    inputs = mixed.request("GET", "/v2/models/model").body["inputs"]
    assert [(tensor["name"], tensor["datatype"]) for tensor in inputs] == [
        ("age", "FP64"),
        ("city", "BYTES"),
        ("member", "BYTES"),
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v2",
            {"name": "modelway-server", "version": "0.1.0", "extensions": ["classification", "binary_tensor_data"]},
        ),
        ("/", {"status": "alive", "docs": "/docs", "model": "/v2/models/model"}),
        ("/ping", {"ready": True}),
        ("/health", {"ready": True}),
        ("/version", "0.1.0"),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models", {"models": ["model"]}),
        ("/v2/models/model/ready", {"name": "model", "ready": True}),
        ("/v2/models/model/versions/v7/ready", {"name": "model", "ready": True}),
        ("/v1/models", {"models": ["model"]}),
        ("/v1/models/model", {"name": "model", "ready": True}),
    ],
)
def test_each_path_answers(forest: Served, path: str, body: object) -> None:
    reply = forest.request("GET", path)
    assert (reply.status, reply.body) == (200, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing", 404, "/v2/models/model"),
        ("GET", "/v2/models/other", 404, "'other'"),
        ("POST", "/v2/models/other/infer", 404, "'other'"),
        ("POST", "/v1/models/other:predict", 404, "'other'"),
        ("POST", "/v2/models/model/versions/v8/infer", 404, "'v8'"),
        ("GET", "/v2/models/model/infer", 405, "use POST"),
        ("DELETE", "/v2/models/model", 405, "use GET"),
    ],
)
def test_unknown_path_is_named(forest: Served, method: str, path: str, status: int, words: str) -> None:
    reply = forest.request(method, path, b"{}" if method == "POST" else None)
    assert reply.status == status
    assert words in reply.body["error"]


@pytest.mark.parametrize(
    ("path", "headers", "words"),
    [
        ("/v2/models/model/infer", {"Content-Type": "text/csv"}, "application/json or application/octet-stream"),
        ("/v1/models/model:predict", {"Content-Type": "application/x-www-form-urlencoded"}, "send application/json"),
        ("/invocations", {"Content-Type": "text/plain"}, "application/json or text/csv"),
        ("/predict", {"Content-Encoding": "br"}, "as it is, or as gzip or deflate"),
    ],
)
def test_other_media_types_are_refused(forest: Served, path: str, headers: dict[str, str], words: str) -> None:
    reply = forest.request("POST", path, b"a=1", headers=headers)
    assert reply.status == 415
    assert words in reply.body["error"]


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "identity"}], ids=["no coding", "identity"])
@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v2/models/model/infer", {"id": "7", "inputs": [V2_ROWS]}),
        ("/v1/models/model:predict", {"instances": V2_ROWS["data"]}),
        ("/invocations", {"inputs": V2_ROWS["data"]}),
        ("/predict", {"rows": V2_ROWS["data"]}),
    ],
)
def test_json_sent_as_a_form_is_read_as_json(
    forest: Served, path: str, document: dict[str, Any], encoding: dict[str, str]
) -> None:
    headers = encoding | {"Content-Type": "application/x-www-form-urlencoded"}
    body = b" \n" + json.dumps(document).encode()
    assert forest.request("POST", path, body, headers=headers).body == forest.request("POST", path, document).body


def test_connection_serves_many_requests(forest: Served) -> None:
    with closing(forest.connect()) as connection:
        replies = [forest.infer({"inputs": [V2_ROWS]}, connection=connection) for _ in range(3)]
        replies.append(forest.infer(b"", connection=connection))
        replies.append(forest.infer({"inputs": [V2_ROWS]}, connection=connection))
    assert [reply.status for reply in replies] == [200, 200, 200, 400, 200]
    assert {reply.headers.get("connection") for reply in replies} == {None}
