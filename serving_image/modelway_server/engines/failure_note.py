"""The note that `prepare` leaves for `prove` in the place of a prepared model: why the model cannot be served."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from modelway_server.engines.folder import FAILURE
from modelway_server.errors import LOAD_FAILURES, LoadFailed, LoadFailure
from modelway_server.process.exit_report import failure_report

_BY_NAME = {failure.__name__: failure for failure in LOAD_FAILURES}


def note_failure(failure: LoadFailure, directory: Path) -> None:
    """Write the note, whole or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # a file of its own: the model's process may have left links in the folder
    descriptor, draft = tempfile.mkstemp(prefix=FAILURE, dir=directory)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(failure_report(failure), file)
        os.fchmod(descriptor, 0o644)
    Path(draft).replace(directory / FAILURE)


def forget_failure(directory: Path) -> None:
    """Remove the note of an earlier try, if there is one."""
    with suppress(OSError):
        (directory / FAILURE).unlink(missing_ok=True)


def read_failure(directory: Path) -> LoadFailure | None:
    """The failure in the note; None where there is none.

    Raises:
        LoadFailed: it cannot be read.
    """
    try:
        document = json.loads((directory / FAILURE).read_text(encoding="utf-8"))
        kind = _BY_NAME[document["reason"]]
        return kind(str(document["message"]), remedy=str(document["remedy"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise LoadFailed(
            f"{directory / FAILURE} is not what `modelway-server prepare` leaves: {error}",
            remedy="Run `modelway-server prepare` of this release into that folder.",
        ) from error
