"""What a client can do to the server's resources: bodies, heads, time, and the model's only thread."""

import platform
import threading
from importlib.metadata import version

from support.models import WINE
from support.server.served import Served
from support.server.sockets import raw
from support.waiting import eventually

ROWS = {"inputs": [{"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}]}


def test_body_over_the_cap_is_refused_before_it_is_read(forest: Served) -> None:
    reply = forest.infer(b"[" + b" " * 200_000 + b"]")
    assert reply.status == 413
    assert "100000 bytes" in reply.body["error"]
    assert forest.infer(ROWS).status == 200


def test_chunked_body_over_the_cap_is_refused(forest: Served) -> None:
    head = b"POST /v2/models/model/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % 50_000 + b" " * 50_000 + b"\r\n"
    assert raw(forest, head + chunk * 3 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_expect_continue_over_the_cap_is_refused(forest: Served) -> None:
    head = b"POST /v2/models/model/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n"
    assert raw(forest, head).startswith(b"HTTP/1.1 413")


def test_probes_answer_while_the_model_works(sleeper: Served) -> None:
    busy = threading.Thread(target=sleeper.predict, args=({"instances": [[0.9]]},))
    busy.start()
    eventually(lambda: "modelway_in_flight{" in sleeper.probe("/metrics").body and sleeper.in_flight == 1, deadline=5)
    assert sleeper.probe("/livez").status == 200
    assert sleeper.probe("/readyz").status == 200
    assert busy.is_alive()
    busy.join()


def test_late_and_queued_requests_are_answered_in_time(sleeper: Served) -> None:
    reply = sleeper.predict({"instances": [[2.5]]})
    assert (reply.status, reply.headers["retry-after"]) == (504, "1")
    assert "requestTimeoutSeconds" in reply.body["error"]
    queued = sleeper.predict({"instances": [[0.0]]})
    assert (queued.status, queued.headers["retry-after"]) == (503, "1")
    eventually(lambda: sleeper.predict({"instances": [[0.0]]}).status == 200, deadline=10)


def test_model_that_refuses_rows_gives_422(sleeper: Served) -> None:
    reply = sleeper.predict({"instances": [[-1.0]]})
    assert reply.status == 422
    assert "told to fail" in reply.body["error"]


def test_requests_are_counted_by_status(forest: Served) -> None:
    before = _requests(forest, 422)
    forest.predict({"instances": [[1.0]]})
    assert _requests(forest, 422) == before + 1


def test_one_request_raises_each_of_its_metrics(forest: Served) -> None:
    labels = '{model="model",revision="",version="v7"}'
    of_method = labels.replace("{", '{method="predict",').replace(",revision", ',protocol="v1",revision')
    measures = {
        f"modelway_rows_total{labels}": 2,
        f"modelway_batch_rows_sum{labels}": 2,
        f"modelway_batch_rows_count{labels}": 1,
        f"modelway_queue_duration_seconds_count{labels}": 1,
        f"modelway_request_duration_seconds_count{of_method}": 1,
        f"modelway_queue_seconds_count{labels}": 1,
        f"modelway_request_seconds_count{of_method}": 1,
    }
    before = {measure: forest.sample(measure) for measure in measures}
    assert forest.predict({"instances": [[0.0] * 13] * 2}).status == 200
    assert {measure: forest.sample(measure) - before[measure] for measure in measures} == measures


def test_metrics_describe_the_server_and_its_load_time(forest: Served) -> None:
    assert 0 < forest.sample('modelway_load_duration_seconds{model="model"') < 60
    assert (
        forest.sample(f'modelway_build_info{{python="{platform.python_version()}",version="{version("modelway")}"}}')
        == 1
    )
    assert (
        forest.sample('modelway_model_info{digest="",estimator="sklearn.ensemble._forest.RandomForestClassifier"') == 1
    )


def test_nothing_of_a_request_is_logged(forest: Served) -> None:
    count = len(forest.log)
    forest.predict({"instances": [["secret-value"] + [0.0] * 12]})
    assert forest.predict({"instances": [[0.0] * 13]}).status == 200
    assert "secret-value" not in (forest.directory / "log").read_text()
    assert len(forest.log) == count, "no line for a request unless --access-log asks for it"


def _requests(server: Served, code: int) -> float:
    return server.sample(f'modelway_requests_total{{code="{code}"')
