"""`python -m bench.operator`: what the operator costs, and how soon it acts, with up to thousands of models on a real control plane."""

import argparse
import asyncio
import signal
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from types import FrameType

from bench.errors import BenchError
from bench.machine import machine
from bench.operator.history import MOST_HISTORY
from bench.operator.report import tables
from bench.operator.run import Plan, measure
from bench.operator.world import AT_ONCE
from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from sandbox import SandboxError
from sandbox.binaries.versions import kubernetes
from support.cluster.helm import HelmError
from support.cluster.sandbox import KubectlError


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    options = _options(argv)
    signal.signal(signal.SIGTERM, _as_interrupt)
    begin = time.monotonic()
    try:
        here = machine(Kubernetes=kubernetes(), kopf=version("kopf"))
        figures = asyncio.run(measure(options.plan, here, say))
        figures = type(figures)(**{**vars(figures), "seconds": time.monotonic() - begin})
        put_out(options, {"bench-operator": tables(figures)}, asdict(figures), PAGE)
    except (BenchError, SandboxError, HelmError, KubectlError, TimeoutError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; everything the benchmark started has ended.", file=sys.stderr)
        return 130
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.operator", description=__doc__)
    parser.add_argument("--sizes", default="1,100,300,1000", help="numbers of ModelDeployments (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each, alternating (default %(default)s)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of rest that are watched (default %(default)g)")
    parser.add_argument("--repairs", type=int, default=20, help="children of each kind to delete (default %(default)s)")
    parser.add_argument("--flood", type=int, default=500, help="models that flood a namespace (default %(default)s)")
    parser.add_argument("--history", type=int, default=10, help="earlier revisions of each (default %(default)s)")
    parser.add_argument(
        "--proved", type=int, default=300, help="models with a preflight each, 0 for none (default %(default)s)"
    )
    add_outputs(parser, PAGE)
    options = parser.parse_args(argv)
    try:
        sizes = tuple(sorted(int(size) for size in options.sizes.split(",")))
    except ValueError:
        parser.error(f"--sizes {options.sizes}: write numbers such as 1,100")
    if min((*sizes, options.rounds, options.repairs, options.flood, options.history)) < 1:
        parser.error("--sizes, --rounds, --repairs, --flood and --history must be 1 or more")
    if options.history > MOST_HISTORY:
        parser.error(f"--history {options.history}: the operator keeps no more than {MOST_HISTORY}")
    if not 0 <= options.proved <= AT_ONCE:
        parser.error(f"--proved {options.proved}: must be 0 to {AT_ONCE}")
    options.plan = Plan(
        sizes, options.rounds, options.idle, options.repairs, options.flood, options.history, options.proved
    )
    return options


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
