"""`python -m bench.handover`: what a rollout costs the requests of clients, against no rollout, in one run."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.errors import BenchError
from bench.handover.figures import table
from bench.handover.run import measure
from bench.machine import machine
from bench.page import PAGE, refresh


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.handover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="of all arms (default %(default)s)")
    parser.add_argument("--rate", type=float, default=250.0, help="requests a second (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each arm in a round (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--write", action="store_true", help=f"put the tables into docs/{PAGE.name}")
    options = parser.parse_args(argv)
    if options.rounds < 1 or min(options.rate, options.seconds) <= 0:
        parser.error("--rounds must be 1 or more, --rate and --seconds above 0")
    try:
        figures = measure(
            options.rounds,
            options.rate,
            options.seconds,
            machine(),
            lambda text: print(text, file=sys.stderr, flush=True),
        )
    except (AssertionError, BenchError, OSError, RuntimeError) as error:
        print(f"The benchmark failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(asdict(figures), indent=2))
    if options.write:
        refresh(PAGE, "bench-handover", table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
