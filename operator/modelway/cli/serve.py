"""`modelway serve`: the model server on this machine, with the settings that a pod would get."""

import argparse
import json
import os
import shlex
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.commands import program
from modelway.cli.file_deployment import FIELDS, deployment_of_file, with_model_file
from modelway.cli.local_pod import LOCAL_ADDRESS, NotRunnable, Process, processes
from modelway.cli.local_process import (
    Child,
    check_server_is_installed,
    choose,
    failure_in,
    say_digest,
    say_secrets,
    start,
    stop,
    uri_of,
)
from modelway.cli.manifests import load_deployments, settings_of
from modelway.cli.model_environment import model_environment
from modelway.cli.render import children_of
from modelway.desired.contestants import contestants_of
from modelway.desired.pod import FETCH
from modelway.errors import ModelwayError, WrongUsage

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_POLL_SECONDS = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 after a stop that was asked for, 1 when the file or this machine is at fault, 2 when the command is, else what
        the server ended with.
    """
    try:
        check_server_is_installed()
        _check_ports(arguments)
        settings = settings_of(arguments)
        deployment = _deployment(arguments)
        _say_contest(deployment, arguments)
        if arguments.model is not None:
            say_digest(deployment)
        if (model := _local_model(arguments)) is not None:
            deployment = with_model_file(deployment, uri_of(model))
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


def _say_contest(deployment: ModelDeployment, arguments: argparse.Namespace) -> None:
    """Say what is not served here, where several models compete."""
    if deployment.spec.has_contest:
        names = " or ".join(one.name for one in contestants_of(deployment)[1:])
        command = shlex.join([program(), "evaluate", "-f", str(arguments.filename)])
        print(
            f"This serves the model of spec.model.uri. In a cluster the preflight may choose {names} in its place. Compare them: {command}",
            file=sys.stderr,
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
    return choose(load_deployments(arguments.filename, arguments.namespace), arguments.name)


def _overrides(arguments: argparse.Namespace) -> dict[str, str]:
    return {
        "--http-port": str(arguments.port),
        "--grpc-port": str(arguments.grpc_port),
        "--metrics-port": str(arguments.metrics_port),
        # Nobody has to learn that this server goes away.
        "--drain-seconds": "0",
    }


def _local_model(arguments: argparse.Namespace) -> Path | None:
    """The file of this machine that is served, whatever the ModelDeployment says."""
    model: Path | None = arguments.model_file or arguments.model
    return model


def _run_pod(deployment: ModelDeployment, pod: list[Process], directory: Path, arguments: argparse.Namespace) -> int:
    *preparing, serving = pod
    if _local_model(arguments) is None:
        say_secrets(preparing)
    stopping = signal.signal(signal.SIGTERM, signal.default_int_handler)
    child: Child | None = None
    try:
        for process in preparing:
            # in a pod, too, only `fetch` sees credentials
            base = os.environ if process.name == FETCH else model_environment(os.environ, directory)
            child = start(process, directory, base)
            if (code := child.wait()) != 0:
                return _report_failure(process, code, directory)
        child = start(serving, directory, model_environment(os.environ, directory))
        _announce(child, deployment, arguments)
        return _report_failure(serving, child.wait(), directory)
    except KeyboardInterrupt:
        return 0
    finally:
        if child is not None:
            stop(child)
        signal.signal(signal.SIGTERM, stopping)


def _report_failure(process: Process, code: int, directory: Path) -> int:
    report = failure_in(directory)
    if report:
        print(f"{process.name} failed: {report['reason']}: {report['message']}\n{report['remedy']}", file=sys.stderr)
    elif code:
        print(f"{process.name} ended with exit status {code}", file=sys.stderr)
    return code if code >= 0 else 128 - code


def _announce(child: Child, deployment: ModelDeployment, arguments: argparse.Namespace) -> None:
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
