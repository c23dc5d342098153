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
from modelway.cli.file_deployment import FIELDS, deployment_of_file
from modelway.cli.local_pod import LOCAL_ADDRESS, NotRunnable, Process, processes
from modelway.cli.manifests import load_deployments, settings_of
from modelway.cli.model_environment import model_environment
from modelway.cli.render import children_of
from modelway.desired.pod import FETCH
from modelway.errors import ModelwayError, WrongUsage

_NEEDED = ("sklearn", "joblib", "pandas", "obstore", "orjson", "httptools")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_STOP_SECONDS = 10
_POLL_SECONDS = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 after a stop that was asked for, 1 when the file or this machine is at fault, 2 when the command is, else what
        the server ended with.
    """
    try:
        _check_server_is_installed()
        _check_ports(arguments)
        settings = settings_of(arguments)
        deployment = _deployment(arguments)
        template = next(
            child["spec"]["template"] for child in children_of(deployment, settings) if child["kind"] == "Deployment"
        )
        with tempfile.TemporaryDirectory(prefix="modelway-") as directory:
            return _run_pod(
                deployment, processes(template, Path(directory), _overrides(arguments)), Path(directory), arguments
            )
    except ModelwayError as error:
        print(error, file=sys.stderr)
        return error.exit_status


def _check_server_is_installed() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise WrongUsage(
            f"The model server is not installed ({', '.join(missing)} missing). Install it, in a checkout of Modelway: pip install '.[server]'"
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


def _deployment(arguments: argparse.Namespace) -> ModelDeployment:
    """What shall be served: of the file that `-f` names, or made for the model's file itself."""
    options = {option: getattr(arguments, option) for option in FIELDS}
    if arguments.filename is None:
        if arguments.model_file is None:
            raise WrongUsage("name a model's file (modelway serve model.joblib), or a ModelDeployment with -f")
        return deployment_of_file(
            arguments.model_file, name=arguments.name, namespace=arguments.namespace, options=options
        )
    for option, value in options.items():
        if value is not None:
            field = ".".join(("spec", *FIELDS[option]))
            raise WrongUsage(f"--{option.replace('_', '-')} is for a MODEL without -f; set {field} in the file")
    return _choose(load_deployments(arguments.filename, arguments.namespace), arguments.name)


def _choose(deployments: list[ModelDeployment], name: str | None) -> ModelDeployment:
    matching = [one for one in deployments if name in {None, one.metadata.name}]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(one.metadata.name for one in deployments)
    raise WrongUsage(
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
    if (model := _local_model(arguments)) is not None:
        overrides["--uri"] = model.resolve().as_uri() + ("/" if model.is_dir() else "")
    return overrides


def _local_model(arguments: argparse.Namespace) -> Path | None:
    """The file of this machine that is served, whatever the ModelDeployment says."""
    model: Path | None = arguments.model_file or arguments.model
    return model


def _run_pod(deployment: ModelDeployment, pod: list[Process], directory: Path, arguments: argparse.Namespace) -> int:
    *preparing, serving = pod
    if _local_model(arguments) is None:
        _say_secrets(preparing)
    stopping = signal.signal(signal.SIGTERM, signal.default_int_handler)
    child: subprocess.Popen[bytes] | None = None
    try:
        for process in preparing:
            # in a pod, too, only `fetch` sees credentials
            base = os.environ if process.name == FETCH else model_environment(os.environ, directory)
            child = _start(process, directory, base)
            if (code := child.wait()) != 0:
                return _report_failure(process, code, directory)
        child = _start(serving, directory, model_environment(os.environ, directory))
        _announce(child, deployment, arguments)
        return _report_failure(serving, child.wait(), directory)
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


def _report_failure(process: Process, code: int, directory: Path) -> int:
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
    base, name = f"http://{LOCAL_ADDRESS}:{arguments.port}", deployment.metadata.name
    document = json.loads(_answer(f"{base}/openapi.json") or b"{}")
    print("\n".join(announcement(base, name, document)), flush=True)


def announcement(base: str, name: str, document: Mapping[str, Any]) -> list[str]:
    """How to use a server that is ready, with requests that its model answers.

    Args:
        base: its address.
        name: of the model.
        document: its OpenAPI document, which has an example of each request.
    """
    infer = f"/v2/models/{name}/infer"
    return [
        f"{name} is ready at {base}; {base}/docs is a page for people. Try:",
        *(_curl(base, path, document) for path in ("/predict", infer)),
        f"  curl {base}/v2/models/{name}",
        "Ctrl-C ends it.",
    ]


def _curl(base: str, path: str, document: Mapping[str, Any]) -> str:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    body = json.dumps(content["examples"]["one"]["value"], ensure_ascii=False)
    return f"  curl {base}{path} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _answer(url: str) -> bytes | None:
    try:
        with _DIRECT.open(url, timeout=2) as answer:
            return answer.read()  # type: ignore[no-any-return]
    except (urllib.error.URLError, OSError):
        return None
