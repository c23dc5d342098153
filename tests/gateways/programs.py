"""Programs beside the node's own: started with a log, ended with a block."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.place import INSIDE
from sandbox import processes
from sandbox.layout import log_file

LOG_LINES = 12
END_SECONDS = 30


@contextmanager
def running(name: str, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program, which is told to end with the block, and then ends what it has started."""
    process = processes.spawn(command, directory=Path(os.environ[processes.MARK]), log=log_file(INSIDE, name))
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tail(name: str) -> str:
    """The last lines of a program's log."""
    return "\n".join(log_file(INSIDE, name).read_text(errors="replace").splitlines()[-LOG_LINES:])
