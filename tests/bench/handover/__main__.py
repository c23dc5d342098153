"""`python -m bench.handover`: what a rollout costs the requests of clients, against no rollout, in one run."""

import argparse
import sys
from dataclasses import asdict

from bench.errors import BenchError
from bench.handover.figures import table
from bench.handover.run import measure
from bench.machine import machine
from bench.output import add_outputs, put_out, say
from bench.page import PAGE


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.handover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="of all arms (default %(default)s)")
    parser.add_argument("--rate", type=float, default=250.0, help="requests a second (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each arm in a round (default %(default)s)")
    add_outputs(parser, PAGE)
    options = parser.parse_args(argv)
    if options.rounds < 1 or min(options.rate, options.seconds) <= 0:
        parser.error("--rounds must be 1 or more, --rate and --seconds above 0")
    try:
        figures = measure(
            options.rounds,
            options.rate,
            options.seconds,
            machine(),
            say,
        )
    except (AssertionError, BenchError, OSError, RuntimeError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    put_out(options, {"bench-handover": table(figures)}, asdict(figures), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
