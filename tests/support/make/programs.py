"""`python -m support.make.programs`: build what tests run beside Python, before the first of them, with progress.

Each program is built once and kept in a cache. A test that finds one missing would build it within its own time limit.
"""

import sys

from sandbox import binaries
from sandbox.binaries import parts
from sandbox.binaries.progress import Progress
from sandbox.errors import SandboxError
from support.make.environments import EnvironmentFailed, environment

PARTS = ("metrics-server", "argocd")
ENVIRONMENTS = ("clients-triton", "clients-kserve", "bench-mlserver")


def main() -> int:
    """Build everything; the exit code is 1 where something could not be built."""
    progress = Progress()
    try:
        binaries.locate(progress)
        for name in PARTS:
            parts.locate(name, progress)
    except SandboxError as error:
        progress.say(str(error))
        return 1
    for name in ENVIRONMENTS:
        try:
            environment(name, progress.say)
        except EnvironmentFailed as error:
            if not error.unreachable:
                progress.say(str(error))
                return 1
            progress.say(f"The registry cannot be reached, so tests that need the environment {name} are skipped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
