"""`modelway serve`: the model server on this machine, with the settings that a pod would get."""

import argparse
import importlib.util
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_pod import LOCAL_ADDRESS, NotRunnable, Process, processes
from modelway.cli.manifests import InvalidManifest, load_deployments, settings_of
from modelway.cli.model_environment import model_environment
from modelway.cli.render import children_of
from modelway.errors import ModelwayError
from modelway.pod import FETCH

_NEEDED = ("sklearn", "joblib", "pandas", "obstore", "orjson", "uvicorn")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_STOP_SECONDS = 10
_POLL_SECONDS = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 after a stop that was asked for, 1 when the file or this machine is at fault, else what the server ended with.
    """
    try:
        _check_server_is_installed()
        _check_ports(arguments)
        settings = settings_of(arguments)
        deployment = _chosen(load_deployments(arguments.filename, arguments.namespace), arguments.name)
        template = next(
            child["spec"]["template"] for child in children_of(deployment, settings) if child["kind"] == "Deployment"
        )
        with tempfile.TemporaryDirectory(prefix="modelway-") as directory:
            return _run_pod(
                deployment, processes(template, Path(directory), _overrides(arguments)), Path(directory), arguments
            )
    except ModelwayError as error:
        print(error, file=sys.stderr)
        return 1


def _check_server_is_installed() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise NotRunnable(
            f"The model server is not installed ({', '.join(missing)} missing). Install it: pip install 'modelway[server]'"
        )


def _check_ports(arguments: argparse.Namespace) -> None:
    """Another server on a port of ours would be taken for ours when it answers."""
    ports = {
        "--port": arguments.port,
        "--grpc-port": arguments.grpc_port,
        "--metrics-port": arguments.metrics_port,
    }
    for option, port in ports.items():
        try:
            socket.create_server((LOCAL_ADDRESS, port)).close()
        except OSError as error:
            raise NotRunnable(
                f"Port {port} of {LOCAL_ADDRESS} cannot be had ({os.strerror(error.errno or 0)}). Choose another one with {option}."
            ) from error


def _chosen(deployments: list[ModelDeployment], name: str | None) -> ModelDeployment:
    matching = [one for one in deployments if name in {None, one.metadata.name}]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(one.metadata.name for one in deployments)
    raise InvalidManifest(
        f"choose one of {names} with --name" if matching else f"there is no {name} in the file, only {names}"
    )


def _overrides(arguments: argparse.Namespace) -> dict[str, str]:
    overrides = {
        "--http-port": str(arguments.port),
        "--grpc-port": str(arguments.grpc_port),
        "--metrics-port": str(arguments.metrics_port),
        # Nobody has to learn that this server goes away.
        "--drain-seconds": "0",
    }
    if arguments.model is not None:
        overrides["--uri"] = arguments.model.absolute().as_uri()
    return overrides


def _run_pod(deployment: ModelDeployment, pod: list[Process], directory: Path, arguments: argparse.Namespace) -> int:
    *preparing, serving = pod
    if arguments.model is None:
        _say_secrets(preparing)
    stopping = signal.signal(signal.SIGTERM, signal.default_int_handler)
    child: subprocess.Popen[bytes] | None = None
    try:
        for process in preparing:
            # in a pod, too, only `fetch` sees credentials
            base = os.environ if process.name == FETCH else model_environment(os.environ, directory)
            child = _start(process, directory, base)
            if (code := child.wait()) != 0:
                return _failed(process, code, directory)
        child = _start(serving, directory, model_environment(os.environ, directory))
        _announce(child, deployment, arguments)
        return _failed(serving, child.wait(), directory)
    except KeyboardInterrupt:
        return 0
    finally:
        if child is not None:
            _stop(child)
        signal.signal(signal.SIGTERM, stopping)


def _say_secrets(pod: list[Process]) -> None:
    for process in pod:
        for secret in process.secrets:
            print(
                f"Secret {secret} cannot be read here; {process.name} uses the credentials of your own environment "
                "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, MODELWAY_HTTP_TOKEN, ...).",
                file=sys.stderr,
            )


def _start(process: Process, directory: Path, base: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Run one container; in a process group of its own, so that Ctrl-C reaches us alone and we end all of it."""
    environment = {**base, **process.environment, "MODELWAY_TERMINATION_LOG": str(directory / "termination")}
    command = [sys.executable, "-m", "modelway_server", *process.arguments]
    return subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603  (our own program)


def _stop(child: "subprocess.Popen[bytes]") -> None:
    """End the process and all it started."""
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _failed(process: Process, code: int, directory: Path) -> int:
    report = _report(directory)
    if report:
        print(f"{process.name} failed: {report['reason']}: {report['message']}\n{report['remedy']}", file=sys.stderr)
    elif code:
        print(f"{process.name} ended with exit status {code}", file=sys.stderr)
    return code if code >= 0 else 128 - code


def _report(directory: Path) -> dict[str, Any]:
    try:
        report = json.loads((directory / "termination").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if {"reason", "message", "remedy"} <= report.keys() else {}


def _announce(child: "subprocess.Popen[bytes]", deployment: ModelDeployment, arguments: argparse.Namespace) -> None:
    """Wait until the server is ready, then say how to use it; return at once when it ends before."""
    while child.poll() is None:
        if _answer(f"http://{LOCAL_ADDRESS}:{arguments.metrics_port}/readyz") is not None:
            break
        time.sleep(_POLL_SECONDS)
    else:
        return
    url = f"http://{LOCAL_ADDRESS}:{arguments.port}/v2/models/{deployment.metadata.name}"
    metadata = json.loads(_answer(url) or b"{}")
    body = json.dumps({"inputs": [_example(one) for one in metadata.get("inputs", [])]})
    print(
        f"{deployment.metadata.name} is ready. Try:\n"
        f"  curl {url}\n"
        f"  curl {url}/infer -H 'Content-Type: application/json' -d {shlex.quote(body)}\n"
        "Ctrl-C ends it.",
        flush=True,
    )


def _answer(url: str) -> bytes | None:
    try:
        with _DIRECT.open(url, timeout=2) as answer:
            return answer.read()  # type: ignore[no-any-return]
    except (urllib.error.URLError, OSError):
        return None


def _example(described: Mapping[str, Any]) -> dict[str, Any]:
    """One row for an input of the Open Inference Protocol, of zeros or empty texts."""
    shape = [max(int(size), 1) for size in described["shape"]]
    count = 1
    for size in shape:
        count *= size
    value: Any = "" if described["datatype"] == "BYTES" else False if described["datatype"] == "BOOL" else 0
    return {"name": described["name"], "shape": shape, "datatype": described["datatype"], "data": [value] * count}
