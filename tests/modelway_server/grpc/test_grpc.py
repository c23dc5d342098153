"""The real server, asked over gRPC: the protocol's methods, health and reflection, and what failures are told as."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from modelway_server.grpc import inference_pb2 as pb
from support.cluster.service import service
from support.models import APPLICANTS, WINE, mixed_pipeline, wine_forest
from support.server.grpc_calls import SERVICE, Caller, calling, question, values_of
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
INFER = f"{SERVICE}/ModelInfer"


@pytest.fixture
def caller(forest: Served) -> Iterator[Caller]:
    with calling(forest.addresses["grpc"]) as client:
        yield client


@pytest.mark.parametrize("raw", [True, False])
def test_answers_equal_the_model_in_process(caller: Caller, raw: bool) -> None:  # noqa: FBT001
    request = question({"rows": WINE[:5]}, raw=raw)
    request.id, request.model_version = "7", "v7"
    for name in ("predict_proba", "predict"):
        request.outputs.add(name=name)
    answer, model = caller.infer(request), wine_forest()
    assert (answer.model_name, answer.model_version, answer.id) == ("model", "v7", "7")
    assert [output.name for output in answer.outputs] == ["predict_proba", "predict"]
    assert np.array_equal(values_of(answer, 0), model.predict_proba(WINE[:5]))
    assert np.array_equal(values_of(answer, 1), model.predict(WINE[:5]))


def test_columns_strings_and_classes_are_served(mixed: Served) -> None:
    frame = APPLICANTS.dropna().head(2)
    columns = {
        name: frame[name].to_numpy(dtype=object if name != "age" else float) for name in ("age", "city", "member")
    }
    request = question(columns, raw=True)
    request.outputs.add(name="predict_proba").parameters["classification"].int64_param = 1
    request.parameters["classes"].bool_param = True
    with calling(mixed.addresses["grpc"]) as client:
        best = client.infer(request)
        del request.outputs[:]
        del request.raw_input_contents[:]
        request.inputs[0].contents.fp64_contents.extend(frame["age"])
        for index, name in ((1, "city"), (2, "member")):
            request.inputs[index].contents.bytes_contents.extend(text.encode() for text in frame[name])
        labels = client.infer(request)
    assert best.outputs[0].parameters["classes"].string_param == '["no", "yes"]'
    assert b":1:yes" in best.raw_output_contents[0]
    assert [text.decode() for text in values_of(labels)] == mixed_pipeline().predict(frame).tolist()


def test_metadata_and_readiness_are_served(caller: Caller) -> None:
    metadata = caller.ask("ModelMetadata", pb.ModelMetadataRequest(name="model"))
    assert (metadata.name, list(metadata.versions), metadata.platform) == ("model", ["v7"], "sklearn")
    assert [(tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs] == [("FP64", [-1, 13])]
    assert [tensor.name for tensor in metadata.outputs] == ["predict", "predict_proba"]
    assert caller.ask("ServerLive", pb.ServerLiveRequest()).live
    assert caller.ask("ServerReady", pb.ServerReadyRequest()).ready
    assert caller.ask("ModelReady", pb.ModelReadyRequest(name="model", version="v7")).ready
    assert caller.ask("ServerMetadata", pb.ServerMetadataRequest()).name == "modelway-server"


def test_reflection_describes_the_whole_protocol(caller: Caller) -> None:
    known = ProtoReflectionDescriptorDatabase(caller.channel)
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(known.get_services())
    file = known.FindFileContainingSymbol("inference.GRPCInferenceService")
    assert file == known.FindFileByName(file.name)
    assert [method.name for method in file.service[0].method] == [
        method.name for method in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    ]
    assert known.FindFileContainingSymbol("grpc.health.v1.HealthCheckRequest").package == "grpc.health.v1"


def test_failures_have_their_status_and_name_the_field(caller: Caller) -> None:
    good = question({"rows": WINE[:1]})
    narrow = question({"rows": WINE[:1, :5]})
    unknown, another = question({"rows": WINE[:1]}, model="other"), question({"rows": WINE[:1]})
    another.model_version = "v8"
    transform = question({"rows": WINE[:1]})
    transform.outputs.add(name="transform")
    for content, code, words in [
        (narrow, grpc.StatusCode.INVALID_ARGUMENT, "inputs[0].shape: this model takes 13 values a row"),
        (pb.ModelInferRequest(model_name="model"), grpc.StatusCode.INVALID_ARGUMENT, "inputs: "),
        (transform, grpc.StatusCode.INVALID_ARGUMENT, "outputs[0].name: the model has no output 'transform'"),
        (unknown, grpc.StatusCode.NOT_FOUND, "there is no model 'other' here; this server has 'model'"),
        (another, grpc.StatusCode.NOT_FOUND, "there is no version 'v8' of model 'model'; its version is 'v7'"),
        (question({"rows": np.tile(WINE, (10, 1))}, raw=True), grpc.StatusCode.RESOURCE_EXHAUSTED, "max"),
    ]:
        with pytest.raises(grpc.RpcError) as refusal:
            caller.infer(content)
        assert refusal.value.code() is code
        assert words in str(refusal.value.details())
    with pytest.raises(grpc.RpcError) as refusal:
        caller.bytes(INFER, b"\xff" * 10)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as refusal:
        caller.ask("ModelMetadata", pb.ModelMetadataRequest(name="other"))
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
    assert len(caller.infer(good).outputs) == 1


def test_late_calls_and_a_full_queue_have_their_status(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--grpc-port=0", "--request-timeout=1", "--max-queue=1", **sleeping_model).started()
    slow = question({"rows": np.array([[1.5]])})
    hasty = question({"rows": np.array([[0.3]])})
    hasty.parameters["timeout"].double_param = 0.05
    with calling(server.addresses["grpc"]) as client:
        with pytest.raises(grpc.RpcError) as late:
            client.infer(hasty)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "within the timeout that the request asks for" in str(late.value.details())
        with pytest.raises(grpc.RpcError) as late:
            client.infer(slow, timeout=0.3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        eventually(lambda: 'code="504",method="grpc_infer"' in server.probe("/metrics").body, deadline=5)
        with pytest.raises(grpc.RpcError) as slower:
            client.infer(slow)
        assert slower.value.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
        assert "1 s" in str(slower.value.details())
        eventually(lambda: len(client.infer(question({"rows": np.array([[0.0]])})).outputs) == 1, deadline=10)
        infer: Any = client.channel.unary_unary(INFER)
        busy = question({"rows": np.array([[0.4]])}).SerializeToString()
        calls = [infer.future(busy) for _ in range(6)]
        full = [call for call in calls if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED]
        assert full
        assert ("grpc-retry-pushback-ms", "1000") in full[0].trailing_metadata()


def test_hostile_client_is_refused_and_costs_no_memory(forest: Served, caller: Caller) -> None:
    dice = random.Random(5)
    valid = [question({"rows": WINE[:3]}, raw=raw).SerializeToString() for raw in (True, False)]
    process = psutil.Process(forest.process.pid)
    codes = set()

    def attack(times: int) -> None:
        for _ in range(times):
            content = bytearray(dice.choice(valid))
            for _ in range(dice.randint(1, 4)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            content = content[: dice.randint(0, len(content))] if dice.random() < 0.3 else content
            try:
                caller.bytes(INFER, bytes(content))
            except grpc.RpcError as error:
                codes.add(error.code())

    attack(200)
    before = process.memory_info().rss
    attack(1500)
    assert codes <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
    assert process.memory_info().rss < before * 1.1
    assert 'code="500",method="grpc_infer"' not in forest.probe("/metrics").body


def test_compressed_message_over_the_cap_is_refused(forest: Served, caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        caller.bytes(INFER, bytes(200_000_000), compression=grpc.Compression.Gzip)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert psutil.Process(forest.process.pid).memory_info().rss < 400_000_000
    answer = caller.bytes(INFER, question({"rows": WINE[:1]}).SerializeToString(), compression=grpc.Compression.Gzip)
    assert pb.ModelInferResponse.FromString(answer).model_name == "model"


def test_port_is_shared_by_two_workers_alone(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--grpc-port=0", "--workers=2", **sleeping_model).started()
    target = server.addresses["grpc"]
    workers = psutil.Process(server.process.pid).children()

    def listening(process: psutil.Process) -> bool:
        port = int(target.rpartition(":")[2])
        return any(c.laddr.port == port and c.status == psutil.CONN_LISTEN for c in process.net_connections("tcp"))

    assert [listening(worker) for worker in workers] == [True, True]
    for _ in range(10):
        with calling(target) as client:
            assert values_of(client.infer(question({"rows": np.array([[0.0]])}))) is not None
    assert (
        'method="grpc_infer",model="model",protocol="grpc",revision="",version=""} 10.0'
        in server.probe("/metrics").body
    )
    second = launched(f"--grpc-port={target.rpartition(':')[2]}", **sleeping_model)
    assert second.process.wait(timeout=30) == 3
    assert target.rpartition(":")[2] in second.report["message"]


def test_no_call_is_lost_while_a_server_drains(launched: Launch, sleeping_model: SharedModel) -> None:
    options = ("--grpc-port=0", "--request-timeout=10")
    going = launched(*options, "--drain-seconds=3", **sleeping_model)
    staying = launched(*options, "--drain-seconds=600", **sleeping_model).started()
    going.started()
    failures: list[str] = []
    statuses: list[int] = []
    with service(going.addresses["grpc"]) as front, calling(going.addresses["grpc"]) as watcher:
        health = health_pb2_grpc.HealthStub(watcher.channel)
        eventually(lambda: health.Check(health_pb2.HealthCheckRequest()).status == SERVING, deadline=5)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        watching = threading.Thread(target=lambda: statuses.extend(_statuses(watch)))
        watching.start()
        with calling(front.address) as one, calling(front.address) as another:
            clients = [threading.Thread(target=_busy, args=(client, failures, going)) for client in (one, another)]
            slow = threading.Thread(target=lambda: one.infer(question({"rows": np.array([[2.0]])})))
            for thread in (*clients, slow):
                thread.start()
            eventually(lambda: going.in_flight >= 1, deadline=10)
            going.send_signal(signal.SIGTERM)
            eventually(lambda: going.probe("/readyz").status == 503, deadline=2)
            front.target = staying.addresses["grpc"]
            assert going.process.wait(timeout=30) == 0
            for thread in (*clients, slow, watching):
                thread.join()
    assert failures == []
    assert statuses == [SERVING, NOT_SERVING]
    assert 'code="200",method="grpc_infer"' in staying.probe("/metrics").body


def _statuses(watch: Any) -> Iterator[int]:
    try:
        for answer in watch:
            yield answer.status
    except grpc.RpcError:
        return


def _busy(client: Caller, failures: list[str], going: Served) -> None:
    """Call without a pause until the server has ended, and a little longer."""
    end = None
    while end is None or time.monotonic() < end:
        try:
            client.infer(question({"rows": np.array([[0.0]])}))
        except grpc.RpcError as error:
            failures.append(f"{error.code()}: {error.details()}")
        if end is None and going.process.poll() is not None:
            end = time.monotonic() + 0.5
