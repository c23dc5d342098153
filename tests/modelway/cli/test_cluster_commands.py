"""What the commands that ask a cluster say where there is none, or not the right one."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelway.__main__ import main

COMMANDS = ("explain", "history", "undo", "refresh", "promote", "abort", "retry", "pause", "resume")


class _Refusing(BaseHTTPRequestHandler):
    """An API server that answers everything with one status."""

    status = 404
    message = "the server could not find the requested resource"

    def do_GET(self) -> None:
        body = json.dumps({"kind": "Status", "message": self.message}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Refusing,), {})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def kubeconfig(folder: Path, port: int) -> str:
    path = folder / "config"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return str(path)


@pytest.mark.parametrize(
    "case",
    [
        (404, 2, "install Modelway's chart first"),
        (401, 1, "Ask for the role view in the namespace"),
        (403, 1, "Ask for the role view in the namespace"),
        (429, 1, "the API server is busy"),
        (500, 1, "the server could not find the requested resource"),
    ],
    ids=lambda case: str(case[0]),
)
@pytest.mark.parametrize(
    "command",
    [["status"], ["status", "--watch"], *([command, "fraud"] for command in COMMANDS)],
    ids=" ".join,
)
def test_a_refusal_is_shown_with_its_remedy(
    command: list[str],
    case: tuple[int, int, str],
    server: ThreadingHTTPServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, exit_status, remedy = case
    server.RequestHandlerClass.status = status  # type: ignore[attr-defined]
    assert main([*command, "--kubeconfig", kubeconfig(tmp_path, server.server_port)]) == exit_status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("modelway: ")
    assert remedy in printed.err


@pytest.mark.parametrize("command", ["status", *COMMANDS])
@pytest.mark.parametrize(
    "arguments", [[""], ["../fraud"], ["mdep/fraud"], ["fraud?x=1"], ["Fraud"], ["fraud", "-n", "a/b"]]
)
def test_an_invalid_name_is_refused_before_any_request(
    command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, *arguments])
    assert end.value.code == 2
    assert "is no name" in capsys.readouterr().err


def test_an_unreachable_server_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert main(["status", "--kubeconfig", kubeconfig(tmp_path, port)]) == 2
    assert "the API server does not answer" in (message := capsys.readouterr().err)
    assert "kubectl config get-contexts" in message


@pytest.mark.parametrize("text", ["", "{", "a: b", "[]", "clusters: 5", "current-context: x\ncontexts: [{name: x}]"])
def test_an_unusable_kubeconfig_is_named(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert main(["status", "--kubeconfig", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_missing_kubeconfig_or_context_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--kubeconfig", kubeconfig(tmp_path, 1), "--context", "nowhere"]) == 2
    assert "context nowhere" in capsys.readouterr().err
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["status"]) == 2
    assert "there is no kubeconfig: name one by" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "modelway" in capsys.readouterr().out
