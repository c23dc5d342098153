"""`python -m bench.starts`: how soon a model's pod is Ready on the sandbox, and what that takes, with containers that begin cold and warm."""

import argparse
import sys
from dataclasses import asdict

from bench.errors import BenchError
from bench.machine import machine
from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from bench.starts.figures import table
from bench.starts.run import measure
from sandbox import SandboxError
from sandbox.binaries.versions import kubernetes
from support.cluster.helm import HelmError

SANDBOX = PAGE.with_name("sandbox.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.starts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind (default %(default)s)")
    add_outputs(parser, SANDBOX)
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    try:
        figures = measure(options.rounds, machine(Kubernetes=kubernetes()), say)
    except (AssertionError, BenchError, SandboxError, HelmError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    put_out(options, {"bench-starts": table(figures)}, asdict(figures), SANDBOX)
    return 0


if __name__ == "__main__":
    sys.exit(main())
