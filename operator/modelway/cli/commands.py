"""The command line of `modelway`: every command with its arguments, and nothing that takes time to import.

What a command does is imported when it is run, so that shell completion and short commands start at once, and each command needs only the
packages that it uses.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelway.api.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT
from modelway.cli import argument_types, completion
from modelway.cli.late_command import Commands, add_command
from modelway.cli.rollout_commands import add_orders, add_rollout
from modelway.cli.shared_arguments import add_cluster_arguments, add_file_arguments, add_name, add_output

_EXTRA_OF_PACKAGE = {
    "cel_expr_python": "cli",
    "argcomplete": "cli",
    "kubernetes": "cli",
    "aiohttp": "cli",
    "kopf": "operator",
}
_PLUGIN = "kubectl-modelway"


def missing_package(error: ModuleNotFoundError) -> str | None:
    """What to install for a command whose packages are not there; None when the module is not one of theirs."""
    extra = _EXTRA_OF_PACKAGE.get((error.name or "").partition(".")[0])
    return (
        f"this command needs the package {error.name}: in a checkout of Modelway, pip install '.[{extra}]'"
        if extra
        else None
    )


def program(path: str = sys.argv[0]) -> str:
    """The name that the program was called by, as a user types it: `modelway`, or `kubectl modelway`."""
    return "kubectl modelway" if Path(path).stem == _PLUGIN else "modelway"


def parser() -> argparse.ArgumentParser:
    """The whole command line; parsed arguments carry `run`, which takes them and returns the exit status."""
    command_line = argparse.ArgumentParser(
        prog=program(), description="Take trained models to safe, fast, observed endpoints on Kubernetes."
    )
    command_line.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = command_line.add_subparsers(required=True, metavar="command")
    for add in (
        _add_validate,
        _add_status,
        _add_explain,
        _add_history,
        _add_undo,
        _add_refresh,
        add_orders,
        add_rollout,
        _add_render,
        _add_check,
        _add_evaluate,
        _add_serve,
        _add_completion,
        _add_run,
    ):
        add(commands)
    return command_line


def _add_validate(commands: Commands) -> None:
    command = add_command(
        commands,
        "validate",
        "say what is wrong with ModelDeployments in files",
        "Judge the ModelDeployments of YAML and JSON files as the API server and the operator would, without a cluster. Other kinds of "
        "objects are skipped. Exit status: 0 all accepted, 1 something refused, 2 wrong usage.",
    )
    command.add_argument(
        "-f",
        "--filename",
        action="append",
        required=True,
        help="a file, or a folder with all below it; - reads standard input; may be repeated",
    )
    command.add_argument("-o", "--output", choices=("text", "json"), default="text", help="format (default: text)")


def _add_status(commands: Commands) -> None:
    command = add_command(
        commands,
        "status",
        "show what is served, and why what is not",
        "Show ModelDeployments of a cluster: readiness with its reason, pods, autoscaling, revisions, address; of a rollout its step, the share of "
        "requests that its candidate gets, the evidence so far and what is still needed.",
    )
    add_name(command, optional=True)
    add_cluster_arguments(command)
    command.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    add_output(command)
    command.add_argument("-w", "--watch", action="store_true", help="go on showing it as it changes, until Ctrl-C")
    command.add_argument(
        "--timeout",
        type=argument_types.duration,
        metavar="DURATION",
        help="with --watch: end after so long, such as 90s, 10m or 1h30m",
    )


def _add_explain(commands: Commands) -> None:
    command = add_command(
        commands,
        "explain",
        "tell what is wanted, what is there, why not, and what to do",
        "Tell the story of one ModelDeployment: what is wanted, what is there, why it is not ready, what to do about it. Nothing is changed.",
    )
    add_name(command)
    add_cluster_arguments(command)


def _add_history(commands: Commands) -> None:
    command = add_command(
        commands,
        "history",
        "list the revisions of a model",
        "List the revisions of one ModelDeployment, newest first: which one serves, which one comes, what changed from one to the next.",
    )
    add_name(command)
    add_cluster_arguments(command)
    add_output(command)


def _add_undo(commands: Commands) -> None:
    command = add_command(
        commands,
        "undo",
        "go back to an earlier revision",
        "Write model, runtime and scheduling of an earlier revision back into one ModelDeployment, and say what changes. All else stays as it is.",
    )
    add_name(command)
    add_cluster_arguments(command)
    command.add_argument(
        "--to",
        metavar="REVISION",
        help="its number or hash, as in history (default: the one that serves, or else the newest but this one)",
    )
    command.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")


def _add_refresh(commands: Commands) -> None:
    command = add_command(
        commands,
        "refresh",
        "take a replaced object at the same URI as a new revision",
        "Take the object at the URI of one ModelDeployment as it is now, as a new revision. The one before serves until it is proved.",
    )
    add_name(command)
    add_cluster_arguments(command)


def _add_render(commands: Commands) -> None:
    command = add_command(
        commands,
        "render",
        "print every object that the operator would create",
        "Print every object that the operator would create for the ModelDeployments of a file. "
        "No cluster is asked; only the owner's uid, which a cluster gives, is a row of zeros.",
    )
    add_file_arguments(command)
    command.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml", help="format (default: yaml)")


def _add_check(commands: Commands) -> None:
    command = add_command(
        commands,
        "check",
        "say whether a model would be served, and how",
        "Try a model on this machine as a pod would before it serves: what it takes, what it answers, which engine evaluates it; or why it is "
        "refused. Exit status: 0 it would be served, 1 it is refused, 2 it was not tried.",
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="the model's file or folder")
    _add_model_options(command)
    for option, use in (
        ("--tolerance", "by how much an engine's numbers may differ from the model's own (default: 1e-5)"),
        ("--samples", "a JSON file of rows on which engines are compared"),
        ("--timeout", "seconds to load and try it (default: 300)"),
    ):
        command.add_argument(option, help=use)


def _add_model_options(command: argparse.ArgumentParser, when: str = "") -> None:
    """Declare what may be said of a model that no ModelDeployment tells of."""
    for option, use in (
        ("--format", "its format; else it is recognised"),
        ("--method", "what it should answer by default, such as predict_proba"),
        ("--engine", "auto, onnx or native (default: auto)"),
        ("--trusted-types", "classes, by commas, that the file may hold beyond the known"),
    ):
        command.add_argument(option, help=when + use)


def _add_evaluate(commands: Commands) -> None:
    command = add_command(
        commands,
        "evaluate",
        "hold a model against its preflight on this machine",
        "Fetch a model, try it, and hold it against spec.preflight of its ModelDeployment, as the Job of a cluster would: smoke tests, contract, "
        "metrics on a dataset. Progress goes to standard error. Exit status: 0 it passed, 1 it is refused, 2 it was not tried.",
    )
    add_file_arguments(command)
    command.add_argument("--name", help="which ModelDeployment, where the file holds several")
    for option, use in (
        ("--model", "try this file or folder in place of spec.model.uri"),
        ("--against", "compare with this file or folder, as with the model that serves"),
        ("--dataset", "evaluate on this file in place of spec.preflight.evaluation.dataset.uri"),
    ):
        command.add_argument(option, type=Path, metavar="FILE", help=use)
    command.add_argument(
        "--candidate",
        type=argument_types.named_path,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="try this file or folder in place of the uri of a candidate of spec.model.candidates; may be given several times",
    )
    command.add_argument(
        "-o", "--output", choices=("text", "json", "markdown", "junit"), default="text", help="format (default: text)"
    )


def _add_serve(commands: Commands) -> None:
    command = add_command(
        commands,
        "serve",
        "run the model server on this machine",
        "Fetch the model and serve it on this machine, with the arguments and environment that a pod would get. "
        "What differs: addresses, ports and folders are local, no time is spent draining at the end, and CPU and memory are not limited.",
    )
    command.add_argument(
        "model_file", nargs="?", type=Path, metavar="MODEL", help="a model's file or folder, without a ModelDeployment"
    )
    add_file_arguments(command, required=False)
    command.add_argument(
        "--name", help="which ModelDeployment, where the file holds several; with MODEL, its name in URLs"
    )
    command.add_argument("--model", type=Path, metavar="PATH", help="serve this file in place of spec.model.uri")
    _add_model_options(command, "with MODEL: ")
    for option, port, use in (
        ("--port", HTTP_PORT, "predictions"),
        ("--grpc-port", GRPC_PORT, "predictions over gRPC"),
        ("--metrics-port", METRICS_PORT, "probes and metrics"),
    ):
        command.add_argument(option, type=argument_types.port, default=port, help=f"for {use} (default: {port})")


def _add_completion(commands: Commands) -> None:
    command = add_command(
        commands,
        "completion",
        "print what makes a shell complete this command",
        "Print a script that makes a shell complete this command; the names of ModelDeployments are asked of the cluster. "
        "For bash: source <(modelway completion bash)",
    )
    command.add_argument("shell", choices=completion.SHELLS, help="the shell")


def _add_run(commands: Commands) -> None:
    command = commands.add_parser("run", help="be the operator: follow every ModelDeployment of the cluster")
    command.add_argument(
        "--kubeconfig",
        type=Path,
        help="how to reach the cluster; default: $KUBECONFIG, the pod's service account, ~/.kube/config",
    )


class _Version(argparse.Action):
    """Prints the version; looking it up takes longer than all else here."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002
        values: str | Sequence[Any] | None,  # noqa: ARG002
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"modelway {version('modelway')}")
        parser.exit()
