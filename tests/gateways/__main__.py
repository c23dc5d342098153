"""`python -m gateways [COMMAND ...]`: the tests of this folder, or a command, on a real one-node cluster with both programs at hand."""

import sys

from e2e import __main__ as e2e
from e2e import machine
from gateways import envoy
from sandbox import SandboxError
from sandbox.binaries import parts
from sandbox.binaries.progress import Progress
from support.make.environments import EnvironmentFailed

PARTS = ("traefik", "envoygateway")
TESTS = (sys.executable, "-m", "pytest", "tests/gateways", "--timeout=3600", "--durations=8", "-v")


def main(argv: list[str]) -> int:
    """Build what is missing, which takes minutes the first time, then run; the exit status is that of the tests or the command."""
    if not machine.obstacles():  # else `e2e` says what they are, before anything is built in vain
        progress = Progress()
        try:
            for part in PARTS:
                parts.locate(part, progress)
            envoy.locate(progress.say)
        except (SandboxError, EnvironmentFailed) as error:
            progress.say(f"gateways: {error}")
            return 1
    return e2e.main(argv or list(TESTS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
