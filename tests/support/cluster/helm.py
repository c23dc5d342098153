"""Helm, real: the `helm` program where there is one, else Helm's own library in this process.

Everything here is about the one chart of this repository. `render` is offline; the rest talks to the cluster that a
kubeconfig names. `python -m support.cluster.helm` installs the chart where no `helm` is at hand.
"""

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[3] / "charts" / "modelway"
RELEASE = "modelway"
SECONDS = 120

Values = Mapping[str, Any]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C where there is one: the resource definition is long, and every rendering holds it."""


class HelmError(Exception):
    """Helm's own words on what it refused."""


def render(values: Values | None = None, *, namespace: str = "modelway-system") -> list[dict[str, Any]]:
    """The manifests of the chart, in Helm's order.

    Raises:
        HelmError: the values break the chart's schema, or a template failed.
    """
    text = render_text(values, namespace=namespace)
    return [manifest for manifest in yaml.load_all(text, _Loader) if manifest]


def render_text(values: Values | None = None, *, namespace: str = "modelway-system") -> str:
    """The same as `render`, as the text that Helm would send."""
    if program := shutil.which("helm"):
        return _run([program, "template", RELEASE, str(CHART), "--namespace", namespace], values)
    files = _files(values, namespace)
    return "\n---\n".join(text for path, text in sorted(files.items()) if path.endswith(".yaml"))


def notes(values: Values | None = None) -> str:
    """What Helm tells whoever installed the chart."""
    if program := shutil.which("helm"):
        return _run([program, "install", RELEASE, str(CHART), "--dry-run=client"], values).partition("NOTES:\n")[2]
    return next(text for path, text in _files(values, "modelway-system").items() if path.endswith("NOTES.txt"))


def _files(values: Values | None, namespace: str) -> dict[str, str]:
    """The rendered templates by their paths."""
    import helm_python as helm  # noqa: PLC0415  85 MB that only those who need it load

    try:
        with helm.Chart.load(str(CHART)) as chart:
            rendered: dict[str, str] = chart.render(dict(values or {}), name=RELEASE, namespace=namespace)
    except helm.HelmError as error:
        raise HelmError(str(error)) from error
    return rendered


def install(
    kubeconfig: Path,
    namespace: str,
    values: Values | None = None,
    *,
    context: str | None = None,
    release: str = RELEASE,
) -> None:
    """Install or upgrade the release and wait until its workloads are ready; the namespace is created.

    Raises:
        HelmError: refused by the schema or the API server, or not ready within two minutes.
    """
    if program := shutil.which("helm"):
        command = [
            program,
            "upgrade",
            "--install",
            release,
            str(CHART),
            "--create-namespace",
            "--wait",
            "--timeout",
            f"{SECONDS}s",
        ]
        _run([*command, *_cluster(kubeconfig, namespace, context)], values)
        return
    import helm_python as helm  # noqa: PLC0415

    try:
        with helm.Config(kubeconfig_path=kubeconfig, kube_context=context, namespace=namespace) as cluster:
            if any(entry["name"] == release for entry in cluster.list(all_states=True)):
                cluster.upgrade(
                    CHART, release, dict(values or {}), namespace=namespace, wait="watcher", timeout=SECONDS
                )
            else:
                cluster.install(
                    CHART,
                    release,
                    dict(values or {}),
                    namespace=namespace,
                    create_namespace=True,
                    wait="watcher",
                    timeout=SECONDS,
                )
    except helm.HelmError as error:
        raise HelmError(str(error)) from error


def uninstall(kubeconfig: Path, namespace: str, *, context: str | None = None, release: str = RELEASE) -> None:
    """Remove the release; a release that is not there is no error.

    Raises:
        HelmError: the API server refused.
    """
    if program := shutil.which("helm"):
        _run(
            [program, "uninstall", release, "--ignore-not-found", "--wait", *_cluster(kubeconfig, namespace, context)],
            None,
        )
        return
    import helm_python as helm  # noqa: PLC0415

    try:
        with helm.Config(kubeconfig_path=kubeconfig, kube_context=context, namespace=namespace) as cluster:
            cluster.uninstall(release, ignore_not_found=True, wait="watcher", timeout=SECONDS)
    except helm.HelmError as error:
        raise HelmError(str(error)) from error


def _cluster(kubeconfig: Path, namespace: str, context: str | None) -> list[str]:
    options = ["--kubeconfig", str(kubeconfig), "--namespace", namespace]
    return [*options, "--kube-context", context] if context else options


def _run(command: list[str], values: Values | None) -> str:
    with_values = [*command, "--values", "-"] if values is not None else command
    process = subprocess.run(
        with_values, input=json.dumps(values or {}), capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if process.returncode != 0:
        raise HelmError(process.stderr.strip())
    return process.stdout


def main() -> None:
    """Install or upgrade the chart on the cluster of $KUBECONFIG, and wait until the operator is ready."""
    parser = argparse.ArgumentParser(prog="python -m support.cluster.helm", description=main.__doc__)
    parser.add_argument("--namespace", default="modelway-system", help="where the operator runs (default %(default)s)")
    parser.add_argument("--values", type=Path, help="a file of values, in YAML")
    arguments = parser.parse_args()
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        parser.error('KUBECONFIG is not set: run eval "$(.venv/bin/python -m sandbox up)" in this shell first')
    values = yaml.safe_load(arguments.values.read_text()) if arguments.values else None
    try:
        install(Path(kubeconfig), arguments.namespace, values)
    except HelmError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
