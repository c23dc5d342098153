"""`python -m bench.replay`: how soon known rows come to a verdict on a candidate that is ready, on a real control plane."""

import argparse
import asyncio
import sys
from dataclasses import asdict

from bench.errors import BenchError
from bench.machine import machine
from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from bench.replay.figures import table
from bench.replay.run import measure
from sandbox import SandboxError
from sandbox.binaries.versions import kubernetes
from support.cluster.helm import HelmError
from support.cluster.sandbox import KubectlError

VERDICTS = PAGE.with_name("verdicts.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each verdict (default %(default)s)")
    parser.add_argument("--requests", type=int, default=1000, help="of each replay (default %(default)s)")
    add_outputs(parser, VERDICTS)
    options = parser.parse_args(argv)
    if min(options.rounds, options.requests) < 1:
        parser.error("--rounds and --requests must be 1 or more")
    here = machine(Kubernetes=kubernetes())
    try:
        figures = asyncio.run(measure(options.rounds, options.requests, here, say))
    except (AssertionError, BenchError, SandboxError, HelmError, KubectlError, TimeoutError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    put_out(options, {"bench-replay": table(figures)}, asdict(figures), VERDICTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
