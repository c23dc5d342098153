"""`python -m bench.rollouts`: how many requests verdicts on rollouts take, and how often they are wrong, on drawn requests."""

import argparse
import sys
from dataclasses import asdict

from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from bench.rollouts.promises import TIMES_NEAR_THE_LIMIT, measure, tables

VERDICTS = PAGE.with_name("verdicts.md")


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollouts", description=__doc__)
    parser.add_argument(
        "--rollouts",
        type=int,
        default=1000,
        help=f"of each kind, and {TIMES_NEAR_THE_LIMIT} times as many where the true share is near its limit (default %(default)s)",
    )
    add_outputs(parser, VERDICTS)
    options = parser.parse_args(argv)
    if options.rollouts < 1:
        parser.error("--rollouts must be 1 or more")
    figures = measure(options.rollouts, say)
    text, document = tables(figures, options.rollouts), [asdict(each) for each in figures]
    put_out(options, {"bench-rollouts": text}, document, VERDICTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
