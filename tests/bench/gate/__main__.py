"""`python -m bench.gate`: how often the evaluation gate is wrong, on drawn datasets whose truth is known."""

import argparse
import sys
from dataclasses import asdict

from bench.gate.promises import measure, tables
from bench.output import add_outputs, put_out, say
from bench.page import PAGE

EVALUATION = PAGE.with_name("evaluation.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--datasets", type=int, default=2000, help="of each kind (default %(default)s)")
    add_outputs(parser, EVALUATION)
    options = parser.parse_args(argv)
    if options.datasets < 1:
        parser.error("--datasets must be 1 or more")
    figures = measure(options.datasets, say)
    text, document = tables(figures, options.datasets), [asdict(each) for each in figures]
    put_out(options, {"bench-gate": text}, document, EVALUATION)
    return 0


if __name__ == "__main__":
    sys.exit(main())
