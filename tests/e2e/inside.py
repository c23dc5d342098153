"""`python -m e2e.inside`: the first process of the namespaces; the cluster lives as long as the command it runs."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from e2e import isolation
from e2e.cluster import Cluster
from e2e.errors import E2eError
from e2e.place import INSIDE
from sandbox.binaries.progress import Progress
from sandbox.processes import MARK


def main(argv: list[str] | None = None) -> int:
    """Start the cluster, run the command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m e2e.inside", description=__doc__)
    parser.add_argument("--snapshotter", required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args(argv)
    return isolation.be_first(lambda: _work(arguments.snapshotter, arguments.command))


def _work(snapshotter: str, command: list[str]) -> int:
    directory = Path(os.environ[MARK])
    isolation.furnish(directory)
    isolation.connect()
    began = time.monotonic()
    try:
        kubeconfig = Cluster(directory).start(snapshotter, sorted(INSIDE.glob("images/*.tar")))
    except E2eError as error:
        Progress().say(f"e2e: {error}")
        return 1
    Progress().say(f"e2e: the node is ready after {time.monotonic() - began:.0f} s; KUBECONFIG={kubeconfig}")
    return subprocess.run(command, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
