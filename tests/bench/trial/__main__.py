"""`python -m bench.trial`: rollouts of good and bad candidates on a real control plane under load, and what clients noticed of them."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence

from bench.errors import BenchError
from bench.machine import machine
from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from bench.trial.changes import BY_NAME as CHANGES
from bench.trial.kinds import KINDS, STRATEGIES
from bench.trial.results import tables
from bench.trial.run import measure
from sandbox import SandboxError
from sandbox.binaries.versions import kubernetes
from support.cluster.helm import HelmError
from support.cluster.sandbox import KubectlError

VERDICTS = PAGE.with_name("verdicts.md")


def main(argv: list[str] | None = None) -> int:
    """Try and tell; the exit code is 0 when everything was as asked, and 1 when it was not or could not be tried."""
    parser = argparse.ArgumentParser(prog="python -m bench.trial", description=__doc__)
    kinds, strategies, changes = [kind.name for kind in KINDS], list(STRATEGIES), list(CHANGES)
    parser.add_argument("--kinds", type=_some_of(kinds), default=kinds, help=f"of {','.join(kinds)} (default all)")
    parser.add_argument(
        "--strategies", type=_some_of(strategies), default=strategies, help=f"of {','.join(strategies)} (default all)"
    )
    parser.add_argument(
        "--changes", type=_some_of(changes), default=changes, help=f"of {','.join(changes)} (default all)"
    )
    parser.add_argument("--requests", type=int, default=50_000, help="of clients, at least (default %(default)s)")
    parser.add_argument("--same", type=int, default=300, help="rollouts to the same bytes (default %(default)s)")
    parser.add_argument("--models", type=int, default=6, help="that these are divided among (default %(default)s)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=math.inf,
        help="after which none of these begins any more, which is no fault (default without end)",
    )
    add_outputs(parser, VERDICTS)
    options = parser.parse_args(argv)
    is_part = options.kinds and (options.kinds, options.strategies) != (kinds, strategies)
    if options.write and (is_part or options.changes not in ([], changes)):
        parser.error("--write takes all of --kinds, --strategies and --changes, or none of --kinds or of --changes")
    if options.models < 1 or min(options.requests, options.same) < 0:
        parser.error("--models must be 1 or more, --requests and --same 0 or more")
    try:
        results = measure(
            options.kinds,
            options.strategies,
            options.changes,
            requests=options.requests,
            same=options.same,
            models=options.models,
            minutes=options.minutes,
            machine=machine(Kubernetes=kubernetes()),
            say=say,
        )
    except (AssertionError, BenchError, SandboxError, HelmError, KubectlError, TimeoutError) as error:
        print(f"The trial failed: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    put_out(options, tables(results), results.to_json(), VERDICTS)
    for fault in results.faults:
        print(f"Not as asked: {fault}", file=sys.stderr)
    return 1 if results.faults else 0


def _some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """What reads names with commas between; none where the text is empty."""

    def names(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: is none of {', '.join(known)}")
        return chosen

    return names


if __name__ == "__main__":
    sys.exit(main())
