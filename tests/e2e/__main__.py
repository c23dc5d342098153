"""`python -m e2e [COMMAND ...]`: the tests of this folder, or a command, on a real one-node cluster of their own."""

import argparse
import signal
import sys
from types import FrameType

from e2e import machine, session
from e2e.errors import E2eError
from sandbox import SandboxError

TESTS = (sys.executable, "-m", "pytest", "tests/e2e", "--timeout=1200", "--durations=8", "-v")


def main(argv: list[str] | None = None) -> int:
    """Run the whole; the exit status is that of the tests or the command."""
    options = _options(argv)
    if options.guard:
        session.guard()
        return 0
    obstacles = machine.obstacles()
    if obstacles:
        print("\n".join(["e2e: no real node on this machine:", *(f"  {obstacle}" for obstacle in obstacles)]))
        return 0 if options.where_possible else 1
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        return session.run(options.command or TESTS)
    except (E2eError, SandboxError) as error:
        print(f"e2e: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("e2e: stopped; nothing is left of it", file=sys.stderr)
        return 130


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m e2e", description=__doc__)
    parser.add_argument(
        "--where-possible", action="store_true", help="where this machine cannot run it, say so and succeed"
    )
    parser.add_argument("--guard", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run on it instead of the tests: bash, say")
    return parser.parse_args(argv)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
