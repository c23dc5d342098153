"""`python -m sandbox up | status | down`: a real control plane on this machine, without a cluster, Docker or root."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from sandbox import processes
from sandbox.errors import SandboxError
from sandbox.layout import record_file
from sandbox.lifecycle import Sandbox

DEFAULT_DIRECTORY = Path(__file__).parents[2] / ".sandbox"


def up(arguments: argparse.Namespace) -> int:
    """Start a sandbox that runs on; its output can be evaluated by a shell."""
    began = time.monotonic()
    sandbox = Sandbox.start(
        arguments.dir,
        endpoint_lag=arguments.endpoint_lag,
        images=arguments.images,
        capacity=arguments.capacity,
        metrics=arguments.metrics,
        warm=arguments.warm,
        guarded=False,
    )
    print(f"export KUBECONFIG={sandbox.kubeconfig}")
    print(
        f"# Sandbox ready in {time.monotonic() - began:.1f} s at {sandbox.server}\n"
        "# With KUBECONFIG set as printed (eval does it): kubectl get nodes, or k9s. To see and to end it:\n"
        f"#   python -m sandbox status --dir {sandbox.directory}\n"
        f"#   python -m sandbox down --dir {sandbox.directory}"
        f"{_kubectl_hint(sandbox.kubectl)}",
        file=sys.stderr,
    )
    return 0


def _kubectl_hint(kubectl: Path) -> str:
    return "" if shutil.which("kubectl") else f"\n# There is no kubectl on PATH; this one suits: {kubectl}"


def status(arguments: argparse.Namespace) -> int:
    """Say what runs; exit code 1 when a part is dead."""
    sandbox = Sandbox.open(arguments.dir)
    print(f"server     {sandbox.server}\nkubeconfig {sandbox.kubeconfig}")
    dead = 0
    for part in sandbox.parts():
        dead += not part.alive
        print(f"{part.name:24} {'running' if part.alive else 'DEAD   '} pid {part.pid:<8} log {part.log}")
    if dead:
        print(f"{dead} parts are dead: read their logs, then `python -m sandbox down --dir {sandbox.directory}` and up")
    return 1 if dead else 0


def down(arguments: argparse.Namespace) -> int:
    """End the sandbox, also half of one, and remove every trace."""
    directory = arguments.dir.resolve()
    if directory.exists() and not record_file(directory).exists():
        raise SandboxError(f"{directory} is no sandbox: nothing was touched")
    ended = processes.end_all(directory)
    print(f"# Ended {ended} processes; {directory} is gone")
    return 0


def guard(arguments: argparse.Namespace) -> int:
    """Wait until whoever holds the other end of standard input is gone, then end the sandbox."""
    sys.stdin.buffer.read()
    processes.end_all(arguments.dir.resolve())
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (up, status, down, guard):
        options = commands.add_parser(command.__name__, help=command.__doc__, description=command.__doc__)
        options.set_defaults(command=command)
        options.add_argument("--dir", type=Path, default=DEFAULT_DIRECTORY, help="its directory (default %(default)s)")
        if command is up:
            options.add_argument(
                "--endpoint-lag",
                type=float,
                default=0.0,
                metavar="SECONDS",
                help="how late a Service learns about pods, as kube-proxy may by 2 (default %(default)s)",
            )
            options.add_argument("--capacity", default="", help="of its node, such as pods=3000,cpu=1000")
            options.add_argument(
                "--no-metrics",
                dest="metrics",
                action="store_false",
                help="without metrics-server: nothing scales by load",
            )
            options.add_argument(
                "--warm",
                action="store_true",
                help="start the model server's containers as forks of one process that has imported its libraries",
            )
            options.add_argument("--images", type=Path, help="JSON file of more image names and their commands")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _arguments(argv)
    try:
        code: int = arguments.command(arguments)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
