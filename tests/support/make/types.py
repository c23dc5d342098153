"""`python -m support.make.types`: mypy, with a cache that all clones of one user share.

mypy holds its cache against the content of each file, so a clone finds what another one has looked at. Two at once wait for
each other, since the cache is no place for two writers.
"""

import fcntl
import subprocess
import sys

from support.make.caches import cache_of


def main() -> int:
    """Check the types of the whole tree; mypy's exit code."""
    cache = cache_of("mypy")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run([sys.executable, "-m", "mypy", f"--cache-dir={cache}"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
