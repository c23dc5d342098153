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


class ProgramEnded(Exception):
    """A program ended by itself: no AssertionError, so that nobody who waits for it takes that for "not yet"."""


class Program:
    """One that was started.

    Args:
        name: of its log.
        process: that runs it.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._name = name
        self._process = process

    def require(self) -> None:
        """Go on only while it runs.

        Raises:
            ProgramEnded: it has ended; the text has its last words.
        """
        code = self._process.poll()
        if code is not None:
            raise ProgramEnded(f"{self._name} ended with {code}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The last lines of its log."""
        return "\n".join(log_file(INSIDE, self._name).read_text(errors="replace").splitlines()[-LOG_LINES:])


@contextmanager
def run(name: str, command: Sequence[str]) -> Iterator[Program]:
    """Run a program until the end of the block; it is told to end, and then ends what it has started.

    Args:
        name: of its log.
        command: its command line.
    """
    process = processes.spawn(command, directory=Path(os.environ[processes.MARK]), log=log_file(INSIDE, name))
    try:
        yield Program(name, process)
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
