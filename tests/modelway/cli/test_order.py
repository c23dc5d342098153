"""`modelway promote` and its like against an API server: what is asked, what is written, what is printed."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelway.__main__ import main
from modelway.api.labels import ROLLOUT_ORDER_ANNOTATION
from modelway.cli.rollout_text import rollout_of
from support.operator.rollouts import rolled
from support.operator.specs import Object

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
FRAUD = "/apis/modelway.dev/v1alpha1/namespaces/risk/modeldeployments/fraud"


class Api(ThreadingHTTPServer):
    """An API server with one ModelDeployment, which knows who asks unless it is old."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.resource = rolled()
        self.knows_who_asks = True
        self.patches: list[Object] = []

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Object]:
        """The status and the object for a request."""
        match method, path.partition("?")[0]:
            case "POST", path if path == REVIEW and self.knows_who_asks:
                return 201, {**body, "status": {"userInfo": {"username": "alice@example.com"}}}
            case "GET", path if path == FRAUD:
                return 200, self.resource
            case "PATCH", path if path == FRAUD:
                self.patches.append(body)
                return 200, self.resource
        return 404, {"kind": "Status", "message": "the server could not find the requested resource"}


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        status, document = self.server.answer(
            self.command, self.path, json.loads(self.rfile.read(length)) if length else None
        )
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 -- as the base class names them

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Keep the test's output clean."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with Api() as server:
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "kubeconfig-user", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "kubeconfig-user", "namespace": "risk"}}],
            "current-context": "x",
        }
        (tmp_path / "config").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def order_in(patch: Object) -> Object:
    return dict(json.loads(patch["metadata"]["annotations"][ROLLOUT_ORDER_ANNOTATION]))


def test_an_order_is_written_with_who_asks(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["abort", "fraud"]) == 0
    order = order_in(api.patches[0])
    assert (order["action"], order["by"]) == ("abort", "alice@example.com")
    assert order["revision"] == rollout_of(api.resource)["revision"]
    assert api.patches[0]["metadata"]["uid"] == "u"
    printed = capsys.readouterr()
    assert "answers every request again" in printed.out
    assert printed.out.endswith("Watch it: modelway status fraud -n risk --watch\n")
    assert printed.err == ""


def test_an_old_server_leaves_the_kubeconfig_to_say_who_asks(api: Api) -> None:
    api.knows_who_asks = False
    assert main(["promote", "fraud"]) == 0
    assert order_in(api.patches[0])["by"] == "kubeconfig-user"


def test_a_refused_order_writes_nothing(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retry", "fraud"]) == 1
    assert api.patches == []
    assert capsys.readouterr().err.startswith("modelway: fraud: the rollout of revision")


def test_a_suspended_model_is_warned_of(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.resource["spec"]["suspend"] = True
    assert main(["pause", "fraud"]) == 0
    assert capsys.readouterr().err == "Warning: spec.suspend is true: nothing follows until it is false\n"


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_a_watch_of_status_ends_after_its_timeout(api: Api, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "fraud", "--watch", "--timeout", "1s", "-o", output]) == 0
    text = capsys.readouterr().out
    assert text.count(rollout_of(api.resource)["id"]) == (0 if output == "table" else 1)
    if output == "json":
        assert json.loads(text)["rollout"]["weight"] == 5
    elif output == "yaml":
        assert text.startswith("---\n")
    else:
        assert "step 1 of 3" in text


@pytest.mark.slow
def test_a_watch_ends_without_a_word_on_ctrl_c(api: Api) -> None:
    command = [sys.executable, "-m", "modelway", "status", "fraud", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("NAME")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")


def test_a_timeout_without_a_watch_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--timeout", "1s"]) == 2
    assert "add --watch, or leave it out" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "10", "m", "1s1m", "1.5h"])
def test_a_timeout_that_is_no_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["status", "--watch", "--timeout", text])
    assert "is no time: write 90s, 10m or 1h30m" in capsys.readouterr().err
