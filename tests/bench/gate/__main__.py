"""`python -m bench.gate`: how often the evaluation gate is wrong, on drawn datasets whose truth is known."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.gate.promises import measure, tables
from bench.page import PAGE, refresh

EVALUATION = PAGE.with_name("evaluation.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--datasets", type=int, default=2000, help="of each kind (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{EVALUATION.name}")
    options = parser.parse_args(argv)
    if options.datasets < 1:
        parser.error("--datasets must be 1 or more")
    figures = measure(options.datasets, lambda text: print(text, file=sys.stderr, flush=True))
    print(tables(figures, options.datasets))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=2))
    if options.write:
        refresh(EVALUATION, "bench-gate", tables(figures, options.datasets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
