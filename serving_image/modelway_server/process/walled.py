"""Run work on an untrusted artifact in a throwaway process behind walls, which sees few files and no credentials."""

from collections.abc import Iterable
from pathlib import Path

from modelway_server.process.walls import Walls, own_folder


def enclose(own: Path, *, read: Iterable[Path], write: Iterable[Path] = (), note: Path | None = None) -> None:
    """Raise the walls around this process, which is a child that has loaded nothing yet.

    Args:
        own: folder for a home of this process.
        read: what may be read.
        write: what may be written, too, beside the home.
        note: file that is to say which walls stand.

    Raises:
        ServerIncomplete: a wall does not stand, and walls are required.
    """
    walls = Walls()
    walls.hide_files(read, [own_folder(own), *write])
    walls.hide_processes()
    walls.refuse_calls()
    if note is not None:
        note.write_text(str(walls), encoding="utf-8")
    walls.check()
