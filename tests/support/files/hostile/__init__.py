"""Model files that mean harm, over all formats: each must be refused, and nothing of it may happen.

A file leaves `MARK` in the working directory when it has run something, tells `SECRET` when it has read `CANARY`, or is
seen by an audit hook (`trial`).
"""

from collections.abc import Iterator

from support.files.hostile import (
    believed,
    calls,
    disagreements,
    folders,
    graphs,
    held,
    opcodes,
    skops_files,
    structures,
)
from support.files.hostile.kinds import Hostile


def hostile_files() -> Iterator[Hostile]:
    """All of them; their names are unique."""
    for module in (calls, opcodes, held, structures, believed, disagreements, skops_files, graphs, folders):
        yield from module.files()
