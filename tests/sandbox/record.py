"""What runs in a sandbox, on disk: read by `status` and `down`, written by `up` after each start of a part."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.layout import record_file


@dataclass
class Record:
    """One sandbox: where it answers, the kubectl of its version, and the process id of each of its parts by name."""

    server: str
    kubectl: str
    slot: int
    endpoint_lag: float
    parts: dict[str, int] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        """Replace the record in one step, so that no reader sees half of it."""
        path = record_file(directory)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(path)


def read_record(directory: Path) -> Record:
    """The record of the sandbox in `directory`.

    Raises:
        SandboxError: there is none.
    """
    path = record_file(directory)
    try:
        return Record(**json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise SandboxError(
            f"no sandbox in {directory}: start one with `python -m sandbox up --dir {directory}`"
        ) from error
    except (ValueError, TypeError) as error:
        raise SandboxError(
            f"{path} is damaged ({error}): `python -m sandbox down --dir {directory}` clears it"
        ) from error
