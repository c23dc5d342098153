"""The real server, asked in every form that a request may have: all say what the model says in process."""

import gzip
import json
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.models import APPLICANTS, WINE, mixed_pipeline, wine_forest
from support.server.served import Served

SENT = WINE[::20]
LABELS = wine_forest().predict(SENT)
SCORES = wine_forest().predict_proba(SENT)
APPLICANT = APPLICANTS[["age", "city", "member"]].head(1)
FRAME = APPLICANTS[["member", "city", "age"]].head(8)


def binary_request(raw: bytes, **members: Any) -> tuple[bytes, dict[str, str]]:
    tensor = {
        "name": "input",
        "shape": list(SENT.shape),
        "datatype": "FP64",
        "parameters": {"binary_data_size": len(raw)},
    }
    header = json.dumps({"inputs": [tensor], **members}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))}
    return header + raw, headers


def test_binary_tensors_are_read_and_answered(forest: Served) -> None:
    outputs = [{"name": "predict_proba", "parameters": {"binary_data": True}}, {"name": "predict"}]
    body, headers = binary_request(SENT.tobytes(), outputs=outputs, id="7")
    reply = forest.infer(body, headers=headers)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")
    length = int(reply.headers["inference-header-content-length"])
    document = json.loads(reply.content[:length])
    assert np.array_equal(np.frombuffer(reply.content[length:]).reshape(SCORES.shape), SCORES)
    assert document["outputs"][0]["parameters"] == {"binary_data_size": SCORES.nbytes}
    assert (document["id"], document["outputs"][1]["data"]) == ("7", LABELS.tolist())


def test_json_request_can_ask_for_bytes(forest: Served) -> None:
    tensor = {"name": "input", "shape": list(SENT.shape), "datatype": "FP64", "data": SENT.tolist()}
    reply = forest.infer({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    length = int(reply.headers["inference-header-content-length"])
    assert np.frombuffer(reply.content[length:], np.int64).tolist() == LABELS.tolist()


@pytest.mark.parametrize("length", ["-1", "1_0", "x", "9" * 19, "999999"])
def test_malformed_length_header_is_refused(forest: Served, length: str) -> None:
    body, headers = binary_request(SENT.tobytes())
    reply = forest.infer(body, headers=headers | {"Inference-Header-Content-Length": length})
    assert reply.status == 400
    assert "Inference-Header-Content-Length" in reply.body["error"]


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_body_is_read(forest: Served, coding: str, pack: Any) -> None:
    packed = pack(json.dumps({"instances": SENT.tolist()}).encode())
    assert forest.predict(packed, headers={"Content-Encoding": coding}).body == {"predictions": LABELS.tolist()}


@pytest.mark.parametrize(
    ("parameter", "status"), [("charset=utf-8", 200), ('header=present; Charset="UTF-8"', 200), ("charset=utf-7", 415)]
)
def test_csv_is_served_by_its_charset(forest: Served, parameter: str, status: int) -> None:
    table = pd.DataFrame(SENT).to_csv(index=False).encode()
    reply = forest.request("POST", "/invocations", table, headers={"Content-Type": f"text/csv; {parameter}"})
    assert reply.status == status
    assert status != 200 or reply.body == {"predictions": LABELS.tolist()}


def test_decompression_bomb_is_refused(forest: Served) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    reply = forest.predict(bomb, headers={"Content-Encoding": "gzip"})
    assert reply.status == 413
    assert "when it is unpacked" in reply.body["error"]


def test_large_answer_is_compressed_on_request(mixed: Served) -> None:
    body = {"instances": APPLICANT.to_dict("records") * 5000, "parameters": {"method": "predict_proba"}}
    plain, packed = mixed.predict(body), mixed.predict(body, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "accept-encoding")
    assert json.loads(gzip.decompress(packed.content)) == plain.body


def test_small_answer_is_not_compressed(forest: Served) -> None:
    reply = forest.predict({"instances": SENT.tolist()}, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("path", ["/predict", "/v2/models/model/predict", "/v2/models/model/versions/v7/predict"])
def test_rows_are_answered_in_words(forest: Served, path: str) -> None:
    rows = [{f"x{index}": value for index, value in enumerate(row)} for row in SENT.tolist()]
    reply = forest.request("POST", path, {"rows": rows})
    scores = [dict(zip("012", row, strict=True)) for row in SCORES.tolist()]
    wanted = [{"prediction": int(p), "probabilities": t} for p, t in zip(LABELS, scores, strict=True)]
    assert reply.body == {"model": "model", "version": "v7", "rows": wanted}


def test_rows_of_a_table_are_answered(mixed: Served) -> None:
    reply = mixed.request("POST", "/predict", {"rows": [{"age": None, "city": "Oslo", "member": "no"}]})
    (row,) = reply.body["rows"]
    assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].__getitem__)
    assert set(row["probabilities"]) == {"no", "yes"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "rows: send"),
        ({"rows": {}}, 400, "rows: rows must be an array"),
        ({"rows": []}, 422, "rows: there are no rows"),
        ({"rows": [{"age": 1, "city": "Oslo"}]}, 422, "rows[0]: the columns are not those"),
        ({"rows": [{"age": "x", "city": "Oslo", "member": "no"}]}, 422, "rows[0].age: column 'age' takes numbers"),
    ],
)
def test_fault_in_rows_is_named(mixed: Served, body: Any, status: int, words: str) -> None:
    reply = mixed.request("POST", "/predict", body)
    assert (reply.status, words in reply.body["error"]) == (status, True), reply.body


def _json(frame: Any) -> Any:
    return frame.astype(object).where(frame.notna(), None)


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": _json(FRAME).to_dict("split")},
        {"dataframe_records": _json(FRAME).to_dict("records")},
        {"instances": _json(FRAME).to_dict("records")},
        {"inputs": _json(FRAME).to_dict("list")},
    ],
    ids=lambda document: next(iter(document)),
)
def test_every_form_of_mlflow_is_answered(mixed: Served, document: dict[str, Any]) -> None:
    predictions = mixed_pipeline().predict(FRAME).tolist()
    assert mixed.request("POST", "/invocations", document).body == {"predictions": predictions}


def test_csv_is_answered(mixed: Served) -> None:
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    reply = mixed.request("POST", "/invocations", FRAME.to_csv(index=False).encode(), headers=headers)
    assert reply.body == {"predictions": mixed_pipeline().predict(FRAME).tolist()}


def test_csv_of_an_unnamed_model_is_answered(forest: Served) -> None:
    lines = [",".join(f"c{index}" for index in range(13)), *(",".join(map(repr, row)) for row in SENT.tolist())]
    reply = forest.request("POST", "/invocations", "\n".join(lines).encode(), headers={"Content-Type": "text/csv"})
    assert reply.body == {"predictions": LABELS.tolist()}


def test_request_can_name_the_method(forest: Served) -> None:
    reply = forest.request("POST", "/invocations", {"inputs": SENT.tolist(), "params": {"method": "predict_proba"}})
    assert np.array_equal(reply.body["predictions"], SCORES)
    refused = forest.predict({"instances": SENT.tolist(), "parameters": {"method": "fly"}})
    assert (refused.status, "it has predict, predict_proba" in refused.body["error"]) == (400, True)
