"""`python -m bench.replay`: how soon known rows come to a verdict on a candidate that is ready, on a real control plane."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.errors import BenchError
from bench.machine import machine
from bench.page import PAGE, refresh
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
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{VERDICTS.name}")
    options = parser.parse_args(argv)
    if min(options.rounds, options.requests) < 1:
        parser.error("--rounds and --requests must be 1 or more")
    here = machine(Kubernetes=kubernetes())
    try:
        figures = asyncio.run(
            measure(options.rounds, options.requests, here, lambda text: print(text, file=sys.stderr, flush=True))
        )
    except (AssertionError, BenchError, SandboxError, HelmError, KubectlError, TimeoutError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(asdict(figures), indent=2))
    if options.write:
        refresh(VERDICTS, "bench-replay", table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
