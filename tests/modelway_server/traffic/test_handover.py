"""Requests that a candidate answers in the stable server's place."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from support.models import WINE
from support.server.rollouts import CANDIDATE, KEY, ROLLOUT, STABLE, count, withdraw, write
from support.server.served import Reply, Served, SharedModel
from support.waiting import eventually

from .conftest import Pair

ROWS = WINE[:2].tolist()
TENSOR = {"name": "rows", "shape": [2, 13], "datatype": "FP64"}
V2 = {"inputs": [TENSOR | {"data": ROWS}], "id": "a"}
RAW = WINE[:2].astype(np.float64).tobytes()
JSON_PART = json.dumps(
    {
        "id": "a",
        "inputs": [TENSOR | {"parameters": {"binary_data_size": len(RAW)}}],
        "outputs": [{"name": "predict_proba", "parameters": {"binary_data": True}}],
    }
).encode()
Request = tuple[str, bytes, dict[str, str]]
REQUESTS: dict[str, Request] = {
    "v2": ("/v2/models/model/infer", json.dumps(V2).encode(), {}),
    "v2 binary": (
        "/v2/models/model/infer",
        JSON_PART + RAW,
        {"content-type": "application/octet-stream", "inference-header-content-length": str(len(JSON_PART))},
    ),
    "v2 gzip": ("/v2/models/model/infer", gzip.compress(json.dumps(V2).encode()), {"content-encoding": "gzip"}),
    "v1": ("/v1/models/model:predict", json.dumps({"instances": ROWS}).encode(), {}),
    "mlflow": ("/invocations", json.dumps({"inputs": ROWS}).encode(), {}),
    "csv": ("/invocations", b"a,b,c,d,e,f,g,h,i,j,k,l,m\n" + b",".join([b"1"] * 13), {"content-type": "text/csv"}),
    "rows": ("/predict", json.dumps({"rows": ROWS}).encode(), {}),
    "large answer": (
        "/v2/models/model/infer",
        json.dumps(
            {
                "id": "a",
                "inputs": [
                    TENSOR | {"shape": [15000, 13], "data": np.round(np.tile(WINE, (90, 1))[:15000], 1).tolist()}
                ],
                "outputs": [{"name": "predict_proba"}],
            }
        ).encode(),
        {"accept-encoding": "gzip"},
    ),
}


def ask(server: Served, request: Request, **headers: str) -> Reply:
    path, body, fields = request
    return server.request("POST", path, body, headers={**fields, **headers})


def whole(reply: Reply) -> Any:
    """Of an answer what both revisions give alike."""
    fields = {name: value for name, value in reply.headers.items() if name not in {"date", "modelway-revision"}}
    return reply.status, fields, reply.content


@pytest.fixture
def both(forests: Pair, forest_model: SharedModel) -> Pair:
    """Both servers, of the same model."""
    forests.start_candidate(**forest_model).started()
    return forests


def test_every_protocol_is_handed_over_byte_by_byte(both: Pair) -> None:
    both.order(weight=0)
    own = {name: ask(both.stable, request) for name, request in REQUESTS.items()}
    both.order(weight=100)
    for name, request in REQUESTS.items():
        reply = ask(both.stable, request)
        assert reply.headers["modelway-revision"] == CANDIDATE, name
        assert own[name].headers["modelway-revision"] == STABLE, name
        assert whole(reply) == whole(own[name]), name
        assert reply.status == 200, name
    assert own["large answer"].headers["content-encoding"] == "gzip"
    counted = both.stable.sample('modelway_requests_total{code="200"')
    assert counted == 2 * len(REQUESTS), "each request of a client counts once"
    assert count(both.stable, "trials_total", measure="failed") == len(REQUESTS)
    assert count(both.stable, "bad_total") == 0


def test_weight_is_kept_exactly_by_several_workers(
    pair: Pair, launched: Callable[..., Served], forest_model: SharedModel
) -> None:
    pair.start_stable("--workers=2", **forest_model).started()
    pair.start_candidate(**forest_model).started()
    pair.order(weight=30)
    revisions: Counter[str] = Counter()
    for _ in range(8):
        with closing(pair.stable.connect()) as connection:
            for _ in range(25):
                reply = ask_kept(pair.stable, connection)
                revisions[reply.headers["modelway-revision"]] += 1
    assert abs(revisions[CANDIDATE] - 60) <= 1
    eventually(lambda: count(pair.stable, "requests_total", arm="candidate") == revisions[CANDIDATE], deadline=5)
    assert count(pair.stable, "requests_total", arm="stable") == revisions[STABLE]
    withdraw(pair.folder)
    eventually(lambda: count(pair.stable, "requests_total") == 0, deadline=10)


def ask_kept(server: Served, connection: Any) -> Reply:
    return server.predict({"instances": ROWS}, connection=connection)


def test_value_of_a_header_always_gets_one_revision(both: Pair) -> None:
    both.order(weight=50, sticky="X-User-Id")
    first = {user: ask(both.stable, REQUESTS["v1"], **{"x-user-id": user}) for user in map(str, range(40))}
    again = {user: ask(both.stable, REQUESTS["v1"], **{"x-user-id": user}) for user in first}
    chosen = {user: reply.headers["modelway-revision"] for user, reply in first.items()}
    assert chosen == {user: reply.headers["modelway-revision"] for user, reply in again.items()}
    assert set(chosen.values()) == {STABLE, CANDIDATE}


def test_request_of_another_server_is_answered_here(both: Pair) -> None:
    both.order(weight=100)
    before = answered(both.stable)
    reply = ask(both.stable, REQUESTS["v1"], **{"modelway-handover": KEY})
    assert reply.headers["modelway-revision"] == STABLE
    assert float(reply.headers["modelway-seconds"]) > 0
    assert answered(both.stable) == before, "whoever sent it counts it"


@pytest.mark.parametrize("value", ["x", ROLLOUT, KEY[:-1]])
def test_client_that_says_it_is_a_server_stays_a_client(both: Pair, value: str) -> None:
    both.order(weight=100)
    before = answered(both.stable)
    reply = ask(both.stable, REQUESTS["v1"], **{"modelway-handover": value})
    assert reply.headers["modelway-revision"] == CANDIDATE
    assert answered(both.stable) == before + 1


def answered(server: Served) -> float:
    return server.sample('modelway_requests_total{code="200"')


def test_candidate_leaves_out_what_stable_servers_count(pair: Pair, forest_model: SharedModel) -> None:
    pair.start_stable(**forest_model).started()
    pair.order(weight=100)
    there = pair.start_candidate(**forest_model).started()
    eventually(lambda: ask(pair.stable, REQUESTS["v1"]).headers["modelway-revision"] == CANDIDATE, deadline=10)
    before = answered(there)
    ask(pair.stable, REQUESTS["v1"])
    assert answered(there) == before
    ask(there, REQUESTS["v1"], **{"modelway-handover": "x"})
    assert answered(there) == before + 1


def test_request_for_a_version_stays_with_the_one_that_has_it(
    pair: Pair, launched: Callable[..., Served], forest_model: SharedModel
) -> None:
    pair.start_stable("--model-version=7", **forest_model).started()
    pair.start_candidate("--model-version=8", **forest_model).started()
    pair.order(weight=100)
    for path, revision in (
        ("/v2/models/model/versions/7/infer", STABLE),
        ("/v2/models/model/%76ersions/7/infer", STABLE),
        ("/v2/models/model/infer?about=/versions/", CANDIDATE),
    ):
        reply = pair.stable.request("POST", path, V2)
        assert (reply.status, reply.headers["modelway-revision"]) == (200, revision), path
    assert count(pair.stable, "bad_total", measure="refused") == 0
    assert pair.stable.infer(V2).body["model_version"] == "8"


def test_order_that_is_broken_means_no_rollout(both: Pair) -> None:
    both.order(weight=100)
    write(both.folder, "{")
    eventually(lambda: "modelway_rollout" not in both.stable.probe("/metrics").body, deadline=10)
    assert ask(both.stable, REQUESTS["v1"]).headers["modelway-revision"] == STABLE
    lines = [line for line in both.stable.log if "traffic.json" in line["message"]]
    assert [line["level"] for line in lines] == ["error"]
    both.order(weight=100)
    assert ask(both.stable, REQUESTS["v1"]).headers["modelway-revision"] == CANDIDATE


def test_order_for_another_revision_is_not_for_this_server(both: Pair) -> None:
    both.order(weight=100)
    write(both.folder, json.dumps({"stable": "another"}))
    eventually(lambda: "modelway_rollout" not in both.stable.probe("/metrics").body, deadline=10)
    assert ask(both.stable, REQUESTS["v1"]).headers["modelway-revision"] == STABLE
