"""`python -m bench.preflight`: how soon a new model is accepted, and what preflights cost ways back and pods, on a real control plane."""

import argparse
import asyncio
import sys
from dataclasses import asdict

from bench.errors import BenchError
from bench.machine import machine
from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from bench.preflight.figures import table
from bench.preflight.run import measure
from sandbox import SandboxError
from sandbox.binaries.versions import kubernetes
from support.cluster.helm import HelmError
from support.cluster.sandbox import KubectlError

EVALUATION = PAGE.with_name("evaluation.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.preflight", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each (default %(default)s)")
    parser.add_argument("--rows", type=int, default=10_000, help="of the evaluation (default %(default)s)")
    add_outputs(parser, EVALUATION)
    options = parser.parse_args(argv)
    if min(options.rounds, options.rows) < 1:
        parser.error("--rounds and --rows must be 1 or more")
    here = machine(Kubernetes=kubernetes())
    try:
        figures = asyncio.run(measure(options.rounds, options.rows, here, say))
    except (AssertionError, BenchError, SandboxError, HelmError, KubectlError, TimeoutError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    put_out(options, {"bench-preflight": table(figures)}, asdict(figures), EVALUATION)
    return 0


if __name__ == "__main__":
    sys.exit(main())
