"""Requests that both revisions answer, and whose answers are compared."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from support.models import WINE, WINE_KINDS
from support.server.grpc_calls import calling, question
from support.server.rollouts import STABLE, answering, candidate, count, response
from support.server.served import SharedModel, prepare_shared
from support.waiting import eventually

from .conftest import Pair
from .test_faults import FAILING, hang
from .test_handover import REQUESTS, ask

ROW = {"instances": WINE[:1].tolist()}


@pytest.fixture(scope="module")
def wrong_model(tmp_path_factory: pytest.TempPathFactory) -> SharedModel:
    """A forest that says another kind of every wine."""
    forest = RandomForestClassifier(5, random_state=0).fit(WINE, (WINE_KINDS + 1) % 3)
    return prepare_shared(tmp_path_factory.mktemp("wrong-model"), forest)


def compared(pair: Pair) -> float:
    return count(pair.stable, "trials_total", measure="disagreement")


@pytest.mark.parametrize("mode", ["handover", "mirror"])
def test_same_model_agrees_in_every_protocol(pair: Pair, forest_model: SharedModel, mode: str) -> None:
    pair.start_stable("--grpc-port=0", **forest_model).started()
    pair.start_candidate("--grpc-port=0", **forest_model).started()
    pair.order(weight=100, mode=mode)
    for request in REQUESTS.values():
        assert ask(pair.stable, request).status == 200
    with calling(pair.stable.addresses["grpc"]) as caller:
        for raw in (False, True):
            caller.infer(question({"rows": WINE[:2].astype(np.float64)}, raw=raw))
    eventually(lambda: compared(pair) == len(REQUESTS) + 2, deadline=60)  # after a large one it pauses
    assert count(pair.stable, "bad_total", arm="candidate", measure="disagreement") == 0
    assert count(pair.stable, "rows_total", result="disagree") == 0
    assert count(pair.stable, "rows_total", result="agree") == 15_000 + 6 * 2 + 1 + 4


@pytest.mark.parametrize("mode", ["handover", "mirror"])
def test_wrong_answers_are_found_row_by_row(forests: Pair, wrong_model: SharedModel, mode: str) -> None:
    forests.start_candidate(**wrong_model).started()
    forests.order(weight=100, mode=mode)
    document = {"instances": WINE[:10].tolist()}
    replies = [forests.stable.predict(document) for _ in range(5)]
    assert {reply.status for reply in replies} == {200}
    eventually(lambda: compared(forests) == 5, deadline=15)
    assert count(forests.stable, "bad_total", measure="disagreement") == 5
    assert count(forests.stable, "rows_total", result="disagree") == 50
    if mode == "mirror":
        assert {reply.headers["modelway-revision"] for reply in replies} == {STABLE}
        assert count(forests.stable, "requests_total", arm="candidate") == 0
    assert forests.stable.sample("modelway_requests_total{") == 5


@pytest.mark.parametrize("fault", FAILING)
def test_client_never_waits_for_a_mirror(forests: Pair, fault: str) -> None:
    with candidate(forests.host, FAILING[fault]):
        forests.order(weight=100, mode="mirror")
        begun = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(lambda _: forests.stable.predict(ROW).status, range(40)))
        assert time.monotonic() - begun < 2
        assert statuses == [200] * 40
        eventually(lambda: is_stopped_by_one_more(forests), deadline=15)
    assert count(forests.stable, "bad_total", measure="failed") >= 3


def is_stopped_by_one_more(pair: Pair) -> bool:
    """Copies whose large answers arrive together find no room, which is no evidence."""
    assert pair.stable.predict(ROW).status == 200
    return count(pair.stable, "stopped") == 1


def test_copies_that_find_no_room_are_left_out(forests: Pair) -> None:
    with candidate(forests.host, hang):
        forests.order(weight=100, mode="mirror", maxFailed=0.5)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: forests.stable.predict(ROW).status, range(200))) == {200}
        assert count(forests.stable, "skipped_total", cause="busy") >= 100


def test_share_of_a_mirror_is_exact(forests: Pair) -> None:
    with candidate(forests.host, answering(response(json.dumps({"predictions": [0]}).encode()))):
        forests.order(weight=25, mode="mirror")
        for _ in range(40):
            forests.stable.predict(ROW)
        eventually(lambda: count(forests.stable, "trials_total", measure="failed") == 10, deadline=10)


def test_refused_request_is_not_mirrored(forests: Pair) -> None:
    bad: dict[str, Any] = {"instances": [[1]]}
    with candidate(forests.host, answering(response(json.dumps({"predictions": [0]}).encode()))):
        forests.order(weight=100, mode="mirror")
        assert forests.stable.predict(bad).status == 422
        assert forests.stable.predict(ROW).status == 200
        eventually(lambda: compared(forests) == 1, deadline=10)
        assert count(forests.stable, "trials_total", measure="failed") == 1
