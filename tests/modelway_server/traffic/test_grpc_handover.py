"""Calls of gRPC that a candidate answers in the stable server's place."""

from collections import Counter
from contextlib import suppress
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.queries import names_version
from support.models import WINE
from support.server.grpc_calls import SERVICE, Caller, calling, question
from support.server.rollouts import CANDIDATE, KEY, STABLE, Behaviour, candidate, count
from support.server.served import SharedModel
from support.waiting import eventually

from .conftest import Pair
from .test_faults import FAILING, hang

ROWS = {"rows": WINE[:2].astype(np.float64)}


def ask(caller: Caller, message: pb.ModelInferRequest, **options: Any) -> tuple[str, pb.ModelInferResponse]:
    """The revision that answered, and its answer."""
    call: Any = caller.channel.unary_unary(
        f"{SERVICE}/ModelInfer",
        request_serializer=pb.ModelInferRequest.SerializeToString,
        response_deserializer=pb.ModelInferResponse.FromString,
    )
    answer, under_way = call.with_call(message, timeout=20, **options)
    metadata = dict(under_way.trailing_metadata() or ())
    return str(metadata.get("modelway-revision", "")), answer


@pytest.fixture
def stable(pair: Pair, forest_model: SharedModel) -> Pair:
    """A stable server over both transports."""
    pair.start_stable("--grpc-port=0", "--model-version=7", "--request-timeout=5", **forest_model).started()
    return pair


@pytest.mark.parametrize("raw", [False, True])
def test_messages_are_handed_over_in_their_form(stable: Pair, forest_model: SharedModel, raw: bool) -> None:  # noqa: FBT001
    stable.start_candidate("--grpc-port=0", **forest_model).started()
    stable.order(weight=50)
    answers: dict[str, list[bytes]] = {STABLE: [], CANDIDATE: []}
    message = question(ROWS, raw=raw)
    message.id = "a"
    with calling(stable.stable.addresses["grpc"]) as caller:
        for _ in range(20):
            revision, answer = ask(caller, message)
            answer.model_version = ""
            answers[revision].append(answer.SerializeToString(deterministic=True))
    assert len(answers[STABLE]) == len(answers[CANDIDATE]) == 10
    assert len({*answers[STABLE], *answers[CANDIDATE]}) == 1
    assert stable.stable.sample('modelway_requests_total{code="200"') == 20
    assert count(stable.stable, "bad_total") == 0


def test_message_for_a_version_stays_with_the_one_that_has_it(stable: Pair, forest_model: SharedModel) -> None:
    stable.start_candidate("--grpc-port=0", "--model-version=8", **forest_model).started()
    stable.order(weight=100)
    message = question(ROWS)
    with calling(stable.stable.addresses["grpc"]) as caller:
        assert ask(caller, message)[0] == CANDIDATE
        message.model_version = "7"
        assert ask(caller, message)[0] == STABLE


@pytest.mark.parametrize("value", ["x", KEY])
def test_call_that_says_it_comes_from_a_server_is_a_clients(
    stable: Pair, forest_model: SharedModel, value: str
) -> None:
    stable.start_candidate("--grpc-port=0", **forest_model).started()
    stable.order(weight=100)
    with calling(stable.stable.addresses["grpc"]) as caller:
        assert ask(caller, question(ROWS), metadata=(("modelway-handover", value),))[0] == CANDIDATE


def test_metadata_decides_who_always_gets_one_revision(stable: Pair, forest_model: SharedModel) -> None:
    stable.start_candidate("--grpc-port=0", **forest_model).started()
    stable.order(weight=50, sticky="x-user-id")
    revisions: Counter[str] = Counter()
    with calling(stable.stable.addresses["grpc"]) as caller:
        for user in range(20):
            chosen = {ask(caller, question(ROWS), metadata=(("x-user-id", str(user)),))[0] for _ in range(3)}
            assert len(chosen) == 1
            revisions.update(chosen)
    assert set(revisions) == {STABLE, CANDIDATE}


def test_metadata_decides_nothing_of_the_answer(stable: Pair, forest_model: SharedModel) -> None:
    stable.start_candidate("--grpc-port=0", **forest_model).started()
    stable.order(weight=100)
    many = {"rows": np.tile(ROWS["rows"], (500, 1))}
    metadata = (("accept-encoding", "gzip"), ("content-encoding", "gzip"), ("inference-header-content-length", "1"))
    with calling(stable.stable.addresses["grpc"]) as caller:
        revision, answer = ask(caller, question(many), metadata=metadata)
    assert (revision, len(answer.outputs[0].contents.int64_contents)) == (CANDIDATE, 1000)


@pytest.mark.parametrize("fault", [*FAILING, "candidate without gRPC"])
def test_caller_of_a_failing_candidate_notices_nothing(stable: Pair, forest_model: SharedModel, fault: str) -> None:
    if fault in FAILING:
        with candidate(stable.host, FAILING[fault]):
            revisions = ask_often(stable)
        assert count(stable.stable, "bad_total", measure="failed") == 3
    else:
        stable.start_candidate(**forest_model).started()
        revisions = ask_often(stable)
        assert count(stable.stable, "bad_total", measure="refused") == 8
    assert revisions == {STABLE: 8}


def test_error_names_the_revision_that_gives_it(stable: Pair) -> None:
    with calling(stable.stable.addresses["grpc"]) as caller, pytest.raises(grpc.RpcError) as error:
        ask(caller, question({"rows": np.zeros((1, 2))}))
    refusal: Any = error.value
    assert dict(refusal.trailing_metadata())["modelway-revision"] == STABLE


def ask_often(pair: Pair) -> Counter[str]:
    pair.order(weight=100)
    with calling(pair.stable.addresses["grpc"]) as caller:
        return Counter(ask(caller, question(ROWS))[0] for _ in range(8))


def test_call_that_its_client_cancels_counts_once(stable: Pair) -> None:
    behave: Behaviour = hang
    with candidate(stable.host, behave) as connections, calling(stable.stable.addresses["grpc"]) as caller:
        stable.order(weight=100, maxFailed=0.3)
        call: Any = caller.channel.unary_unary(f"{SERVICE}/ModelInfer")
        under_way = call.future(question(ROWS).SerializeToString())
        eventually(lambda: bool(connections), deadline=5)
        under_way.cancel()
        eventually(lambda: stable.stable.sample('modelway_requests_total{code="499"') == 1, deadline=5)
    assert count(stable.stable, "trials_total") == 0


def test_deadline_of_a_call_leaves_the_stable_model_its_time(stable: Pair) -> None:
    with candidate(stable.host, hang), calling(stable.stable.addresses["grpc"]) as caller:
        stable.order(weight=100, maxFailed=0.3)
        call: Any = caller.channel.unary_unary(f"{SERVICE}/ModelInfer")
        assert call(question(ROWS).SerializeToString(), timeout=0.8)
        with suppress(grpc.RpcError):  # it may be answered in time here; the candidate is not asked
            call(question(ROWS).SerializeToString(), timeout=0.0001)
        assert count(stable.stable, "trials_total", measure="failed") == 1


@given(st.text(max_size=300), st.text(max_size=20))
def test_version_in_a_message_is_found_without_decoding_it(name: str, version: str) -> None:
    message = question(ROWS, model=name)
    message.model_version = version
    assert names_version(message.SerializeToString()) is bool(version)
