"""Requests that both revisions answer, and whose answers are compared."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import pytest
from sklearn.ensemble import RandomForestClassifier

from support.models import WINE, WINE_KINDS
from support.server.grpc_calls import calling, question
from support.server.rollouts import STABLE, answering, candidate, count, order, response, withdraw
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
        eventually(lambda: count(forests.stable, "skipped_total", cause="busy") >= 100, deadline=10)


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


def mirrors_of(pair: Pair) -> list[psutil.Process]:
    """The processes that send copies, alive."""
    return [
        one
        for one in psutil.Process(pair.stable.process.pid).children(recursive=True)
        if one.name() == "modelway-mirror" and one.status() != psutil.STATUS_ZOMBIE
    ]


SAME = answering(response(json.dumps({"predictions": [0]}).encode()))


def test_process_that_sends_copies_is_there_while_it_is_wanted(pair: Pair, forest_model: SharedModel) -> None:
    constants = {"modelway_server.traffic.mirror.LINGER_SECONDS": 0.5}
    pair.start_stable(**forest_model, constants=constants).started()
    with candidate(pair.host, SAME):
        pair.order(weight=50)
        assert not mirrors_of(pair), "no copies are ordered"
        for rollout in ("a-1", "b-1"):
            pair.order(weight=100, mode="mirror", id=rollout)
            assert len(mirrors_of(pair)) == 1
        pair.stable.predict(ROW)
        eventually(lambda: count(pair.stable, "trials_total", measure="failed", rollout="b-1") == 1, deadline=10)
        withdraw(pair.folder)
        eventually(lambda: not mirrors_of(pair), deadline=15)
        pair.order(weight=100, mode="mirror", id="c-1")
        assert len(mirrors_of(pair)) == 1


def test_copies_go_on_after_the_process_that_sends_them_has_ended(forests: Pair) -> None:
    with candidate(forests.host, SAME):
        forests.order(weight=100, mode="mirror")
        [mirror] = mirrors_of(forests)
        mirror.send_signal(signal.SIGTERM)  # as a whole pod gets, and which does not end it
        forests.stable.predict(ROW)
        eventually(lambda: count(forests.stable, "trials_total", measure="failed") == 1, deadline=10)
        mirror.kill()
        eventually(lambda: count(forests.stable, "weight") == 0, deadline=10)
        assert {forests.stable.predict(ROW).status for _ in range(10)} == {200}
        eventually(lambda: count(forests.stable, "weight") == 100, deadline=30)
        forests.stable.predict(ROW)
        eventually(lambda: count(forests.stable, "trials_total", measure="failed") == 2, deadline=10)
        assert len(mirrors_of(forests)) == 1
        assert times_in_log(forests, "no copies are sent") == times_in_log(forests, "copies are sent again") == 1


def times_in_log(pair: Pair, words: str) -> int:
    """How often the log says so."""
    return sum(words in line["message"] for line in pair.stable.log)


def test_copies_end_with_their_server(forests: Pair) -> None:
    with candidate(forests.host, SAME):
        forests.order(weight=100, mode="mirror")
    [mirror] = mirrors_of(forests)
    forests.stable.process.kill()
    mirror.wait(timeout=10)


def test_every_copy_of_several_workers_is_counted_once(pair: Pair, forest_model: SharedModel) -> None:
    pair.start_stable("--workers=2", **forest_model).started()
    pair.start_candidate(**forest_model).started()
    pair.order(weight=50, mode="mirror")
    assert len(mirrors_of(pair)) == 1
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: pair.stable.predict(ROW).status, range(60))) == {200}
    eventually(lambda: count(pair.stable, "requests_total", arm="stable") == 60, deadline=10)
    eventually(lambda: counted(pair) == 30, deadline=10)
    assert count(pair.stable, "bad_total", arm="candidate", measure="disagreement") == 0


def counted(pair: Pair) -> float:
    """Copies that were judged or left out."""
    return count(pair.stable, "trials_total", measure="failed") + count(pair.stable, "skipped_total")


def test_large_request_is_copied(pair: Pair, forest_model: SharedModel) -> None:
    pair.start_stable(**forest_model).started()
    pair.start_candidate(**forest_model).started()
    pair.order(weight=100, mode="mirror")
    assert pair.stable.predict({"instances": np.tile(WINE, (200, 1)).tolist()}).status == 200
    eventually(lambda: count(pair.stable, "rows_total", result="agree") == 200 * len(WINE), deadline=30)
    assert counted(pair) == 1


def test_copies_give_way_to_all_others(pair: Pair, forest_model: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELWAY_COPIES")
    pair.start_stable(**forest_model).started()
    order(pair.folder, pair.host, mode="mirror", weight=100)
    eventually(lambda: bool(mirrors_of(pair)), deadline=10)
    [mirror] = mirrors_of(pair)
    eventually(lambda: mirror.nice() == 19, deadline=30)
    eventually(lambda: os.sched_getscheduler(mirror.pid) == os.SCHED_IDLE, deadline=30)
