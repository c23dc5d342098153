"""The arguments that several commands share."""

import argparse
from pathlib import Path

from modelway.cli import argument_types, completion


def add_name(command: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Declare which ModelDeployment."""
    described = "its name; all of them when left out" if optional else "its name"
    name = command.add_argument(
        "name", metavar="NAME", type=argument_types.name, nargs="?" if optional else None, help=described
    )
    name.completer = completion.names  # type: ignore[attr-defined]  # where argcomplete looks


def add_output(command: argparse.ArgumentParser) -> None:
    """Declare the form of what is printed."""
    command.add_argument(
        "-o", "--output", choices=("table", "json", "yaml"), default="table", help="format (default: table)"
    )


def add_cluster_arguments(command: argparse.ArgumentParser) -> None:
    """Declare how the cluster is reached, in kubectl's words."""
    command.add_argument(
        "-n", "--namespace", type=argument_types.namespace, help="its namespace (default: that of the context)"
    )
    command.add_argument("--context", help="which context of the kubeconfig (default: the current one)")
    command.add_argument(
        "--kubeconfig",
        type=Path,
        help="how to reach the cluster; default: $KUBECONFIG, the pod's service account, ~/.kube/config",
    )


def add_file_arguments(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Declare what to read and what the platform decides."""
    command.add_argument(
        "-f", "--filename", required=required, help="YAML file with ModelDeployments; - reads standard input"
    )
    command.add_argument("-n", "--namespace", default="default", help="for documents that name none (default: default)")
    command.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an operator setting, for example server_image=registry.example.com/server:1; else MODELWAY_<NAME> of the environment, else the default",
    )
