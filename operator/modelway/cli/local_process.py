"""Run the containers of a pod template as processes of this machine, one after the other."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_pod import Process
from modelway.desired.pod import DIGEST_FIELD
from modelway.errors import WrongUsage

_NEEDED = ("sklearn", "joblib", "pandas", "obstore", "orjson", "httptools")
_STOP_SECONDS = 10
Child = subprocess.Popen[bytes]
"""A container that runs here."""
_REPORT = "termination"


def check_server_is_installed() -> None:
    """Refuse a command that needs the model server.

    Raises:
        WrongUsage: a package of it is missing.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise WrongUsage(
            f"The model server is not installed ({', '.join(missing)} missing). Install it, in a checkout of Modelway: pip install '.[server]'"
        )


def choose(deployments: list[ModelDeployment], name: str | None) -> ModelDeployment:
    """The one ModelDeployment of a file, or that of a name.

    Raises:
        WrongUsage: there is none, or there are several.
    """
    matching = [one for one in deployments if name in {None, one.metadata.name}]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(one.metadata.name for one in deployments)
    raise WrongUsage(
        f"choose one of {names} with --name" if matching else f"there is no {name} in the file, only {names}"
    )


def uri_of(path: Path) -> str:
    """The URI by which `fetch` takes a file or folder of this machine."""
    return path.resolve().as_uri() + ("/" if path.is_dir() else "")


def say_digest(deployment: ModelDeployment) -> None:
    """Say that another model need not have the digest of the file."""
    if deployment.spec.model.digest is not None:
        print(
            f"{DIGEST_FIELD} is left aside: --model is another file than {deployment.spec.model.uri}.", file=sys.stderr
        )


def say_secrets(pod: Iterable[Process]) -> None:
    """Say of which Secrets the credentials are not at hand."""
    for process in pod:
        for secret in process.secrets:
            print(
                f"Secret {secret} cannot be read here; {process.name} uses the credentials of your own environment "
                "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, MODELWAY_HTTP_TOKEN, ...).",
                file=sys.stderr,
            )


def start(
    process: Process,
    directory: Path,
    base: Mapping[str, str],
    *,
    output: IO[bytes] | None = None,
    log: IO[bytes] | None = None,
) -> Child:
    """Run one container; in a process group of its own, so that Ctrl-C reaches us alone and we end all of it.

    Args:
        process: the container.
        directory: of the termination message.
        base: variables beside those of the container.
        output: where it prints; to our own standard output where there is none.
        log: where it logs; to our own standard error where there is none.
    """
    (directory / _REPORT).unlink(missing_ok=True)
    environment = {**base, **process.environment, "MODELWAY_TERMINATION_LOG": str(directory / _REPORT)}
    command = [sys.executable, "-m", "modelway_server", *process.arguments]
    return subprocess.Popen(command, env=environment, stdout=output, stderr=log, start_new_session=True)  # noqa: S603  (our own program)


def stop(child: Child) -> None:
    """End the process and all it started."""
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def failure_in(directory: Path) -> dict[str, Any]:
    """The reason, message and remedy of the container that ended last; empty where it left none."""
    try:
        report = json.loads((directory / _REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) and {"reason", "message", "remedy"} <= report.keys() else {}
