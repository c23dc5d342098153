"""The real model server in a process of its own, on loopback, and what a client says to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypedDict
from urllib.parse import urlsplit

import joblib

from modelway_server.engines.folder import PREPARED
from support.server.warm import Forked, template
from support.waiting import eventually

START_SECONDS = 60.0


@dataclass(frozen=True)
class Reply:
    """One HTTP answer: status, headers in lower case, body as JSON or text where it is any, and its bytes."""

    status: int
    headers: Mapping[str, str]
    body: Any
    content: bytes = b""


@dataclass
class Served:
    """A running `modelway-server serve`; `name` is the model's."""

    process: subprocess.Popen[bytes] | Forked
    directory: Path
    name: str = "model"
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines that it has written so far."""
        return [json.loads(line) for line in (self.directory / "log").read_text().splitlines() if line.endswith("}")]

    @property
    def report(self) -> dict[str, Any]:
        """Its termination message."""
        path = self.directory / "termination"
        return dict(json.loads(path.read_bytes() or b"{}")) if path.exists() else {}

    def started(self, deadline: float = START_SECONDS) -> "Served":
        """Wait until every worker is ready.

        Raises:
            AssertionError: it ended, or took too long.
        """
        eventually(self._is_ready, deadline=deadline, describe=lambda: self.log[-3:])
        return self

    def connect(self, port: str = "http") -> http.client.HTTPConnection:
        """A connection to one of its ports: http or metrics."""
        address = urlsplit(self.addresses[port])
        assert address.hostname is not None
        return http.client.HTTPConnection(address.hostname, address.port, timeout=30)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
        port: str = "http",
    ) -> Reply:
        """One request; a body that is not bytes is sent as JSON."""
        used = connection or self.connect(port)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})} if content is not None else dict(headers or {})
        try:
            used.request(method, path, body=content, headers=sent)
            answer = used.getresponse()
            text = answer.read()
        finally:
            if connection is None:
                used.close()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, fields, _read(fields, text), text)

    def infer(self, document: Any, **options: Any) -> Reply:
        """A V2 inference request."""
        return self.request("POST", f"/v2/models/{self.name}/infer", document, **options)

    def predict(self, document: Any, **options: Any) -> Reply:
        """A V1 prediction request."""
        return self.request("POST", f"/v1/models/{self.name}:predict", document, **options)

    def probe(self, path: str) -> Reply:
        """What the kubelet or Prometheus sees."""
        return self.request("GET", path, port="metrics")

    def sample(self, start: str) -> float:
        """The sum of the samples of its metrics that begin so, such as `modelway_in_flight{`; 0 where there is none."""
        lines = self.probe("/metrics").body.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))

    @property
    def in_flight(self) -> float:
        """The inference requests that it says are not answered yet."""
        return self.sample("modelway_in_flight{")

    def libraries(self) -> set[str]:
        """Packages whose native code is in the memory of the server or of one of its workers (Linux)."""
        import psutil  # noqa: PLC0415  (the environments of `make test-frameworks` lack it)

        first = psutil.Process(self.process.pid)
        maps = [Path(f"/proc/{process.pid}/maps").read_text() for process in (first, *first.children(recursive=True))]
        return set(re.findall(r"site-packages/(\w+)/", "".join(maps)))

    def send_signal(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Signal the server's first process, as a kubelet does."""
        self.process.send_signal(signum)

    def stop(self) -> None:
        """End it at once, with all it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended with {self.process.returncode}: {self.log[-3:]}")
        if not self.addresses:
            ready_lines = [line for line in self.log if line["message"] == "ready"]
            if not ready_lines:
                return False
            self.addresses = {
                port: ready_lines[0][port] for port in ("http", "grpc", "metrics") if port in ready_lines[0]
            }
        return self.probe("/readyz").status == 200


def _read(headers: Mapping[str, str], content: bytes) -> Any:
    kind = headers.get("content-type", "")
    if "content-encoding" in headers or kind == "application/octet-stream":
        return None
    return json.loads(content) if kind == "application/json" else content.decode()


_PATCHED = """import importlib
for name, value in {!r}.items():
    module, _, constant = name.rpartition(".")
    assert hasattr(importlib.import_module(module), constant), name
    setattr(importlib.import_module(module), constant, value)
importlib.import_module("modelway_server.__main__").run()"""
"""The server's program, with other values of its constants."""


def launch(
    directory: Path,
    *arguments: str,
    model: Any = None,
    path: Path | None = None,
    prepared: Path | None = None,
    constants: Mapping[str, float] | None = None,
    cold: bool = False,
) -> Served:
    """Start a server of an estimator, or of the file at `path`, on free ports; it may not be ready yet.

    Args:
        directory: for its model, log and termination message; made when it is not there.
        arguments: beside those that every server needs; a later one wins.
        model: saved by joblib into the directory.
        path: a model file that is there already.
        prepared: folder that `prepare` has filled for this model; without it the server prepares the model itself.
        constants: other values of constants of the server, by module and name, so that a test need not wait so long.
        cold: start a new program, for tests of what is in a server's memory; else it begins as a fork of a process that has
            imported the libraries of models.
    """
    models = directory / "models"
    models.mkdir(parents=True, exist_ok=True)
    if path is not None:
        (models / path.name).write_bytes(path.read_bytes())
    elif model is not None:
        joblib.dump(model, models / "model.joblib")
    program = "" if constants is None else _PATCHED.format(dict(constants))
    words = ["serve", f"--model-dir={models}", "--name=model", "--host=127.0.0.1", "--http-port=0", "--metrics-port=0"]
    words += ["--drain-seconds=0", *arguments, *([] if prepared is None else [f"--prepared-dir={prepared}"])]
    environment = {**os.environ, "MODELWAY_TERMINATION_LOG": str(directory / "termination")}
    with (directory / "log").open("wb") as log:
        return Served(begin(words, environment, log, program=program, cold=cold), directory)


def begin(
    words: Sequence[str],
    environment: Mapping[str, str],
    log: IO[bytes],
    *,
    program: str = "",
    cold: bool = False,
) -> subprocess.Popen[bytes] | Forked:
    """Begin a command of the server, as the leader of a session.

    Args:
        words: the command and its options.
        environment: all of its variables.
        log: where it writes.
        program: Python in place of the server's own program.
        cold: as in `launch`.
    """
    if not cold and template().suits(environment):
        return template().fork(words, environment, program, log)
    command = [sys.executable, *(["-c", program] if program else ["-m", "modelway_server"]), *words]
    return subprocess.Popen(command, env=environment, stderr=log, stdout=log, start_new_session=True)


class SharedModel(TypedDict):
    """A model that several servers start from: `launch(directory, **shared)`."""

    path: Path
    prepared: Path
    cold: bool
    """Its engine needs nothing that a warm start has imported."""


def prepare_shared(directory: Path, model: Any) -> SharedModel:
    """Save an estimator and run the real `prepare` on it, once for all servers that serve it."""
    models, prepared = directory / "models", directory / "prepared"
    models.mkdir(parents=True)
    path = models / "model.joblib"
    joblib.dump(model, path)
    words = ["prepare", f"--model-dir={models}", f"--prepared-dir={prepared}"]
    environment = {**os.environ, "MODELWAY_TERMINATION_LOG": str(directory / "termination")}
    with (directory / "log").open("wb") as log:
        process = begin(words, environment, log)
    assert process.wait(START_SECONDS) == 0, (directory / "log").read_text()
    engine = json.loads((prepared / PREPARED).read_text())["engine"]
    return SharedModel(path=path, prepared=prepared, cold=engine in {"onnx", "linear"})
