"""`python -m bench.rollouts`: how many requests verdicts on rollouts take, and how often they are wrong, on drawn requests."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.page import PAGE, refresh
from bench.rollouts.promises import measure, tables

VERDICTS = PAGE.with_name("verdicts.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollouts", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=1000, help="of each kind (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--write", action="store_true", help=f"put the tables into docs/{VERDICTS.name}")
    options = parser.parse_args(argv)
    if options.rollouts < 1:
        parser.error("--rollouts must be 1 or more")
    figures = measure(options.rollouts, lambda text: print(text, file=sys.stderr, flush=True))
    print(tables(figures, options.rollouts))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=2))
    if options.write:
        refresh(VERDICTS, "bench-rollouts", tables(figures, options.rollouts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
